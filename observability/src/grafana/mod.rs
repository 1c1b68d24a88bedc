//! A thin client of the alert rules that Grafana itself evaluates, as its Prometheus-compatible
//! endpoint tells them (`GET /api/prometheus/grafana/api/v1/rules`; the shape of the answer is in
//! Grafana's `pkg/services/ngalert/api/tooling/definitions/prom.go`).

mod types;

use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use crate::access::Access;
use crate::backend::{BackendError, Http};
use crate::snapshot::AlertStatus;
use crate::text::clean_line;
use types::{Envelope, Refusal};

/// Where Grafana tells its own rules.
const RULES: &str = "api/prometheus/grafana/api/v1/rules";

/// A client of one Grafana.
#[derive(Debug, Clone)]
pub struct Grafana {
    http: Http,
}

/// How a Grafana is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// `ok` while its database answers.
    pub database: String,
    /// Its version; empty where it is kept from strangers.
    #[serde(default)]
    pub version: String,
}

impl Grafana {
    /// A client for the server at `base`, for instance `http://127.0.0.1:3000`.
    ///
    /// # Errors
    /// [`BackendError::BadUrl`].
    pub fn new(base: &Url) -> Result<Self, BackendError> {
        Self::with_access(base, &Access::default())
    }

    /// A client that has access to the server at `base`.
    ///
    /// # Errors
    /// [`BackendError::BadUrl`], [`BackendError::NoAccess`].
    pub fn with_access(base: &Url, access: &Access) -> Result<Self, BackendError> {
        Ok(Self {
            http: Http::with_access(base, access)?,
        })
    }

    /// The server's address.
    #[must_use]
    pub fn base(&self) -> &Url {
        self.http.base()
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// Its version and whether its database answers, which it tells everybody
    /// (<https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/other/#health-api>).
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn health(&self) -> Result<Health, BackendError> {
        self.http.get_json("api/health", &[]).await
    }

    /// Its alert rules, most urgent first: those in the folders that the credentials may read.
    ///
    /// # Errors
    /// Any [`BackendError`]; who may not read rules gets [`BackendError::Refused`].
    pub async fn rules(&self) -> Result<Vec<AlertStatus>, BackendError> {
        let (status, body) = self.http.get(RULES, &[]).await?;
        self.open(status, &body)
    }

    /// Opens the answer. A refusal says why in one of two forms, but a proxy in between answers
    /// with anything.
    fn open(&self, status: StatusCode, body: &[u8]) -> Result<Vec<AlertStatus>, BackendError> {
        let refusal = serde_json::from_slice::<Refusal>(body).unwrap_or_default();
        if let Some((kind, message)) = refusal.told(status) {
            return Err(BackendError::Refused {
                url: self.http.name(RULES),
                kind,
                message: clean_line(&message).into_owned(),
            });
        }
        if !status.is_success() {
            return Err(self.http.status_error(RULES, status, body));
        }
        let answer = serde_json::from_slice::<Envelope>(body)
            .map_err(|error| self.http.garbage(RULES, &error, body))?;
        Ok(answer.statuses())
    }
}

#[cfg(test)]
mod tests;
