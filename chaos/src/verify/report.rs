//! What a verification found. Its JSON is described by `schemas/verify.schema.json`.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;
use voteops_observability::replay::Window;

use super::{Delivery, ManagedBy, Manager, Setup};
use crate::catalogue::Entry;

/// Whether the alert was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every phase was observed inside its window, and no vote was lost or counted twice.
    Proven,
    /// Something was not as predicted; the reason says what.
    Refuted,
    /// The run was ended before it could tell.
    Aborted,
}

/// A step of the way from fault to all-clear, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The rule's condition holds.
    Pending,
    /// It has held for `for`.
    Firing,
    /// Alertmanager's notification arrived.
    Notified,
    /// The fault is undone.
    Undone,
    /// The queue is back to where it was.
    Drained,
    /// The rule's condition holds no more.
    Resolved,
    /// Alertmanager's all-clear arrived.
    ResolvedNotified,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Firing,
        Self::Notified,
        Self::Undone,
        Self::Drained,
        Self::Resolved,
        Self::ResolvedNotified,
    ];

    /// The name that a person reads, the same as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Notified => "notified",
            Self::Undone => "undone",
            Self::Drained => "drained",
            Self::Resolved => "resolved",
            Self::ResolvedNotified => "resolved_notified",
        }
    }
}

/// A step with what was predicted and what was seen. Times are seconds from the onset of the fault.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// Which step.
    pub name: Step,
    /// When it was to happen; `None` when the run ended before that could be said.
    pub predicted_s: Option<Window>,
    /// When it happened, by the server's own timestamp where it has one.
    pub observed_s: Option<f64>,
    /// Whether it happened when it was to happen.
    pub ok: bool,
}

impl Phase {
    /// A step that has not happened.
    #[must_use]
    pub fn awaited(name: Step, predicted_s: Option<Window>) -> Self {
        Self {
            name,
            predicted_s,
            observed_s: None,
            ok: false,
        }
    }

    /// The step, seen at `at_s`.
    #[must_use]
    pub fn seen(self, at_s: f64) -> Self {
        let ok = self.predicted_s.is_some_and(|window| window.contains(at_s));
        Self {
            observed_s: Some((at_s * 1000.0).round() / 1000.0),
            ok,
            ..self
        }
    }
}

/// What became of the votes that the run cast.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Votes {
    /// Answered 202.
    pub accepted: usize,
    /// Accepted ones that are in the ledger.
    pub recorded: usize,
    /// Accepted ones that are not.
    pub lost: usize,
    /// Recorded more than once.
    pub duplicated: usize,
    /// Whether the ledger was asked; where it could not be, nothing is known of those above.
    pub audited: bool,
    /// The votes that are lost, at most a hundred of them.
    pub lost_ids: Vec<Uuid>,
}

impl Votes {
    /// In words.
    #[must_use]
    pub fn told(&self) -> String {
        let Self {
            accepted,
            recorded,
            lost,
            duplicated,
            ..
        } = self;
        match (self.audited, accepted) {
            (true, _) => format!(
                "{accepted} accepted, {recorded} recorded, {lost} lost, {duplicated} duplicated"
            ),
            (false, 0) => "none was cast".to_owned(),
            (false, _) => format!("{accepted} accepted; no ledger was named to look for them in"),
        }
    }

    /// What is wrong with them, if anything is: votes that were accepted are recorded once each.
    pub(crate) fn flaw(&self) -> Option<String> {
        if self.lost > 0 {
            return Some(format!(
                "{} accepted votes are not in the ledger",
                self.lost
            ));
        }
        (self.duplicated > 0).then(|| format!("{} votes are in the ledger twice", self.duplicated))
    }

    /// These, with those that an earlier attempt cast.
    pub(super) fn after(mut self, earlier: Self) -> Self {
        self.accepted += earlier.accepted;
        self.recorded += earlier.recorded;
        self.lost += earlier.lost;
        self.duplicated += earlier.duplicated;
        self.lost_ids.extend(earlier.lost_ids);
        self
    }

    /// How many are lost, if that is known.
    #[must_use]
    pub fn known_lost(&self) -> Option<usize> {
        self.audited.then_some(self.lost)
    }
}

/// The load that the run sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Flood {
    /// Votes that were to be sent.
    pub planned: u64,
    /// Votes that were answered 202.
    pub accepted: u64,
    /// Votes a second that were to be sent.
    pub planned_rate_per_s: f64,
    /// Votes a second that were sent.
    pub achieved_rate_per_s: f64,
}

