//! A verification from the onset of the fault to its verdict.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::DropGuard;
use uuid::Uuid;
use voteops_observability::alertmanager::RouteTiming;
use voteops_observability::replay::Window;

use super::effect::{Aftermath, Effect};
use super::flooding::Flooding;
use super::forecast::{self, Load, Rise};
use super::judge::{refutation, told_flood, unheard};
use super::outlook::Counted;
use super::report::{Flood, Phase, Report, Step, Subject, Times, Verdict, Votes};
use super::rule::Rule;
use super::scene::Scene;
use super::settle::Settled;
use super::watch::Watch;
use super::{Delivery, Error, Progress, Setup, conservation, outages};
use crate::abort::{Watched, tripped};
use crate::faults::{Hold, Injected};
use crate::load;

/// How long after its window a step is still waited for, so that a late one is told as late.
const GRACE_EVALUATIONS: f64 = 6.0;
/// and at least this long.
const GRACE_S: f64 = 5.0;
/// How much earlier than the undoing an evaluation may bear its time and still see it, in seconds.
const ORDER_S: f64 = 0.05;
/// How often the samples so far are asked for before that is given up.
const READ_TRIES: u32 = 5;
/// How long the last accepted votes may take into the ledger once the queue is drained.
const COUNT_PATIENCE: Duration = Duration::from_secs(20);

/// How long after its window a step is waited for, in seconds.
pub(super) fn grace_s(rule: &Rule) -> f64 {
    (GRACE_EVALUATIONS * rule.evaluation_s).max(GRACE_S)
}

/// Why a course ended before its last step.
#[derive(Debug)]
pub(super) enum End {
    /// The verdict stands without the rest.
    Refuted(String),
    /// Somebody or something ended it.
    Aborted(String),
}

/// A verification from the onset of the fault on.
pub(super) struct Course<'a> {
    pub(super) setup: &'a Setup,
    /// Stop conditions, if there are any.
    pub(super) conditions: Option<&'a Watched>,
    pub(super) rule: &'a Rule,
    pub(super) route: RouteTiming,
    pub(super) settled: Settled,
    /// The load that drives the alert, if one does.
    pub(super) drive: Option<Load>,
    pub(super) effect: Effect<'a>,
    pub(super) watch: Watch<'a>,
    pub(super) injected: Injected,
    pub(super) voter_prefix: String,
    pub(super) flooding: Option<Flooding>,
    /// Reads the results until it is dropped.
    pub(super) reading: Option<DropGuard>,
    /// What the load has done, once it is over.
    pub(super) flood: Option<Result<load::Report, String>>,
    pub(super) phases: Vec<Phase>,
    pub(super) end: Option<End>,
    pub(super) undone: bool,
    /// When the undoing was begun, in seconds from the onset.
    pub(super) undo_asked_s: f64,
}

