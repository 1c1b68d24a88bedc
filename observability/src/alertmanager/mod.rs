//! A thin client of the Alertmanager API v2
//! (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>).

pub mod silences;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::access::Access;
use crate::backend::{BackendError, Http};
use crate::prometheus::Labels;
use silences::Matcher;

/// A client of one Alertmanager.
#[derive(Debug, Clone)]
pub struct Alertmanager {
    http: Http,
    /// What alerts have to match to be of this service.
    filter: Vec<Matcher>,
}

/// An alert as Alertmanager holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldAlert {
    /// All its labels.
    #[serde(default)]
    pub labels: Labels,
    /// Its annotations, rendered.
    #[serde(default)]
    pub annotations: Labels,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// When it ends unless it is sent again.
    pub ends_at: Timestamp,
    /// When it was last told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// Its identity.
    pub fingerprint: String,
    /// Whether it is silenced or inhibited.
    pub status: HeldStatus,
    /// Whether it is not of the service that is looked at ([`Alertmanager::filtered`]); not told by Alertmanager.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_others: bool,
}

impl HeldAlert {
    /// Its name; its identity where it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.labels.get("alertname");
        name.unwrap_or(&self.fingerprint)
    }

    /// Whether it is neither silenced nor inhibited.
    #[must_use]
    pub fn is_active(&self) -> bool {
        let HeldStatus {
            state,
            silenced_by,
            inhibited_by,
        } = &self.status;
        state == "active" && silenced_by.is_empty() && inhibited_by.is_empty()
    }
}

/// Whether a held alert is notified about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldStatus {
    /// `active`, `suppressed` or `unprocessed`.
    pub state: String,
    /// The silences that match it.
    #[serde(default)]
    pub silenced_by: Vec<String>,
    /// The alerts that inhibit it.
    #[serde(default)]
    pub inhibited_by: Vec<String>,
}

/// What Alertmanager says of itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Its configuration.
    pub config: StatusConfig,
    /// What it was built from.
    #[serde(default)]
    pub version_info: VersionInfo,
    /// Since when it runs.
    #[serde(default)]
    pub uptime: Option<Timestamp>,
}

/// What an Alertmanager was built from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct VersionInfo {
    /// Its version, such as `0.28.1`.
    #[serde(default)]
    pub version: String,
}

/// The configuration that is in force.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StatusConfig {
    /// The YAML text, defaults filled in and secrets masked.
    pub original: String,
}

/// How a route groups its alerts, and its delays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RouteTiming {
    /// Wait before a new group's first notification.
    pub group_wait_s: f64,
    /// Wait between notifications of a group that changed.
    pub group_interval_s: f64,
    /// Whether alerts of different names are in groups of their own.
    pub by_alertname: bool,
}

impl Alertmanager {
    /// A client for the server at `base`, for instance `http://127.0.0.1:9093`.
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
        Http::with_access(base, access).map(Self::of)
    }

    /// The same, whose alerts are those of others unless they match all of these: several teams may share it.
    #[must_use]
    pub fn filtered(self, filter: Vec<Matcher>) -> Self {
        Self { filter, ..self }
    }

    /// The one that a client speaks to.
    pub(crate) fn of(http: Http) -> Self {
        Self {
            http,
            filter: Vec::new(),
        }
    }

    /// The server's address.
    #[must_use]
    pub fn base(&self) -> &Url {
        self.http.base()
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// The alerts it holds, silenced and inhibited ones too.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn alerts(&self) -> Result<Vec<HeldAlert>, BackendError> {
        let mut held: Vec<HeldAlert> = self.http.get_json("api/v2/alerts", &[]).await?;
        for alert in &mut held {
            alert.is_of_others = !silences::matches(&self.filter, &alert.labels);
        }
        Ok(held)
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn status(&self) -> Result<Status, BackendError> {
        self.http.get_json("api/v2/status", &[]).await
    }

    /// The delays of the root route, read from the configuration that is in force.
    ///
    /// # Errors
    /// Any [`BackendError`]; a configuration without a readable route is
    /// [`BackendError::Garbage`].
    pub async fn route_timing(&self) -> Result<RouteTiming, BackendError> {
        let status = self.status().await?;
        root_timing(&status.config.original).map_err(|reason| {
            self.http
                .malformed("api/v2/status", &reason, "its configuration")
        })
    }

    /// How many aggregation groups are alive, empty ones that still keep their timer included,
    /// from its own metrics. A new alert in a living group waits for `group_interval` instead
    /// of `group_wait`.
    ///
    /// # Errors
    /// Any [`BackendError`]. `Ok(None)` when the metric is not there.
    pub async fn aggregation_groups(&self) -> Result<Option<u64>, BackendError> {
        let (status, body) = self.http.get("metrics", &[]).await?;
        if !status.is_success() {
            return Err(self.http.status_error("metrics", status, &body));
        }
        let text = String::from_utf8_lossy(&body);
        Ok(text
            .lines()
            .filter_map(|line| line.strip_prefix("alertmanager_dispatcher_aggregation_groups"))
            .find_map(|rest| rest.rsplit(' ').next()?.parse().ok()))
    }
}

