//! How answers look: as a page or as JSON, and what a refusal says.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::lang::Lang;
use crate::pages;
use crate::quality::{Weighted, joined};

/// How long a voter is asked to wait before trying again, in seconds.
const RETRY_AFTER_SECONDS: &str = "2";

/// What an answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Html,
    Json,
}

/// How a client wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) format: Format,
    /// The language of pages. JSON is for programs and always English.
    pub(crate) lang: Lang,
}

impl Wanted {
    /// What the request's headers ask for; `default` where they do not say whether a page or JSON.
    pub(crate) fn of(headers: &HeaderMap, default: Format) -> Self {
        let format = Format::preferred(headers, default);
        let lang = match format {
            Format::Html => Lang::preferred(headers),
            Format::Json => Lang::En,
        };
        Self { format, lang }
    }
}

impl Format {
    /// What the `Accept` header prefers; `default` when it has no preference between the two.
    fn preferred(headers: &HeaderMap, default: Self) -> Self {
        let accept = joined(headers, &header::ACCEPT);
        let html = quality(&accept, "text", "html");
        let json = quality(&accept, "application", "json");
        match html.total_cmp(&json) {
            std::cmp::Ordering::Greater => Self::Html,
            std::cmp::Ordering::Less => Self::Json,
            std::cmp::Ordering::Equal => default,
        }
    }
}

/// The weight an `Accept` header gives a media type; the most specific range counts
/// (RFC 9110, section 12.5.1).
fn quality(accept: &str, kind: &str, subtype: &str) -> f32 {
    let mut best = (0, 0.0);
    for Weighted { value, weight } in Weighted::all(accept) {
        let specificity = match value.split_once('/') {
            Some((k, s)) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => 3,
            Some((k, "*")) if k.eq_ignore_ascii_case(kind) => 2,
            Some(("*", "*")) => 1,
            _ => continue,
        };
        if specificity > best.0 {
            best = (specificity, weight);
        }
    }
    best.1
}

/// Why a request was refused: the machine's word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    MediaType,
    BodyTooLarge,
    BodyUnreadable,
    BodyTimeout,
    EmptyBody,
    InvalidJson,
    InvalidFields,
    MissingChoice,
    UnknownChoice,
    MissingVoter,
    InvalidVoter,
    /// One client sends too many votes.
    RateLimited,
    /// An idempotency key came with another choice before.
    KeyReused,
    /// Refused before Redis has to.
    Backpressure,
    QueueFull,
    QueueAway,
    QueueError,
    /// The browser sent it for another site.
    CrossOrigin,
    LedgerAway,
    /// More follow the results live than are allowed.
    LiveFull,
    NotFound,
    MethodNotAllowed,
    /// A fault that was injected on purpose, with its status.
    Fault(StatusCode),
}

impl Reason {
    /// Every reason for which a vote can be refused when no fault is injected.
    pub(crate) const OF_VOTES: [Self; 18] = [
        Self::MediaType,
        Self::BodyTooLarge,
        Self::BodyUnreadable,
        Self::BodyTimeout,
        Self::EmptyBody,
        Self::InvalidJson,
        Self::InvalidFields,
        Self::MissingChoice,
        Self::UnknownChoice,
        Self::MissingVoter,
        Self::InvalidVoter,
        Self::RateLimited,
        Self::KeyReused,
        Self::Backpressure,
        Self::QueueFull,
        Self::QueueAway,
        Self::QueueError,
        Self::CrossOrigin,
    ];

    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::MediaType => "unsupported_media_type",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyUnreadable => "body_unreadable",
            Self::BodyTimeout => "body_timeout",
            Self::EmptyBody => "empty_body",
            Self::InvalidJson => "invalid_json",
            Self::InvalidFields => "invalid_fields",
            Self::MissingChoice => "missing_choice",
            Self::UnknownChoice => "unknown_choice",
            Self::MissingVoter => "missing_voter",
            Self::InvalidVoter => "invalid_voter",
            Self::RateLimited => "rate_limited",
            Self::KeyReused => "key_reused",
            Self::Backpressure => "backpressure",
            Self::QueueFull => "queue_full",
            Self::QueueAway => "queue_away",
            Self::QueueError => "queue_error",
            Self::CrossOrigin => "cross_origin",
            Self::LedgerAway => "ledger_away",
            Self::LiveFull => "live_full",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Fault(_) => "fault",
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyUnreadable | Self::EmptyBody | Self::InvalidJson => StatusCode::BAD_REQUEST,
            Self::InvalidFields
            | Self::MissingChoice
            | Self::UnknownChoice
            | Self::MissingVoter
            | Self::KeyReused
            | Self::InvalidVoter => StatusCode::UNPROCESSABLE_ENTITY,
            Self::CrossOrigin => StatusCode::FORBIDDEN,
            Self::Backpressure
            | Self::QueueFull
            | Self::QueueAway
            | Self::QueueError
            | Self::LedgerAway
            | Self::LiveFull => StatusCode::SERVICE_UNAVAILABLE,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Fault(status) => status,
        }
    }
}

/// A refusal: why, and what whoever wrote the client should know. People read the page that
/// belongs to the reason.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    pub(crate) fn answer(&self, wanted: Wanted) -> Response {
        let status = self.reason.status();
        let mut response = match wanted.format {
            Format::Json => {
                let body = json!({ "error": self.reason.slug(), "message": self.message });
                (status, Json(body)).into_response()
            }
            Format::Html => (status, pages::refusal(wanted.lang, self.reason)).into_response(),
        };
        if matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        ) {
            let seconds = header::HeaderValue::from_static(RETRY_AFTER_SECONDS);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferred(accept: &str) -> Format {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        Format::preferred(&headers, Format::Json)
    }

    #[test]
    fn the_accept_header_decides() {
        let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_eq!(preferred(firefox), Format::Html);
        assert_eq!(preferred("application/json"), Format::Json);
        assert_eq!(
            preferred("text/html;q=0.5, application/*;q=0.4"),
            Format::Html
        );
        assert_eq!(
            preferred("text/html;q=0.3, application/*;q=0.4"),
            Format::Json
        );
        assert_eq!(preferred("text/html;q=0, */*"), Format::Json);
        assert_eq!(preferred("*/*"), Format::Json);
        assert_eq!(preferred("nonsense"), Format::Json);
        assert_eq!(
            Format::preferred(&HeaderMap::new(), Format::Html),
            Format::Html
        );
    }
}
