//! Headers of answers that have a browser do nothing that was not meant.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// What every answer to a request has, unless its handler says otherwise.
///
/// The policy is that of an answer which is no page. Referrers go to this site only; with
/// `no-referrer` browsers would hide the origin of the site's own forms (Fetch, section 3.1), by which
/// they are told from others'. `Strict-Transport-Security` belongs to who knows whether it is
/// reached by TLS.
const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=()"),
    ),
];

/// Adds to an answer's headers what is not among them.
pub(crate) fn add(headers: &mut HeaderMap) {
    headers.reserve(HEADERS.len());
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
}

/// They as text, for an answer that is no handler's.
pub(crate) fn texts() -> impl Iterator<Item = (HeaderName, String)> {
    let text = |value: HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    HEADERS
        .into_iter()
        .map(move |(name, value)| (name, text(value)))
}
