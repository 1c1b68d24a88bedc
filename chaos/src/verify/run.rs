//! The course of a verification.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voteops_observability::alertmanager::RouteTiming;
use voteops_observability::prediction::Window;

use super::forecast::{self, Load};
use super::report::{Flood, Phase, Report, Step, Verdict, Votes};
use super::rule::{self, Rule};
use super::settle::{self, Settled};
use super::watch::Watch;
use super::{Error, Progress, Setup, conservation};
use crate::experiment::Experiment;
use crate::faults::Injected;
use crate::faults::stall::Stall;
use crate::load;

/// How many votes are sent at the same time, at the most.
const CONNECTIONS: usize = 32;
/// How long after its window a step is still waited for, so that a late one is told as late.
const GRACE_EVALUATIONS: f64 = 6.0;
/// and at least this long.
const GRACE_S: f64 = 5.0;
/// How long the last accepted votes may take into the ledger once the queue is drained.
const COUNT_PATIENCE: Duration = Duration::from_secs(20);

/// Proves the alert, or finds out why that cannot be done.
///
/// # Errors
/// [`Error`] when it could not be run; whatever was injected has been undone, or the error is
/// [`crate::Error::NotUndone`].
pub async fn verify(setup: &Setup, mut progress: impl FnMut(Progress)) -> Result<Report, Error> {
    let rule = rule::read(&setup.prometheus, &setup.alert).await?;
    let experiment = Experiment::open(&setup.state_dir)?;
    let route = setup.alertmanager.route_timing().await?;
    let settled = settle::wait(setup, &rule, route, &mut progress).await?;
    let load = forecast::load(&rule);
    let rise = forecast::rise(&rule, load, settled.steady).ok_or_else(|| Error::OutOfReach {
        alert: rule.name.clone(),
        threshold: rule.threshold,
    })?;

    let longest_s = longest_s(&rule, route, rise.firing);
    let plan = Stall::plan(setup.workers.clone())?;
    let injected = plan.inject(
        &experiment,
        Duration::from_secs_f64(longest_s),
        &setup.launcher,
    )?;
    let onset = Timestamp::now();
    let flooding = start_flood(setup, load);
    progress(Progress::Injected {
        workers: setup
            .workers
            .iter()
            .map(|worker| worker.name.clone())
            .collect(),
        rate_per_s: load.rate_per_s,
        length_s: load.length_s,
    });
    let course = Course {
        setup,
        rule: &rule,
        route,
        settled,
        load,
        watch: Watch {
            prometheus: &setup.prometheus,
            receiver: &setup.receiver,
            rule: &rule,
            onset,
            sequence: settled.sequence,
        },
        injected,
        voter_prefix: format!("{}-", flooding.plan.run_id),
        flooding: Some(flooding),
        flood: None,
        phases: Vec::new(),
        end: None,
        undone: false,
    };
    course.go(rise.pending, rise.firing, &mut progress).await
}

/// The fault's hard limit: everything up to the notification with its grace, twice over.
fn longest_s(rule: &Rule, route: RouteTiming, firing: Window) -> f64 {
    let notified_s = firing.hi_s + route.group_wait_s.max(route.group_interval_s);
    2.0 * (notified_s + grace_s(rule)) + 30.0
}

fn grace_s(rule: &Rule) -> f64 {
    (GRACE_EVALUATIONS * rule.timing.evaluation_s).max(GRACE_S)
}

/// The load on its way; it ends by itself, or when its token is cancelled.
#[derive(Debug)]
struct Flooding {
    plan: load::Plan,
    task: JoinHandle<Result<load::Report, load::LoadError>>,
    stop: CancellationToken,
}

fn start_flood(setup: &Setup, load: Load) -> Flooding {
    let plan = load::Plan {
        urls: setup.vote_apps.clone(),
        rate_per_s: load.rate_per_s,
        extent: load::Extent::Duration(Duration::from_secs_f64(load.length_s)),
        connections: CONNECTIONS.max(setup.vote_apps.len()),
        run_id: format!("verify-{}", Uuid::now_v7().simple()),
        seed: 0,
        choices: setup.choices.clone(),
        timeout: Duration::from_secs(10),
    };
    let stop = CancellationToken::new();
    let (planned, cancel) = (plan.clone(), stop.clone());
    let task = tokio::spawn(async move {
        // Nobody listens to the load's own progress here.
        let (progress, _) = channel::channel(load::Progress::default());
        load::flood(&planned, &progress, &cancel).await
    });
    Flooding { plan, task, stop }
}

