//! What a rule of Grafana is made of, as its provisioning API tells it
//! (`GET /api/v1/provisioning/alert-rules`; `ProvisionedAlertRule` in Grafana's
//! `pkg/services/ngalert/api/tooling/definitions/provisioning_alert_rules.go`). Files that provision rules
//! hold the same under slightly other names (`AlertRuleExport` there), and are read as well.

use serde::Deserialize;
use serde_json::Value;

use super::types::or_default;
use crate::units;

/// The data source of what Grafana computes itself (`DatasourceUID` in `pkg/expr/service.go`); older rules write the
/// second one.
const EXPRESSIONS: [&str; 2] = ["__expr__", "-100"];
/// Evaluations without a series after which its alert is resolved, for rules that do not say
/// (`missing_series_evals_to_resolve`, <https://grafana.com/docs/grafana/latest/alerting/fundamentals/alert-rule-evaluation/stale-alert-instances/>).
const USUAL_MISSING: u32 = 2;

/// A rule as it was written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// Its identity.
    pub uid: String,
    /// Its name.
    pub title: String,
    /// Which query or expression decides.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) condition: String,
    /// Queries and expressions.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) data: Vec<Query>,
    /// What becomes of it when there is no data: `NoData`, `OK`, `Alerting` or `KeepLast`.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) no_data_state: String,
    #[serde(default, rename = "for", deserialize_with = "or_default")]
    held_for: String,
    #[serde(
        default,
        rename = "keep_firing_for",
        alias = "keepFiringFor",
        deserialize_with = "or_default"
    )]
    keep_firing_for: String,
    #[serde(
        default,
        rename = "missingSeriesEvalsToResolve",
        alias = "missing_series_evals_to_resolve"
    )]
    missing_evaluations: Option<u32>,
    /// Whether it is not evaluated.
    #[serde(default, deserialize_with = "or_default")]
    pub is_paused: bool,
    /// Whom it notifies, where it does not leave that to the notification policies.
    #[serde(default, rename = "notification_settings")]
    pub notification: Option<Notification>,
    /// There when it records a series and alerts of nothing.
    #[serde(default)]
    record: Option<Value>,
}

/// A query or an expression of a rule (`AlertQuery` there).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Query {
    pub(super) ref_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) relative_time_range: TimeRange,
    pub(super) datasource_uid: String,
    #[serde(default)]
    pub(super) model: Value,
}

/// How far back a query looks, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) struct TimeRange {
    #[serde(default)]
    pub(super) to: u64,
}

/// The receiver and the grouping of a rule that names them itself (`AlertRuleNotificationSettings` in
/// `pkg/services/ngalert/api/tooling/definitions/cortex-ruler.go`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Notification {
    /// The contact point.
    pub receiver: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) group_by: Vec<String>,
    #[serde(default)]
    pub(super) group_wait: Option<String>,
    #[serde(default)]
    pub(super) group_interval: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) mute_time_intervals: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) active_time_intervals: Vec<String>,
}

impl Definition {
    /// The pending period, in seconds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn for_s(&self) -> Result<f64, String> {
        seconds(&self.held_for)
    }

    /// For how long it goes on to fire once its condition has ended, in seconds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn keep_firing_for_s(&self) -> Result<f64, String> {
        seconds(&self.keep_firing_for)
    }

    /// After how many evaluations without its series an alert is resolved (`stateIsStale` in Grafana's
    /// `pkg/services/ngalert/state/manager.go`).
    #[must_use]
    pub fn missing_evaluations(&self) -> u32 {
        self.missing_evaluations.unwrap_or(USUAL_MISSING).max(1)
    }

    /// Whether it alerts, and does not record.
    #[must_use]
    pub fn is_alerting(&self) -> bool {
        self.record.is_none()
    }

    /// The data sources of which it does not say of what kind they are, by their identities.
    #[must_use]
    pub fn untold_sources(&self) -> Vec<String> {
        let queries = self.data.iter().filter(|query| !query.is_expression());
        let untold = queries.filter(|query| query.kind().is_none());
        untold.map(|query| query.datasource_uid.clone()).collect()
    }

    /// Takes note of the kind of a data source, such as `prometheus`.
    pub fn learn_source(&mut self, uid: &str, kind: &str) {
        let queries = self.data.iter_mut();
        for query in queries.filter(|query| query.datasource_uid == uid && query.kind().is_none()) {
            if let Some(model) = query.model.as_object_mut() {
                model.insert(
                    "datasource".into(),
                    serde_json::json!({ "type": kind, "uid": uid }),
                );
            }
        }
    }
}

impl Query {
    /// Whether Grafana computes it from other queries.
    pub(super) fn is_expression(&self) -> bool {
        EXPRESSIONS.contains(&self.datasource_uid.as_str())
    }

    /// The kind of its data source, where it says so.
    pub(super) fn kind(&self) -> Option<&str> {
        self.model.get("datasource")?.get("type")?.as_str()
    }

    /// A text of its model, empty where there is none.
    pub(super) fn text(&self, key: &str) -> &str {
        self.model
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        self.model.get(key).and_then(Value::as_bool) == Some(true)
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    if text.is_empty() {
        return Ok(0.0);
    }
    Ok(units::parse_duration(text)?.as_secs_f64())
}