/// What the rule compares with its threshold, as the server has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subject {
    /// The left side of the comparison.
    pub expr: String,
    /// The right side.
    pub threshold: f64,
    /// Its values: seconds from the onset, and the value then.
    pub samples: Vec<(f64, f64)>,
}

/// How long it took to know, to tell, and to be well again, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// From the onset until the alert fired: the time to detect.
    pub detect_s: Option<f64>,
    /// From the onset until the notification arrived.
    pub notify_s: Option<f64>,
    /// From the end of the fault until the alert resolved: the time to recover.
    pub recover_s: Option<f64>,
}

impl Times {
    /// Those of a course.
    pub(super) fn of(phases: &[Phase]) -> Self {
        let seen = |step| {
            let mut phases = phases.iter();
            phases.find(|phase| phase.name == step)?.observed_s
        };
        let recovered = seen(Step::Resolved).zip(seen(Step::Undone));
        Self {
            // An evaluation under way at the onset may bear a time before it.
            detect_s: seen(Step::Firing).map(|s| s.max(0.0)),
            notify_s: seen(Step::Notified).map(|s| s.max(0.0)),
            recover_s: recovered.map(|(resolved_s, undone_s)| {
                ((resolved_s - undone_s).max(0.0) * 1000.0).round() / 1000.0
            }),
        }
    }
}

/// The whole finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The alert.
    pub alert: String,
    /// The fault that was to make it fire.
    pub fault: String,
    /// Whether it was proven.
    pub verdict: Verdict,
    /// Why not, or a summary.
    pub reason: String,
    /// The steps, in order.
    pub phases: Vec<Phase>,
    /// How long it took to know, to tell, and to be well again.
    pub times: Times,
    /// What the rule compares; `None` when it compares nothing, or nothing was injected.
    pub subject: Option<Subject>,
    /// What became of the votes.
    pub votes: Votes,
    /// The load.
    pub flood: Flood,
    /// Whether no fault was left behind.
    pub undone: bool,
    /// What the stack's durations are divided by.
    pub time_scale: f64,
    /// Who evaluates the alert's rule.
    pub managed_by: ManagedBy,
    /// Who told of notifications.
    pub delivery: ToldBy,
    /// The onset of the fault; `None` when none was injected.
    pub onset: Option<Timestamp>,
}

/// Who told of notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToldBy {
    /// A receiver of ours, where they arrived.
    Receiver,
    /// Alertmanager, which held the alert.
    Alertmanager,
    /// Grafana's own Alertmanager, which held the alert.
    Grafana,
}

impl ToldBy {
    /// What that leaves open, in words, if it does.
    #[must_use]
    pub fn caveat(self) -> Option<&'static str> {
        match self {
            Self::Receiver => None,
            Self::Alertmanager => {
                Some("Alertmanager held the alert; no receiver was asked whether anybody was told")
            }
            Self::Grafana => Some(
                "Grafana's own Alertmanager held the alert; it notifies no receiver of voteops, or is muted, so that nobody was \
                 asked whether anybody was told",
            ),
        }
    }
}

impl Delivery {
    /// Who tells.
    pub(super) fn told_by(&self, manager: &Manager) -> ToldBy {
        match (self, manager) {
            (Self::Receiver(_), _) => ToldBy::Receiver,
            (Self::Alertmanager, Manager::Prometheus) => ToldBy::Alertmanager,
            (Self::Alertmanager, Manager::Grafana(_)) => ToldBy::Grafana,
        }
    }
}

impl Report {
    /// A verdict that stands before anything was done.
    pub(super) fn refuted_at_once(setup: &Setup, fault: &Entry, reason: String) -> Self {
        let steps = Step::ALL.into_iter().filter(|step| *step != Step::Drained);
        Self {
            alert: setup.alert.clone(),
            fault: fault.name.into(),
            verdict: Verdict::Refuted,
            reason,
            phases: steps.map(|step| Phase::awaited(step, None)).collect(),
            times: Times::default(),
            subject: None,
            votes: Votes::default(),
            flood: Flood::default(),
            undone: true,
            time_scale: setup.time_scale,
            managed_by: setup.manager.name(),
            delivery: setup.delivery.told_by(&setup.manager),
            onset: None,
        }
    }
}
