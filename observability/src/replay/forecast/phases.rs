//! Which phases are tried.

use std::collections::BTreeSet;

use super::{Grid, Rule};
use crate::replay::scenario::{Failure, Phase, Scenario, Target};

/// Changes of a scenario for which phases of their own are tried.
const MOST_CHANGES: usize = 16;
/// Positions of a scrape inside an evaluation interval that are tried.
const MOST_POSITIONS: i64 = 8;
/// Targets of which every combination of extremes is tried.
const MOST_CORNERS: usize = 6;

/// The phases of scrapes that are tried.
#[derive(Debug)]
pub(super) struct Scrapes {
    /// One of each target, for each trial.
    pub(super) trials: BTreeSet<Vec<i64>>,
    /// The largest distance between two neighbouring phases of one target.
    pub(super) gap_ms: i64,
}

impl Scrapes {
    /// Trials of the targets whose series the rule reads; the phases of all others do not matter.
    pub(super) fn of(scenario: &Scenario, read: &BTreeSet<usize>, grid: Grid) -> Self {
        let choice = Choice::of(scenario, read);
        let steps = i64::from(grid.scrapes.max(1));
        // All targets at the same place of their intervals, the ends among them.
        let mut trials: BTreeSet<_> = (0..=steps)
            .map(|step| choice.with(|_, target| place(target.interval_ms, step, steps)))
            .collect();
        for change_ms in changes_ms(scenario, read) {
            for at_ms in [change_ms, change_ms - 1] {
                trials.insert(choice.with(|_, target| at_ms.rem_euclid(target.interval_ms)));
            }
        }
        if choice.unknown.len() > 1 {
            trials.extend(corners(choice.unknown.len()).map(|late| {
                choice.with(|number, target| place(target.interval_ms, i64::from(late[number]), 1))
            }));
            // Each target by its own stride, so that their places mix.
            let mixed = 2 * steps + 1;
            trials.extend((0..mixed).map(|step| {
                choice.with(|number, target| {
                    place(target.interval_ms, step * stride(number) % mixed, mixed)
                })
            }));
        }
        let unknown = choice.unknown.iter();
        let gaps_ms = unknown.map(|index| gap_ms(scenario.targets[*index].interval_ms, steps));
        Self {
            trials,
            gap_ms: gaps_ms.max().unwrap_or(0),
        }
    }
}

/// The phases that are known, and the targets whose phase has to be chosen.
struct Choice<'s> {
    scenario: &'s Scenario,
    known_ms: Vec<i64>,
    unknown: Vec<usize>,
}

impl<'s> Choice<'s> {
    fn of(scenario: &'s Scenario, read: &BTreeSet<usize>) -> Self {
        let targets = &scenario.targets;
        let known_ms = targets.iter().map(|target| match target.phase {
            Phase::Known(at_ms) => at_ms,
            Phase::Unknown => 0,
        });
        let unknown = read.iter().copied();
        let unknown = unknown.filter(|index| targets[*index].phase == Phase::Unknown);
        Self {
            scenario,
            known_ms: known_ms.collect(),
            unknown: unknown.collect(),
        }
    }

    /// Every phase, where `phase` chooses one for each target, which it is given with its number.
    fn with(&self, phase: impl Fn(usize, &Target) -> i64) -> Vec<i64> {
        let mut phases_ms = self.known_ms.clone();
        for (number, index) in self.unknown.iter().enumerate() {
            phases_ms[*index] = phase(number, &self.scenario.targets[*index]);
        }
        phases_ms
    }
}

/// The largest distance between phases that divide an interval.
pub(super) fn gap_ms(interval_ms: i64, steps: i64) -> i64 {
    (interval_ms + steps - 1) / steps
}

/// A place inside an interval; the last one is its last millisecond.
fn place(interval_ms: i64, step: i64, steps: i64) -> i64 {
    (interval_ms * step / steps).min(interval_ms - 1)
}

fn stride(number: usize) -> i64 {
    const STRIDES: [i64; 6] = [1, 7, 11, 3, 13, 17];
    STRIDES[number % STRIDES.len()]
}

/// Whether each of some targets is late in its interval, in every combination.
fn corners(targets: usize) -> impl Iterator<Item = Vec<bool>> {
    let combined = targets.min(MOST_CORNERS);
    (0..1_u32 << combined).map(move |corner| {
        (0..targets)
            .map(|target| corner >> target.min(combined - 1) & 1 == 1)
            .collect()
    })
}

/// The times at which something changes that the rule can see.
fn changes_ms(scenario: &Scenario, read: &BTreeSet<usize>) -> BTreeSet<i64> {
    let targets = read.iter().map(|index| &scenario.targets[*index]);
    let changes = targets.flat_map(|target| {
        let outages = target.outages.iter();
        let outages = outages.flat_map(|outage| [outage.from_ms, outage.to_ms]);
        let courses = target.exposes.iter();
        let courses = courses.flat_map(|exposed| exposed.course.changes_ms());
        outages.chain(courses)
    });
    let changes: BTreeSet<i64> = changes
        .filter(|change_ms| (i64::MIN + 1..i64::MAX).contains(change_ms))
        .collect();
    changes.into_iter().take(MOST_CHANGES).collect()
}

/// The phases of evaluations that are tried with some phases of scrapes.
pub(super) fn of_evaluations(
    rule: &Rule,
    targets: &[(&Target, i64)],
    windows_ms: &[i64],
    grid: Grid,
) -> BTreeSet<i64> {
    if let Phase::Known(at_ms) = rule.phase {
        return BTreeSet::from([at_ms]);
    }
    let interval_ms = rule.interval_ms;
    let steps = i64::from(grid.evaluations.max(1));
    let mut phases: BTreeSet<i64> = (0..=steps)
        .map(|step| place(interval_ms, step, steps))
        .collect();
    for (target, phase_ms) in targets {
        let scraped_ms = phase_ms.rem_euclid(target.interval_ms);
        for position in 0..positions(interval_ms, target.interval_ms) {
            for edge_ms in edges_ms(target, windows_ms) {
                let met_ms = scraped_ms + position * target.interval_ms + edge_ms;
                let around = [met_ms - 1, met_ms, met_ms + 1];
                phases.extend(around.map(|at_ms| at_ms.rem_euclid(interval_ms)));
            }
        }
    }
    phases
}

/// How long after a scrape an evaluation sees something change.
fn edges_ms(target: &Target, windows_ms: &[i64]) -> BTreeSet<i64> {
    let outages = target.outages.iter();
    let told_ms = outages.filter_map(|outage| match outage.failure {
        Failure::Refused => None,
        Failure::Hangs => Some(target.timeout_ms),
        Failure::Forgotten => Some(target.forgotten_after_ms().rem_euclid(target.interval_ms)),
    });
    let windows_ms = windows_ms.iter();
    let windows_ms = windows_ms.map(|window_ms| window_ms.rem_euclid(target.interval_ms));
    windows_ms.chain(told_ms).chain([0]).collect()
}

/// How many places a scrape can have inside an evaluation interval, for one phase.
fn positions(evaluation_ms: i64, scrape_ms: i64) -> i64 {
    let (mut left, mut right) = (evaluation_ms, scrape_ms);
    while right != 0 {
        (left, right) = (right, left % right);
    }
    (evaluation_ms / left).min(MOST_POSITIONS)
}
