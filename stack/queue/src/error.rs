//! Why Redis did not do what it was asked.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::tls;

/// Why the queue could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The address is not one of Redis.
    #[error("{0}")]
    Url(String),
    /// Redis is there but cannot be used as it was told: a wrong password, a certificate of another
    /// authority, a right that is lacking. Says what would be right.
    #[error("Redis cannot be used: {0}")]
    Setup(String),
    /// Redis has reached `maxmemory` and takes no more votes; it still serves the worker.
    #[error("Redis is full: {0}")]
    Full(String),
    /// Redis cannot be reached, is still loading, does not answer in time, or is no primary.
    #[error("Redis is away: {0}")]
    Away(String),
    /// Another server has the queue than the one that gave an entry out. Under the entry's id it may have
    /// another vote, so nothing was done; what it has of the entry it gives out again.
    #[error("another Redis has the queue by now")]
    Elsewhere,
    /// Redis answered with an error that waiting alone may not cure.
    #[error("Redis refused: {0}")]
    Other(String),
}

/// What to do where a right is lacking.
const GRANT: &str = "give the user the rights that docs/redis.md lists";

impl Error {
    /// A short name for logs, metrics and answers.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Url(_) => "queue_url",
            Self::Setup(_) => "queue_setup",
            Self::Full(_) => "queue_full",
            Self::Away(_) => "queue_away",
            Self::Elsewhere => "queue_elsewhere",
            Self::Other(_) => "queue_error",
        }
    }

    /// What an error of Redis is; `at` goes before the reason.
    pub(crate) fn of(error: &RedisError, at: &str) -> Self {
        // A client certificate is refused once the connection is there.
        let cause = tls::cause(error);
        if let Some(reason) = cause.and_then(|cause| tls::tls_reason(cause, "nobody")) {
            return Self::Setup(format!("{at}{reason}"));
        }
        let message = format!("{at}{error}");
        // A command refused inside MULTI surfaces as EXECABORT, with the cause in the text only.
        let aborted = error.kind() == ErrorKind::Server(ServerErrorKind::ExecAbort);
        match (error.kind(), code(error).as_deref()) {
            (_, Some("OOM")) => Self::Full(message),
            _ if aborted && message.contains("OOM") => Self::Full(message),
            (ErrorKind::AuthenticationFailed, _) => {
                Self::Setup(format!("{message}; correct user and password in the URL"))
            }
            (_, Some("NOAUTH")) => {
                Self::Setup(format!("{message} Give user and password in the URL"))
            }
            (ErrorKind::Server(ServerErrorKind::NoPerm), _) => {
                Self::Setup(format!("{message}; {GRANT}"))
            }
            (ErrorKind::Io | ErrorKind::Server(ServerErrorKind::BusyLoading), _) => {
                Self::Away(message)
            }
            _ if is_elsewhere(error) || is_doubtful(error) => Self::Away(message),
            _ => Self::Other(message),
        }
    }
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        Self::of(&error, "")
    }
}

/// Whether a connection is of no more use after this error. A timeout counts: the peer may be gone
/// without a word, and only a new connection can find out.
pub(crate) fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error() || is_elsewhere(error)
}

/// Whether the server tells that the queue is at another.
fn is_elsewhere(error: &RedisError) -> bool {
    // UNBLOCKED: it became a replica while a command waited.
    matches!(
        code(error).as_deref(),
        Some("MOVED" | "READONLY" | "MASTERDOWN" | "CLUSTERDOWN" | "UNBLOCKED")
    )
}

/// Whether the queue may be at another server: this one cannot reach its replicas, of which one may have
/// taken its place, or it is about to give the queue away.
pub(crate) fn is_doubtful(error: &RedisError) -> bool {
    matches!(
        code(error).as_deref(),
        Some("NOREPLICAS" | "ASK" | "TRYAGAIN")
    )
}

/// The code of what the server answered, of several commands the first one that it refused. The error itself
/// tells only codes that the redis crate knows when it is of several.
fn code(error: &RedisError) -> Option<String> {
    let refused = error.clone().into_server_errors();
    let first = refused.and_then(|all| all.first().map(|(_, error)| error.code().to_owned()));
    first.or_else(|| error.code().map(str::to_owned))
}
