//! A thin client of the alert rules that Grafana itself evaluates, as its Prometheus-compatible
//! endpoint tells them (`GET /api/prometheus/grafana/api/v1/rules`; the shape of the answer is in
//! Grafana's `pkg/services/ngalert/api/tooling/definitions/prom.go`).

mod compose;
mod definition;
mod live;
mod notify;
mod threshold;
mod types;
mod unfit;

use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use crate::access::Access;
use crate::alertmanager::Alertmanager;
use crate::backend::{BackendError, Http};
use crate::snapshot::AlertStatus;
use crate::text::clean_line;
use notify::Policy;
use types::{Envelope, Refusal};

pub use compose::Composed;
pub use definition::{Definition, Notification};
pub use live::{Instance, InstanceState, LiveRule, TICK_S};
pub use notify::{ContactPoint, MuteTiming, Route};
pub use unfit::Unfit;

/// Where Grafana tells its own rules.
const RULES: &str = "api/prometheus/grafana/api/v1/rules";
/// Where it tells what they are made of.
const DEFINITIONS: &str = "api/v1/provisioning/alert-rules";
/// Where it tells whom alerts notify.
const POLICIES: &str = "api/v1/provisioning/policies";

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
        Ok(self.open(status, &body)?.statuses())
    }

    /// The same rules, as they are being evaluated.
    ///
    /// # Errors
    /// As [`Grafana::rules`].
    pub async fn live(&self) -> Result<Vec<LiveRule>, BackendError> {
        let (status, body) = self.http.get(RULES, &[]).await?;
        Ok(self.open(status, &body)?.live())
    }

    /// What its rules are made of, with the kinds of their data sources as far as the rules tell them.
    ///
    /// # Errors
    /// Any [`BackendError`]; it takes the permission to read rules for provisioning.
    pub async fn definitions(&self) -> Result<Vec<Definition>, BackendError> {
        self.http.get_json(DEFINITIONS, &[]).await
    }

    /// Of what kind a data source is, such as `prometheus` (`GET /api/datasources/uid/:uid`,
    /// <https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/data_source/>).
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn source_kind(&self, uid: &str) -> Result<String, BackendError> {
        #[derive(Deserialize)]
        struct Source {
            #[serde(rename = "type")]
            kind: String,
        }
        let path = format!("api/datasources/uid/{uid}");
        Ok(self.http.get_json::<Source>(&path, &[]).await?.kind)
    }

    /// By which ways a rule notifies: by the policies that its own labels match, or as it says itself. What its series add to
    /// its labels is not known before there are some.
    ///
    /// # Errors
    /// Any [`BackendError`]; policies that cannot be read are [`BackendError::Garbage`].
    pub async fn routes(
        &self,
        live: &LiveRule,
        own: Option<&Notification>,
    ) -> Result<Vec<Route>, BackendError> {
        let tree: Policy = self.http.get_json(POLICIES, &[]).await?;
        let mut labels = live.labels.clone();
        labels.insert("alertname".into(), live.name.clone());
        labels.insert("grafana_folder".into(), live.folder.clone());
        let found = match own {
            Some(own) => tree.own_route(own).map(|route| vec![route]),
            None => tree.routes(&labels),
        };
        found.map_err(|reason| self.http.malformed(POLICIES, &reason, "its policies"))
    }

    /// Its contact points.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn contact_points(&self) -> Result<Vec<ContactPoint>, BackendError> {
        self.http
            .get_json("api/v1/provisioning/contact-points", &[])
            .await
    }

    /// Its time intervals, by which policies are muted.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn mute_timings(&self) -> Result<Vec<MuteTiming>, BackendError> {
        self.http
            .get_json("api/v1/provisioning/mute-timings", &[])
            .await
    }

    /// A client of the Alertmanager that is part of it, by its API that is Alertmanager's own
    /// (`GET /api/alertmanager/grafana/api/v2/alerts`, `RouteGetGrafanaAMAlerts` in
    /// `pkg/services/ngalert/api/tooling/definitions/alertmanager.go`).
    #[must_use]
    pub fn alertmanager(&self) -> Alertmanager {
        Alertmanager::of(self.http.below("api/alertmanager/grafana/"))
    }

    /// Opens the answer. A refusal says why in one of two forms, but a proxy in between answers
    /// with anything.
    fn open(&self, status: StatusCode, body: &[u8]) -> Result<Envelope, BackendError> {
        let refusal = serde_json::from_slice::<Refusal>(body).unwrap_or_default();
        if let Some((kind, message)) = refusal.told(status) {
            return Err(BackendError::Refused {
                url: self.http.name(RULES),
                kind: clean_line(&kind).into_owned(),
                message: clean_line(&message).into_owned(),
            });
        }
        if !status.is_success() {
            return Err(self.http.status_error(RULES, status, body));
        }
        serde_json::from_slice(body).map_err(|error| self.http.garbage(RULES, &error, body))
    }
}

#[cfg(test)]
mod compose_tests;
#[cfg(test)]
mod managed_tests;
#[cfg(test)]
mod tests;
