//! Proves an alert end to end: stalls every worker and floods the queue, and sees the alert turn
//! pending, fire, be delivered, and, once the fault is undone, the queue drain, the alert resolve
//! and the all-clear arrive, each when it was predicted to; and every accepted vote recorded
//! exactly once.
//!
//! What fires when is predicted before anything is touched; what follows is predicted from the
//! step before it. Times are those of the servers, so that asking adds nothing to them.

mod conservation;
mod course;
mod flooding;
mod forecast;
mod judge;
mod report;
mod rule;
mod run;
mod settle;
mod watch;

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;
use url::Url;
use voteops_ledger::Ledger;
use voteops_observability::BackendError;
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::prediction::Window;
use voteops_observability::prometheus::Prometheus;
use voteops_observability::webhook::ReceiverClient;

use crate::guardian::Launcher;
use crate::record::Target;

pub use report::{Flood, Phase, Report, Step, Verdict, Votes};
pub use run::verify;

/// What a verification works on.
#[derive(Debug)]
pub struct Setup {
    /// The alert to prove.
    pub alert: String,
    /// Evaluates the alert's rule.
    pub prometheus: Prometheus,
    /// Notifies.
    pub alertmanager: Alertmanager,
    /// Receives the notifications.
    pub receiver: ReceiverClient,
    /// Take the votes.
    pub vote_apps: Vec<Url>,
    /// The workers to stall: all of them.
    pub workers: Vec<Target>,
    /// Where the votes end.
    pub ledger: Ledger,
    /// The choices that can be voted for.
    pub choices: Vec<String>,
    /// Where faults are put on record.
    pub state_dir: PathBuf,
    /// Starts guardians.
    pub launcher: Launcher,
    /// What the stack's durations are divided by.
    pub time_scale: f64,
    /// Ends the run early; the fault is undone first.
    pub cancel: CancellationToken,
}

/// What happens while a verification runs, for whoever watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Waiting for the stack to be steady, and why it is not yet.
    Settling(String),
    /// The fault is in force: these workers are stopped, this load is sent.
    Injected {
        /// The workers.
        workers: Vec<String>,
        /// Votes a second.
        rate_per_s: f64,
        /// For how long, in seconds.
        length_s: f64,
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
    /// No fault here makes this alert fire.
    #[error(
        "stalling workers does not prove {alert} (its expression is {expr}): it proves alerts on \
         avg_over_time(redis_queue_length[…]) > N, such as CriticalVoteQueueBacklog"
    )]
    NotProvable {
        /// The alert.
        alert: String,
        /// Its expression.
        expr: String,
    },
    /// The stack is not in a state from which anything could be proven.
    #[error("the stack is not steady: {0}; `voteops status` shows more")]
    NotSteady(String),
    /// The predicted load does not make the alert fire.
    #[error("{alert}: no load that is sent here takes the average over {threshold}")]
    OutOfReach {
        /// The alert.
        alert: String,
        /// Its threshold.
        threshold: f64,
    },
    /// It was ended before anything was injected.
    #[error("interrupted before anything was injected")]
    Interrupted,
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
