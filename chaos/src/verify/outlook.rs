//! How the series that a rule reads go on: their samples so far, and what is expected of them.

use voteops_observability::prometheus::Labels;
use voteops_observability::replay::scenario::{
    Basis, Course, Exposed, Outage, Phase, Scenario, Target,
};

use super::scene::{History, Scene, Scraped, secs};

/// Samples that its rate of just now is measured over.
const RECENT: usize = 4;
/// A series is gone when it has no sample for so many scrapes.
const GONE_SCRAPES: i64 = 3;
/// So far into the future courses are drawn, in milliseconds: a month.
const FAR_MS: i64 = 30 * 24 * 3_600_000;

/// What is expected of a series from a time on. Times are milliseconds after that time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// It goes on as it was before anything was done.
    Usual,
    /// It counts nothing for a while, and then at a rate.
    Counts {
        /// For how long it counts nothing.
        gap_ms: i64,
        /// The rate from then on, per second.
        per_s: f64,
    },
    /// It has a value.
    Level(f64),
    /// It rises evenly, and from some time on at another pace.
    Climbs {
        /// How fast, per second.
        per_s: f64,
        /// Until when.
        until_ms: i64,
        /// How fast from then on, per second.
        then_per_s: f64,
    },
    /// It is not exposed any more.
    Gone,
}

/// How much counters have counted since their last samples. They count whole things that come by chance,
/// so that each may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Counted {
    /// As little as may be.
    Little,
    /// They went on as they did.
    #[default]
    Evenly,
    /// As much as may be.
    Much,
}

impl Counted {
    pub(super) const ALL: [Self; 3] = [Self::Little, Self::Evenly, Self::Much];

    /// What it comes to where so much is counted on average: two standard deviations of a Poisson process
    /// less or more, and one, since what is counted is whole. What rests goes on resting.
    fn of(self, average: f64) -> f64 {
        let most_off = 2.0 * average.sqrt() + 1.0;
        match self {
            Self::Little => (average - most_off).max(0.0),
            Self::Much if average > 0.0 => average + most_off,
            Self::Evenly | Self::Much => average,
        }
    }
}

/// What is expected of everything that a rule reads.
pub(super) trait Outlook {
    /// How much counters have counted since their last samples.
    fn counted(&self) -> Counted;

    /// What becomes of a series.
    fn change(&self, target: &Scraped, series: &History) -> Change;

    /// Series that a target has from now on, with their rates per second; they appear when they
    /// have counted one.
    fn newcomers(&self, target: &Scraped) -> Vec<(Labels, f64)>;

    /// When a target cannot be scraped.
    fn outages(&self, target: &Scraped) -> Vec<Outage>;
}

/// Nothing is done: all goes on as usual.
pub(super) struct Undisturbed;

impl Outlook for Undisturbed {
    fn counted(&self) -> Counted {
        Counted::Evenly
    }

    fn change(&self, _: &Scraped, _: &History) -> Change {
        Change::Usual
    }

    fn newcomers(&self, _: &Scraped) -> Vec<(Labels, f64)> {
        Vec::new()
    }

    fn outages(&self, _: &Scraped) -> Vec<Outage> {
        Vec::new()
    }
}

/// A scene that goes on from `at_ms` (Unix milliseconds), which becomes its time 0. `usual` is the
/// scene before anything was done.
pub(super) fn scenario(
    scene: &Scene,
    usual: &Scene,
    at_ms: i64,
    outlook: &dyn Outlook,
) -> Scenario {
    let targets = scene.targets.iter().map(|target| {
        let old = target.series.iter().map(|series| Exposed {
            course: course(target, series, usual, at_ms, outlook),
            labels: series.labels.clone(),
        });
        let new = outlook.newcomers(target).into_iter();
        let new = new.map(|(labels, per_s)| Exposed {
            course: newcomer(per_s),
            labels,
        });
        Target {
            labels: target.labels.clone(),
            interval_ms: target.interval_ms,
            timeout_ms: target.timeout_ms.min(target.interval_ms),
            phase: Phase::Known(target.tick_ms - at_ms),
            outages: outlook.outages(target),
            exposes: old.chain(new).collect(),
        }
    });
    Scenario {
        targets: targets.collect(),
        basis: Basis::Assumed,
    }
}

