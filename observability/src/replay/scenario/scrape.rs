//! What scrapes store.

use super::{Failure, Target};
use crate::prometheus::Labels;
use crate::replay::eval::Sample;

/// `up` of a scrape that worked, and of one that did not.
const UP: f64 = 1.0;
const DOWN: f64 = 0.0;

/// What came of one scrape.
#[derive(Debug, Clone, Copy)]
struct Scrape {
    /// The timestamp of everything that it stores: when it started.
    at_ms: i64,
    /// When it ended, and was stored. A success reads its values then.
    seen_ms: i64,
    /// What it stores as `up`: nothing when it was not made.
    up: Option<f64>,
}

impl Target {
    /// The label sets of its series: `up`, then what it exposes, in order.
    pub(in crate::replay) fn label_sets(&self) -> impl Iterator<Item = Labels> {
        let up = Labels::from([("__name__".into(), "up".into())]);
        let exposed = self.exposes.iter().map(|exposed| exposed.labels.clone());
        std::iter::once(up).chain(exposed).map(|mut labels| {
            for (name, value) in &self.labels {
                labels.entry(name.clone()).or_insert_with(|| value.clone());
            }
            labels
        })
    }

    /// The samples of its series, in the order of their label sets, of all scrapes at `phase_ms`
    /// plus or minus whole intervals that start from `from_ms` to `to_ms`.
    pub(in crate::replay) fn samples(
        &self,
        phase_ms: i64,
        from_ms: i64,
        to_ms: i64,
    ) -> Vec<Vec<Sample>> {
        let phase_ms = phase_ms.rem_euclid(self.interval_ms);
        let first_ms = from_ms + (phase_ms - from_ms).rem_euclid(self.interval_ms);
        let starts = (0..).map(|number| first_ms + number * self.interval_ms);
        let scrapes: Vec<_> = starts
            .take_while(|at_ms| *at_ms <= to_ms)
            .map(|at_ms| self.scrape(at_ms))
            .collect();
        let up = stored(&scrapes, |scrape| scrape.up);
        let exposed = self.exposes.iter().map(|exposed| {
            stored(&scrapes, |scrape| {
                let read_ms = (scrape.up == Some(UP)).then_some(scrape.seen_ms);
                exposed.course.value(read_ms?)
            })
        });
        std::iter::once(up).chain(exposed).collect()
    }

    /// How long after a scrape that is missed it is seen that its target is forgotten.
    pub(in crate::replay) fn forgotten_after_ms(&self) -> i64 {
        self.interval_ms + self.interval_ms / 10
    }

    fn scrape(&self, at_ms: i64) -> Scrape {
        let ended = |seen_ms, up| Scrape { at_ms, seen_ms, up };
        let Some(outage) = self.outages.iter().find(|outage| outage.covers(at_ms)) else {
            return ended(at_ms, Some(UP));
        };
        let limit_ms = at_ms + self.timeout_ms;
        match outage.failure {
            Failure::Refused => ended(at_ms, Some(DOWN)),
            Failure::Hangs if outage.to_ms < limit_ms => ended(outage.to_ms, Some(UP)),
            Failure::Hangs => ended(limit_ms, Some(DOWN)),
            Failure::Forgotten => ended(at_ms + self.forgotten_after_ms(), None),
        }
    }
}

/// The samples of a series: its values, and a marker at the first scrape that lacks it.
fn stored(scrapes: &[Scrape], value: impl Fn(&Scrape) -> Option<f64>) -> Vec<Sample> {
    let mut was_there = false;
    let samples = scrapes.iter().filter_map(|scrape| {
        let value = value(scrape);
        let gone = was_there && value.is_none();
        was_there = value.is_some();
        (was_there || gone).then_some(Sample {
            at_ms: scrape.at_ms,
            seen_ms: scrape.seen_ms,
            value,
        })
    });
    samples.collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Course, Exposed, Outage, Phase};
    use super::*;

    fn target(failure: Failure) -> Target {
        Target {
            labels: Labels::from([("job".into(), "worker".into())]),
            interval_ms: 100,
            timeout_ms: 60,
            phase: Phase::Unknown,
            outages: vec![Outage {
                from_ms: 0,
                to_ms: 250,
                failure,
            }],
            exposes: vec![Exposed {
                labels: Labels::from([("__name__".into(), "queue".into())]),
                course: Course::Step {
                    at_ms: 250,
                    before: 1.0,
                    after: 2.0,
                },
            }],
        }
    }

    fn told(samples: &[Sample]) -> Vec<(i64, i64, Option<f64>)> {
        let samples = samples.iter();
        let told = samples.map(|sample| (sample.at_ms, sample.seen_ms, sample.value));
        told.collect()
    }

    #[test]
    fn a_refused_scrape_stores_a_failure_and_one_marker_at_once() {
        let samples = target(Failure::Refused).samples(20, -150, 320);
        let (up, down) = (Some(1.0), Some(0.0));
        let ups = [
            (-80, -80, up),
            (20, 20, down),
            (120, 120, down),
            (220, 220, down),
            (320, 320, up),
        ];
        assert_eq!(told(&samples[0]), ups);
        let queue = [(-80, -80, Some(1.0)), (20, 20, None), (320, 320, Some(2.0))];
        assert_eq!(told(&samples[1]), queue);
    }

    #[test]
    fn a_hanging_scrape_is_stored_when_it_ends_at_the_time_it_began() {
        let samples = target(Failure::Hangs).samples(20, -150, 320);
        let (up, down) = (Some(1.0), Some(0.0));
        let ups = [
            (-80, -80, up),
            (20, 80, down),
            (120, 180, down),
            (220, 250, up),
            (320, 320, up),
        ];
        assert_eq!(told(&samples[0]), ups);
        let queue = [
            (-80, -80, Some(1.0)),
            (20, 80, None),
            (220, 250, Some(2.0)),
            (320, 320, Some(2.0)),
        ];
        assert_eq!(told(&samples[1]), queue);
    }

    #[test]
    fn the_series_of_a_forgotten_target_end_once_it_was_waited_for() {
        let samples = target(Failure::Forgotten).samples(20, -150, 320);
        let up = Some(1.0);
        let ups = [(-80, -80, up), (20, 130, None), (320, 320, up)];
        assert_eq!(told(&samples[0]), ups);
        let queue = [(-80, -80, up), (20, 130, None), (320, 320, Some(2.0))];
        assert_eq!(told(&samples[1]), queue);
    }

    #[test]
    fn series_bear_the_labels_of_their_target() {
        let sets: Vec<_> = target(Failure::Refused).label_sets().collect();
        assert_eq!(sets[0]["__name__"], "up");
        assert_eq!(
            (&*sets[1]["__name__"], &*sets[1]["job"]),
            ("queue", "worker")
        );
    }
}
