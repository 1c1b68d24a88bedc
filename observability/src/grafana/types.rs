//! The shapes of Grafana's answers, and what they mean.

use jiff::Timestamp;
use reqwest::StatusCode;
use serde::{Deserialize, Deserializer};

use super::live::LiveRule;
use crate::prometheus::{ActiveAlert, AlertState, Labels};
use crate::signals;
use crate::snapshot::{AlertStatus, Origin, by_urgency};

/// The label names, and the annotations, that Grafana keeps for itself begin so.
const INTERNAL: &str = "__";

/// An answer that holds rules.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    data: Groups,
}

#[derive(Debug, Deserialize)]
struct Groups {
    // Grafana writes a list without entries as null in many places.
    #[serde(deserialize_with = "or_default")]
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Group {
    /// The folder.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) file: String,
    /// Seconds between evaluations.
    #[serde(default, rename = "interval", deserialize_with = "or_default")]
    pub(super) interval_s: f64,
    #[serde(default, deserialize_with = "or_default")]
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    pub(super) name: String,
    /// Not told by older versions.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) uid: String,
    #[serde(default, deserialize_with = "or_default")]
    state: String,
    /// The queries of its data sources, ` | ` between them; without its expressions.
    #[serde(default, deserialize_with = "or_default")]
    query: String,
    /// The pending period, in seconds.
    #[serde(default, rename = "duration", deserialize_with = "or_default")]
    for_s: f64,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) labels: Labels,
    #[serde(default, deserialize_with = "or_default")]
    annotations: Labels,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) alerts: Vec<Alert>,
    /// `ok`, `error`, `nodata` or `unknown`.
    #[serde(default, deserialize_with = "or_default")]
    health: String,
    #[serde(default, deserialize_with = "or_default")]
    last_error: String,
    /// `alerting` or `recording`.
    #[serde(default, rename = "type", deserialize_with = "or_default")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    is_paused: bool,
    /// The year 1 before the first evaluation.
    #[serde(default)]
    pub(super) last_evaluation: Option<String>,
}

/// An instance of a rule, in whatever state.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) labels: Labels,
    #[serde(default, deserialize_with = "or_default")]
    annotations: Labels,
    /// A word, with a reason in parentheses where there is one: `Alerting (NoData)`.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) state: String,
    #[serde(default)]
    pub(super) active_at: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    value: String,
}

/// What an answer may say in place of rules: `message` when the request did not get as far as the
/// rules, the other two when reading them failed.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refusal {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error_type: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl Refusal {
    /// The kind and the words of the refusal, when it is one.
    pub(super) fn told(self, status: StatusCode) -> Option<(String, String)> {
        let failed = self.status.as_deref() == Some("error");
        if status.is_success() && !failed {
            return None;
        }
        let kind = self.error_type.filter(|kind| !kind.is_empty());
        let kind = kind.unwrap_or_else(|| format!("HTTP {}", status.as_u16()));
        let message = self.error.or(self.message)?;
        Some((kind, message))
    }
}

impl Envelope {
    /// The alert rules with the state of each of their instances.
    pub(super) fn live(&self) -> Vec<LiveRule> {
        let groups = self.data.groups.iter();
        let rules = groups.flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
        let alerting = rules.filter(|(_, rule)| rule.kind != "recording");
        alerting
            .map(|(group, rule)| LiveRule::of(group, rule))
            .collect()
    }

    /// The alert rules, most urgent first.
    pub(super) fn statuses(self) -> Vec<AlertStatus> {
        let groups = self.data.groups.into_iter();
        let rules = groups.flat_map(|group| {
            let interval_s = group.interval_s;
            group.rules.into_iter().map(move |rule| (rule, interval_s))
        });
        let alerting = rules.filter(|(rule, _)| rule.kind != "recording");
        let mut statuses: Vec<_> = alerting
            .map(|(rule, interval_s)| rule.status(interval_s))
            .collect();
        statuses.sort_by(by_urgency);
        statuses
    }
}

