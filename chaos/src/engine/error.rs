//! What can go wrong with an engine.

use bollard::errors::Error as ApiError;
use voteops_observability::text::clean_line;

use super::Address;

/// Why an engine did not do as it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// There is no engine where engines usually are.
    #[error(
        "no container engine is found: neither Docker's nor Podman's socket is there; name it with \
         --engine or DOCKER_HOST"
    )]
    None,
    /// It cannot be the address of one.
    #[error(
        "{address:?} is not the address of a container engine: {reason}; give unix:///PATH or tcp://HOST:PORT"
    )]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nobody answers there.
    #[error(
        "the container engine at {address} cannot be asked: {reason}; does it run, and may this user ask it?"
    )]
    Away {
        /// The address.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// It does not answer in time.
    #[error(
        "the container engine at {address} does not answer within {patience_s} s; does it hang?"
    )]
    Slow {
        /// The address.
        address: String,
        /// How long it was given, in seconds.
        patience_s: f64,
    },
    /// It has no such container.
    #[error("there is no such container any more")]
    NoContainer,
    /// It answered that it does not do it.
    #[error("the container engine says: {0}")]
    Refused(String),
    /// What it answered is not what an engine answers.
    #[error("the container engine at {address} is not understood: {reason}")]
    Foreign {
        /// The address.
        address: String,
        /// What was wrong.
        reason: String,
    },
    /// The system gave no means to ask it.
    #[error("the container engine cannot be asked: {0}")]
    NoRuntime(String),
}

impl EngineError {
    /// What an answer of the engine, or the lack of one, means.
    pub(super) fn of(address: &Address, error: ApiError) -> Self {
        let address = address.to_string();
        match error {
            ApiError::DockerResponseServerError {
                status_code: 404, ..
            } => Self::NoContainer,
            ApiError::DockerResponseServerError { message, .. } => {
                Self::Refused(clean_line(&message).into_owned())
            }
            ApiError::JsonDataError { message, .. } => Self::Foreign {
                address,
                reason: clean_line(&message).into_owned(),
            },
            error => Self::Away {
                address,
                reason: told(&error),
            },
        }
    }
}

/// An error with its causes, of which the last one says the most.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
