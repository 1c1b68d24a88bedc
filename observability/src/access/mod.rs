//! How a backend is spoken to that does not let everybody in: credentials, certificates, tenants.
//!
//! A secret is read from where it is kept when it is first needed, and read again when the
//! server does not accept it any more. It is never part of a message, a log or a `Debug` text.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, ClientBuilder, Identity, redirect};
use tokio::process::Command;

use crate::backend::bare;

/// The header that Loki, Mimir and Cortex read the tenant from
/// (<https://grafana.com/docs/loki/latest/operations/multi-tenancy/>).
const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");
/// Longest wait for a command that tells a secret.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The secret itself.
    Value(String),
    /// A file that holds nothing else.
    File(PathBuf),
    /// A program and its arguments, which prints it.
    Command(Vec<String>),
}

/// How a server is spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Who is asking.
    pub login: Option<Login>,
    /// Certificates of authorities that are trusted besides the system's, as PEM.
    pub ca: Option<PathBuf>,
    /// The client's own certificate and its key, as PEM.
    pub client: Option<(PathBuf, PathBuf)>,
    /// The tenant that is asked for.
    pub tenant: Option<String>,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// User and password (RFC 7617).
    Basic(String, Secret),
    /// A bearer token (RFC 6750).
    Bearer(Secret),
}

/// Why the access cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// A file cannot be read, or is not what it should be.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A command told no secret.
    #[error("{program} told no secret: {reason}")]
    Command {
        /// The program.
        program: String,
        /// Why.
        reason: String,
    },
    /// The secret cannot be sent.
    #[error("the secret from {origin} cannot be sent: {reason}")]
    Unfit {
        /// Where it is kept.
        origin: String,
        /// Why.
        reason: &'static str,
    },
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.origin())
    }
}

impl Secret {
    /// Where it is kept, without telling it.
    #[must_use]
    pub fn origin(&self) -> String {
        match self {
            Self::Value(_) => "the configuration".into(),
            Self::File(file) => format!("file {}", file.display()),
            // Its arguments may be secrets themselves.
            Self::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                format!("command {program}")
            }
        }
    }

    /// The secret, without the line break at its end.
    ///
    /// # Errors
    /// [`AccessError`] that never holds the secret.
    pub async fn read(&self) -> Result<String, AccessError> {
        let text = match self {
            Self::Value(value) => value.clone(),
            Self::File(file) => {
                let text = tokio::fs::read_to_string(file).await;
                text.map_err(|error| AccessError::File {
                    file: file.clone(),
                    reason: error.to_string(),
                })?
            }
            Self::Command(words) => run(words).await?,
        };
        let text = text.trim_end_matches(['\n', '\r']);
        let unfit = |reason| AccessError::Unfit {
            origin: self.origin(),
            reason,
        };
        if text.is_empty() {
            return Err(unfit("it is empty"));
        }
        if text.chars().any(char::is_control) {
            return Err(unfit("it holds control characters or more than one line"));
        }
        Ok(text.to_owned())
    }
}

