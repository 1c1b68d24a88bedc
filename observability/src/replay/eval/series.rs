//! Series in memory, and the samples of them that a query sees.

use super::{Semantics, Settings};
use crate::prometheus::Labels;

/// One sample as it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Its timestamp.
    pub at_ms: i64,
    /// When it was stored: not before `at_ms`, and not before the sample before it was. A query
    /// sees it from then on.
    pub seen_ms: i64,
    /// Its value; `None` is a staleness marker.
    pub value: Option<f64>,
}

impl Sample {
    /// A sample that is stored at its timestamp.
    #[must_use]
    pub fn new(at_ms: i64, value: f64) -> Self {
        Self {
            at_ms,
            seen_ms: at_ms,
            value: Some(value),
        }
    }

    /// A staleness marker that is stored at its timestamp.
    #[must_use]
    pub fn stale(at_ms: i64) -> Self {
        Self {
            at_ms,
            seen_ms: at_ms,
            value: None,
        }
    }
}

/// A series: its labels, `__name__` among them, and its samples in the order of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Its samples.
    pub samples: Vec<Sample>,
}

/// A sample in a range, which is never a marker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) at_ms: i64,
    pub(super) value: f64,
}

/// What can be seen of a series at `at_ms`.
fn seen(samples: &[Sample], at_ms: i64) -> &[Sample] {
    let seen = samples.partition_point(|sample| sample.seen_ms <= at_ms);
    &samples[..seen]
}

/// The value of a series at `at_ms`: that of its newest sample, unless that is a marker or older
/// than the lookback.
pub(super) fn newest(samples: &[Sample], settings: &Settings, at_ms: i64) -> Option<f64> {
    let newest = seen(samples, at_ms).last()?;
    let from_ms = at_ms.saturating_sub(settings.lookback_ms);
    settings
        .semantics
        .begins(newest.at_ms, from_ms)
        .then_some(newest.value)?
}

/// The samples of a series in the last `range_ms` before `at_ms`.
pub(super) fn range(
    samples: &[Sample],
    semantics: Semantics,
    range_ms: i64,
    at_ms: i64,
) -> impl Iterator<Item = Point> {
    let seen = seen(samples, at_ms);
    let from_ms = at_ms.saturating_sub(range_ms);
    let first = seen.partition_point(|sample| !semantics.begins(sample.at_ms, from_ms));
    seen[first..].iter().filter_map(|sample| {
        sample.value.map(|value| Point {
            at_ms: sample.at_ms,
            value,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(samples: &[Sample], semantics: Semantics, at_ms: i64) -> Vec<f64> {
        range(samples, semantics, 100, at_ms)
            .map(|point| point.value)
            .collect()
    }

    #[test]
    fn a_window_is_closed_in_2_and_open_on_the_left_in_3() {
        let samples = [Sample::new(0, 1.0), Sample::new(100, 2.0)];
        assert_eq!(values(&samples, Semantics::V2, 100), [1.0, 2.0]);
        assert_eq!(values(&samples, Semantics::V3, 100), [2.0]);
        assert_eq!(values(&samples, Semantics::V2, 99), [1.0]);
        let settings = |semantics| Settings {
            lookback_ms: 100,
            ..Settings::new(semantics)
        };
        let newest = |semantics, at_ms| newest(&samples, &settings(semantics), at_ms);
        assert_eq!(newest(Semantics::V2, 200), Some(2.0));
        assert_eq!(newest(Semantics::V2, 201), None);
        assert_eq!(newest(Semantics::V3, 199), Some(2.0));
        assert_eq!(newest(Semantics::V3, 200), None);
    }

    #[test]
    fn a_marker_ends_a_series_and_is_no_value_in_a_range() {
        let samples = [Sample::new(0, 1.0), Sample::stale(50), Sample::new(90, 2.0)];
        let settings = Settings::new(Semantics::V2);
        assert_eq!(newest(&samples, &settings, 49), Some(1.0));
        assert_eq!(newest(&samples, &settings, 50), None);
        assert_eq!(newest(&samples, &settings, 90), Some(2.0));
        assert_eq!(values(&samples, Semantics::V2, 90), [1.0, 2.0]);
    }

    #[test]
    fn a_sample_that_is_stored_late_is_seen_late() {
        let late = Sample {
            seen_ms: 80,
            ..Sample::new(50, 2.0)
        };
        let samples = [Sample::new(0, 1.0), late];
        let settings = Settings::new(Semantics::V2);
        assert_eq!(newest(&samples, &settings, 79), Some(1.0));
        assert_eq!(newest(&samples, &settings, 80), Some(2.0));
        assert_eq!(values(&samples, Semantics::V2, 79), [1.0]);
    }
}
