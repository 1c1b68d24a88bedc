//! A run: hypothesis, method, undoing, hypothesis again, votes, verdict.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voteops_ledger::Ledger;
use voteops_observability::BackendError;
use voteops_observability::prometheus::Prometheus;

use super::casting::{self, Polls};
use super::format::{Act, AlertIs, FaultStep, Script};
use super::hypothesis::{self, Look};
use super::judge;
use super::method::Method;
use super::report::{Alert, Report, Taken, Verdict, millis};
use super::seen::Watcher;
use crate::abort::{Watched, tripped};
use crate::experiment::Experiment;
use crate::faults::Plan;
use crate::guardian::Launcher;

/// How long the hypothesis may take to hold before anything is touched, unless less is said of how
/// long it may take to hold again.
const SETTLE: Duration = Duration::from_secs(30);
/// How often what the alerts did is asked for at the end before that is given up.
const LAST_LOOKS: u32 = 5;

/// What an experiment works on.
pub struct Setup<'a> {
    /// Evaluates probes and alerts.
    pub prometheus: Prometheus,
    /// Take the votes.
    pub polls: Polls,
    /// Where the votes end.
    pub ledger: Ledger,
    /// Where faults are put on record.
    pub state_dir: PathBuf,
    /// Starts guardians.
    pub launcher: Launcher,
    /// What the times of the file were divided by.
    pub time_scale: f64,
    /// How often the results are read in a step that does not say, times a second.
    pub reads_per_s: f64,
    /// Plans a fault on targets that are there now, and touches nothing.
    pub plan: &'a dyn Fn(&FaultStep) -> Result<Plan, String>,
    /// Ends the run early; everything is undone first.
    pub cancel: CancellationToken,
}

/// What happens while an experiment runs, for whoever watches. Times are seconds from the beginning of
/// the method.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// The hypothesis does not hold yet, and why.
    Settling(String),
    /// The hypothesis holds, and the method begins.
    Begun,
    /// A step was begun.
    Step(Taken),
    /// A step is over.
    StepOver(Taken),
    /// The method goes on, since so many seconds.
    Going(f64),
    /// An alert was seen in a state for the first time.
    AlertIs {
        /// The alert.
        alert: String,
        /// Pending or firing.
        is: AlertIs,
        /// The evaluation.
        at_s: f64,
    },
    /// The method is over and everything undone; the hypothesis does not hold again yet, and why.
    Recovering(String),
    /// The hypothesis holds again, after so many seconds.
    Recovered(f64),
    /// The votes are being counted.
    Counting,
    /// What an alert did, told at the end.
    Alert(Alert),
}

/// Why an experiment could not be run. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hypothesis does not hold before anything was done, so that nothing could be told after.
    #[error(
        "the hypothesis does not hold, so nothing was touched: {0}; `voteops status` shows more"
    )]
    NotSteady(String),
    /// A load cannot be sent.
    #[error("step {step}: {reason}")]
    Load {
        /// The step.
        step: usize,
        /// Why not.
        reason: String,
    },
    /// It was ended before anything was touched.
    #[error("{0}, before anything was touched")]
    Stopped(String),
    /// Prometheus could not be asked.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// Another experiment is running, or has left something behind.
    #[error(transparent)]
    Fault(#[from] crate::Error),
}

/// Runs an experiment whose times are those of this stack ([`Script::scaled`]).
///
/// # Errors
/// [`Error`], with nothing touched. What goes wrong from then on is in the report.
pub async fn run(
    script: &Script,
    setup: &Setup<'_>,
    conditions: Option<&Watched>,
    progress: &dyn Fn(Progress),
) -> Result<Report, Error> {
    sendable(script, &setup.polls)?;
    let experiment = Experiment::open(&setup.state_dir)?.until(setup.cancel.clone());
    let before = settle(script, setup, conditions, progress).await?;
    let begun_at = Timestamp::now();
    let watcher = Watcher::new(&setup.prometheus, begun_at).await?;
    let run_id = format!("experiment-{}", Uuid::now_v7().simple());
    progress(Progress::Begun);
    let method = Method {
        setup,
        script,
        conditions,
        experiment: &experiment,
        watcher: &watcher,
        progress,
        run_id: &run_id,
        over: CancellationToken::new(),
        ended: RefCell::default(),
        casts: RefCell::default(),
        taken: RefCell::default(),
        undone: Cell::new(true),
    };
    method.go().await;
    let method_s = watcher.now_s();
    let (recovery, recovered_s) = recover(&method, method_s).await;
    conclude(&method, before, recovery, begun_at, method_s, recovered_s).await
}

