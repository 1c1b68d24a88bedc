//! What an experiment file says, once it is known to be sound.

use std::time::Duration;

use voteops_observability::promql::Comparison;

use crate::catalogue::Entry;

/// An experiment: what has to hold, what is done, and what is expected of the alerts meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// The steady state.
    pub hypothesis: Hypothesis,
    /// What alerts are to do meanwhile.
    pub expect: Expect,
    /// What is done, one stage after the other.
    pub method: Vec<Stage>,
    /// Stop conditions, in PromQL.
    pub abort: Vec<String>,
}

/// The steady-state hypothesis: it has to hold before anything is touched, and again at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// How long it may take to hold again once everything is undone.
    pub within: Duration,
    /// What is measured.
    pub probes: Vec<Probe>,
    /// Whether each vote that was accepted of the experiment's own load has to be counted exactly
    /// once.
    pub votes_conserved: bool,
}

/// Something that is measured, and what it has to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// What holds when it is as it has to be.
    pub name: String,
    /// The expression.
    pub promql: String,
    /// Its tolerance.
    pub wanted: Wanted,
}

/// The tolerance of a probe.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// There is a result, and each of its values is within all of these bounds. NaN is within none.
    Within(Vec<(Comparison, f64)>),
    /// There is no result.
    Empty,
}

/// What is expected of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// They fire between the beginning and the end of the method.
    pub fires: Vec<String>,
    /// They do not fire before the hypothesis holds again.
    pub stays_quiet: Vec<String>,
}

impl Expect {
    /// Every alert that is named; none of them may be active before, or at the end.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        let all = self.fires.iter().chain(&self.stays_quiet);
        all.map(String::as_str)
    }
}

/// Steps that are taken at the same time; most often it is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A step of the method.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The first step is number 1.
    pub number: usize,
    /// What is done.
    pub act: Act,
}

/// What is done in a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A fault is injected, held, and undone.
    Fault {
        /// Which fault, and on whom.
        fault: FaultStep,
        /// When it is undone.
        end: End,
    },
    /// Votes are sent.
    Load(LoadStep),
    /// Nothing is done for a while.
    Wait(Duration),
    /// Nothing is done until an alert is in a state.
    Until(Until),
}

/// When a fault is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// After this time.
    After(Duration),
    /// Once an alert is in a state.
    Until(Until),
}

/// A state of an alert that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Until {
    /// The alert.
    pub alert: String,
    /// The state.
    pub is: AlertIs,
    /// How long it may take, from the beginning of the step; of a fault, from when it is in force.
    pub within: Duration,
}

/// A state that an alert can be waited for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertIs {
    /// Its condition holds, but not yet for as long as it has to.
    Pending,
    /// It fires.
    Firing,
    /// Its condition does not hold.
    Inactive,
}

impl AlertIs {
    /// The states there are.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Firing, Self::Inactive];

    /// The word for it in files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Inactive => "inactive",
        }
    }
}

/// A fault of the catalogue with what it is given. What is `None` is as the fault's own command has
/// it.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultStep {
    /// The fault.
    pub fault: &'static Entry,
    /// Which targets: `all`, a number or a share of them, or their names.
    pub targets: Vec<String>,
    /// Draws the targets when a number or a share is meant.
    pub seed: Option<u64>,
    /// How long something is held up. It is a value like a threshold, which no time scale divides.
    pub latency: Option<Duration>,
    /// The share of the votes that is touched, above 0 and at most 1.
    pub share: Option<f64>,
    /// The status that votes are refused with.
    pub status: Option<u16>,
    /// The share of its memory limit that Redis is filled to.
    pub to: Option<f64>,
    /// How often the results are read, times a second.
    pub reads_per_s: Option<f64>,
}

/// Votes that are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadStep {
    /// How many.
    pub amount: Amount,
    /// For how long.
    pub length: Duration,
    /// What is voted for, with weights; empty for the ballot's own choices in equal parts.
    pub choices: Vec<(String, u32)>,
    /// Decides who votes for what.
    pub seed: u64,
}

/// How many votes are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// So many a second, from the first rate evenly to the second.
    Rate {
        /// Votes a second at the beginning.
        from_per_s: f64,
        /// Votes a second at the end; the same for a constant rate.
        to_per_s: f64,
    },
    /// So many in all, evenly over the time; a time scale does not change how many.
    Votes(u64),
}

impl LoadStep {
    /// The highest rate, in votes a second.
    #[must_use]
    pub fn highest_per_s(&self) -> f64 {
        match self.amount {
            Amount::Rate {
                from_per_s,
                to_per_s,
            } => from_per_s.max(to_per_s),
            #[expect(
                clippy::cast_precision_loss,
                reason = "checked to be far below 2^52 when it was read"
            )]
            Amount::Votes(votes) => votes as f64 / self.length.as_secs_f64(),
        }
    }
}

impl Step {
    /// The longest that it may take.
    #[must_use]
    pub fn longest(&self) -> Duration {
        match &self.act {
            Act::Fault {
                end: End::After(length),
                ..
            }
            | Act::Wait(length) => *length,
            Act::Fault {
                end: End::Until(until),
                ..
            }
            | Act::Until(until) => until.within,
            Act::Load(load) => load.length,
        }
    }
}

impl Script {
    /// Every step, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.method.iter().flat_map(|stage| &stage.steps)
    }
}
