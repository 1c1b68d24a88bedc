//! Running a rule over a scenario.

use std::collections::BTreeSet;

use super::phases::{self, Scrapes};
use super::steps::{Outcome, Tally};
use super::{Confidence, Forecast, Grid, Phases, ReplayError, Rule, Trial, limits};
use crate::prometheus::Labels;
use crate::promql;
use crate::replay::eval::{Bound, Element, EvalError, Query, Sample, Settings};
use crate::replay::machine::{Machine, State};
use crate::replay::scenario::{Phase, Scenario, Target};
use crate::replay::seconds;

/// A rule and what happens around it.
#[derive(Debug)]
pub struct Replay<'r> {
    rule: &'r Rule,
    scenario: &'r Scenario,
    settings: Settings,
    horizon_ms: i64,
    query: Query,
    sets: Vec<Labels>,
    /// The targets whose series the rule reads.
    read: BTreeSet<usize>,
}

/// What one evaluation found.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// When, in seconds from the onset.
    pub at_s: f64,
    /// What the rule compares with its threshold, when it does compare something.
    pub subject: Vec<Element>,
    /// The result of the rule's expression.
    pub elements: Vec<Element>,
    /// What became of the rule.
    pub state: State,
}

impl<'r> Replay<'r> {
    /// Prepares a replay of a rule until `horizon_ms` after the onset.
    ///
    /// # Errors
    /// [`ReplayError`] when the expression is not supported, a duration cannot be, or there would
    /// be too much to hold.
    pub fn new(
        rule: &'r Rule,
        scenario: &'r Scenario,
        settings: Settings,
        horizon_ms: i64,
    ) -> Result<Self, ReplayError> {
        let query = Query::parse(&rule.expr)?;
        let targets = || scenario.targets.iter();
        let sets: Vec<_> = targets().flat_map(Target::label_sets).collect();
        let owners = targets().enumerate();
        let owners = owners.flat_map(|(index, target)| vec![index; 1 + target.exposes.len()]);
        let owners: Vec<_> = owners.collect();
        let reads = query.bind(&sets).reads();
        let replay = Self {
            rule,
            scenario,
            settings,
            horizon_ms,
            read: reads.into_iter().map(|series| owners[series]).collect(),
            query,
            sets,
        };
        replay.check()?;
        Ok(replay)
    }

    fn check(&self) -> Result<(), ReplayError> {
        limits::durations(self.rule, self.scenario, &self.settings, self.horizon_ms)?;
        let evaluated_ms = self.horizon_ms - self.first_evaluation_ms();
        let scraped_ms = self.horizon_ms.saturating_sub(self.first_sample_ms());
        let samples = self.read.iter().map(|index| {
            let target = &self.scenario.targets[*index];
            let series = i64::try_from(1 + target.exposes.len()).unwrap_or(i64::MAX);
            (scraped_ms / target.interval_ms).saturating_mul(series)
        });
        limits::size(samples.chain([evaluated_ms / self.rule.interval_ms]))
    }

    /// Evaluations begin long enough before the onset to know the rule's state at it.
    fn first_evaluation_ms(&self) -> i64 {
        if let Some(inactive_at_ms) = self.rule.inactive_at_ms {
            return inactive_at_ms;
        }
        let holds = self.rule.holds;
        -(holds.for_ms + holds.keep_firing_for_ms + 2 * self.rule.interval_ms)
    }

    /// Samples begin where the first evaluation looks back to.
    fn first_sample_ms(&self) -> i64 {
        let reach_ms = self.windows_ms().into_iter().max().unwrap_or(0);
        self.first_evaluation_ms().saturating_sub(reach_ms)
    }

    fn windows_ms(&self) -> Vec<i64> {
        let ranges = self.query.ranges_ms().iter().copied();
        ranges.chain([self.settings.lookback_ms]).collect()
    }

    /// When the rule changes its state, over all phases that are not known.
    ///
    /// # Errors
    /// [`ReplayError::Eval`] when Prometheus would refuse to evaluate the rule.
    pub fn forecast(&self, grid: Grid) -> Result<Forecast, ReplayError> {
        let bound = self.query.bind(&self.sets);
        let scrapes = Scrapes::of(self.scenario, &self.read, grid);
        let windows_ms = self.windows_ms();
        let mut tally = Tally::default();
        for trial in &scrapes.trials {
            let samples = self.samples(trial);
            let read = self.read.iter();
            let targets = read.map(|index| (&self.scenario.targets[*index], trial[*index]));
            let targets: Vec<_> = targets.collect();
            for at_ms in phases::of_evaluations(self.rule, &targets, &windows_ms, grid) {
                tally.add(self.outcome(&bound, &samples, at_ms)?);
            }
        }
        let margin_ms = scrapes.gap_ms.max(self.evaluation_gap_ms(grid));
        let phases = if margin_ms == 0 {
            Trial::Known
        } else {
            Trial::Enumerated {
                runs: tally.runs,
                margin_s: seconds(margin_ms),
            }
        };
        let confidence = Confidence {
            phases,
            scenario: self.scenario.basis,
        };
        Ok(tally.forecast(margin_ms, confidence))
    }

