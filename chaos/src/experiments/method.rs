//! Takes the steps of a method: one stage after the other, the steps of a stage at the same time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::casting::{self, Cast};
use super::format::{Act, End, FaultStep, LoadStep, Script, Step, Until};
use super::report::{Outcome, Taken, millis};
use super::run::{Progress, Setup};
use super::seen::{Seen, Watcher};
use super::told;
use crate::abort::{Watched, tripped};
use crate::catalogue::COLD_CACHE;
use crate::experiment::Experiment;
use crate::faults::{self, Hold, Injected};
use crate::load;

/// How often the targets of a fault are looked at while it holds.
const LOOK: Duration = Duration::from_millis(500);
/// A state that came in time may be told so many evaluations later,
const LATE_EVALUATIONS: f64 = 3.0;
/// and this much besides, in seconds.
const LATE_S: f64 = 2.0;

/// A method that is being carried out.
pub(super) struct Method<'a> {
    pub(super) setup: &'a Setup<'a>,
    pub(super) script: &'a Script,
    pub(super) conditions: Option<&'a Watched>,
    pub(super) experiment: &'a Experiment,
    pub(super) watcher: &'a Watcher<'a>,
    pub(super) progress: &'a dyn Fn(Progress),
    /// Begins the names of all voters of this run.
    pub(super) run_id: &'a str,
    /// Cancelled when no more is to be done; every step then undoes its fault and ends.
    pub(super) over: CancellationToken,
    /// Why somebody or something has ended the run, if that happened.
    pub(super) ended: RefCell<Option<String>>,
    pub(super) casts: RefCell<Vec<Cast>>,
    pub(super) taken: RefCell<Vec<Taken>>,
    /// Whether every fault is undone.
    pub(super) undone: Cell<bool>,
}

/// How a step ended, and why unless it is done.
type Ended = (Outcome, Option<String>);

const DONE: Ended = (Outcome::Done, None);
/// Why a step is not done that somebody or something else has ended.
const OVER: &str = "the run was over before";

