//! The HTTP client that every backend client is built on, and what can go wrong with it.

mod error;
mod look;

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use url::{Host, Url};

use crate::access::{Access, AccessError, Credentials, posting};
use error::{from_reqwest, no_access, root_cause};

pub use error::{BackendError, bare};
pub(crate) use error::{excerpt, garbage};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for a whole answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer that is read; a backend that sends more is refused rather than buffered.
const MAX_BODY_BYTES: usize = 64 << 20;

/// What helps when no client over TLS can be built.
const WAY_TO_AUTHORITIES: &str =
    "is the package ca-certificates installed? `ca` in a context names the server's own";

/// An HTTP client with time, size and redirect limits.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    base: Url,
    credentials: Credentials,
}

/// Whether a server is of this machine.
fn is_local(base: &Url) -> bool {
    match base.host() {
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whose certificates of servers are believed, beside those that are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Authorities {
    System,
    None,
}

fn build(
    base: &Url,
    access: &Access,
    authorities: Authorities,
) -> Result<reqwest::Client, BackendError> {
    // Another part of the process may have installed it already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(access.redirects())
        .user_agent(concat!("voteops/", env!("CARGO_PKG_VERSION")));
    if is_local(base) {
        // To a proxy another machine is this one, and it would be shown the credentials.
        builder = builder.no_proxy();
    }
    if authorities == Authorities::None {
        builder = builder.tls_certs_only([]);
    }
    let builder = access
        .build(builder)
        .map_err(|error| no_access(&bare(base), &error.to_string()))?;
    builder.build().map_err(|error| {
        let reason = root_cause(&error);
        let reason = reason.trim_start_matches("unexpected error: ");
        no_access(&bare(base), &format!("{reason} ({WAY_TO_AUTHORITIES})"))
    })
}

impl Http {
    /// A client for the API below `base`, for instance `http://127.0.0.1:9090`.
    ///
    /// # Errors
    /// As [`Http::with_access`].
    pub fn new(base: &Url) -> Result<Self, BackendError> {
        Self::with_access(base, &Access::default())
    }

    /// A client for the API below `base` that has access to it.
    ///
    /// # Errors
    /// [`BackendError::BadUrl`] when `base` cannot carry a path, [`BackendError::NoAccess`] when a
    /// certificate cannot be used, or the system has none for a server that is asked over TLS.
    pub fn with_access(base: &Url, access: &Access) -> Result<Self, BackendError> {
        if base.cannot_be_a_base() || !matches!(base.scheme(), "http" | "https") {
            return Err(BackendError::BadUrl {
                url: bare(base),
                reason: "it must begin with http:// or https://".into(),
            });
        }
        let is_plain = base.scheme() == "http" && access.ca.is_none();
        let client = if is_plain && is_local(base) {
            // The system's certificates take most of a start, and memory for each client.
            build(base, access, Authorities::None)
        } else {
            build(base, access, Authorities::System).or_else(|error| {
                // A system may have none, and they matter only if this server redirects.
                let retry = is_plain.then(|| build(base, access, Authorities::None));
                retry.unwrap_or(Err(error))
            })
        }?;
        let mut base = base.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self {
            client,
            base,
            credentials: Credentials::new(access.login.clone()),
        })
    }

    /// The address that the API's paths are relative to.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The same client for the API below `path`, which ends with a slash.
    pub(crate) fn below(&self, path: &str) -> Self {
        let mut base = self.base.clone();
        base.set_path(&format!("{}{path}", self.base.path()));
        Self {
            base,
            ..self.clone()
        }
    }

    /// Sends `GET path?query` and returns status and body.
    ///
    /// # Errors
    /// [`BackendError::Unreachable`], [`BackendError::Timeout`] or [`BackendError::Garbage`]
    /// for a body over the size limit.
    pub async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<(StatusCode, Vec<u8>), BackendError> {
        let url = self.endpoint(path)?;
        self.send(
            self.client.request(Method::GET, url.clone()).query(query),
            &url,
        )
        .await
    }

    /// Sends `POST path` with a form body and returns status and body.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn post_form(
        &self,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<(StatusCode, Vec<u8>), BackendError> {
        let url = self.endpoint(path)?;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self
            .client
            .request(Method::POST, url.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        posting(self.send(request, &url)).await
    }

    /// Sends `POST path` with a JSON body and returns status and body.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn post_json<T: Serialize + Sync>(
        &self,
        path: &str,
        body: &T,
    ) -> Result<(StatusCode, Vec<u8>), BackendError> {
        let url = self.endpoint(path)?;
        let request = self.client.request(Method::POST, url.clone()).json(body);
        posting(self.send(request, &url)).await
    }

    /// Sends `PUT path` with a JSON body and returns status and body.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn put_json<T: Serialize + Sync>(
        &self,
        path: &str,
        body: &T,
    ) -> Result<(StatusCode, Vec<u8>), BackendError> {
        let url = self.endpoint(path)?;
        let request = self.client.request(Method::PUT, url.clone()).json(body);
        self.send(request, &url).await
    }

    /// Sends `PATCH path` with a JSON body and returns status and body.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn patch_json<T: Serialize + Sync>(
        &self,
        path: &str,
        body: &T,
    ) -> Result<(StatusCode, Vec<u8>), BackendError> {
        let url = self.endpoint(path)?;
        let request = self.client.request(Method::PATCH, url.clone()).json(body);
        self.send(request, &url).await
    }

    /// Sends `DELETE path` and returns status and body.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn delete(&self, path: &str) -> Result<(StatusCode, Vec<u8>), BackendError> {
        let url = self.endpoint(path)?;
        let request = self.client.request(Method::DELETE, url.clone());
        self.send(request, &url).await
    }

    /// `GET path?query`, decoded from JSON.
    ///
    /// # Errors
    /// Any [`BackendError`]; a status other than 2xx is [`BackendError::Status`].
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, BackendError> {
        let (status, body) = self.get(path, query).await?;
        if !status.is_success() {
            return Err(self.status_error(path, status, &body));
        }
        serde_json::from_slice(&body).map_err(|error| self.garbage(path, &error, &body))
    }

    /// Asks for a WebSocket (RFC 6455, section 4.1) and gives its stream.
    ///
    /// # Errors
    /// [`BackendError::Refused`] for HTTP 400, [`BackendError::Status`] for any other answer that
    /// is no switch of protocols, or as [`Http::get`].
    pub(crate) async fn web_socket(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<reqwest::Upgraded, BackendError> {
        let url = self.endpoint(path)?;
        let plain = bare(&url);
        let key = generate_key();
        let request = self
            .client
            .request(Method::GET, url)
            .query(query)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", &key);
        let response = Box::pin(self.log_in_and_send(request, &plain)).await?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let body = response.bytes().await.unwrap_or_default();
            return Err(if status == StatusCode::BAD_REQUEST {
                BackendError::Refused {
                    url: self.name(path),
                    kind: "HTTP 400".into(),
                    message: excerpt(&body).trim().to_owned(),
                }
            } else {
                self.status_error(path, status, &body)
            });
        }
        let accepted = response.headers().get("sec-websocket-accept");
        if accepted.is_none_or(|accepted| *accepted != derive_accept_key(key.as_bytes())) {
            return Err(BackendError::Garbage {
                url: self.name(path),
                reason: "it is no WebSocket: the accepted key is wrong".into(),
                excerpt: "HTTP 101".into(),
            });
        }
        response
            .upgrade()
            .await
            .map_err(|error| from_reqwest(&plain, &error))
    }

    pub(crate) fn status_error(&self, path: &str, status: StatusCode, body: &[u8]) -> BackendError {
        BackendError::Status {
            url: self.name(path),
            status: status.as_u16(),
            excerpt: excerpt(body),
        }
    }

    pub(crate) fn garbage(
        &self,
        path: &str,
        error: &serde_json::Error,
        body: &[u8],
    ) -> BackendError {
        self.malformed(path, &error.to_string(), &excerpt(body))
    }

    /// A success that is not what the API promises. The reason may quote the answer.
    pub(crate) fn malformed(&self, path: &str, reason: &str, excerpt: &str) -> BackendError {
        garbage(&self.name(path), reason, excerpt)
    }

    /// The address of `path` as errors name it.
    pub(crate) fn name(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn endpoint(&self, path: &str) -> Result<Url, BackendError> {
        self.base.join(path).map_err(|error| BackendError::BadUrl {
            url: self.name(path),
            reason: error.to_string(),
        })
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        url: &Url,
    ) -> Result<(StatusCode, Vec<u8>), BackendError> {
        let plain = bare(url);
        let asked = Instant::now();
        // Boxed, so that the many questions under way at once stay small.
        let mut response = Box::pin(self.log_in_and_send(request, &plain)).await?;
        let status = response.status();
        tracing::debug!(url = plain, %status, waited = ?asked.elapsed(), "asked");
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| from_reqwest(&plain, &error))?
        {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(BackendError::Garbage {
                    url: plain,
                    reason: format!("the answer is larger than {} MiB", MAX_BODY_BYTES >> 20),
                    excerpt: excerpt(&body),
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }
}

impl Http {
    /// Sends a request with the credentials. A secret that is not accepted is read anew, and tried
    /// once more when it is another one.
    async fn log_in_and_send(
        &self,
        request: reqwest::RequestBuilder,
        url: &str,
    ) -> Result<reqwest::Response, BackendError> {
        let lacking = |error: AccessError| no_access(url, &error.to_string());
        let failed = |error| from_reqwest(url, &error);
        let again = request.try_clone();
        let login = self.credentials.header().await.map_err(lacking)?;
        let Some((name, value)) = login else {
            return request.send().await.map_err(failed);
        };
        let response = request.header(name, value).send().await.map_err(failed)?;
        let refused =
            [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&response.status());
        let Some(again) = again.filter(|_| refused) else {
            return Ok(response);
        };
        if !self.credentials.renew().await.map_err(lacking)? {
            return Ok(response);
        }
        let Some((name, value)) = self.credentials.header().await.map_err(lacking)? else {
            return Ok(response);
        };
        again.header(name, value).send().await.map_err(failed)
    }
}
