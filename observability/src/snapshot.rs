//! The one model behind the console, `voteops status` and its JSON: signals, alerts, targets and
//! backends at one instant.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::OptionFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::alertmanager::{Alertmanager, HeldAlert};
use crate::backend::BackendError;
use crate::combined::Question;
use crate::grafana::Grafana;
use crate::prometheus::{AlertState, Labels, Prometheus, RuleGroup, RuleKind};
use crate::signals::{self, Component, Signal, SignalState, Threshold};
use crate::units::Unit;
use crate::{held, promql, rules};

/// What the readings are taken from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Metrics and alert rules.
    pub prometheus: Prometheus,
    /// Alerts that are held and notified about; not every setup has one.
    pub alertmanager: Option<Alertmanager>,
    /// The alert rules that Grafana evaluates; not every setup has one.
    pub grafana: Option<Grafana>,
    /// The signals to read.
    pub signals: Vec<Signal>,
}

/// A signal and its value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// The signal's identity.
    pub id: String,
    /// What it is a signal of.
    pub component: Component,
    /// The name that a person reads.
    pub title: String,
    /// What the value counts.
    pub unit: Unit,
    /// The value; `None` is missing, not zero.
    pub value: Option<f64>,
    /// The target, from the alert rule.
    pub threshold: Option<Threshold>,
    /// The alert whose rule that is.
    pub alert: Option<String>,
    /// What the value means.
    pub state: SignalState,
}

impl Reading {
    /// Reads `value` against the thresholds in force.
    #[must_use]
    pub fn new(
        signal: &Signal,
        value: Option<f64>,
        thresholds: &BTreeMap<String, Threshold>,
    ) -> Self {
        let threshold = signal
            .alert
            .as_ref()
            .and_then(|name| thresholds.get(name))
            .copied();
        Self {
            id: signal.id.clone(),
            component: signal.component,
            title: signal.title.clone(),
            unit: signal.unit,
            value,
            threshold,
            alert: signal.alert.clone(),
            state: signals::state(value, threshold, signal.alert.as_deref()),
        }
    }
}

/// Who tells of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Prometheus, which evaluates the rule.
    #[default]
    Prometheus,
    /// Grafana, which evaluates the rule.
    Grafana,
    /// Alertmanager alone: none of the rules that are known makes it.
    Alertmanager,
}

impl Origin {
    /// Its name, that of its backend.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Grafana => "grafana",
            Self::Alertmanager => "alertmanager",
        }
    }
}

/// An alert rule with the most urgent of its alerts, or alerts of one name without a rule that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertStatus {
    /// Who tells of it.
    #[serde(default)]
    pub origin: Origin,
    /// The alert's name.
    pub name: String,
    /// How far it is.
    pub state: AlertState,
    /// Since when it is in this state, where that is known.
    pub since: Option<Timestamp>,
    /// When it fires if the condition goes on to hold, while it is pending.
    pub fires_at: Option<Timestamp>,
    /// The expression's value at the last evaluation, while pending or firing.
    pub value: Option<f64>,
    /// The number that the expression compares with; of several, that which the value passes.
    pub threshold: Option<Threshold>,
    /// How many alerts of this rule are pending or firing.
    pub active: usize,
    /// The labels of the most urgent alert, or of the rule.
    pub labels: Labels,
    /// The annotations of the most urgent alert, rendered, or of the rule, as templates.
    pub annotations: Labels,
    /// The expression; empty without a rule.
    pub expr: String,
    /// `for`, in seconds; 0 without a rule.
    pub for_s: f64,
    /// Why the last evaluation failed.
    pub error: Option<String>,
}

/// How a backend answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackendStatus {
    /// Its name, `prometheus` for instance.
    pub name: &'static str,
    /// Its address.
    pub url: String,
    /// Whether it answered.
    pub ok: bool,
    /// How long the answer took, in milliseconds.
    pub latency_ms: f64,
    /// Why it did not answer.
    pub error: Option<String>,
    /// What it warned of.
    pub warnings: Vec<String>,
}

/// Everything at one instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The signals, in the catalogue's order.
    pub signals: Vec<Reading>,
    /// The alert rules, most urgent first, and the alerts that only Alertmanager tells of; `None`
    /// when nobody could be asked for rules, which is not the same as none.
    pub alerts: Option<Vec<AlertStatus>>,
    /// Whose rules could not be asked for, and are missing from `alerts`.
    pub alerts_missing: Vec<Origin>,
    /// The backends that were asked.
    pub backends: Vec<BackendStatus>,
}

