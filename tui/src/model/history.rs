//! What a signal was before, for its sparkline and its trend.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use voteops_observability::prometheus::Sample;

/// Points that are kept at most, however short the refresh.
const MAX_POINTS: usize = 4096;
/// Points that a slope needs.
const SLOPE_POINTS: usize = 3;

/// Values by time (Unix milliseconds), oldest first; `None` is a gap.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct History(VecDeque<(i64, Option<f64>)>);

/// How a history is cut into cells for a sparkline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    /// The end of the picture.
    pub(crate) now: Timestamp,
    /// The time that it covers.
    pub(crate) span: Duration,
    /// How many cells it has.
    pub(crate) cells: usize,
    /// How long a value stands when nothing follows.
    pub(crate) hold: Duration,
    /// Whether the least value of a cell is its worst, rather than the greatest.
    pub(crate) low_is_bad: bool,
}

impl Cut {
    fn worse(self, known: Option<f64>, value: f64) -> f64 {
        match known {
            None => value,
            Some(known) if self.low_is_bad => known.min(value),
            Some(known) => known.max(value),
        }
    }
}

impl History {
    /// Adds the value at an instant and forgets what is older than `keep`.
    pub(crate) fn push(&mut self, at: Timestamp, value: Option<f64>, keep: Duration) {
        let at_ms = at.as_millisecond();
        let oldest_ms = at_ms.saturating_sub(millis(keep));
        self.0.push_back((at_ms, value.filter(|v| v.is_finite())));
        while self.0.len() > MAX_POINTS || self.0.front().is_some_and(|p| p.0 < oldest_ms) {
            self.0.pop_front();
        }
    }

    /// Puts what was before the first point in front of it.
    pub(crate) fn fill(&mut self, samples: &[Sample]) {
        let first_ms = self.0.front().map_or(i64::MAX, |point| point.0);
        let room = MAX_POINTS.saturating_sub(self.0.len());
        let earlier = samples.iter().rev().filter_map(|sample| {
            let at_ms = unix_ms(sample.at_s).filter(|at_ms| *at_ms < first_ms)?;
            Some((at_ms, Some(sample.value).filter(|v| v.is_finite())))
        });
        for point in earlier.take(room) {
            self.0.push_front(point);
        }
    }

    /// The worst value of each cell. Cells keep their place in time, so that the picture moves
    /// by whole cells. A value stands until a gap or another value follows, or its hold ends.
    pub(crate) fn cells(&self, cut: Cut) -> Vec<Option<f64>> {
        let count = i64::try_from(cut.cells).unwrap_or(i64::MAX).max(1);
        let cell_ms = (millis(cut.span) / count).max(1);
        let now_ms = cut.now.as_millisecond();
        let first_cell = now_ms.div_euclid(cell_ms) - (count - 1);
        let mut worst: Vec<Option<f64>> = vec![None; cut.cells];
        for (index, (at_ms, value)) in self.0.iter().enumerate() {
            let Some(value) = *value else { continue };
            let next_ms = self.0.get(index + 1).map_or(i64::MAX, |next| next.0);
            let until_ms = at_ms.saturating_add(millis(cut.hold));
            let until_ms = until_ms.min(next_ms).min(now_ms.saturating_add(1));
            let last_ms = (until_ms - 1).max(*at_ms);
            let range = at_ms.div_euclid(cell_ms)..=last_ms.div_euclid(cell_ms);
            for cell in range.filter_map(|cell| usize::try_from(cell - first_cell).ok()) {
                if let Some(known) = worst.get_mut(cell) {
                    *known = Some(cut.worse(*known, value));
                }
            }
        }
        worst
    }