impl Rule {
    fn status(self, interval_s: f64) -> AlertStatus {
        let (state, error) = (self.state(), self.error());
        let for_s = self.for_s.max(0.0);
        let active: Vec<_> = self.alerts.iter().filter(|alert| alert.active()).collect();
        let (count, urgent) = (active.len(), active.into_iter().min_by_key(|a| a.urgency()));
        let (since, fires_at) = urgent.map_or((None, None), |alert| {
            (alert.since(), alert.fires_at(for_s, interval_s))
        });
        let value = urgent.and_then(|alert| number(&alert.value));
        let (labels, annotations) = urgent.map_or((&self.labels, &self.annotations), |alert| {
            (&alert.labels, &alert.annotations)
        });
        AlertStatus {
            origin: Origin::Grafana,
            state,
            since,
            fires_at,
            value,
            threshold: signals::threshold(&self.query),
            active: count,
            labels: outward(labels),
            annotations: outward(annotations),
            for_s,
            error,
            name: self.name,
            expr: self.query,
        }
    }

    /// Grafana calls a rule inactive before its first evaluation and while it is paused, too.
    fn state(&self) -> AlertState {
        let never = self
            .last_evaluation
            .as_deref()
            .is_some_and(|at| time(at).is_none());
        match state(&self.state) {
            AlertState::Inactive if never || self.is_paused => AlertState::Unknown,
            state => state,
        }
    }

    /// Why the last evaluation told nothing.
    pub(super) fn error(&self) -> Option<String> {
        let said = Some(self.last_error.clone()).filter(|error| !error.is_empty());
        said.or_else(|| match self.health.as_str() {
            "error" => Some("the evaluation failed".into()),
            "nodata" => Some("the query gave no data".into()),
            _ => None,
        })
    }
}

impl Alert {
    fn state(&self) -> AlertState {
        state(&self.state)
    }

    /// Instances that are normal, or without data, are listed as well.
    fn active(&self) -> bool {
        self.state() < AlertState::Inactive
    }

    /// What sorts the most urgent instance first: of the same state that which lasts longest.
    fn urgency(&self) -> (AlertState, bool, Option<Timestamp>) {
        let since = self.since();
        (self.state(), since.is_none(), since)
    }

    /// Since when it is pending or firing. Grafana's `activeAt` is the start of the state that
    /// the instance is in (`StartsAt` of its state, set anew at each change of state): while it
    /// is Alerting the evaluation at which `for` had passed, not the one at which the condition
    /// began to hold. While it is Recovering, when the condition ended: since when it fires is
    /// then not told.
    fn since(&self) -> Option<Timestamp> {
        let told = !word(&self.state).eq_ignore_ascii_case("recovering");
        self.active_at.as_deref().filter(|_| told).and_then(time)
    }

    /// When it fires if it goes on to be pending: as in Prometheus at the first evaluation at
    /// least `for` after it became pending.
    fn fires_at(&self, for_s: f64, interval_s: f64) -> Option<Timestamp> {
        let pending = ActiveAlert {
            labels: Labels::new(),
            annotations: Labels::new(),
            state: self.state(),
            active_at: self.since(),
            value: f64::NAN,
        };
        pending.fires_at(for_s, interval_s)
    }
}

/// The state in one of Grafana's words, for a rule or an instance. What recovers counts as firing
/// until its `keep_firing_for` has passed: Grafana goes on to notify of it.
fn state(told: &str) -> AlertState {
    match word(told).to_ascii_lowercase().as_str() {
        "firing" | "alerting" | "recovering" => AlertState::Firing,
        "pending" => AlertState::Pending,
        "inactive" | "normal" => AlertState::Inactive,
        _ => AlertState::Unknown,
    }
}

/// A state without its reason.
pub(super) fn word(told: &str) -> &str {
    told.split_once(" (").map_or(told, |(word, _)| word)
}

/// An instant; `None` for the year 1, which stands for never, and for what is no time.
pub(super) fn time(told: &str) -> Option<Timestamp> {
    let at: Timestamp = told.parse().ok()?;
    (at.as_second() > 0).then_some(at)
}

/// The number in a value when there is exactly one: the whole text, or behind the only `value=`
/// of a text such as `[ var='A' labels={} value=12 ]`.
fn number(value: &str) -> Option<f64> {
    const MARK: &str = "value=";
    let bare = value.trim().parse().ok();
    let marked = || {
        let (_, rest) = value.split_once(MARK)?;
        let told = rest.split([' ', ']', ',']).next()?;
        told.parse().ok().filter(|_| !rest.contains(MARK))
    };
    bare.or_else(marked).filter(|number: &f64| !number.is_nan())
}

/// What is not for Grafana's own use.
pub(super) fn outward(all: &Labels) -> Labels {
    let kept = all.iter().filter(|(name, _)| !name.starts_with(INTERNAL));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The value, or the usual one in place of null.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