/// The course of a series: its samples, what it does until time 0, and its change.
fn course(
    target: &Scraped,
    series: &History,
    usual: &Scene,
    at_ms: i64,
    outlook: &dyn Outlook,
) -> Course {
    let change = outlook.change(target, series);
    let mut points: Vec<_> = series
        .samples
        .iter()
        .map(|(sample_ms, value)| (sample_ms - at_ms, *value))
        .collect();
    let (Some((first_ms, _)), Some((last_ms, last))) =
        (points.first().copied(), points.last().copied())
    else {
        return Course::Points(Vec::new());
    };
    let is_counter = series.is_counter();
    let counted = if is_counter {
        series.per_s(RECENT) * secs((-last_ms).max(0))
    } else {
        0.0
    };
    let start = last + outlook.counted().of(counted);
    let from_ms = last_ms.max(0);
    points.push((from_ms, start));
    match change {
        Change::Usual if is_counter => {
            let per_s = usual.usual_per_s(&series.labels);
            points.push((FAR_MS, start + per_s * secs(FAR_MS - from_ms)));
        }
        Change::Usual => {
            let usual = usual.find(&series.labels);
            let level = usual.and_then(|usual| usual.samples.last());
            let level = level.map_or(last, |(_, level)| *level);
            points.extend([(from_ms, level), (FAR_MS, level)]);
        }
        Change::Counts { gap_ms, per_s } => {
            let begin_ms = from_ms + gap_ms;
            points.push((begin_ms, start));
            points.push((FAR_MS, start + per_s * secs(FAR_MS - begin_ms)));
        }
        Change::Level(level) => points.extend([(from_ms, level), (FAR_MS, level)]),
        Change::Climbs {
            per_s,
            until_ms,
            then_per_s,
        } => {
            let until_ms = until_ms.max(from_ms);
            let top = start + per_s * secs(until_ms - from_ms);
            points.push((until_ms, top));
            points.push((FAR_MS, top + then_per_s * secs(FAR_MS - until_ms)));
        }
        Change::Gone => {}
    }
    let gone_ms = GONE_SCRAPES * target.interval_ms;
    let was_gone = last_ms < -gone_ms;
    // Nothing was scraped meanwhile; in between lies no value, least of all before a counter that began anew.
    let gaps = series.samples.windows(2).filter_map(|pair| {
        let ((before_ms, _), (after_ms, _)) = (pair[0], pair[1]);
        (after_ms - before_ms > gone_ms).then_some((before_ms - at_ms + 1, after_ms - at_ms))
    });
    let mut course = missing(i64::MIN, first_ms, Course::Points(points));
    for (from_ms, to_ms) in gaps {
        course = missing(from_ms, to_ms, course);
    }
    if was_gone {
        let to_ms = if target.is_past(series) { i64::MAX } else { 0 };
        course = missing(last_ms + 1, to_ms, course);
    }
    if change == Change::Gone {
        course = missing(0, i64::MAX, course);
    }
    course
}

/// A counter that appears with the first that it counts.
fn newcomer(per_s: f64) -> Course {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a month before")]
    let first_ms = (1000.0 / per_s).clamp(0.0, secs(FAR_MS) * 1000.0) as i64;
    let points = vec![
        (first_ms, 1.0),
        (FAR_MS, 1.0 + per_s * secs(FAR_MS - first_ms)),
    ];
    missing(i64::MIN, first_ms, Course::Points(points))
}

fn missing(from_ms: i64, to_ms: i64, otherwise: Course) -> Course {
    Course::Missing {
        from_ms,
        to_ms,
        otherwise: Box::new(otherwise),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_by_chance_may_be_more_or_less_and_what_rests_rests() {
        for (average, all) in [
            (0.0, [0.0; 3]),
            (4.0, [0.0, 4.0, 9.0]),
            (100.0, [79.0, 100.0, 121.0]),
        ] {
            for (counted, expected) in Counted::ALL.into_iter().zip(all) {
                let told = counted.of(average);
                assert!((told - expected).abs() < 1e-9, "{counted:?}: {told}");
            }
        }
    }
}
