//! The client of a service's admin listener. `stack.json` names the listener of each service and
//! the file with the token that opens them. The listener of a container is on its own loopback, where
//! `voteops internal ask` asks it from inside.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;
use voteops_observability::access::{Access, Login, Secret};
use voteops_observability::text::clean_line;
use voteops_observability::{BackendError, Http};

use super::inside::Inside;
use crate::engine::EngineError;

/// Characters of a service's own words that are repeated in an error.
const WORDS_CHARS: usize = 300;

/// Asks one service for faults. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AdminClient(Way);

/// How a service is asked.
#[derive(Debug, Clone)]
enum Way {
    Http { http: Http, token_file: PathBuf },
    Inside(Inside),
}

/// What it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    Get,
    /// With a JSON object.
    Put {
        kind: String,
        body: Value,
    },
    Delete {
        /// The kind, or the kind and an id.
        path: String,
    },
}

/// A fault that is in force in a service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Leased {
    /// What it is called, `slow-votes` for instance.
    pub kind: String,
    /// The same for as long as it is renewed in time.
    pub id: Uuid,
    /// When it ends unless it is renewed, by the service's clock.
    pub expires_at: Timestamp,
    /// Its parameters as the service has them.
    pub parameters: Map<String, Value>,
}

/// Why a service did not do as it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AdminError {
    /// It gave no usable answer.
    #[error("{0}; `voteops status` tells whether the service runs")]
    Backend(#[from] BackendError),
    /// The token cannot be read.
    #[error("{0}; only who started the stack may read its token, and only while it runs")]
    NoToken(BackendError),
    /// Nobody said where the token is.
    #[error("the file with the token that opens it is not known; name it with --admin-token-file")]
    TokenUnknown,
    /// It does not take the token.
    #[error(
        "{url} does not take the token in {}; is it of another stack? \
         `stack.json` names both", token_file.display()
    )]
    WrongToken {
        /// The listener's address.
        url: String,
        /// Where the token is kept.
        token_file: PathBuf,
    },
    /// It understood and refused, in its own words, which name what it would take.
    #[error("{url} refuses the fault {kind}: {words}")]
    Refused {
        /// The listener's address.
        url: String,
        /// What was asked for.
        kind: String,
        /// Its reason.
        words: String,
    },
    /// It has ended or was restarted, and is not asked.
    #[error("it is gone or was restarted")]
    Gone,
    /// It did not answer in time.
    #[error("{url} does not answer within {patience_s} s; does the service hang?")]
    Slow {
        /// The listener's address.
        url: String,
        /// How long it was given, in seconds.
        patience_s: u64,
    },
    /// The system gave no means to ask it.
    #[error("it cannot be asked: {0}")]
    NoRuntime(String),
    /// The engine of its container does not do its part.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// In its container it could not be asked, in that program's words.
    #[error("in {container}: {words}")]
    Inside {
        /// The container.
        container: String,
        /// What the program there said.
        words: String,
    },
    /// It is no admin listener, or one of another version.
    #[error("{url} does not answer as an admin listener does ({told}); take it from `stack.json`")]
    Foreign {
        /// The address.
        url: String,
        /// What it answered.
        told: String,
    },
}

#[derive(Serialize)]
struct Body<'a, P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    lease_ms: u64,
    #[serde(flatten)]
    parameters: &'a P,
}

