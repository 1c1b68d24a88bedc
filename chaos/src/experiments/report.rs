//! What an experiment found. Its JSON is described by `schemas/experiment.schema.json`.

use jiff::Timestamp;
use serde::Serialize;

use super::hypothesis::Measured;
use crate::verify::Votes;

/// Whether all was as the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was.
    Met,
    /// Something was not; the deviations say what.
    Deviated,
    /// The run was ended before it could tell.
    Aborted,
}

impl Verdict {
    /// The word for it, the same as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Deviated => "deviated",
            Self::Aborted => "aborted",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is under way.
    Begun,
    /// As the file says.
    Done,
    /// What was waited for did not come in time.
    Unmet,
    /// It could not be done, or was ended before its time.
    Ended,
    /// It was not begun.
    NotBegun,
}

impl Outcome {
    /// The words for it.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Unmet => "unmet",
            Self::Ended => "ended early",
            Self::NotBegun => "not begun",
        }
    }
}

/// A step and what came of it. Times are seconds from the beginning of the method.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Taken {
    /// Its number, from 1.
    pub step: usize,
    /// What it does, with the times that it has on this stack.
    pub told: String,
    /// The fault, if it is one.
    pub fault: Option<String>,
    /// The names of the targets that were touched.
    pub targets: Vec<String>,
    /// When it was begun.
    pub began_s: Option<f64>,
    /// When it was over, and its fault undone.
    pub ended_s: Option<f64>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, unless it is done.
    pub reason: Option<String>,
    /// Whether no fault of it is in force any more.
    #[serde(skip)]
    pub undone: bool,
}

/// What is expected of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// It fires during the method.
    Fires,
    /// It does not fire.
    StaysQuiet,
}

/// What an alert did. Times are seconds from the beginning of the method, of evaluations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// Its name.
    pub alert: String,
    /// What is expected of it; `None` when the file does not name it.
    pub expected: Option<Expected>,
    /// The first evaluation at which it was pending.
    pub pending_s: Option<f64>,
    /// The first evaluation at which it fired.
    pub firing_s: Option<f64>,
    /// The last evaluation at which it fired.
    pub last_firing_s: Option<f64>,
    /// Whether that is as expected; an alert that is not named is always as expected.
    pub ok: bool,
}

/// The votes of a load step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Load {
    /// The step.
    pub step: usize,
    /// Votes that were to be sent.
    pub planned: u64,
    /// Votes that were answered 202.
    pub accepted: u64,
    /// Votes a second that were to be sent.
    pub planned_rate_per_s: f64,
    /// Votes a second that were sent.
    pub achieved_rate_per_s: f64,
    /// Whether it was ended before its time.
    pub cancelled: bool,
}

/// What a probe measured over the time of the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Course {
    /// The probe's name.
    pub name: String,
    /// Its bounds.
    pub bounds: Vec<f64>,
    /// Seconds from the beginning of the method, and the value then.
    pub samples: Vec<(f64, f64)>,
}

/// The whole finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What the experiment is called.
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// Whether all was as the file says.
    pub verdict: Verdict,
    /// Why it was aborted.
    pub reason: Option<String>,
    /// What was not as the file says.
    pub deviations: Vec<String>,
    /// The beginning of the method.
    pub begun_at: Timestamp,
    /// When the method was over and everything undone, in seconds from its beginning.
    pub method_s: f64,
    /// From then until the hypothesis held again, in seconds; `None` when it did not.
    pub recovered_s: Option<f64>,
    /// The hypothesis before the method.
    pub before: Vec<Measured>,
    /// The hypothesis when it held again, or last of all.
    pub after: Vec<Measured>,
    /// What each probe with bounds measured from a little before the method to the end.
    pub courses: Vec<Course>,
    /// Every step.
    pub steps: Vec<Taken>,
    /// Every alert that is named or was active.
    pub alerts: Vec<Alert>,
    /// The loads.
    pub loads: Vec<Load>,
    /// What became of the votes that the experiment sent; `None` when they were not counted.
    pub votes: Option<Votes>,
    /// Whether no fault was left behind.
    pub undone: bool,
    /// What the times of the file are divided by.
    pub time_scale: f64,
}

impl Report {
    /// The verdict in a sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        match self.verdict {
            Verdict::Met => "the hypothesis held before and again, and all was as expected".into(),
            Verdict::Deviated => self.deviations.join("; "),
            Verdict::Aborted => self.reason.clone().unwrap_or_default(),
        }
    }
}

/// Seconds to the millisecond.
pub(super) fn millis(at_s: f64) -> f64 {
    (at_s * 1000.0).round() / 1000.0
}
