//! The value of a series as a function of time.

use crate::replay::seconds;

/// How a series behaves. Times are milliseconds from the onset.
#[derive(Debug, Clone, PartialEq)]
pub enum Course {
    /// Always the same.
    Constant(f64),
    /// One value before `at_ms`, another from then on.
    Step {
        /// When it changes.
        at_ms: i64,
        /// The value before.
        before: f64,
        /// The value from then on.
        after: f64,
    },
    /// Constant, then changing evenly, then constant again.
    Ramp {
        /// When it begins to change.
        from_ms: i64,
        /// When it ends; `i64::MAX` for never.
        to_ms: i64,
        /// The value before.
        start: f64,
        /// How fast it changes, per second.
        slope_per_s: f64,
    },
    /// A counter.
    Counter(Counter),
    /// Straight lines between points (time, value) in the order of time, and their first and last
    /// value before and after. Two points at one time are a jump. Without points, it is missing.
    Points(Vec<(i64, f64)>),
    /// Another course, but not exposed for a time.
    Missing {
        /// When it is gone.
        from_ms: i64,
        /// When it is back; `i64::MAX` for never.
        to_ms: i64,
        /// What it is otherwise.
        otherwise: Box<Course>,
    },
}

/// When a counter's rate changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knee {
    /// The time.
    pub at_ms: i64,
    /// The rate from then on, per second.
    pub per_s: f64,
}

/// A counter: what it has counted at the onset, and how fast it counts. It is never below zero,
/// as though it had started when it would have been.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counter {
    /// The value at the onset.
    pub at_onset: f64,
    /// The rate before the first knee, per second.
    pub per_s: f64,
    /// Changes of the rate, in the order of time.
    pub knees: Vec<Knee>,
    /// When it begins at zero again, in the order of time, after the onset.
    pub resets_ms: Vec<i64>,
}

impl Course {
    /// The value at a time; `None` when it is not exposed.
    #[must_use]
    pub fn value(&self, at_ms: i64) -> Option<f64> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Step {
                at_ms: step_ms,
                before,
                after,
            } => Some(if at_ms < *step_ms { *before } else { *after }),
            Self::Ramp {
                from_ms,
                to_ms,
                start,
                slope_per_s,
            } => {
                let since_ms = at_ms.min(*to_ms).saturating_sub(*from_ms);
                Some(start + slope_per_s * seconds(since_ms.max(0)))
            }
            Self::Counter(counter) => Some(counter.value(at_ms)),
            Self::Points(points) => between(points, at_ms),
            Self::Missing { from_ms, to_ms, .. } if (*from_ms..*to_ms).contains(&at_ms) => None,
            Self::Missing { otherwise, .. } => otherwise.value(at_ms),
        }
    }

    /// The times at which it changes its behaviour.
    pub(in crate::replay) fn changes_ms(&self) -> Vec<i64> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Step { at_ms, .. } => vec![*at_ms],
            Self::Ramp { from_ms, to_ms, .. } => vec![*from_ms, *to_ms],
            Self::Counter(counter) => {
                let knees = counter.knees.iter().map(|knee| knee.at_ms);
                knees.chain(counter.resets_ms.iter().copied()).collect()
            }
            Self::Points(points) => points.iter().map(|(at_ms, _)| *at_ms).collect(),
            Self::Missing {
                from_ms,
                to_ms,
                otherwise,
            } => [vec![*from_ms, *to_ms], otherwise.changes_ms()].concat(),
        }
    }
}

impl Counter {
    fn value(&self, at_ms: i64) -> f64 {
        let reset = self.resets_ms.iter().rfind(|reset_ms| **reset_ms <= at_ms);
        let value = match reset {
            Some(reset_ms) => self.counted(*reset_ms, at_ms),
            None if at_ms >= 0 => self.at_onset + self.counted(0, at_ms),
            None => self.at_onset - self.counted(at_ms, 0),
        };
        value.max(0.0)
    }

    /// What is counted between two times.
    fn counted(&self, from_ms: i64, to_ms: i64) -> f64 {
        let mut counted = 0.0;
        let mut since_ms = from_ms;
        let mut per_s = self.per_s;
        for knee in &self.knees {
            let until_ms = knee.at_ms.min(to_ms).max(since_ms);
            counted += per_s * seconds(until_ms - since_ms);
            since_ms = until_ms;
            per_s = knee.per_s;
        }
        counted + per_s * seconds(to_ms - since_ms)
    }
}

/// The value on the line between the points around a time.
fn between(points: &[(i64, f64)], at_ms: i64) -> Option<f64> {
    let next = points.partition_point(|(point_ms, _)| *point_ms <= at_ms);
    let before = next.checked_sub(1).and_then(|before| points.get(before));
    match (before, points.get(next)) {
        (Some((from_ms, from)), Some((to_ms, to))) => {
            let share = seconds(at_ms - from_ms) / seconds(to_ms - from_ms);
            Some(from + (to - from) * share)
        }
        (Some((_, value)), None) | (None, Some((_, value))) => Some(*value),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: Option<f64>, right: f64) -> bool {
        left.is_some_and(|left| (left - right).abs() < 1e-9)
    }

    #[test]
    fn steps_and_ramps_begin_at_their_time() {
        let step = Course::Step {
            at_ms: 0,
            before: 1.0,
            after: 2.0,
        };
        assert!(close(step.value(-1), 1.0) && close(step.value(0), 2.0));
        let ramp = Course::Ramp {
            from_ms: 1_000,
            to_ms: 3_000,
            start: 5.0,
            slope_per_s: 2.0,
        };
        for (at_ms, value) in [(-9_000, 5.0), (1_500, 6.0), (3_000, 9.0), (9_000, 9.0)] {
            assert!(close(ramp.value(at_ms), value), "{at_ms}");
        }
    }

    #[test]
    fn a_counter_counts_at_its_rates_and_begins_at_zero_after_a_reset() {
        let knees = [(2_000, 0.0), (4_000, 5.0)];
        let counter = Course::Counter(Counter {
            at_onset: 3.0,
            per_s: 1.0,
            knees: knees.map(|(at_ms, per_s)| Knee { at_ms, per_s }).into(),
            resets_ms: vec![5_000],
        });
        let values = [
            (-9_000, 0.0),
            (-1_000, 2.0),
            (1_000, 4.0),
            (3_000, 5.0),
            (4_500, 7.5),
            (5_000, 0.0),
            (6_000, 5.0),
        ];
        for (at_ms, value) in values {
            assert!(close(counter.value(at_ms), value), "{at_ms}");
        }
    }

    #[test]
    fn points_are_joined_by_lines_and_may_jump() {
        let course = Course::Points(vec![(0, 1.0), (1_000, 3.0), (1_000, 7.0), (2_000, 7.0)]);
        let values = [
            (-5, 1.0),
            (500, 2.0),
            (999, 2.998),
            (1_000, 7.0),
            (9_999, 7.0),
        ];
        for (at_ms, value) in values {
            assert!(close(course.value(at_ms), value), "{at_ms}");
        }
        assert_eq!(Course::Points(Vec::new()).value(0), None);
    }

    #[test]
    fn a_missing_course_is_not_exposed_meanwhile() {
        let course = Course::Missing {
            from_ms: 0,
            to_ms: 10,
            otherwise: Box::new(Course::Constant(1.0)),
        };
        assert!(close(course.value(-1), 1.0) && close(course.value(10), 1.0));
        assert_eq!(course.value(0), None);
    }
}
