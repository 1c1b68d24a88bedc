//! When a rule turns pending, fires and resolves, over every phase of scrapes and evaluations that
//! is not known.
//!
//! A phase between two that are tried may move a step by as much as the two are apart, so that
//! windows are wider by the largest such distance. The extremes of every interval are tried, the
//! phases at which a scrape meets a change of the scenario, and those at which an evaluation meets
//! a scrape, its time limit, or the end of a window. What this does not cover: a condition that
//! flickers at phases between those tried, and, of several targets whose phases are unknown, every
//! combination of them.

mod limits;
mod phases;
mod replay;
mod steps;

use serde::Serialize;

pub use replay::{Evaluation, Replay};
pub use steps::{Forecast, Reach, Step};

use super::eval::{EvalError, QueryError};
use super::machine::Holds;
use super::scenario::{Basis, Phase};

/// An alert rule, and when it is evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its expression.
    pub expr: String,
    /// Its `for` and `keep_firing_for`.
    pub holds: Holds,
    /// Between two evaluations of its group.
    pub interval_ms: i64,
    /// When its group is evaluated.
    pub phase: Phase,
    /// How much later than the time that it is of an evaluation is run. It sees what was stored until then, of samples up to
    /// that time. Prometheus runs its own at once, Grafana one after the other.
    pub lag_ms: i64,
    /// A time before the onset at which it is known to have been inactive: it is evaluated from
    /// then on. Without one it is evaluated for as long as its `for` before the onset.
    pub inactive_at_ms: Option<i64>,
}

/// How many phases of an interval are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Of scrapes.
    pub scrapes: u16,
    /// Of evaluations.
    pub evaluations: u16,
}

impl Default for Grid {
    /// Twenty of each.
    fn default() -> Self {
        Self {
            scrapes: 20,
            evaluations: 20,
        }
    }
}

/// One choice of all phases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phases {
    /// A time at which each target is scraped, in their order.
    pub scrapes_ms: Vec<i64>,
    /// A time at which the rule is evaluated.
    pub evaluation_ms: i64,
}

/// How far a forecast can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Confidence {
    /// Whether the phases are known.
    pub phases: Trial,
    /// What the scenario is founded on.
    pub scenario: Basis,
}

/// Which phases a forecast is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Trial {
    /// The ones that are known to be.
    Known,
    /// Many, since some are not known.
    Enumerated {
        /// Choices of all phases that were replayed.
        runs: usize,
        /// By how much the windows are wider than what was found, for the phases in between.
        margin_s: f64,
    },
}

/// Why a rule cannot be replayed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReplayError {
    /// The expression is not one that the replay can evaluate.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Prometheus would refuse to evaluate it.
    #[error("the rule fails {at_s} s from the onset: {source}")]
    Eval {
        /// When.
        at_s: f64,
        /// Why.
        source: EvalError,
    },
    /// An interval, a limit or a duration that cannot be.
    #[error("{what} is {ms} ms, which cannot be")]
    Duration {
        /// Which one.
        what: &'static str,
        /// Its length.
        ms: i64,
    },
    /// More samples than the replay holds.
    #[error("the replay would hold more than {most_samples} samples")]
    TooLarge {
        /// The limit.
        most_samples: i64,
    },
    /// Phases for another number of targets.
    #[error("the scenario has {targets} targets, not {phases}")]
    Phases {
        /// The targets of the scenario.
        targets: usize,
        /// The phases that were given.
        phases: usize,
    },
}