/// Why a course ended before its last step.
#[derive(Debug)]
enum End {
    /// The verdict stands without the rest.
    Refuted(String),
    /// Somebody or something ended it.
    Aborted(String),
}

/// A verification from the onset of the fault on.
struct Course<'a> {
    setup: &'a Setup,
    rule: &'a Rule,
    route: RouteTiming,
    settled: Settled,
    load: Load,
    watch: Watch<'a>,
    injected: Injected,
    voter_prefix: String,
    flooding: Option<Flooding>,
    /// What the load has done, once it is over.
    flood: Option<Result<load::Report, String>>,
    phases: Vec<Phase>,
    end: Option<End>,
    undone: bool,
}

impl Course<'_> {
    async fn go(
        mut self,
        pending: Window,
        firing: Window,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Report, Error> {
        let notified = self.rise(pending, firing, progress).await;
        // Whatever was seen, and whether or not the run goes on: the fault ends here.
        self.undo(progress).await;
        if notified.is_some() && self.end.is_none() {
            self.fall(progress).await;
        }
        progress(Progress::Counting);
        let votes = self.count().await;
        Ok(self.conclude(votes))
    }

    /// From the fault to the notification; `None` when a step did not come.
    async fn rise(
        &mut self,
        pending: Window,
        firing: Window,
        progress: &mut impl FnMut(Progress),
    ) -> Option<f64> {
        self.await_step(Step::Pending, pending, progress).await?;
        let fired_s = self.await_step(Step::Firing, firing, progress).await?;
        let window = forecast::notified(fired_s, self.route, self.settled.new_group);
        self.await_step(Step::Notified, window, progress).await
    }

    /// From the undoing to the all-clear.
    async fn fall(&mut self, progress: &mut impl FnMut(Progress)) -> Option<()> {
        let undone_s = self.phases.last().and_then(|phase| phase.observed_s)?;
        let drained = forecast::drained(self.rule, undone_s);
        let drained_s = self.await_step(Step::Drained, drained, progress).await?;
        let steady = self.settled.steady;
        let resolved = forecast::resolved(self.rule, self.load, steady, undone_s, drained_s);
        let Some(resolved) = resolved else {
            self.end = Some(End::Refuted(
                "resolved: the average does not fall again".into(),
            ));
            return None;
        };
        let resolved_s = self.await_step(Step::Resolved, resolved, progress).await?;
        let window = forecast::resolved_notified(resolved_s, self.route);
        self.await_step(Step::ResolvedNotified, window, progress)
            .await?;
        Some(())
    }

    /// Waits for a step until it is seen, its window and grace have passed, or the run ends.
    async fn await_step(
        &mut self,
        step: Step,
        predicted: Window,
        progress: &mut impl FnMut(Progress),
    ) -> Option<f64> {
        let awaited = Phase::awaited(step, Some(predicted));
        loop {
            let looked = self.look(step).await;
            if let Ok(Some(at_s)) = looked {
                let phase = awaited.seen(at_s);
                self.phases.push(phase);
                progress(Progress::Phase(phase));
                return phase.observed_s;
            }
            let now_s = self.watch.now_s();
            progress(Progress::Awaiting {
                step,
                predicted,
                now_s,
            });
            if now_s > predicted.hi_s + grace_s(self.rule) {
                let why = looked.map_or_else(|error| format!(" ({error})"), |_| String::new());
                let told = format!("{}: not seen by {now_s:.1} s{why}", step.name());
                self.end = Some(End::Refuted(told));
                break;
            }
            if let Some(end) = self.interrupted().await {
                self.end = Some(end);
                break;
            }
        }
        self.phases.push(awaited);
        progress(Progress::Phase(awaited));
        None
    }

    async fn look(&self, step: Step) -> Result<Option<f64>, Error> {
        let after_s = self
            .phases
            .last()
            .and_then(|phase| phase.observed_s)
            .unwrap_or(0.0);
        match step {
            Step::Pending => self.watch.first_in("pending").await,
            Step::Firing => self.watch.first_in("firing").await,
            Step::Notified => self.watch.notified("firing").await,
            Step::Undone => Ok(None),
            Step::Drained => {
                self.watch
                    .queue_at_most(self.settled.drained_level, after_s)
                    .await
            }
            Step::Resolved => self.watch.resolved().await,
            Step::ResolvedNotified => self.watch.notified("resolved").await,
        }
    }

    /// Pauses until it is worth looking again; says why the run ends if it does.
    async fn interrupted(&self) -> Option<End> {
        tokio::select! {
            () = sleep(self.watch.pause()) => None,
            () = self.setup.cancel.cancelled() => Some(End::Aborted("interrupted".into())),
            breach = self.injected.breached(), if !self.undone => {
                Some(End::Aborted(breach.to_string()))
            }
        }
    }

    async fn undo(&mut self, progress: &mut impl FnMut(Progress)) {
        let asked_s = self.watch.now_s();
        let report = tokio::task::block_in_place(|| self.injected.undo());
        self.undone = report.is_complete();
        let mut phase = Phase::awaited(Step::Undone, Some(forecast::undone(asked_s)));
        if self.undone {
            phase = phase.seen(self.watch.now_s());
        }
        self.phases.push(phase);
        progress(Progress::Phase(phase));
        // A run that goes on has sent all its load by now; one that does not sends no more.
        if let Some(flooding) = self.flooding.take() {
            if self.end.is_some() {
                flooding.stop.cancel();
            }
            self.flood = Some(match flooding.task.await {
                Ok(report) => report.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            });
        }
    }

    /// Compares what was accepted with the ledger, until all of it is there or patience ends.
    async fn count(&self) -> Result<Votes, Error> {
        let Some(Ok(report)) = &self.flood else {
            return Ok(Votes::default());
        };
        let accepted: Vec<Uuid> = report
            .accepted_votes
            .iter()
            .map(|vote| vote.vote_id)
            .collect();
        let deadline = tokio::time::Instant::now() + COUNT_PATIENCE;
        loop {
            let recorded = self.setup.ledger.recorded(&self.voter_prefix).await?;
            let votes = conservation::compare(&accepted, &recorded);
            if votes.lost == 0 || tokio::time::Instant::now() > deadline {
                return Ok(votes);
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    fn conclude(self, votes: Result<Votes, Error>) -> Report {
        let mut trouble = None;
        let flood = match &self.flood {
            Some(Ok(report)) => told_flood(report),
            Some(Err(reason)) => {
                trouble = Some(format!("load: {reason}"));
                Flood::default()
            }
            None => Flood::default(),
        };
        let votes = votes.unwrap_or_else(|error| {
            trouble = Some(error.to_string());
            Votes::default()
        });
        let steps = Step::ALL.map(|step| {
            let seen = self.phases.iter().find(|phase| phase.name == step);
            seen.copied().unwrap_or(Phase::awaited(step, None))
        });
        let fault = trouble.or_else(|| refutation(&steps, &votes, &flood));
        let (verdict, reason) = match (self.end, fault) {
            (Some(End::Aborted(reason)), _) => (Verdict::Aborted, reason),
            (Some(End::Refuted(reason)), _) | (None, Some(reason)) => (Verdict::Refuted, reason),
            (None, None) => (
                Verdict::Proven,
                "every phase inside its window, every vote once".into(),
            ),
        };
        Report {
            alert: self.rule.name.clone(),
            fault: "stall-worker".into(),
            verdict,
            reason,
            phases: steps.into(),
            votes,
            flood,
            undone: self.undone,
            time_scale: self.setup.time_scale,
            onset: Some(self.watch.onset),
        }
    }
}

/// The first thing that is not as it was to be.
fn refutation(steps: &[Phase], votes: &Votes, flood: &Flood) -> Option<String> {
    if votes.lost > 0 {
        return Some(format!(
            "{} accepted votes are not in the ledger",
            votes.lost
        ));
    }
    if votes.duplicated > 0 {
        return Some(format!(
            "{} votes are in the ledger twice",
            votes.duplicated
        ));
    }
    if let Some(phase) = steps.iter().find(|phase| !phase.ok) {
        return Some(told_phase(phase));
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of votes are far below 2^52"
    )]
    let short = (flood.accepted as f64) < (1.0 - forecast::RATE_TOLERANCE) * flood.planned as f64;
    short.then(|| {
        format!(
            "load: {} of {} planned votes were accepted",
            flood.accepted, flood.planned
        )
    })
}

fn told_phase(phase: &Phase) -> String {
    let name = phase.name.name();
    match (phase.observed_s, phase.predicted_s) {
        (Some(at_s), Some(window)) => format!(
            "{name}: seen at {at_s:.1} s, predicted between {:.1} s and {:.1} s",
            window.lo_s, window.hi_s
        ),
        _ => format!("{name}: not seen"),
    }
}

fn told_flood(report: &load::Report) -> Flood {
    Flood {
        planned: report.planned,
        accepted: report.accepted,
        planned_rate_per_s: report.planned_rate_per_s,
        achieved_rate_per_s: report.achieved_rate_per_s,
    }
}
