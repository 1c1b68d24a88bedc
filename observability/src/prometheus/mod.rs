//! A thin client of the Prometheus HTTP API v1
//! (<https://prometheus.io/docs/prometheus/latest/querying/api/>).
//!
//! Thin on purpose: it keeps the API's warnings, a rule's `state` and `lastError`, and treats
//! every field that a server may leave out as optional.

mod discovery;
mod types;

use std::time::Duration;

use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use url::Url;

use crate::access::Access;
use crate::backend::{BackendError, Http};
use crate::text::clean_line;
use types::Envelope;
pub use types::{
    ActiveAlert, AlertState, Answer, Labels, Rule, RuleGroup, RuleKind, Runtime, Sample, Series,
    Target, TargetHealth, held_s,
};

/// A client of one Prometheus server.
#[derive(Debug, Clone)]
pub struct Prometheus {
    http: Http,
}

impl Prometheus {
    /// A client for the server at `base`, for instance `http://127.0.0.1:9090`.
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

    /// Evaluates `expr` now, or at `at_s` (Unix seconds). A scalar comes back as one series
    /// without labels; a range selector gives every raw sample with its own timestamp.
    ///
    /// # Errors
    /// Any [`BackendError`]; a bad expression is [`BackendError::Refused`].
    pub async fn query(
        &self,
        expr: &str,
        at_s: Option<f64>,
    ) -> Result<Answer<Vec<Series>>, BackendError> {
        let at = at_s.map(|at| format!("{at:.3}"));
        let mut form = vec![("query", expr)];
        if let Some(at) = &at {
            form.push(("time", at));
        }
        self.post::<types::QueryData>("api/v1/query", &form)
            .await?
            .try_map(|data| {
                data.into_series()
                    .map_err(|reason| self.http.malformed("api/v1/query", &reason, "JSON"))
            })
    }

    /// Evaluates `expr` from `start_s` to `end_s` (Unix seconds) in steps of `step`.
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn query_range(
        &self,
        expr: &str,
        start_s: f64,
        end_s: f64,
        step: Duration,
    ) -> Result<Answer<Vec<Series>>, BackendError> {
        let (start, end) = (format!("{start_s:.3}"), format!("{end_s:.3}"));
        let step = format!("{:.3}", step.as_secs_f64());
        let form = [
            ("query", expr),
            ("start", &start),
            ("end", &end),
            ("step", &step),
        ];
        self.post::<types::QueryData>("api/v1/query_range", &form)
            .await?
            .try_map(|data| {
                data.into_series()
                    .map_err(|reason| self.http.malformed("api/v1/query_range", &reason, "JSON"))
            })
    }

    /// All rule groups with their rules, states and evaluation errors.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn rules(&self) -> Result<Answer<Vec<RuleGroup>>, BackendError> {
        Ok(self
            .read::<types::RuleGroups>("api/v1/rules", &[])
            .await?
            .map(|data| data.groups))
    }

    /// The scrape targets that are active now.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn targets(&self) -> Result<Answer<Vec<Target>>, BackendError> {
        let answer = self
            .read::<types::ActiveTargets>("api/v1/targets", &[("state", "active")])
            .await?;
        Ok(answer.map(|data| data.active_targets))
    }

    /// The server's version, such as `2.53.1`.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn version(&self) -> Result<String, BackendError> {
        let build = self.read::<types::BuildInfo>("api/v1/status/buildinfo", &[]);
        Ok(build.await?.data.version)
    }

    /// How the server fares: its configuration, and what it stores.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn runtime(&self) -> Result<Runtime, BackendError> {
        let runtime = self.read::<Runtime>("api/v1/status/runtimeinfo", &[]);
        Ok(runtime.await?.data)
    }

    /// The addresses to which the server sends alerts.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn alertmanagers(&self) -> Result<Vec<String>, BackendError> {
        let answer = self.read::<types::Alertmanagers>("api/v1/alertmanagers", &[]);
        let active = answer.await?.data.active.into_iter();
        Ok(active.map(|alertmanager| alertmanager.url).collect())
    }

    /// Whether the server says that it is ready to answer.
    ///
    /// # Errors
    /// [`BackendError::Status`] while it is starting, or any other [`BackendError`].
    pub async fn ready(&self) -> Result<(), BackendError> {
        self.http.ready("-/ready").await
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer<T>, BackendError> {
        let (status, body) = self.http.get(path, query).await?;
        self.open(path, status, &body)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<Answer<T>, BackendError> {
        let (status, body) = self.http.post_form(path, form).await?;
        self.open(path, status, &body)
    }

    /// Opens the API's envelope. Errors come as 4xx and 5xx with the same envelope, but a proxy
    /// in between answers with anything.
    fn open<T: DeserializeOwned>(
        &self,
        path: &str,
        status: StatusCode,
        body: &[u8],
    ) -> Result<Answer<T>, BackendError> {
        match serde_json::from_slice::<Envelope<T>>(body) {
            Ok(Envelope {
                status: word,
                error: Some(message),
                error_type,
                ..
            }) if word == "error" => Err(self.told(path, status, error_type, &message)),
            Ok(Envelope {
                data: Some(data),
                warnings,
                infos,
                ..
            }) if status.is_success() => Ok(Answer {
                data,
                warnings: [warnings, infos].concat(),
            }),
            _ if !status.is_success() => Err(self.http.status_error(path, status, body)),
            Ok(_) => Err(self.http.malformed(path, "it has no data", "JSON")),
            Err(error) => Err(self.http.garbage(path, &error, body)),
        }
    }

    /// An error in the server's own words. Only of these statuses it would be the same again: in the
    /// same envelope come a time limit (503) and its own failures (500), which pass.
    fn told(
        &self,
        path: &str,
        status: StatusCode,
        kind: Option<String>,
        message: &str,
    ) -> BackendError {
        let kind = kind.unwrap_or_else(|| "error".into());
        if matches!(status.as_u16(), 400 | 422) {
            return BackendError::Refused {
                url: self.http.name(path),
                kind: clean_line(&kind).into_owned(),
                message: clean_line(message).into_owned(),
            };
        }
        let words = format!("{kind}: {message}");
        self.http.status_error(path, status, words.as_bytes())
    }
}

#[cfg(test)]
mod tests;