    fn evaluation_gap_ms(&self, grid: Grid) -> i64 {
        match self.rule.phase {
            Phase::Known(_) => 0,
            Phase::Unknown => {
                let steps = i64::from(grid.evaluations.max(1));
                phases::gap_ms(self.rule.interval_ms, steps)
            }
        }
    }

    /// The phases that are known, and the middle of the interval for the others.
    #[must_use]
    pub fn middle(&self) -> Phases {
        let middle = |phase, interval_ms: i64| match phase {
            Phase::Known(at_ms) => at_ms,
            Phase::Unknown => interval_ms / 2,
        };
        let targets = self.scenario.targets.iter();
        let scrapes_ms = targets.map(|target| middle(target.phase, target.interval_ms));
        Phases {
            scrapes_ms: scrapes_ms.collect(),
            evaluation_ms: middle(self.rule.phase, self.rule.interval_ms),
        }
    }

    /// What every evaluation finds, for one choice of phases.
    ///
    /// # Errors
    /// [`ReplayError`] when the phases are of other targets, or Prometheus would refuse to
    /// evaluate the rule.
    pub fn trace(&self, phases: &Phases) -> Result<Vec<Evaluation>, ReplayError> {
        let targets = self.scenario.targets.len();
        if phases.scrapes_ms.len() != targets {
            return Err(ReplayError::Phases {
                targets,
                phases: phases.scrapes_ms.len(),
            });
        }
        let samples = self.samples(&phases.scrapes_ms);
        let bound = self.query.bind(&self.sets);
        let condition = promql::condition(&self.rule.expr).ok().flatten();
        let subject = condition.and_then(|condition| Query::parse(&condition.subject).ok());
        let subject = subject.as_ref().map(|subject| subject.bind(&self.sets));
        let mut evaluations = Vec::new();
        let each = |at_ms, state, elements| {
            let subject = subject.as_ref().map_or(Ok(Vec::new()), |subject| {
                subject.evaluate(&self.settings, &samples, at_ms)
            })?;
            evaluations.push(Evaluation {
                at_s: seconds(at_ms),
                subject,
                elements,
                state,
            });
            Ok(())
        };
        self.run(&bound, &samples, phases.evaluation_ms, each)?;
        Ok(evaluations)
    }

    fn outcome(
        &self,
        bound: &Bound,
        samples: &[Vec<Sample>],
        phase_ms: i64,
    ) -> Result<Outcome, ReplayError> {
        let mut outcome = Outcome::default();
        let mut was = State::Inactive;
        self.run(bound, samples, phase_ms, |at_ms, is, _| {
            outcome.note(at_ms, was, is);
            was = is;
            Ok(())
        })?;
        Ok(outcome)
    }

    /// Evaluates the rule at `phase_ms` plus or minus whole intervals.
    fn run(
        &self,
        bound: &Bound,
        samples: &[Vec<Sample>],
        phase_ms: i64,
        mut each: impl FnMut(i64, State, Vec<Element>) -> Result<(), EvalError>,
    ) -> Result<(), ReplayError> {
        let first_ms = self.first_evaluation_ms();
        let interval_ms = self.rule.interval_ms;
        let phase_ms = phase_ms.rem_euclid(interval_ms);
        let mut at_ms = first_ms + (phase_ms - first_ms).rem_euclid(interval_ms);
        let mut machine = Machine::new(self.rule.holds);
        while at_ms <= self.horizon_ms {
            let mut evaluate = || {
                let elements = bound.evaluate(&self.settings, samples, at_ms)?;
                machine.evaluate(at_ms, &elements)?;
                each(at_ms, machine.state(), elements)
            };
            evaluate().map_err(|source| ReplayError::Eval {
                at_s: seconds(at_ms),
                source,
            })?;
            at_ms += interval_ms;
        }
        Ok(())
    }

    /// The samples of all series, those of targets that the rule does not read left out.
    fn samples(&self, scrapes_ms: &[i64]) -> Vec<Vec<Sample>> {
        let first_ms = self.first_sample_ms();
        let targets = self.scenario.targets.iter().zip(scrapes_ms).enumerate();
        let samples = targets.flat_map(|(index, (target, phase_ms))| {
            if self.read.contains(&index) {
                let mut samples = target.samples(*phase_ms, first_ms, self.horizon_ms);
                // What is stored by the time at which an evaluation is run is to it as if it had been so at its own time.
                for sample in samples.iter_mut().flatten() {
                    sample.seen_ms = (sample.seen_ms - self.rule.lag_ms).max(sample.at_ms);
                }
                samples
            } else {
                vec![Vec::new(); 1 + target.exposes.len()]
            }
        });
        samples.collect()
    }
}
