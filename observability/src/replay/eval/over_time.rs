//! The functions of a range of one series.

use super::series::Point;
use super::{Semantics, mean, quantile};
use crate::replay::{count, seconds};

/// A function of the samples in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Rate,
    Increase,
    Delta,
    Irate,
    Avg,
    Min,
    Max,
    Sum,
    Count,
    Last,
    Present,
    Quantile,
}

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "rate" => Self::Rate,
            "increase" => Self::Increase,
            "delta" => Self::Delta,
            "irate" => Self::Irate,
            "avg_over_time" => Self::Avg,
            "min_over_time" => Self::Min,
            "max_over_time" => Self::Max,
            "sum_over_time" => Self::Sum,
            "count_over_time" => Self::Count,
            "last_over_time" => Self::Last,
            "present_over_time" => Self::Present,
            "quantile_over_time" => Self::Quantile,
            _ => return None,
        })
    }
}

/// Where the samples were taken from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) semantics: Semantics,
    pub(super) range_ms: i64,
    pub(super) at_ms: i64,
    /// The quantile that is asked for, by the function that takes one.
    pub(super) parameter: f64,
}

/// The function's value; `None` when the samples do not suffice for one.
pub(super) fn apply(function: Function, points: &[Point], window: &Window) -> Option<f64> {
    let last = points.last()?;
    let values = || points.iter().map(|point| point.value);
    Some(match function {
        Function::Rate | Function::Increase | Function::Delta => {
            extrapolated(function, points, window)?
        }
        Function::Irate => last_rate(points)?,
        Function::Avg => mean::over_time(window.semantics, values()),
        Function::Min => extreme(values(), |value, least| value < least),
        Function::Max => extreme(values(), |value, greatest| value > greatest),
        Function::Sum => mean::sum(values()),
        Function::Count => count(points.len()),
        Function::Last => last.value,
        Function::Present => 1.0,
        Function::Quantile => quantile::of_values(window.parameter, values().collect()),
    })
}

/// The value that `beats` all others; NaN only when there is nothing else.
pub(super) fn extreme(values: impl Iterator<Item = f64>, beats: impl Fn(f64, f64) -> bool) -> f64 {
    values.fold(f64::NAN, |best, value| {
        if best.is_nan() || beats(value, best) {
            value
        } else {
            best
        }
    })
}

/// How much a series grew in the window, or grew per second: the growth between its first and its
/// last sample, extrapolated to the window's ends. An end that is further away than 1.1 times the
/// average distance of samples is taken to be half of that distance away. `None` for fewer than
/// two samples.
fn extrapolated(function: Function, points: &[Point], window: &Window) -> Option<f64> {
    let counter = function != Function::Delta;
    let [first, .., last] = points else {
        return None;
    };
    let growth = growth(points, first, last, counter);
    let sampled_s = seconds(last.at_ms - first.at_ms);
    let distance_s = sampled_s / count(points.len() - 1);
    let threshold_s = distance_s * 1.1;
    let near = |end_s: f64| {
        if end_s < threshold_s {
            end_s
        } else {
            distance_s / 2.0
        }
    };
    let from_ms = window.at_ms.saturating_sub(window.range_ms);
    let start_s = seconds(first.at_ms.saturating_sub(from_ms));
    // A counter is not extrapolated to before it was zero.
    let zero_s = if counter && growth > 0.0 && first.value >= 0.0 {
        sampled_s * (first.value / growth)
    } else {
        f64::INFINITY
    };
    let start_s = if window.semantics == Semantics::V2 {
        near(start_s.min(zero_s))
    } else {
        near(start_s).min(zero_s)
    };
    let end_s = near(seconds(window.at_ms - last.at_ms));
    let factor = (sampled_s + start_s + end_s) / sampled_s;
    Some(match function {
        Function::Rate => growth * (factor / seconds(window.range_ms)),
        _ => growth * factor,
    })
}

/// The last value less the first; of a counter, with what it lost whenever it was reset.
fn growth(points: &[Point], first: &Point, last: &Point, counter: bool) -> f64 {
    let mut growth = last.value - first.value;
    if counter {
        for (before, after) in points.iter().zip(&points[1..]) {
            if after.value < before.value {
                growth += before.value;
            }
        }
    }
    growth
}

/// The growth per second between the last two samples.
fn last_rate(points: &[Point]) -> Option<f64> {
    let [.., before, last] = points else {
        return None;
    };
    let growth = if last.value < before.value {
        last.value
    } else {
        last.value - before.value
    };
    Some(growth / seconds(last.at_ms - before.at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn increase(semantics: Semantics, points: &[(i64, f64)]) -> Option<f64> {
        let points: Vec<_> = points
            .iter()
            .map(|&(at_ms, value)| Point { at_ms, value })
            .collect();
        let window = Window {
            semantics,
            range_ms: 60_000,
            at_ms: 60_000,
            parameter: 0.0,
        };
        apply(Function::Increase, &points, &window)
    }

    fn close(left: Option<f64>, right: f64) -> bool {
        left.is_some_and(|left| (left - right).abs() < 1e-9)
    }

    #[test]
    fn near_ends_are_reached_and_far_ones_by_half_a_distance() {
        let near = [(5_000, 100.0), (20_000, 115.0), (50_000, 145.0)];
        assert!(close(increase(Semantics::V3, &near), 60.0));
        let far = [(30_000, 100.0), (35_000, 105.0), (40_000, 110.0)];
        assert!(close(increase(Semantics::V3, &far), 15.0));
        assert_eq!(increase(Semantics::V3, &[(1, 1.0)]), None);
    }

    #[test]
    fn a_counter_is_not_extrapolated_to_below_zero() {
        let young = [(40_000, 1.0), (50_000, 11.0), (60_000, 21.0)];
        assert!(close(increase(Semantics::V3, &young), 21.0));
    }

    #[test]
    fn versions_differ_in_what_they_look_at_first() {
        // The zero is 6 s before the first sample, near enough for 2.42, while later versions
        // stop at half a distance before they look at it.
        let young = [(40_000, 6.0), (50_000, 16.0), (60_000, 26.0)];
        assert!(close(increase(Semantics::V2, &young), 26.0));
        assert!(close(increase(Semantics::V2_52, &young), 25.0));
    }

    #[test]
    fn a_reset_is_no_loss() {
        let reset = [(0, 100.0), (30_000, 130.0), (60_000, 30.0)];
        assert!(close(increase(Semantics::V2, &reset), 60.0));
    }
}
