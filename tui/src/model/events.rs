//! What happened: the latest events, and the ones that follow from a change of alert states.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use voteops_observability::alertmanager::HeldAlert;
use voteops_observability::prometheus::AlertState;
use voteops_observability::snapshot::AlertStatus;
use voteops_observability::units;

use crate::experiments::{Experiment, Stage};
use crate::lang::tr;
use crate::model::seconds_between;
use crate::settings::{Event, Severity};

/// Events that are kept.
const KEPT: usize = 200;

/// The latest events, newest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events(VecDeque<Event>);

impl Events {
    /// Adds an event; the oldest one goes when there are too many.
    pub(crate) fn push(&mut self, event: Event) {
        // News may come late: an alert's state says since when, not since it was read.
        let place = self
            .0
            .iter()
            .position(|known| known.at <= event.at)
            .unwrap_or(self.0.len());
        self.0.insert(place, event);
        self.0.truncate(KEPT);
    }

    /// The events, newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Event> {
        self.0.iter()
    }
}

/// What makes two statuses the same rule. Rules of one name may differ in `for` alone: one warns
/// early, the other one pages. Labels are those of an alert while there is one, so they do not count.
pub(crate) fn same_rule(a: &AlertStatus, b: &AlertStatus) -> bool {
    let same_for = a.for_s.total_cmp(&b.for_s).is_eq();
    a.origin == b.origin && a.name == b.name && a.expr == b.expr && same_for
}

/// The events that lead from `before` (`None`: not known) to `after`.
pub(crate) fn changes(
    before: Option<&[AlertStatus]>,
    after: &[AlertStatus],
    at: Timestamp,
) -> Vec<Event> {
    after
        .iter()
        .filter_map(|alert| {
            let old = before.map(|before| {
                before
                    .iter()
                    .find(|known| same_rule(known, alert))
                    .map_or(AlertState::Inactive, |known| known.state)
            });
            change(old, alert, at)
        })
        .collect()
}

/// The events that lead from `before` to `after` of the alerts that only Alertmanager tells of, beside
/// all that it holds and the rules: what is silenced now, or has a rule, is not over.
pub(crate) fn held_changes(
    before: &[AlertStatus],
    after: &[AlertStatus],
    (held, rules): (&[HeldAlert], &[AlertStatus]),
    at: Timestamp,
) -> Vec<Event> {
    let is_over = |alert: &&AlertStatus| {
        !held.iter().any(|held| held.name() == alert.name)
            && !rules.iter().any(|rule| rule.name == alert.name)
    };
    let over = before.iter().filter(is_over).map(|alert| AlertStatus {
        state: AlertState::Inactive,
        ..alert.clone()
    });
    let after: Vec<_> = after.iter().cloned().chain(over).collect();
    changes(Some(before), &after, at)
}

/// The events that lead from `before` (`None`: not known) to `after`. What was over before the
/// console looked is history, not news.
pub(crate) fn experiment_changes(
    before: Option<&[Experiment]>,
    after: &[Experiment],
    now: Timestamp,
) -> Vec<Event> {
    let old = |experiment: &Experiment| {
        let known = before?.iter().find(|known| known.id == experiment.id)?;
        Some(known.stage)
    };
    let told = |experiment: &Experiment| {
        let was = old(experiment);
        let fault = &experiment.fault;
        let targets = experiment.targets.join(", ");
        let (at, text, severity) = match (was, experiment.stage) {
            (None, Stage::Running) => (
                experiment.began,
                tr!(
                    "%{fault} began on %{targets}",
                    fault = fault,
                    targets = targets
                ),
                Severity::Info,
            ),
            (Some(Stage::Running | Stage::LeftBehind), Stage::Undone) => (
                experiment.ends.unwrap_or(now).min(now),
                tr!(
                    "%{fault} on %{targets} is undone",
                    fault = fault,
                    targets = targets
                ),
                Severity::Good,
            ),
            (was, Stage::LeftBehind) if was != Some(Stage::LeftBehind) => (
                now,
                tr!(
                    "%{fault} on %{targets} is left behind: voteops chaos recover",
                    fault = fault,
                    targets = targets
                ),
                Severity::Critical,
            ),
            (Some(was), Stage::Failed) if was != Stage::Failed => (
                now,
                tr!(
                    "%{fault} on %{targets} failed",
                    fault = fault,
                    targets = targets
                ),
                Severity::Critical,
            ),
            _ => return None,
        };
        let text = text.into_owned();
        Some(Event { at, text, severity })
    };
    after.iter().filter_map(told).collect()
}

fn change(old: Option<AlertState>, alert: &AlertStatus, at: Timestamp) -> Option<Event> {
    use AlertState::{Firing, Inactive, Pending, Unknown};
    if old == Some(alert.state) {
        return None;
    }
    let since = alert.since.unwrap_or(at);
    let name = alert.full_name();
    let (at, text, severity) = match (old, alert.state) {
        (_, Firing) if alert.is_heartbeat() => return None,
        (Some(Firing), Inactive) if alert.is_heartbeat() => (
            at,
            tr!("%{alert} is silent", alert = name),
            Severity::Critical,
        ),
        (_, Firing) => (
            since,
            tr!("%{alert} firing", alert = name),
            Severity::Critical,
        ),
        (_, Pending) => (since, pending(alert, since), Severity::Warning),
        (Some(Firing), Inactive) => (at, tr!("%{alert} resolved", alert = name), Severity::Good),
        (Some(Pending), Inactive) => (
            at,
            tr!("%{alert} no longer pending", alert = name),
            Severity::Good,
        ),
        (_, Inactive | Unknown) => return None,
    };
    let text = text.into_owned();
    Some(Event { at, text, severity })
}

fn pending(alert: &AlertStatus, since: Timestamp) -> Cow<'static, str> {
    let name = alert.full_name();
    if let Some(at) = alert.fires_at {
        let held = Duration::try_from_secs_f64(seconds_between(since, at));
        let held = units::prometheus_duration(held.unwrap_or_default());
        tr!(
            "%{alert} pending, fires after %{held}",
            alert = name,
            held = held
        )
    } else {
        tr!("%{alert} pending", alert = name)
    }
}