/// The values of signals in the order of their question, and the answer's warnings. A signal whose
/// expression the server refuses has no value, and a warning says so.
///
/// # Errors
/// Any [`BackendError`]; [`BackendError::Refused`] only when every signal is refused.
pub async fn read_signals(
    prometheus: &Prometheus,
    question: &Question,
) -> Result<(Vec<Option<f64>>, Vec<String>), BackendError> {
    let ask = async |expr: String| prometheus.query(&expr, None).await;
    let combined = question.ask(ask).await?;
    let values = combined
        .series
        .iter()
        .map(|series| signals::single_value(series.as_slice()))
        .collect();
    Ok((values, combined.warnings))
}

/// The alert rules of `groups`, most urgent first, then by name.
#[must_use]
pub fn alert_statuses(groups: &[RuleGroup]) -> Vec<AlertStatus> {
    let mut statuses: Vec<_> = groups
        .iter()
        .flat_map(|group| group.rules.iter().map(move |rule| (group.interval_s, rule)))
        .filter(|(_, rule)| rule.kind == RuleKind::Alerting)
        .map(|(interval_s, rule)| alert_status(rule, interval_s))
        .collect();
    statuses.sort_by(by_urgency);
    statuses
}

/// The order of alert rules: most urgent first, then by name. A heartbeat that fires comes last.
#[must_use]
pub fn by_urgency(a: &AlertStatus, b: &AlertStatus) -> Ordering {
    a.beats()
        .cmp(&b.beats())
        .then_with(|| a.state.cmp(&b.state))
        .then_with(|| a.name.cmp(&b.name))
        .then_with(|| a.origin.cmp(&b.origin))
}

fn alert_status(rule: &crate::prometheus::Rule, interval_s: f64) -> AlertStatus {
    let urgent = rule.alerts.iter().min_by(|a, b| {
        a.state
            .cmp(&b.state)
            .then_with(|| a.active_at.cmp(&b.active_at))
    });
    let since = urgent.and_then(|alert| {
        alert.firing_since(rule.for_s, interval_s).or_else(|| {
            (alert.state == AlertState::Pending)
                .then_some(alert.active_at)
                .flatten()
        })
    });
    let value = urgent.map(|alert| alert.value);
    let condition = promql::condition_of(&rule.query, value).ok().flatten();
    AlertStatus {
        origin: Origin::Prometheus,
        name: rule.name.clone(),
        state: rule.state,
        since,
        fires_at: urgent.and_then(|alert| alert.fires_at(rule.for_s, interval_s)),
        value,
        threshold: condition.as_ref().map(Threshold::of),
        active: rule.alerts.len(),
        labels: urgent.map_or_else(|| rule.labels.clone(), |alert| alert.labels.clone()),
        annotations: urgent.map_or_else(
            || rule.annotations.clone(),
            |alert| alert.annotations.clone(),
        ),
        expr: rule.query.clone(),
        for_s: rule.for_s,
        error: rule.last_error.clone().filter(|error| !error.is_empty()),
    }
}

impl AlertStatus {
    /// Whether it always has to fire, and is no alarm while it does.
    #[must_use]
    pub fn is_heartbeat(&self) -> bool {
        rules::is_heartbeat(&self.labels)
    }

    /// Whether it is a heartbeat, and fires.
    #[must_use]
    pub fn beats(&self) -> bool {
        self.is_heartbeat() && self.state == AlertState::Firing
    }

    /// The rule's name, with who tells of it where that is not Prometheus.
    #[must_use]
    pub fn full_name(&self) -> String {
        match self.origin {
            Origin::Prometheus => self.name.clone(),
            Origin::Grafana | Origin::Alertmanager => {
                format!("{} ({})", self.name, self.origin.name())
            }
        }
    }
}