    /// Change in a second over the last `window`, by least squares; `None` when there are too
    /// few points or they cover less than half of it.
    pub(crate) fn slope(&self, window: Duration) -> Option<f64> {
        let last_ms = self.0.back()?.0;
        let points: Vec<(f64, f64)> = self
            .0
            .iter()
            .rev()
            .take_while(|point| last_ms - point.0 <= millis(window))
            .filter_map(|(at_ms, value)| Some((seconds(at_ms - last_ms)?, (*value)?)))
            .collect();
        let covered_s = points.first()?.0 - points.last()?.0;
        if points.len() < SLOPE_POINTS || covered_s < window.as_secs_f64() / 2.0 {
            return None;
        }
        least_squares(&points)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn seconds(millis: i64) -> Option<f64> {
    Some(f64::from(i32::try_from(millis).ok()?) / 1000.0)
}

/// Unix seconds as Prometheus writes them, in milliseconds.
fn unix_ms(at_s: f64) -> Option<i64> {
    let since_epoch = SignedDuration::try_from_secs_f64(at_s).ok()?;
    i64::try_from(since_epoch.as_millis()).ok()
}

/// The slope of the line with the least squared distance to the points.
fn least_squares(points: &[(f64, f64)]) -> Option<f64> {
    let count = f64::from(u32::try_from(points.len()).ok()?);
    let mean_at = points.iter().map(|(at, _)| at).sum::<f64>() / count;
    let mean_value = points.iter().map(|(_, value)| value).sum::<f64>() / count;
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (at, value) in points {
        covariance += (at - mean_at) * (value - mean_value);
        variance += (at - mean_at).powi(2);
    }
    Some(covariance / variance).filter(|slope| slope.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(1_000_000);

    fn at(at_ms: i64) -> Timestamp {
        Timestamp::from_millisecond(at_ms).unwrap()
    }

    fn history(points: &[(i64, Option<f64>)]) -> History {
        let mut history = History::default();
        for (at_ms, value) in points {
            history.push(at(*at_ms), *value, LONG);
        }
        history
    }

    fn cut(now_ms: i64, span_ms: u64, cells: usize, hold_ms: u64) -> Cut {
        Cut {
            now: at(now_ms),
            span: Duration::from_millis(span_ms),
            cells,
            hold: Duration::from_millis(hold_ms),
            low_is_bad: false,
        }
    }

    #[test]
    fn missing_is_a_gap_and_zero_is_not() {
        let history = history(&[
            (0, Some(1.0)),
            (1000, None),
            (2000, Some(0.0)),
            (3000, Some(f64::NAN)),
        ]);
        let cells = history.cells(cut(3500, 4000, 4, 1000));
        assert_eq!(cells, [Some(1.0), None, Some(0.0), None]);
    }

    #[test]
    fn a_value_stands_until_its_hold_ends() {
        let history = history(&[(0, Some(1.0)), (7000, Some(2.0))]);
        let cells = history.cells(cut(7500, 8000, 8, 3000));
        let (one, two) = (Some(1.0), Some(2.0));
        assert_eq!(cells, [one, one, one, None, None, None, None, two]);
    }

    #[test]
    fn the_worst_of_a_cell_is_shown() {
        let history = history(&[(0, Some(5.0)), (400, Some(9.0)), (800, Some(1.0))]);
        let cut = cut(900, 1000, 1, 1000);
        assert_eq!(history.cells(cut), [Some(9.0)]);
        let low_is_bad = Cut {
            low_is_bad: true,
            ..cut
        };
        assert_eq!(history.cells(low_is_bad), [Some(1.0)]);
    }

    #[test]
    fn what_was_before_is_filled_in_and_old_points_go() {
        let mut history = history(&[(10_000, Some(3.0))]);
        let sample = |at_s, value| Sample { at_s, value };
        history.fill(&[sample(8.0, 1.0), sample(9.0, 2.0), sample(10.0, 9.0)]);
        let filled = [(8000, Some(1.0)), (9000, Some(2.0)), (10_000, Some(3.0))];
        assert_eq!(history.0, filled);
        history.push(at(11_000), Some(4.0), Duration::from_secs(2));
        assert_eq!(history.0.front(), Some(&(9000, Some(2.0))));
    }

    #[test]
    fn the_slope_is_that_of_the_window() {
        let points: Vec<_> = (0..100)
            .map(|at_s| {
                let value = if at_s < 50 {
                    0.0
                } else {
                    2.0 * f64::from(at_s)
                };
                (i64::from(at_s) * 1000, Some(value))
            })
            .collect();
        let window = Duration::from_secs(20);
        let slope = history(&points).slope(window).unwrap();
        assert!((slope - 2.0).abs() < 1e-9);
        assert_eq!(history(&points[..2]).slope(window), None);
    }
}
