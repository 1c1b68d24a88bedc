//! The catalogue of signals, and what a reading of one says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::combined::{Part, Question};
use crate::prometheus::{Rule, Series};
use crate::promql::{self, Comparison, Condition};
use crate::units::Unit;

const SHIPPED: &str = include_str!("signals.toml");

/// A part of the service that signals are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// Takes votes over HTTP.
    VoteApp,
    /// Holds the queue and the results cache.
    Redis,
    /// Drains the queue into the ledger.
    Worker,
}

impl Component {
    /// Every component, in the direction that votes flow.
    pub const ALL: [Self; 3] = [Self::VoteApp, Self::Redis, Self::Worker];

    /// The label `job` of its series, and `component` of its alerts.
    #[must_use]
    pub fn job(self) -> &'static str {
        match self {
            Self::VoteApp => "vote_app",
            Self::Redis => "redis",
            Self::Worker => "worker",
        }
    }

    /// The name that a person reads.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::VoteApp => "Vote app",
            Self::Redis => "Redis",
            Self::Worker => "Worker",
        }
    }
}

/// Something worth watching.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// Its identity, `component.name`.
    pub id: String,
    /// What it is a signal of.
    pub component: Component,
    /// The name that a person reads.
    pub title: String,
    /// What its number counts.
    pub unit: Unit,
    /// PromQL that gives one number.
    pub expr: String,
    /// The alert rule whose threshold is this signal's target.
    #[serde(default)]
    pub alert: Option<String>,
    /// The curves of its chart; without any, the signal itself is the only one.
    #[serde(default, rename = "curve")]
    pub curves: Vec<Curve>,
    /// PromQL that gives one number for each instance.
    #[serde(default)]
    pub by_instance: Option<String>,
}

/// A curve of a signal's chart, a quantile for instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// The name that a person reads.
    pub name: String,
    /// PromQL that gives one number.
    pub expr: String,
}

#[derive(Deserialize)]
struct Catalogue {
    signal: Vec<Signal>,
}

/// Why a catalogue of signals cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// Not a catalogue.
    #[error("signals: {0}")]
    Toml(String),
    /// A signal's expression is not PromQL.
    #[error("signal {id}: {reason}")]
    Expression {
        /// The signal's identity.
        id: String,
        /// The parser's message.
        reason: String,
    },
}

/// The signals that the project ships, their ranges divided by `time_scale`.
///
/// # Errors
/// [`SignalError`]; the project's tests hold that the shipped catalogue is readable.
pub fn shipped(time_scale: f64) -> Result<Vec<Signal>, SignalError> {
    let catalogue: Catalogue =
        toml::from_str(SHIPPED).map_err(|error| SignalError::Toml(error.to_string()))?;
    catalogue
        .signal
        .into_iter()
        .map(|signal| signal.scaled(time_scale))
        .collect()
}

impl Signal {
    /// The signal with the ranges of all its expressions divided by `time_scale`.
    fn scaled(mut self, time_scale: f64) -> Result<Self, SignalError> {
        let all = std::iter::once(&mut self.expr)
            .chain(self.curves.iter_mut().map(|curve| &mut curve.expr))
            .chain(&mut self.by_instance);
        for expr in all {
            *expr = promql::scale(expr, time_scale).map_err(|reason| SignalError::Expression {
                id: self.id.clone(),
                reason,
            })?;
        }
        Ok(self)
    }
}

/// The signals as one question, in their order and named by their identities.
#[must_use]
pub fn question(signals: &[Signal]) -> Question {
    let parts = signals.iter().map(|signal| Part {
        name: signal.id.clone(),
        expr: signal.expr.clone(),
    });
    Question::new(parts.collect())
}

/// The value that a signal should not cross.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The comparison that means trouble.
    pub comparison: Comparison,
    /// With what.
    pub value: f64,
}

/// The number that an expression compares with; `None` without one, and when it is not PromQL.
#[must_use]
pub fn threshold(expr: &str) -> Option<Threshold> {
    promql::condition(expr).ok()?.as_ref().map(Threshold::of)
}

