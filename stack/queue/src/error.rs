//! Why Redis did not do what it was asked.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why the queue could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The URL does not name a Redis server.
    #[error("{0}")]
    Url(String),
    /// Redis has reached `maxmemory` and takes no more votes; it still serves the worker.
    #[error("Redis is full: {0}")]
    Full(String),
    /// Redis cannot be reached, is still loading, or does not answer in time.
    #[error("Redis is away: {0}")]
    Away(String),
    /// Redis answered with an error that waiting alone may not cure.
    #[error("Redis refused: {0}")]
    Other(String),
}

impl Error {
    /// A short name for logs, metrics and answers.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Url(_) => "queue_url",
            Self::Full(_) => "queue_full",
            Self::Away(_) => "queue_away",
            Self::Other(_) => "queue_error",
        }
    }
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        let message = error.to_string();
        // A command refused inside MULTI surfaces as EXECABORT, with the cause in the text only.
        let aborted = error.kind() == ErrorKind::Server(ServerErrorKind::ExecAbort);
        if error.code() == Some("OOM") || (aborted && message.contains("OOM")) {
            return Self::Full(message);
        }
        match error.kind() {
            ErrorKind::Io
            | ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::TryAgain,
            ) => Self::Away(message),
            _ => Self::Other(message),
        }
    }
}