async fn run(words: &[String]) -> Result<String, AccessError> {
    let failed = |reason: String| AccessError::Command {
        program: words.first().cloned().unwrap_or_default(),
        reason,
    };
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| failed("the command is empty".into()))?;
    let running = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(COMMAND_TIMEOUT, running)
        .await
        .map_err(|_| failed(format!("no end within {} s", COMMAND_TIMEOUT.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = said.lines().next().unwrap_or_default();
        let said = crate::text::clean_line(said);
        return Err(failed(format!("{}: {said}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("it printed no text".into()))
}

impl Access {
    /// Builds the certificates, the tenant and the rule for redirects into a client.
    ///
    /// # Errors
    /// [`AccessError::File`] for a certificate that cannot be used.
    pub(crate) fn build(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, AccessError> {
        if let Some(file) = &self.ca {
            let found = Certificate::from_pem_bundle(&pem(file)?);
            let found = found.ok().filter(|found| !found.is_empty());
            let found = found.ok_or_else(|| unusable(file, "it holds no PEM certificate"))?;
            builder = builder.tls_certs_merge(found);
        }
        if let Some((certificate, key)) = &self.client {
            let mut both = pem(key)?;
            both.push(b'\n');
            both.extend(pem(certificate)?);
            let identity = Identity::from_pem(&both).map_err(|_| {
                let told = format!("it is no PEM certificate for the key {}", key.display());
                unusable(certificate, &told)
            })?;
            builder = builder.identity(identity);
        }
        if let Some(tenant) = &self.tenant {
            let value = HeaderValue::from_str(tenant).map_err(|_| AccessError::Unfit {
                origin: "the tenant".into(),
                reason: "it holds characters that no header may hold",
            })?;
            builder = builder.default_headers(HeaderMap::from_iter([(TENANT, value)]));
        }
        Ok(builder)
    }

    /// Whether something is sent along that only the server itself may see.
    fn is_private(&self) -> bool {
        self.login.is_some() || self.tenant.is_some() || self.client.is_some()
    }

    /// A few redirects; none to another server with what only this one may see, and none of a POST
    /// that would become a GET without what was posted.
    pub(crate) fn redirects(&self) -> redirect::Policy {
        const MOST: usize = 3;
        let private = self.is_private();
        redirect::Policy::custom(move |attempt| {
            let first = attempt.previous().first().map(url::Url::origin);
            if attempt.previous().len() > MOST {
                attempt.error(Redirected("too many redirects".into()))
            } else if private && first != Some(attempt.url().origin()) {
                attempt.error(Redirected(
                    "it redirects to another server, which must not see the credentials; \
                     name that server's address"
                        .into(),
                ))
            } else if is_posting() && matches!(attempt.status().as_u16(), 301..=303) {
                let told = format!("it redirects to {}; name that address", bare(attempt.url()));
                attempt.error(Redirected(told))
            } else {
                attempt.follow()
            }
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Redirected(String);

tokio::task_local! {
    /// Set while a POST is sent: reqwest does not tell the rule for redirects what is redirected.
    static POSTING: ();
}

/// Sends a POST, for [`Access::redirects`] to know that it is one.
pub(crate) async fn posting<T>(sending: impl Future<Output = T>) -> T {
    POSTING.scope((), sending).await
}

fn is_posting() -> bool {
    POSTING.try_with(|()| ()).is_ok()
}

fn pem(file: &Path) -> Result<Vec<u8>, AccessError> {
    std::fs::read(file).map_err(|error| unusable(file, &error.to_string()))
}

fn unusable(file: &Path, reason: &str) -> AccessError {
    AccessError::File {
        file: file.into(),
        reason: reason.into(),
    }
}

/// The login of a client, as it is sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    login: Option<Login>,
    known: Arc<RwLock<Option<HeaderValue>>>,
}

impl Credentials {
    /// The credentials of a login.
    pub(crate) fn new(login: Option<Login>) -> Self {
        Self {
            login,
            known: Arc::default(),
        }
    }

    /// The header to send; `None` when nobody logs in.
    ///
    /// # Errors
    /// [`AccessError`] when the secret cannot be read.
    pub(crate) async fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>, AccessError> {
        let known = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let value = match known {
            Some(value) => Some(value),
            None => self.read().await?,
        };
        Ok(value.map(|value| (AUTHORIZATION, value)))
    }

    /// Reads the secret anew; whether it is another one than before.
    ///
    /// # Errors
    /// As [`Credentials::header`].
    pub(crate) async fn renew(&self) -> Result<bool, AccessError> {
        let before = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Ok(self.read().await? != before)
    }

    async fn read(&self) -> Result<Option<HeaderValue>, AccessError> {
        let (told, secret) = match &self.login {
            None => return Ok(None),
            Some(Login::Basic(user, secret)) => {
                let pair = format!("{user}:{}", secret.read().await?);
                (format!("Basic {}", BASE64_STANDARD.encode(pair)), secret)
            }
            Some(Login::Bearer(secret)) => (format!("Bearer {}", secret.read().await?), secret),
        };
        let mut value = HeaderValue::from_str(&told).map_err(|_| AccessError::Unfit {
            origin: secret.origin(),
            reason: "it holds characters that no header may hold",
        })?;
        value.set_sensitive(true);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(value.clone());
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests;
