//! Why a service could not start or go on.

use std::net::SocketAddr;

use crate::config::ConfigError;

/// Why a service could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}; choose another address with {flag}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The flag that it is chosen with.
        flag: &'static str,
        /// What the system answered.
        reason: std::io::Error,
    },
    /// Logs were set up before, by someone else in this process.
    #[error("cannot set up logs: {0}")]
    Logs(String),
    /// Signals cannot be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(std::io::Error),
    /// A metric could not be registered: its name or a label is not valid, or it is taken.
    #[error("cannot set up metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Error {
    /// The process's exit code: 2 when the way it was called is wrong, 1 for anything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            _ => 1,
        }
    }
}
