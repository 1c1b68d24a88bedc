//! A rule of Grafana as it is being evaluated: its clock, and the state of each of its instances.

use jiff::Timestamp;

use super::types::{self, Alert, Group, Rule};
use crate::prometheus::Labels;

/// Grafana begins evaluations at multiples of this since 1970 (`SchedulerBaseInterval` in `pkg/setting/setting_unified_alerting.go`;
/// `processTick` in `pkg/services/ngalert/schedule/schedule.go`). The rules that are due at one of them are run one after the
/// other until the next, each of the data at that time: in the last place a rule is run nearly so much later.
pub const TICK_S: f64 = 10.0;

/// A rule that is evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveRule {
    /// Its identity, which older versions do not tell.
    pub uid: Option<String>,
    /// Its name.
    pub name: String,
    /// The folder that it is in.
    pub folder: String,
    /// The labels that it gives to its alerts.
    pub labels: Labels,
    /// Between two evaluations, in seconds.
    pub interval_s: f64,
    /// The time that its last evaluation was of: a tick of Grafana's scheduler, not the time at which it was run
    /// (`scheduledAt` in `schedule/alert_rule.go`, `LastEvaluationTime` in `state/state.go`).
    pub evaluated_at: Option<Timestamp>,
    /// Why its last evaluation told nothing.
    pub error: Option<String>,
    /// One for each series, in whatever state.
    pub instances: Vec<Instance>,
}

/// An instance of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its labels.
    pub labels: Labels,
    /// Its state.
    pub state: InstanceState,
    /// Why, where it is not by its numbers: `NoData`, `Error`, `MissingSeries` and others.
    pub reason: Option<String>,
    /// The time of the evaluation at which it came into its state (`StartsAt` of its state).
    pub since: Option<Timestamp>,
}

/// The states that an instance may be in (`State` in Grafana's `pkg/services/ngalert/eval/eval.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// Its condition does not hold.
    Normal,
    /// It holds, and not yet for as long as `for`.
    Pending,
    /// It fires.
    Alerting,
    /// It goes on to fire for as long as `keep_firing_for`.
    Recovering,
    /// There is no data.
    NoData,
    /// It could not be evaluated.
    Error,
    /// Another.
    Unknown,
}

impl Instance {
    /// Whether it is on the way to an alert, or one.
    #[must_use]
    pub fn is_active(&self) -> bool {
        use InstanceState::{Alerting, Pending, Recovering};
        matches!(self.state, Pending | Alerting | Recovering)
    }

    /// Whether it is in its state by its numbers.
    #[must_use]
    pub fn is_by_numbers(&self) -> bool {
        self.reason.is_none()
    }
}

impl LiveRule {
    /// Whether any of its instances is active.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.instances.iter().any(Instance::is_active)
    }

    /// The first time at which one of its instances came into the state that it is in, by its numbers.
    #[must_use]
    pub fn first_in(&self, state: InstanceState) -> Option<Timestamp> {
        let instances = self.instances.iter();
        let there = instances.filter(|it| it.state == state && it.is_by_numbers());
        there.filter_map(|it| it.since).min()
    }

    pub(super) fn of(group: &Group, rule: &Rule) -> Self {
        Self {
            uid: Some(rule.uid.clone()).filter(|uid| !uid.is_empty()),
            name: rule.name.clone(),
            folder: group.file.clone(),
            labels: types::outward(&rule.labels),
            interval_s: group.interval_s,
            evaluated_at: rule.last_evaluation.as_deref().and_then(types::time),
            error: rule.error(),
            instances: rule.alerts.iter().map(Instance::of).collect(),
        }
    }
}

impl Instance {
    fn of(alert: &Alert) -> Self {
        let reason = alert.state.split_once(" (").map(|(_, reason)| reason);
        let reason = reason.map(|reason| reason.trim_end_matches(')').to_owned());
        Self {
            labels: types::outward(&alert.labels),
            state: match types::word(&alert.state).to_ascii_lowercase().as_str() {
                "normal" => InstanceState::Normal,
                "pending" => InstanceState::Pending,
                "alerting" => InstanceState::Alerting,
                "recovering" => InstanceState::Recovering,
                "nodata" => InstanceState::NoData,
                "error" => InstanceState::Error,
                _ => InstanceState::Unknown,
            },
            reason,
            since: alert.active_at.as_deref().and_then(types::time),
        }
    }
}