impl Snapshot {
    /// Asks every source once, all at the same time.
    pub async fn take(sources: &Sources) -> Self {
        let question = signals::question(&sources.signals);
        let (rules, values, held, managed) = tokio::join!(
            timed(sources.prometheus.rules()),
            timed(read_signals(&sources.prometheus, &question)),
            OptionFuture::from(sources.alertmanager.as_ref().map(|am| timed(am.alerts()))),
            OptionFuture::from(sources.grafana.as_ref().map(|g| timed(g.rules()))),
        );
        let groups = rules.0.as_ref().ok().map(|answer| answer.data.as_slice());
        let read = values.0.as_ref().ok();
        let warnings = read.map(|(_, warnings)| warnings.clone());
        let signals = readings(sources, read.map(|(values, _)| values.as_slice()), groups);
        let error = rules.0.as_ref().err().or(values.0.as_ref().err());
        let mut backends = vec![BackendStatus {
            warnings: warnings.unwrap_or_default(),
            ..status(
                "prometheus",
                sources.prometheus.base(),
                error,
                rules.1.max(values.1),
            )
        }];
        if let (Some(alertmanager), Some((held, took))) = (&sources.alertmanager, &held) {
            let error = held.as_ref().err();
            backends.push(status("alertmanager", alertmanager.base(), error, *took));
        }
        if let (Some(grafana), Some((managed, took))) = (&sources.grafana, &managed) {
            let error = managed.as_ref().err();
            backends.push(status("grafana", grafana.base(), error, *took));
        }
        let mut told = vec![(Origin::Prometheus, groups.map(alert_statuses))];
        told.extend(managed.map(|(managed, _)| (Origin::Grafana, managed.ok())));
        let (alerts, alerts_missing) = merged(told);
        let held = held.and_then(|(held, _)| held.ok());
        // Which alerts have no rule is known only by the rules.
        let alerts = match (alerts, held) {
            (Some(rules), Some(held)) if groups.is_some() => Some(with_held(rules, &held)),
            (alerts, _) => alerts,
        };
        Self {
            taken_at: Timestamp::now(),
            signals,
            alerts,
            alerts_missing,
            backends,
        }
    }

    /// The alerts that fire, heartbeats aside.
    pub fn firing(&self) -> impl Iterator<Item = &AlertStatus> {
        self.alerts
            .iter()
            .flatten()
            .filter(|alert| alert.state == AlertState::Firing && !alert.is_heartbeat())
    }

    /// Whether every backend answered.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.backends.iter().all(|backend| backend.ok)
    }
}

/// The signals with their values, against the thresholds of the rules.
fn readings(
    sources: &Sources,
    values: Option<&[Option<f64>]>,
    groups: Option<&[RuleGroup]>,
) -> Vec<Reading> {
    let rules = groups.into_iter().flatten().flat_map(|group| &group.rules);
    let thresholds = signals::thresholds(rules);
    let signals = sources.signals.iter().enumerate();
    signals
        .map(|(index, signal)| {
            Reading::new(signal, values.and_then(|values| values[index]), &thresholds)
        })
        .collect()
}

/// The rules of all who answered, most urgent first, and who did not answer; of those who were
/// asked. `None` when nobody did.
fn merged(
    told: Vec<(Origin, Option<Vec<AlertStatus>>)>,
) -> (Option<Vec<AlertStatus>>, Vec<Origin>) {
    let mut all: Option<Vec<AlertStatus>> = None;
    let mut missing = Vec::new();
    for (origin, answer) in told {
        match answer {
            Some(alerts) => all.get_or_insert_default().extend(alerts),
            None => missing.push(origin),
        }
    }
    if let Some(all) = &mut all {
        all.sort_by(by_urgency);
    }
    (all, missing)
}

/// The rules, and the alerts that only Alertmanager tells of.
fn with_held(mut rules: Vec<AlertStatus>, held: &[HeldAlert]) -> Vec<AlertStatus> {
    rules.extend(held::without_rule(held, &rules));
    rules.sort_by(by_urgency);
    rules
}

async fn timed<T>(answer: impl Future<Output = T>) -> (T, Duration) {
    let asked = Instant::now();
    (answer.await, asked.elapsed())
}

fn status(
    name: &'static str,
    url: &Url,
    error: Option<&BackendError>,
    latency: Duration,
) -> BackendStatus {
    BackendStatus {
        name,
        url: url.to_string(),
        ok: error.is_none(),
        latency_ms: (latency.as_secs_f64() * 1e6).round() / 1e3,
        error: error.map(ToString::to_string),
        warnings: Vec::new(),
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