impl Course<'_> {
    pub(super) async fn go(
        mut self,
        rise: Rise,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Report, Error> {
        let notified = self.rise(rise, progress).await;
        // Whatever was seen, and whether or not the run goes on: the fault ends here.
        self.undo(progress).await;
        if notified.is_some() && self.end.is_none() {
            self.fall(progress).await;
        }
        progress(Progress::Counting);
        self.stop_voting().await;
        let votes = self.count().await;
        // Only for those who look at it afterwards.
        let subject = self.watch.subject().await.ok().flatten();
        Ok(self.conclude(votes, subject))
    }

    /// From the fault to the notification; `None` when a step did not come.
    async fn rise(&mut self, rise: Rise, progress: &mut impl FnMut(Progress)) -> Option<f64> {
        self.await_step(Step::Pending, rise.pending, progress)
            .await?;
        let fired_s = self.await_step(Step::Firing, rise.firing, progress).await?;
        let window = self.after_evaluation(fired_s, |fired_s| match self.watch.delivery {
            Delivery::Receiver(_) => {
                forecast::notified(fired_s, self.route, self.settled.new_group)
            }
            Delivery::Alertmanager => forecast::told(fired_s, self.watch.pause().as_secs_f64()),
        });
        self.await_step(Step::Notified, window, progress).await
    }

    /// From the undoing to the all-clear.
    async fn fall(&mut self, progress: &mut impl FnMut(Progress)) -> Option<()> {
        let undone_s = self.observed(Step::Undone)?;
        // All is as usual from some time between the asking and the seeing on.
        let mut ended = [self.undo_asked_s - ORDER_S, undone_s];
        if self.drive.is_some() {
            let drained = forecast::drained(self.rule, self.settled.scrape_s, undone_s);
            ended = [self.await_step(Step::Drained, drained, progress).await?; 2];
        }
        let resolved = match self.resolution(ended).await {
            Ok(Some(resolved)) => resolved,
            Ok(None) => {
                let told = "resolved: by the samples so far the condition would not end";
                self.end = Some(End::Refuted(told.into()));
                return None;
            }
            Err(error) => {
                let told = format!("resolved: cannot be predicted ({error})");
                self.end = Some(End::Aborted(told));
                return None;
            }
        };
        let resolved_s = self.await_step(Step::Resolved, resolved, progress).await?;
        let notified_s = self.observed(Step::Notified)?;
        let window = self.after_evaluation(resolved_s, |resolved_s| match self.watch.delivery {
            Delivery::Receiver(_) => {
                forecast::resolved_notified(resolved_s, notified_s, self.route)
            }
            Delivery::Alertmanager => {
                // It is asked only once the resolution was seen, which takes an evaluation.
                let seen_s = self.watch.pause().as_secs_f64() + self.rule.evaluation_s;
                forecast::told(resolved_s, seen_s)
            }
        });
        self.await_step(Step::ResolvedNotified, window, progress)
            .await?;
        Some(())
    }

    /// A window that follows from an evaluation, which may be run later than the time that it is of.
    fn after_evaluation(&self, at_s: f64, window: impl Fn(f64) -> Window) -> Window {
        window(at_s).union(window(at_s + self.rule.lag_s))
    }

    /// When the condition is to end, once all is as usual from some time between the two on: by the
    /// samples that there are until now.
    async fn resolution(&self, ended: [f64; 2]) -> Result<Option<Window>, Error> {
        let onset = self.watch.onset;
        let mut tries = 0;
        let scene = loop {
            tries += 1;
            match Scene::read(self.watch.prometheus, self.rule, onset).await {
                Ok(scene) => break outages::remembered(self.effect, scene),
                Err(error) if tries >= READ_TRIES => return Err(error),
                Err(_) => sleep(self.watch.pause()).await,
            }
        };
        let after = |s| onset + jiff::SignedDuration::from_millis(forecast::millis(s));
        let rule = Rule {
            // It has fired at a time that an evaluation is of.
            slot: self.observed(Step::Firing).map(after).or(self.rule.slot),
            ..self.rule.clone()
        };
        let undone_s = self.observed(Step::Undone).unwrap_or(ended[1]);
        let mut union: Option<Window> = None;
        for ended_s in ended {
            let aftermath = Aftermath {
                effect: self.effect,
                from_ms: -forecast::millis(ended_s),
                to_ms: -forecast::millis((ended_s - undone_s).max(0.0)),
                late: false,
                counted: Counted::default(),
                pace: 1.0,
            };
            // From the later of the times it may have resolved already.
            if let Some(window) = forecast::resolved(&rule, &scene, aftermath, after(ended_s))? {
                let window = window.later(ended_s);
                union = Some(union.map_or(window, |sofar| sofar.union(window)));
            }
        }
        Ok(union)
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

    /// When a step was seen.
    fn observed(&self, step: Step) -> Option<f64> {
        self.phases
            .iter()
            .find(|phase| phase.name == step)?
            .observed_s
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
            Step::Notified => self.watch.notified("firing", after_s).await,
            Step::Undone => Ok(None),
            Step::Drained => {
                self.watch
                    .queue_at_most(self.settled.drained_level, after_s)
                    .await
            }
            Step::Resolved => self.watch.resolved().await,
            Step::ResolvedNotified => self.watch.notified("resolved", after_s).await,
        }
    }

    /// Pauses until it is worth looking again; says why the run ends if it does.
    async fn interrupted(&self) -> Option<End> {
        let aborted = |reason: String| Some(End::Aborted(reason));
        tokio::select! {
            () = sleep(self.watch.pause()) => {}
            () = self.setup.cancel.cancelled() => return aborted("interrupted".into()),
            reason = tripped(self.conditions) => return aborted(reason),
            breach = self.injected.breached(), if !self.undone => {
                return aborted(breach.to_string());
            }
        }
        if self.undone {
            return None;
        }
        let checked = tokio::task::block_in_place(|| self.injected.check());
        let mut targets = checked.into_iter();
        let (target, hold) = targets.find(|(_, hold)| matches!(hold, Hold::Lifted | Hold::Gone))?;
        aborted(format!(
            "{} is not under the fault any more: {}",
            target.name,
            hold.told()
        ))
    }

    async fn undo(&mut self, progress: &mut impl FnMut(Progress)) {
        let asked_s = self.watch.now_s();
        self.undo_asked_s = asked_s;
        let report = tokio::task::block_in_place(|| self.injected.undo());
        self.undone = report.is_complete();
        self.reading = None;
        let within = forecast::undone(asked_s, &self.injected.record().targets);
        let mut phase = Phase::awaited(Step::Undone, Some(within));
        if self.undone {
            phase = phase.seen(self.watch.now_s());
        }
        self.phases.push(phase);
        progress(Progress::Phase(phase));
        if self.end.is_some() || self.drive.is_some() {
            self.stop_voting().await;
        }
    }

    /// Ends the votes of this run. A load that drives the alert has been sent whole by the time
    /// its fault is undone, unless the run is given up.
    async fn stop_voting(&mut self) {
        let Some(mut flooding) = self.flooding.take() else {
            return;
        };
        if self.end.is_some() || self.drive.is_none() {
            flooding.stop.cancel();
        }
        self.flood = Some(match (&mut flooding.task).await {
            Ok(report) => report.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        });
    }

    /// Compares what was accepted with the ledger, until all of it is there or patience ends.
    async fn count(&self) -> Result<Votes, Error> {
        let Some(Ok(report)) = &self.flood else {
            return Ok(Votes::default());
        };
        let named = report.accepted_votes.iter();
        let accepted: Vec<(String, Uuid)> = named
            .map(|vote| (format!("{}{}", self.voter_prefix, vote.index), vote.vote_id))
            .collect();
        let voting = self.setup.voting.as_ref();
        let Some(ledger) = voting.and_then(|voting| voting.ledger.as_ref()) else {
            return Ok(Votes {
                accepted: accepted.len(),
                ..Votes::default()
            });
        };
        let deadline = tokio::time::Instant::now() + COUNT_PATIENCE;
        loop {
            let recorded = ledger.recorded(&self.voter_prefix).await?;
            let votes = conservation::compare(&accepted, &recorded);
            if votes.lost == 0 || tokio::time::Instant::now() > deadline {
                return Ok(votes);
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    fn conclude(self, votes: Result<Votes, Error>, subject: Option<Subject>) -> Report {
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
        let steps = Step::ALL.into_iter();
        let steps = steps.filter(|step| *step != Step::Drained || self.drive.is_some());
        let steps = steps.map(|step| {
            let seen = self.phases.iter().find(|phase| phase.name == step);
            seen.copied().unwrap_or(Phase::awaited(step, None))
        });
        let steps: Vec<_> = steps.collect();
        let drive = self.drive.is_some().then_some(&flood);
        let fault = trouble
            .or_else(|| refutation(&steps, &votes, drive))
            .or_else(|| unheard(self.flood.is_some(), &votes));
        let all_once = self.flood.is_some() && votes.audited;
        let is_unsent = matches!(self.flood, Some(Err(_)));
        let (verdict, reason) = match (self.end, fault) {
            (Some(End::Aborted(reason)), _) => (Verdict::Aborted, reason),
            // What was not seen may be for want of the load.
            (Some(End::Refuted(_)), Some(load)) if is_unsent => (Verdict::Refuted, load),
            (Some(End::Refuted(reason)), _) | (None, Some(reason)) => (Verdict::Refuted, reason),
            (None, None) => (
                Verdict::Proven,
                if all_once {
                    "every phase inside its window, every vote once".into()
                } else {
                    "every phase inside its window".into()
                },
            ),
        };
        Report {
            alert: self.rule.name.clone(),
            fault: self.effect.fault.name.into(),
            verdict,
            reason,
            times: Times::of(&steps),
            subject,
            phases: steps,
            votes,
            flood,
            undone: self.undone,
            time_scale: self.setup.time_scale,
            managed_by: self.setup.manager.name(),
            delivery: self.watch.delivery.told_by(&self.setup.manager),
            onset: Some(self.watch.onset),
        }
    }
}