impl Threshold {
    /// That of a condition.
    #[must_use]
    pub fn of(condition: &Condition) -> Self {
        Self {
            comparison: condition.comparison,
            value: condition.threshold,
        }
    }
}

/// The thresholds of the alert rules that a server evaluates, by alert name.
#[must_use]
pub fn thresholds<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> BTreeMap<String, Threshold> {
    rules
        .into_iter()
        .filter_map(|rule| Some((rule.name.clone(), threshold(&rule.query)?)))
        .collect()
}

/// What a signal's value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignalState {
    /// On the right side of its threshold, or a signal that no alert is about.
    Ok,
    /// Across its threshold; the alert follows if that lasts.
    Breached,
    /// An alert is about it, but from where on is not known: its rule was not told, is not among
    /// those that are evaluated, or compares with no one number.
    Unjudged,
    /// There is no number: missing is not zero.
    Missing,
}

/// The state of a value against the threshold of the alert that is about its signal, if one is.
#[must_use]
pub fn state(value: Option<f64>, threshold: Option<Threshold>, alert: Option<&str>) -> SignalState {
    match (value.filter(|value| !value.is_nan()), threshold) {
        (None, _) => SignalState::Missing,
        (Some(value), Some(limit)) if limit.comparison.holds(value, limit.value) => {
            SignalState::Breached
        }
        (Some(_), None) if alert.is_some() => SignalState::Unjudged,
        _ => SignalState::Ok,
    }
}

/// The one number of an instant query's answer; `None` when there is no series, or when its
/// number is NaN.
#[must_use]
pub fn single_value(series: &[Series]) -> Option<f64> {
    series
        .first()?
        .samples
        .last()
        .map(|sample| sample.value)
        .filter(|value| !value.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_catalogue_is_whole() {
        let signals = shipped(1.0).unwrap();
        for component in Component::ALL {
            assert!(signals.iter().filter(|s| s.component == component).count() >= 3);
        }
        let alerts = crate::rules::shipped().unwrap();
        for signal in &signals {
            promql_parser::parser::parse(&signal.expr).unwrap();
            if let Some(name) = &signal.alert {
                assert!(alerts.iter().any(|rule| rule.name == *name), "{name}");
            }
        }
        let mut ids: Vec<_> = signals.iter().map(|signal| &signal.id).collect();
        ids.sort();
        for signal in &signals {
            for expr in signal.curves.iter().map(|curve| &curve.expr) {
                promql_parser::parser::parse(expr).unwrap();
            }
            promql_parser::parser::parse(signal.by_instance.as_ref().unwrap()).unwrap();
            // A latency is never one number only.
            let latency = signal.unit == Unit::Seconds;
            assert_eq!(
                signal.curves.len(),
                if latency { 3 } else { 0 },
                "{}",
                signal.id
            );
        }
        ids.dedup();
        assert_eq!(ids.len(), signals.len());
    }

    #[test]
    fn ranges_follow_the_time_scale() {
        assert!(
            shipped(30.0)
                .unwrap()
                .iter()
                .any(|signal| signal.expr.contains("[2s]"))
        );
    }

    #[test]
    fn missing_is_neither_ok_nor_breached() {
        let limit = Some(Threshold {
            comparison: Comparison::Above,
            value: 10.0,
        });
        let alert = Some("A");
        assert_eq!(state(Some(11.0), limit, alert), SignalState::Breached);
        assert_eq!(state(Some(10.0), limit, alert), SignalState::Ok);
        assert_eq!(state(None, limit, alert), SignalState::Missing);
        assert_eq!(state(Some(f64::NAN), limit, alert), SignalState::Missing);
        assert_eq!(state(Some(5.0), None, None), SignalState::Ok);
        assert_eq!(state(Some(5.0), None, alert), SignalState::Unjudged);
        assert_eq!(state(None, None, alert), SignalState::Missing);
    }
}
