//! The one model behind the console, `voteops status` and its JSON: signals, alerts, targets and
//! backends at one instant.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::alertmanager::Alertmanager;
use crate::backend::BackendError;
use crate::combined::Question;
use crate::prometheus::{AlertState, Labels, Prometheus, RuleGroup, RuleKind};
use crate::promql;
use crate::signals::{self, Component, Signal, SignalState, Threshold};
use crate::units::Unit;

/// What the readings are taken from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Metrics and alert rules.
    pub prometheus: Prometheus,
    /// Alerts that are held and notified about; not every setup has one.
    pub alertmanager: Option<Alertmanager>,
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
            state: signals::state(value, threshold),
        }
    }
}

/// An alert rule with the most urgent of its alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertStatus {
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
    /// The number that the expression compares with.
    pub threshold: Option<Threshold>,
    /// How many alerts of this rule are pending or firing.
    pub active: usize,
    /// The labels of the most urgent alert, or of the rule.
    pub labels: Labels,
    /// The annotations of the most urgent alert, rendered, or of the rule, as templates.
    pub annotations: Labels,
    /// The expression.
    pub expr: String,
    /// `for`, in seconds.
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
    /// The alert rules, most urgent first; `None` when they could not be asked for, which is
    /// not the same as none.
    pub alerts: Option<Vec<AlertStatus>>,
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
    statuses.sort_by(|a, b| a.state.cmp(&b.state).then_with(|| a.name.cmp(&b.name)));
    statuses
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
    AlertStatus {
        name: rule.name.clone(),
        state: rule.state,
        since,
        fires_at: urgent.and_then(|alert| alert.fires_at(rule.for_s, interval_s)),
        value: urgent.map(|alert| alert.value),
        threshold: promql::condition(&rule.query)
            .ok()
            .flatten()
            .map(|condition| Threshold {
                comparison: condition.comparison,
                value: condition.threshold,
            }),
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

impl Snapshot {
    /// Asks every source once, all at the same time.
    pub async fn take(sources: &Sources) -> Self {
        let question = signals::question(&sources.signals);
        let (rules, values, held) = tokio::join!(
            timed(sources.prometheus.rules()),
            timed(read_signals(&sources.prometheus, &question)),
            async {
                match &sources.alertmanager {
                    Some(alertmanager) => Some(timed(alertmanager.alerts()).await),
                    None => None,
                }
            },
        );
        let groups = rules.0.as_ref().ok().map(|answer| answer.data.as_slice());
        let thresholds = signals::thresholds(
            groups
                .iter()
                .flat_map(|groups| groups.iter().flat_map(|group| &group.rules)),
        );
        let read = values.0.as_ref().ok();
        let readings = sources.signals.iter().enumerate().map(|(index, signal)| {
            Reading::new(
                signal,
                read.and_then(|(values, _)| values[index]),
                &thresholds,
            )
        });
        let warnings = read
            .map(|(_, warnings)| warnings.clone())
            .unwrap_or_default();
        let error = rules.0.as_ref().err().or(values.0.as_ref().err());
        let latency = rules.1.max(values.1);
        let mut backends = vec![status(
            "prometheus",
            sources.prometheus.base(),
            error,
            latency,
            warnings,
        )];
        if let (Some(alertmanager), Some(held)) = (&sources.alertmanager, &held) {
            let error = held.0.as_ref().err();
            backends.push(status(
                "alertmanager",
                alertmanager.base(),
                error,
                held.1,
                Vec::new(),
            ));
        }
        Self {
            taken_at: Timestamp::now(),
            signals: readings.collect(),
            alerts: groups.map(alert_statuses),
            backends,
        }
    }

    /// The alerts that fire.
    pub fn firing(&self) -> impl Iterator<Item = &AlertStatus> {
        self.alerts
            .iter()
            .flatten()
            .filter(|alert| alert.state == AlertState::Firing)
    }

    /// Whether every backend answered.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.backends.iter().all(|backend| backend.ok)
    }
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
    warnings: Vec<String>,
) -> BackendStatus {
    BackendStatus {
        name,
        url: url.to_string(),
        ok: error.is_none(),
        latency_ms: (latency.as_secs_f64() * 1e6).round() / 1e3,
        error: error.map(ToString::to_string),
        warnings,
    }
}
