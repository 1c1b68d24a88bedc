//! What happens to a rule, in one run and over all runs.

use serde::Serialize;

use super::Confidence;
use crate::replay::machine::State;
use crate::replay::{Window, seconds};

/// How many of the phases lead to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// None that was tried.
    Never,
    /// Some, others not.
    Sometimes,
    /// All that were tried.
    Always,
}

impl Reach {
    fn of(reached: usize, runs: usize) -> Self {
        match reached {
            0 => Self::Never,
            all if all == runs => Self::Always,
            _ => Self::Sometimes,
        }
    }
}

/// A change of the rule's state, from the onset on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// When it happens, in seconds from the onset, for the phases that lead to it.
    pub window: Option<Window>,
    /// How many do.
    pub reach: Reach,
}

/// When a rule changes its state for the first time after the onset. The rule is in the highest
/// state of its alerts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Forecast {
    /// Whether it is pending or firing already at the last evaluation before the onset.
    pub before: Reach,
    /// When it stops being inactive. With `for: 0` it fires at the same time.
    pub pending: Step,
    /// When it fires.
    pub firing: Step,
    /// When it no longer fires.
    pub resolved: Step,
    /// How far this can be trusted.
    pub confidence: Confidence,
}

/// What happens in one run; times in milliseconds from the onset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Outcome {
    before: bool,
    pending_ms: Option<i64>,
    firing_ms: Option<i64>,
    resolved_ms: Option<i64>,
}

impl Outcome {
    /// Takes what an evaluation made of the rule.
    pub(super) fn note(&mut self, at_ms: i64, was: State, is: State) {
        if at_ms < 0 {
            self.before = is != State::Inactive;
            return;
        }
        let pending = was == State::Inactive && is != State::Inactive;
        let firing = was != State::Firing && is == State::Firing;
        let resolved = was == State::Firing && is != State::Firing;
        for (step_ms, happens) in [
            (&mut self.pending_ms, pending),
            (&mut self.firing_ms, firing),
            (&mut self.resolved_ms, resolved),
        ] {
            if happens {
                step_ms.get_or_insert(at_ms);
            }
        }
    }
}

/// The outcomes of all runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) runs: usize,
    before: usize,
    pending: Times,
    firing: Times,
    resolved: Times,
}

/// How often a step was reached, and from when to when.
#[derive(Debug, Default)]
struct Times {
    reached: usize,
    span_ms: Option<(i64, i64)>,
}

impl Tally {
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.runs += 1;
        self.before += usize::from(outcome.before);
        self.pending.add(outcome.pending_ms);
        self.firing.add(outcome.firing_ms);
        self.resolved.add(outcome.resolved_ms);
    }

    pub(super) fn forecast(&self, margin_ms: i64, confidence: Confidence) -> Forecast {
        let step = |times: &Times| times.step(self.runs, margin_ms);
        Forecast {
            before: Reach::of(self.before, self.runs),
            pending: step(&self.pending),
            firing: step(&self.firing),
            resolved: step(&self.resolved),
            confidence,
        }
    }
}

impl Times {
    fn add(&mut self, at_ms: Option<i64>) {
        let Some(at_ms) = at_ms else { return };
        self.reached += 1;
        let (lo_ms, hi_ms) = self.span_ms.unwrap_or((at_ms, at_ms));
        self.span_ms = Some((lo_ms.min(at_ms), hi_ms.max(at_ms)));
    }

    fn step(&self, runs: usize, margin_ms: i64) -> Step {
        let window = self.span_ms.map(|(lo_ms, hi_ms)| Window {
            lo_s: seconds(lo_ms - margin_ms),
            // A window ends before its end.
            hi_s: seconds(hi_ms + margin_ms + 1),
        });
        Step {
            window,
            reach: Reach::of(self.reached, runs),
        }
    }
}