/// What a service tells of itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Listing {
    /// The faults in force.
    pub faults: Vec<Leased>,
    /// The names of all that there are.
    pub kinds: Vec<String>,
    /// Another after each start of the service; services of older versions do not tell it.
    #[serde(default)]
    pub instance: Option<Uuid>,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl AdminClient {
    /// A client of the admin listener at `url`, which the token in `token_file` opens.
    ///
    /// # Errors
    /// [`AdminError::Backend`] when the address cannot be used.
    pub fn new(url: &Url, token_file: &Path) -> Result<Self, AdminError> {
        let access = Access {
            login: Some(Login::Bearer(Secret::File(token_file.to_owned()))),
            ..Access::default()
        };
        Ok(Self(Way::Http {
            http: Http::with_access(url, &access)?,
            token_file: token_file.to_owned(),
        }))
    }

    /// A client of the service in a container.
    pub(super) fn inside(inside: Inside) -> Self {
        Self(Way::Inside(inside))
    }

    /// The listener's address, or whose it is.
    pub(crate) fn url(&self) -> String {
        match &self.0 {
            Way::Http { http, .. } => http.base().to_string(),
            Way::Inside(inside) => inside.told(),
        }
    }

    /// Injects a fault for `lease`, whole milliseconds, or renews it. `parameters` are those of the
    /// kind, as a JSON object has them.
    ///
    /// # Errors
    /// Any [`AdminError`]. After [`AdminError::Backend`] the fault may be in force all the same.
    pub async fn put(
        &self,
        kind: &str,
        lease: Duration,
        parameters: &(impl Serialize + Sync),
    ) -> Result<Leased, AdminError> {
        self.put_body(kind, None, lease, parameters).await
    }

    /// The same under an id of ours: it is refused while the fault is in force under another.
    ///
    /// # Errors
    /// As [`AdminClient::put`].
    pub async fn put_as(
        &self,
        id: Uuid,
        kind: &str,
        lease: Duration,
        parameters: &(impl Serialize + Sync),
    ) -> Result<Leased, AdminError> {
        self.put_body(kind, Some(id), lease, parameters).await
    }

    async fn put_body(
        &self,
        kind: &str,
        id: Option<Uuid>,
        lease: Duration,
        parameters: &(impl Serialize + Sync),
    ) -> Result<Leased, AdminError> {
        let body = Body {
            id,
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            parameters,
        };
        let request = Request::Put {
            kind: kind.to_owned(),
            body: serde_json::to_value(&body).map_err(|error| self.foreign(error.to_string()))?,
        };
        let (status, body) = self.ask(request).await?;
        if status.is_success() {
            return self.decoded(status, &body);
        }
        Err(self.refused(kind, status, &body))
    }

    /// Ends a fault; no error when it was not in force, or the service has none of that name.
    ///
    /// # Errors
    /// Any [`AdminError`]. After [`AdminError::Backend`] the fault may be in force still, until its
    /// lease ends.
    pub async fn delete(&self, kind: &str) -> Result<(), AdminError> {
        let request = Request::Delete {
            path: kind.to_owned(),
        };
        let (status, body) = self.ask(request).await?;
        let unknown =
            status == StatusCode::NOT_FOUND && serde_json::from_slice::<Refusal>(&body).is_ok();
        if status.is_success() || unknown {
            return Ok(());
        }
        Err(self.refused(kind, status, &body))
    }

    /// Ends the fault that is in force under this id; no error when it is not.
    ///
    /// # Errors
    /// As [`AdminClient::delete`].
    pub async fn delete_one(&self, kind: &str, id: Uuid) -> Result<(), AdminError> {
        let path = format!("{kind}/{id}");
        let (status, body) = self.ask(Request::Delete { path }).await?;
        match status {
            // A service of before knows its faults by their kinds alone.
            StatusCode::NOT_FOUND => self.delete(kind).await,
            status if status.is_success() => Ok(()),
            status => Err(self.refused(kind, status, &body)),
        }
    }

    /// The faults in force.
    ///
    /// # Errors
    /// Any [`AdminError`] but [`AdminError::Refused`].
    pub async fn list(&self) -> Result<Vec<Leased>, AdminError> {
        Ok(self.listing().await?.faults)
    }

    /// The faults in force, and those that there are.
    ///
    /// # Errors
    /// Any [`AdminError`] but [`AdminError::Refused`].
    pub async fn listing(&self) -> Result<Listing, AdminError> {
        let (status, body) = self.ask(Request::Get).await?;
        self.decoded(status, &body)
    }

    async fn ask(&self, request: Request) -> Result<(StatusCode, Vec<u8>), AdminError> {
        match &self.0 {
            Way::Http { http, token_file } => {
                let answer = match request {
                    Request::Get => http.get(FAULTS, &[]).await,
                    Request::Put { kind, body } => http.put_json(&path(&kind), &body).await,
                    Request::Delete { path: of } => http.delete(&path(&of)).await,
                };
                match answer {
                    Ok((StatusCode::UNAUTHORIZED, _)) => Err(AdminError::WrongToken {
                        url: self.url(),
                        token_file: token_file.clone(),
                    }),
                    Ok(answer) => Ok(answer),
                    Err(error @ BackendError::NoAccess { .. }) => Err(AdminError::NoToken(error)),
                    Err(error) => Err(error.into()),
                }
            }
            Way::Inside(inside) => inside.ask(request).await,
        }
    }

    fn decoded<T: DeserializeOwned>(
        &self,
        status: StatusCode,
        body: &[u8],
    ) -> Result<T, AdminError> {
        serde_json::from_slice(body).map_err(|error| self.foreign(format!("{status}, {error}")))
    }

    fn refused(&self, kind: &str, status: StatusCode, body: &[u8]) -> AdminError {
        match serde_json::from_slice::<Refusal>(body) {
            Ok(Refusal { message }) => AdminError::Refused {
                url: self.url(),
                kind: kind.to_owned(),
                words: if message.contains("unknown field `id`") {
                    "it is of an older version than this voteops; use one version in both"
                        .to_owned()
                } else {
                    repeated(&message)
                },
            },
            Err(_) => self.foreign(status.to_string()),
        }
    }

    fn foreign(&self, told: String) -> AdminError {
        let url = self.url();
        AdminError::Foreign { url, told }
    }
}

/// As much of somebody's own words as is repeated in an error, safe for a terminal.
pub(super) fn repeated(words: &str) -> String {
    clean_line(words).chars().take(WORDS_CHARS).collect()
}

/// Where the faults are.
const FAULTS: &str = "faults";

/// Where a fault is.
fn path(of: &str) -> String {
    format!("{FAULTS}/{of}")
}
