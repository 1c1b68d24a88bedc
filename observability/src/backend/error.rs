//! What can go wrong with a backend, in words that name the address and the reason.

use url::Url;

use super::{CONNECT_TIMEOUT, REQUEST_TIMEOUT};
use crate::text::clean_line;

/// Characters of a foreign answer that are quoted in an error.
const EXCERPT_CHARS: usize = 160;

/// Characters of a decoder's reason, which may quote the answer, that are told.
const REASON_CHARS: usize = 400;

/// Why a backend gave no usable answer. Each message names the address and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// Nothing listens there, the name does not resolve, or the connection broke.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// The address that was asked.
        url: String,
        /// The innermost reason, as the operating system words it.
        reason: String,
    },
    /// No complete answer in time.
    #[error("{url} did not answer within {timeout_s} s")]
    Timeout {
        /// The address that was asked.
        url: String,
        /// The time limit, in seconds.
        timeout_s: u64,
    },
    /// An HTTP status that is not a success, with the start of its body.
    #[error("{url} answered {status}: {excerpt}")]
    Status {
        /// The address that was asked.
        url: String,
        /// The HTTP status code.
        status: u16,
        /// The start of the body, cleaned.
        excerpt: String,
    },
    /// A success whose body is not what the API promises.
    #[error("{url} answered something that is not its API: {reason} (it begins: {excerpt})")]
    Garbage {
        /// The address that was asked.
        url: String,
        /// What the decoder missed.
        reason: String,
        /// The start of the body, cleaned.
        excerpt: String,
    },
    /// The API understood the request and refused it, in its own words.
    #[error("{url} refused the request: {kind}: {message}")]
    Refused {
        /// The address that was asked.
        url: String,
        /// The API's error type, `bad_data` for instance.
        kind: String,
        /// The API's message.
        message: String,
    },
    /// There is no way in: a secret cannot be read, or a certificate cannot be used.
    #[error("{url} cannot be asked: {reason}")]
    NoAccess {
        /// The address.
        url: String,
        /// Why; it never holds a secret.
        reason: String,
    },
    /// The address itself cannot be used.
    #[error("{url} is not a usable address: {reason}")]
    BadUrl {
        /// The address as it was given.
        url: String,
        /// Why it cannot be used.
        reason: String,
    },
}

impl BackendError {
    /// A few words for a badge: what kind of failure this is.
    #[must_use]
    pub fn short(&self) -> String {
        match self {
            Self::Unreachable { .. } => "unreachable".into(),
            Self::Timeout { .. } => "timeout".into(),
            Self::Status { status, .. } => format!("HTTP {status}"),
            Self::Garbage { .. } => "not its API".into(),
            Self::Refused { kind, .. } => kind.clone(),
            Self::NoAccess { .. } => "no access".into(),
            Self::BadUrl { .. } => "bad URL".into(),
        }
    }
}

/// An answer that is not what the API promises, with a reason that may quote it.
pub(crate) fn garbage(url: &str, reason: &str, excerpt: &str) -> BackendError {
    let cleaned = clean_line(reason);
    BackendError::Garbage {
        url: url.into(),
        reason: cleaned.chars().take(REASON_CHARS).collect(),
        excerpt: excerpt.into(),
    }
}

pub(super) fn no_access(url: &str, reason: &str) -> BackendError {
    BackendError::NoAccess {
        url: url.into(),
        reason: reason.into(),
    }
}

/// The address without user, password, query and fragment, so that no secret reaches a message.
#[must_use]
pub fn bare(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot have credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

pub(super) fn from_reqwest(url: &str, error: &reqwest::Error) -> BackendError {
    if error.is_timeout() {
        return BackendError::Timeout {
            url: url.into(),
            timeout_s: if error.is_connect() {
                CONNECT_TIMEOUT
            } else {
                REQUEST_TIMEOUT
            }
            .as_secs(),
        };
    }
    BackendError::Unreachable {
        url: url.into(),
        reason: root_cause(error),
    }
}

/// The innermost message of an error chain: the outer ones repeat the address.
pub(super) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    // Of a certificate or a WebSocket it may quote what the other side sent.
    clean_line(&cause.to_string()).into_owned()
}

pub(crate) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_CHARS * 4)]).into_owned();
    let cleaned = clean_line(&text);
    let short: String = cleaned.chars().take(EXCERPT_CHARS).collect();
    if short.trim().is_empty() {
        "(empty body)".into()
    } else {
        short
    }
}