/// `group_wait` and `group_interval` of the root route, with Alertmanager's own defaults.
fn root_timing(config: &str) -> Result<RouteTiming, String> {
    #[derive(Deserialize)]
    struct Config {
        route: Route,
    }
    #[derive(Deserialize)]
    struct Route {
        #[serde(default = "default_group_wait")]
        group_wait: String,
        #[serde(default = "default_group_interval")]
        group_interval: String,
        #[serde(default, rename = "group_by")]
        labels: Vec<String>,
    }
    fn default_group_wait() -> String {
        "30s".into()
    }
    fn default_group_interval() -> String {
        "5m".into()
    }
    let config: Config = serde_norway::from_str(config).map_err(|error| error.to_string())?;
    let seconds = |text: &str| crate::units::parse_duration(text).map(|d| d.as_secs_f64());
    Ok(RouteTiming {
        group_wait_s: seconds(&config.route.group_wait)?,
        group_interval_s: seconds(&config.route.group_interval)?,
        by_alertname: config
            .route
            .labels
            .iter()
            .any(|label| label == "alertname" || label == "..."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_timing_is_read_with_the_servers_defaults() {
        let given = "route:\n  receiver: x\n  group_wait: 1s\n  group_interval: 500ms\n  \
                     group_by: [alertname, cluster]\n";
        assert_eq!(
            root_timing(given).unwrap(),
            RouteTiming {
                group_wait_s: 1.0,
                group_interval_s: 0.5,
                by_alertname: true
            }
        );
        let bare = root_timing("route:\n  receiver: x\n").unwrap();
        assert_eq!(
            bare,
            RouteTiming {
                group_wait_s: 30.0,
                group_interval_s: 300.0,
                by_alertname: false
            }
        );
        assert!(root_timing("receivers: []").is_err());
    }

    #[tokio::test]
    async fn alerts_of_others_are_told_apart() {
        let alert = |team: &str| {
            serde_json::json!({
                "labels": {"alertname": "A", "team": team}, "fingerprint": team,
                "status": {"state": "active"},
                "startsAt": "2026-11-25T10:00:00Z", "endsAt": "2026-11-25T12:00:00Z",
            })
        };
        let held = serde_json::json!([alert("shop"), alert("billing")]);
        let app = axum::Router::new().route(
            "/api/v2/alerts",
            axum::routing::get(async move || axum::Json(held)),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let alertmanager = Alertmanager::new(&base.parse().unwrap()).unwrap();
        let of_others = async |alertmanager: &Alertmanager| -> Vec<bool> {
            let held = alertmanager.alerts().await.unwrap();
            held.iter().map(|alert| alert.is_of_others).collect()
        };
        assert_eq!(of_others(&alertmanager).await, [false, false]);
        let ours = silences::parse("team=\"shop\"").unwrap();
        assert_eq!(of_others(&alertmanager.filtered(ours)).await, [false, true]);
    }
}
