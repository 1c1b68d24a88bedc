//! Proves an alert end to end: injects a fault, and sees the alert turn pending, fire, be
//! delivered, and, once the fault is undone, resolve and the all-clear arrive, each when it was
//! predicted to; and every accepted vote recorded exactly once.
//!
//! Predictions come from a replay of the rule ([`voteops_observability::replay`]) over the samples
//! so far and what the fault is expected to do to them (`effect.rs`, `outlook.rs`), with the phases
//! of scrapes and evaluations that the server tells. When the alert is to fire is predicted before
//! anything is touched, and to the onset once it is known; what follows, from the step before it.
//! Times are those of the servers, so that asking adds nothing to them.

mod again;
pub(crate) mod conservation;
mod course;
mod effect;
mod flooding;
mod forecast;
mod judge;
mod manager;
mod outages;
mod outlook;
mod report;
mod rule;
mod run;
mod scene;
mod settle;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use url::Url;
use voteops_ledger::Ledger;
use voteops_observability::BackendError;
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::prometheus::Prometheus;
use voteops_observability::replay::ReplayError;
use voteops_observability::replay::Window;
use voteops_observability::webhook::ReceiverClient;

use crate::faults::Plan;
use crate::guardian::Launcher;

pub use manager::{ManagedBy, Manager};
pub use report::{Flood, Phase, Report, Step, Subject, Times, ToldBy, Verdict, Votes};
pub use run::verify;

/// What a verification works on.
#[derive(Debug)]
pub struct Setup {
    /// The alert to prove.
    pub alert: String,
    /// Whether its rule is to be the one that the project ships.
    pub is_shipped: bool,
    /// Who evaluates the alert's rule.
    pub manager: Manager,
    /// Holds the series that it reads.
    pub prometheus: Prometheus,
    /// Notifies: an Alertmanager of its own, or that of Grafana where Grafana manages the rule.
    pub alertmanager: Alertmanager,
    /// Who tells that it has notified.
    pub delivery: Delivery,
    /// The votes that may be cast; none where nobody takes any.
    pub voting: Option<Voting>,
    /// The fault.
    pub plan: Plan,
    /// Of what Prometheus scrapes, what is a target of the fault: `host:port`, or `host` for whatever
    /// port.
    pub touched: Vec<String>,
    /// How often the results are read while their cache is cold, times a second.
    pub reads_per_s: f64,
    /// Where faults are put on record.
    pub state_dir: PathBuf,
    /// Starts guardians.
    pub launcher: Launcher,
    /// What the stack's durations are divided by.
    pub time_scale: f64,
    /// The longest that its fault may last.
    pub longest: Option<Duration>,
    /// The highest rate of votes or reads, in a second.
    pub highest_rate_per_s: Option<f64>,
    /// Ends the run early; the fault is undone first.
    pub cancel: CancellationToken,
}

/// Who tells that Alertmanager has notified.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// A receiver of ours: the notification itself is seen to arrive.
    Receiver(ReceiverClient),
    /// Alertmanager, where no receiver can be asked: it tells that it holds the alert, not that it has
    /// told anybody of it.
    Alertmanager,
}

/// The votes of a verification.
#[derive(Debug)]
pub struct Voting {
    /// Take the votes.
    pub vote_apps: Vec<Url>,
    /// The choices that can be voted for.
    pub choices: Vec<String>,
    /// Where the votes end; without it they are not audited.
    pub ledger: Option<Ledger>,
}

/// What happens while a verification runs, for whoever watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Waiting for the stack to be steady, and why it is not yet.
    Settling(String),
    /// The fault is in force.
    Injected {
        /// Its name.
        fault: &'static str,
        /// The names of its targets.
        targets: String,
        /// The load that is sent besides: votes a second, and for how many seconds.
        load: Option<(f64, f64)>,
    },
    /// Waiting for a step that is to happen in the window.
    Awaiting {
        /// The step.
        step: Step,
        /// When it is to happen, in seconds from the onset.
        predicted: Window,
        /// Seconds from the onset to now.
        now_s: f64,
    },
    /// A step happened, or was given up.
    Phase(Phase),
    /// The votes are being counted.
    Counting,
}

/// Why a verification could not be run. Nothing is left injected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server has no such alert.
    #[error("no alert {alert}: {hint}")]
    UnknownAlert {
        /// The name that was given.
        alert: String,
        /// What was meant, perhaps.
        hint: String,
    },
    /// The rule cannot be replayed.
    #[error("{alert} cannot be predicted: {reason} (its expression is {expr})")]
    NotProvable {
        /// The alert.
        alert: String,
        /// Its expression.
        expr: String,
        /// What it uses that is not supported.
        reason: String,
    },
    /// Grafana's rule cannot be replayed.
    #[error("{alert}, managed by Grafana, cannot be predicted: {reason}")]
    Managed {
        /// The alert.
        alert: String,
        /// Why, and the way out.
        reason: String,
    },
    /// The stack is not in a state from which anything could be proven.
    #[error("the stack is not steady: {0}; `voteops status` shows more")]
    NotSteady(String),
    /// The fault is not expected to make the alert fire.
    #[error(
        "{fault} is not expected to make {alert} fire, so it would prove nothing; \
         `voteops chaos list` tells which fault does"
    )]
    OutOfReach {
        /// The alert.
        alert: String,
        /// The fault.
        fault: &'static str,
    },
    /// The alert takes votes, and nobody is there to take them.
    #[error(
        "{alert} takes votes or readings to fire under {fault}; name the vote apps with --vote-app"
    )]
    NoVoteApp {
        /// The alert.
        alert: String,
        /// The fault.
        fault: &'static str,
    },
    /// The fault would have to last longer than it may.
    #[error(
        "{alert} takes a fault of up to {needs_s:.0} s, and none may last longer than {longest_s:.0} s"
    )]
    TooLong {
        /// The alert.
        alert: String,
        /// How long the fault may have to last, in seconds.
        needs_s: f64,
        /// The longest that is allowed, in seconds.
        longest_s: f64,
    },
    /// Prometheus would refuse the rule on what is expected of its series.
    #[error("the rule cannot be replayed: {0}")]
    Replay(#[from] ReplayError),
    /// It was ended before anything was injected.
    #[error("interrupted before anything was injected")]
    Interrupted,
    /// A stop condition came to hold before anything was injected.
    #[error("{0}, before anything was injected")]
    Stopped(String),
    /// The load would be faster than it may.
    #[error("{alert} takes a load of {needs_per_s:.0}/s, and none may be above {highest_per_s}/s")]
    TooFast {
        /// The alert.
        alert: String,
        /// The load that it takes, votes or reads in a second.
        needs_per_s: f64,
        /// The highest that is allowed.
        highest_per_s: f64,
    },
    /// The votes or readings that it takes cannot be sent.
    #[error("no votes can be sent, so nothing was injected: {0}")]
    Load(#[from] crate::load::LoadError),
    /// A backend could not be asked.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The ledger could not be asked.
    #[error("the votes cannot be counted: {0}")]
    Ledger(#[from] voteops_ledger::Error),
    /// The fault could not be injected, or not undone.
    #[error(transparent)]
    Fault(#[from] crate::Error),
}

#[cfg(test)]
mod tests;