impl Method<'_> {
    /// Carries it out until its end or until it is ended. Everything is undone when it returns, or
    /// `undone` says that it is not.
    pub(super) async fn go(&self) {
        tokio::select! {
            () = self.stages() => {}
            never = self.watch_for_ends() => match never {},
            never = self.watcher.watch() => match never {},
            never = self.tell_alerts() => match never {},
        }
    }

    /// Tells when an alert is first seen pending and firing.
    async fn tell_alerts(&self) -> Infallible {
        let mut seen = self.watcher.seen();
        let mut known = BTreeSet::new();
        while seen.changed().await.is_ok() {
            for (alert, is, at_s) in seen.borrow_and_update().first() {
                if known.insert((alert.to_owned(), is.name())) {
                    let alert = alert.to_owned();
                    self.tell(Progress::AlertIs { alert, is, at_s });
                }
            }
            self.tell(Progress::Going(self.watcher.now_s()));
        }
        std::future::pending().await
    }

    /// Ends the run when somebody interrupts it or a stop condition holds. Those who wait for it go on
    /// to undo what they did.
    async fn watch_for_ends(&self) -> Infallible {
        let reason = self.interrupted().await;
        self.end(reason);
        std::future::pending().await
    }

    /// Waits until somebody interrupts the run or a stop condition holds, and says why.
    pub(super) async fn interrupted(&self) -> String {
        tokio::select! {
            () = self.setup.cancel.cancelled() => "interrupted".into(),
            reason = tripped(self.conditions) => reason,
        }
    }

    /// Ends the run. The first reason stays.
    pub(super) fn end(&self, reason: String) {
        self.ended.borrow_mut().get_or_insert(reason);
        self.over.cancel();
    }

    async fn stages(&self) {
        for stage in &self.script.method {
            let taken = join_all(stage.steps.iter().map(|step| self.step(step))).await;
            self.taken.borrow_mut().extend(taken);
        }
    }

    async fn step(&self, step: &Step) -> Taken {
        let mut taken = Taken {
            step: step.number,
            told: step.to_string(),
            fault: None,
            targets: Vec::new(),
            began_s: None,
            ended_s: None,
            outcome: Outcome::NotBegun,
            reason: None,
            undone: true,
        };
        if self.over.is_cancelled() {
            return taken;
        }
        let began_s = self.watcher.now_s();
        taken.began_s = Some(millis(began_s));
        taken.outcome = Outcome::Begun;
        // A fault is told once it is known whom it touches.
        if !matches!(step.act, Act::Fault { .. }) {
            self.tell(Progress::Step(taken.clone()));
        }
        (taken.outcome, taken.reason) = match &step.act {
            Act::Fault { fault, end } => self.fault(step, fault, end, &mut taken).await,
            Act::Load(load) => self.load(step.number, load).await,
            Act::Until(until) => self.until(until, began_s).await,
            Act::Wait(length) => {
                let waited = self.unless_over(sleep(*length)).await;
                waited.map_or_else(ended_early, |()| DONE)
            }
        };
        taken.ended_s = Some(millis(self.watcher.now_s()));
        self.tell(Progress::StepOver(taken.clone()));
        taken
    }

    fn tell(&self, progress: Progress) {
        (self.progress)(progress);
    }

    /// Waits for something; `None` when the run is over before.
    async fn unless_over<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.over.cancelled() => None,
            done = what => Some(done),
        }
    }

    /// Injects a fault, holds it, and undoes it.
    async fn fault(&self, step: &Step, fault: &FaultStep, end: &End, taken: &mut Taken) -> Ended {
        taken.fault = Some(fault.fault.name.to_owned());
        let injected = match self.inject(step, fault).await {
            Ok(injected) => injected,
            Err(reason) => {
                self.end(format!("step {}: {reason}", step.number));
                return (Outcome::Ended, Some(reason));
            }
        };
        let targets = injected.record().targets.iter();
        taken.targets = targets.map(|target| target.name.clone()).collect();
        self.tell(Progress::Step(taken.clone()));
        let held = {
            let _reading = self.readers(fault);
            self.hold(&injected, end).await
        };
        if let Some(reason) = undo(injected).await {
            self.undone.set(false);
            taken.undone = false;
            self.end(format!("step {}: not undone: {reason}", step.number));
            return (Outcome::Ended, Some(reason));
        }
        match held {
            Ok(ended) => ended,
            Err(reason) => {
                self.end(format!("step {}: {reason}", step.number));
                (Outcome::Ended, Some(reason))
            }
        }
    }

    /// Plans a fault anew, since a target may have been restarted meanwhile, and injects it.
    async fn inject(&self, step: &Step, fault: &FaultStep) -> Result<Injected, String> {
        let plan = tokio::task::block_in_place(|| (self.setup.plan)(fault))?;
        if self.over.is_cancelled() {
            return Err(OVER.to_owned());
        }
        let ttl = step.longest() + plan.injection() + late(self.watcher);
        let (experiment, launcher) = (self.experiment.clone(), self.setup.launcher.clone());
        let injected = spawn_blocking(move || plan.inject(&experiment, ttl, &launcher)).await;
        match injected {
            Ok(Ok(injected)) => Ok(injected),
            Ok(Err(error)) => {
                if matches!(error, crate::Error::NotUndone { .. }) {
                    self.undone.set(false);
                }
                Err(error.to_string())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Reads the results while the fault is one of reading them, until what is returned is dropped.
    fn readers(&self, fault: &FaultStep) -> Option<tokio_util::sync::DropGuard> {
        if *fault.fault != COLD_CACHE {
            return None;
        }
        let stop = CancellationToken::new();
        let (urls, over) = (self.setup.polls.vote_apps.clone(), stop.clone());
        let reads_per_s = fault.reads_per_s.unwrap_or(self.setup.reads_per_s);
        tokio::spawn(async move {
            // When it cannot be carried out, the alert does not fire, and that is told.
            let _ = load::readers::run(&urls, reads_per_s, &over).await;
        });
        Some(stop.drop_guard())
    }

    /// Holds a fault until its end or the run's.
    ///
    /// # Errors
    /// Why the fault is not in force any more.
    async fn hold(&self, injected: &Injected, end: &End) -> Result<Ended, String> {
        let from_s = self.watcher.now_s();
        let held = async {
            match end {
                End::After(length) => {
                    sleep(*length).await;
                    DONE
                }
                End::Until(until) => self.until(until, from_s).await,
            }
        };
        tokio::select! {
            held = self.unless_over(held) => Ok(held.unwrap_or_else(ended_early)),
            breach = injected.breached() => Err(breach.to_string()),
            lost = lost(injected) => Err(lost),
        }
    }

    /// Waits for a state of an alert. It has come in time when the evaluation was in time.
    async fn until(&self, until: &Until, from_s: f64) -> Ended {
        let mut seen = self.watcher.seen();
        let limit_s = from_s + until.within.as_secs_f64();
        let patience = until.within + late(self.watcher);
        let deadline = Instant::now() + patience;
        let came = tokio::time::timeout_at(deadline, when(&mut seen, until, from_s));
        let Some(came) = self.unless_over(came).await else {
            return ended_early();
        };
        if came.is_ok_and(|at_s| at_s <= limit_s) {
            return DONE;
        }
        let (alert, is) = (&until.alert, until.is.name());
        let within = told::seconds(until.within);
        let reason = format!("{alert} was not {is} within {within}");
        // What follows was to happen in that state.
        self.over.cancel();
        (Outcome::Unmet, Some(reason))
    }

    /// Sends the votes of a step.
    async fn load(&self, number: usize, wanted: &LoadStep) -> Ended {
        let run_id = format!("{}-{number}", self.run_id);
        let cast = match casting::load_plan(wanted, &self.setup.polls, run_id) {
            Ok(plan) => casting::cast(number, plan, &self.over).await,
            Err(reason) => Err(reason),
        };
        match cast {
            Ok(cast) => {
                let cancelled = cast.report.cancelled;
                self.casts.borrow_mut().push(cast);
                if cancelled { ended_early() } else { DONE }
            }
            Err(reason) => {
                self.end(format!("step {number}: {reason}"));
                (Outcome::Ended, Some(reason))
            }
        }
    }
}

/// Undoes a fault; why it is not undone, if it is not.
async fn undo(mut injected: Injected) -> Option<String> {
    let undone = spawn_blocking(move || {
        let report = injected.undo();
        report.failures().next().map(ToOwned::to_owned)
    });
    undone.await.unwrap_or_else(|error| Some(error.to_string()))
}

fn ended_early() -> Ended {
    (Outcome::Ended, Some(OVER.to_owned()))
}

/// How much later than it was to be a state may be told.
fn late(watcher: &Watcher<'_>) -> Duration {
    Duration::from_secs_f64(LATE_EVALUATIONS * watcher.evaluation_s() + LATE_S)
}

/// When what is waited for was seen.
async fn when(seen: &mut watch::Receiver<Seen>, until: &Until, from_s: f64) -> f64 {
    loop {
        let at_s = seen.borrow_and_update().when(until, from_s);
        if let Some(at_s) = at_s {
            return at_s;
        }
        if seen.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits until a target is not under its fault any more, and says which.
async fn lost(injected: &Injected) -> String {
    loop {
        sleep(LOOK).await;
        let record = injected.record().clone();
        let Ok(holds) = spawn_blocking(move || faults::check(&record)).await else {
            continue;
        };
        let mut targets = holds.into_iter();
        let lost = targets.find(|(_, hold)| matches!(hold, Hold::Lifted | Hold::Gone));
        if let Some((target, hold)) = lost {
            return format!(
                "{} is not under the fault any more: {}",
                target.name,
                hold.told()
            );
        }
    }
}
