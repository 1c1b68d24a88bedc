//! Whether a component serves.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// Longest wait for one check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// How to see that a component serves.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    /// `GET` answers 2xx, with this text in the body.
    Http {
        /// What is asked for.
        url: Url,
        /// What the body has to contain.
        contains: &'static str,
    },
    /// `PING` is answered with `PONG` (a Redis that is loading its file answers otherwise).
    Redis {
        /// Where it listens, `host:port`.
        address: String,
    },
    /// It runs.
    Running,
}

impl Check {
    /// Asks once.
    ///
    /// # Errors
    /// Why it does not serve, in a few words.
    pub(crate) async fn ask(&self, http: &reqwest::Client) -> Result<(), String> {
        let answer = async {
            match self {
                Self::Http { url, contains } => ask_http(http, url, contains).await,
                Self::Redis { address } => ask_redis(address).await,
                Self::Running => Ok(()),
            }
        };
        timeout(CHECK_TIMEOUT, answer)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())))
    }
}

async fn ask_http(http: &reqwest::Client, url: &Url, contains: &str) -> Result<(), String> {
    let refused = |error: reqwest::Error| {
        if error.is_connect() {
            "not listening".into()
        } else {
            error.to_string()
        }
    };
    let answer = http.get(url.clone()).send().await.map_err(refused)?;
    let status = answer.status();
    let body = answer.text().await.map_err(refused)?;
    if !status.is_success() {
        return Err(format!("{} answers {status}", url.path()));
    }
    if !body.contains(contains) {
        return Err(format!("{} lacks {contains:?}", url.path()));
    }
    Ok(())
}

async fn ask_redis(address: &str) -> Result<(), String> {
    let mut stream = TcpStream::connect(address)
        .await
        .map_err(|_| "not listening".to_owned())?;
    stream
        .write_all(b"PING\r\n")
        .await
        .map_err(|error| error.to_string())?;
    let mut answer = [0; 64];
    let length = stream
        .read(&mut answer)
        .await
        .map_err(|error| error.to_string())?;
    if answer[..length].starts_with(b"+PONG") {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&answer[..length]).trim().to_owned())
}

/// A client for checks.
pub(crate) fn client() -> Result<reqwest::Client, String> {
    // Another part of the process may have installed it already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(CHECK_TIMEOUT)
        .no_proxy()
        // Nothing is asked over TLS, and a system without certificates has no client that trusts it.
        .tls_certs_only([])
        .build()
        .map_err(|error| error.to_string())
}
