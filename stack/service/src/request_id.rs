//! A name for each request, in its answer and in what is logged about it.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use uuid::Uuid;

/// The header that carries it, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name that is taken from a client or a proxy, in characters.
const MAX_CHARS: usize = 64;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The name of a request: the one it came with, or a new one.
#[derive(Debug, Clone)]
enum RequestId {
    Given(HeaderValue),
    New(Uuid),
}

impl RequestId {
    fn new() -> Self {
        Self::New(Uuid::now_v7())
    }

    fn of(request: &Request) -> Self {
        let given = request.headers().get(&REQUEST_ID);
        given
            .filter(|id| is_name(id.as_bytes()))
            .map_or_else(Self::new, |id| Self::Given(id.clone()))
    }

    fn text(&self) -> String {
        match self {
            Self::Given(id) => id.to_str().unwrap_or_default().to_owned(),
            Self::New(id) => id.as_simple().to_string(),
        }
    }

    fn into_header(self) -> HeaderValue {
        match self {
            Self::Given(id) => id,
            Self::New(id) => {
                let mut buffer = Uuid::encode_buffer();
                let id = id.as_simple().encode_lower(&mut buffer);
                // Hexadecimal digits are a header value; the other case cannot come about.
                HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
            }
        }
    }
}

/// The name of the request that is being answered by this task, if it is answering one. It has
/// letters, digits, `.`, `_` and `-` only.
#[must_use]
pub fn current() -> Option<String> {
    CURRENT.try_with(RequestId::text).ok()
}

/// A name for what is answered before anything of a request was read.
pub(crate) fn new() -> String {
    RequestId::new().text()
}

/// Gives the request the name it came with, if that is one, else a new one, and the answer the same.
pub(crate) async fn name<F, E>(
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Result<Response, E>
where
    F: Future<Output = Result<Response, E>>,
{
    let id = RequestId::of(&request);
    let is_logged = tracing::enabled!(tracing::Level::DEBUG);
    let asked = is_logged.then(|| (request.method().clone(), request.uri().path().to_owned()));
    let mut response = CURRENT.scope(id.clone(), answer(request)).await?;
    if let Some((method, path)) = asked {
        let status = response.status().as_u16();
        let request_id = id.text();
        tracing::debug!(request_id, %method, path, status, "answered");
    }
    response.headers_mut().insert(REQUEST_ID, id.into_header());
    Ok(response)
}

/// Whatever a client sends ends up in logs and pages, so only what means nothing there is taken.
fn is_name(id: &[u8]) -> bool {
    (1..=MAX_CHARS).contains(&id.len())
        && id
            .iter()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_taken() {
        for good in ["a", "01HXYZ", "7f3a-4b.c_d", &"x".repeat(MAX_CHARS)] {
            assert!(is_name(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a\tb",
            "a\"b",
            "a\\n",
            "<b>",
            "é",
            &"x".repeat(MAX_CHARS + 1),
        ] {
            assert!(!is_name(bad.as_bytes()), "{bad}");
        }
        let new = || RequestId::of(&Request::default());
        let id = new();
        assert_ne!(id.text(), new().text());
        assert!(is_name(id.text().as_bytes()));
        assert_eq!(id.text().as_bytes(), id.into_header().as_bytes());
        assert_eq!(current(), None);
    }
}