/// Refuses loads that cannot be sent.
fn sendable(script: &Script, polls: &Polls) -> Result<(), Error> {
    for step in script.steps() {
        if let Act::Load(load) = &step.act {
            let plan = casting::load_plan(load, polls, "checked".into());
            plan.map_err(|reason| Error::Load {
                step: step.number,
                reason,
            })?;
        }
    }
    Ok(())
}

/// Waits until the hypothesis holds.
async fn settle(
    script: &Script,
    setup: &Setup<'_>,
    conditions: Option<&Watched>,
    progress: &dyn Fn(Progress),
) -> Result<Look, Error> {
    let lacking = |told: &str| progress(Progress::Settling(told.to_owned()));
    let patience = SETTLE.min(script.hypothesis.within);
    let look = tokio::select! {
        look = hypothesis::wait(&setup.prometheus, script, patience, lacking) => look,
        () = setup.cancel.cancelled() => return Err(Error::Stopped("interrupted".into())),
        reason = tripped(conditions) => return Err(Error::Stopped(reason)),
    };
    match look.lacking {
        Some(lacking) => Err(Error::NotSteady(lacking)),
        None => Ok(look),
    }
}

/// Waits until the hypothesis holds again, unless the run was ended; the last look, and how many
/// seconds after the method it held.
async fn recover(method: &Method<'_>, method_s: f64) -> (Look, Option<f64>) {
    if method.ended.borrow().is_some() {
        return (Look::default(), None);
    }
    let tell = method.progress;
    let patience = method.script.hypothesis.within;
    let lacking = |told: &str| tell(Progress::Recovering(told.to_owned()));
    let look = tokio::select! {
        look = hypothesis::wait(&method.setup.prometheus, method.script, patience, lacking) => look,
        reason = method.interrupted() => {
            method.end(reason);
            Look::default()
        }
        never = method.watcher.watch() => match never {},
    };
    let held = look.lacking.is_none() && method.ended.borrow().is_none();
    let recovered_s = held.then(|| millis(method.watcher.now_s() - method_s));
    if let Some(after_s) = recovered_s {
        tell(Progress::Recovered(after_s));
    }
    (look, recovered_s)
}

async fn conclude(
    method: &Method<'_>,
    before: Look,
    recovery: Look,
    begun_at: Timestamp,
    method_s: f64,
    recovered_s: Option<f64>,
) -> Result<Report, Error> {
    let script = method.script;
    let tell = method.progress;
    let mut ended = method.ended.borrow().clone();
    if let Err(error) = last_look(method.watcher).await {
        ended.get_or_insert(format!("what the alerts did cannot be asked for: {error}"));
    }
    let casts = method.casts.take();
    let mut votes = None;
    if !casts.is_empty() {
        tell(Progress::Counting);
        match casting::count(&casts, &method.setup.ledger, method.run_id).await {
            Ok(counted) => votes = Some(counted),
            Err(error) => {
                ended.get_or_insert(format!("the votes cannot be counted: {error}"));
            }
        }
    }
    let alerts = judge::alerts(script, &method.watcher.seen().borrow(), method_s);
    for alert in &alerts {
        tell(Progress::Alert(alert.clone()));
    }
    let mut report = Report {
        title: script.title.clone(),
        description: script.description.clone(),
        verdict: Verdict::Met,
        reason: ended.clone(),
        deviations: Vec::new(),
        begun_at,
        method_s: millis(method_s),
        recovered_s,
        before: before.probes,
        after: recovery.probes,
        courses: hypothesis::courses(&method.setup.prometheus, script, begun_at).await,
        steps: method.taken.take(),
        alerts,
        loads: judge::loads(&casts),
        votes,
        undone: method.undone.get(),
        time_scale: method.setup.time_scale,
    };
    report.deviations = judge::deviations(script, &report, recovery.lacking.as_deref());
    report.verdict = judge::verdict(ended.is_some(), &report.deviations);
    Ok(report)
}

/// Looks at the alerts once more.
async fn last_look(watcher: &Watcher<'_>) -> Result<(), BackendError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match watcher.look().await {
            Err(_) if tries < LAST_LOOKS => sleep(Duration::from_millis(200)).await,
            looked => return looked,
        }
    }
}
