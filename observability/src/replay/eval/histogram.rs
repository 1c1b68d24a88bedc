//! `histogram_quantile` over the buckets of classic histograms.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::labels::{self, Key, NAME};
use super::{Element, EvalError, Semantics, quantile};

/// The label with a bucket's upper bound.
const BOUND: &str = "le";
/// Neighbouring buckets that differ by less than this share are equal but for rounding.
const ROUNDING: f64 = 1e-12;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    upper: f64,
    count: f64,
}

/// The quantile of each histogram, whose labels are those of its buckets without `le`.
pub(super) fn quantiles(
    semantics: Semantics,
    quantile: f64,
    elements: &[Element],
) -> Result<Vec<Element>, EvalError> {
    let mut histograms: BTreeMap<Key, Vec<Bucket>> = BTreeMap::new();
    for element in elements {
        // Elements that are no buckets are passed over.
        let bound = element.labels.get(BOUND);
        let Some(upper) = bound.and_then(|bound| bound.parse().ok()) else {
            continue;
        };
        let mut key = labels::all(&element.labels);
        key.retain(|(name, _)| *name != BOUND);
        histograms.entry(key).or_default().push(Bucket {
            upper,
            count: element.value,
        });
    }
    let results: Vec<_> = histograms
        .into_iter()
        .map(|(mut key, buckets)| {
            key.retain(|(name, _)| *name != NAME);
            Element {
                labels: Arc::new(labels::owned(&key)),
                value: of_buckets(semantics, quantile, buckets),
            }
        })
        .collect();
    labels::distinct(&results)?;
    Ok(results)
}

/// The quantile of one histogram: linear inside a bucket, and the bound below the last bucket when
/// it falls into that one. NaN without a last bucket at +Inf, with less than two buckets, and
/// without observations.
fn of_buckets(semantics: Semantics, quantile: f64, mut buckets: Vec<Bucket>) -> f64 {
    if let Some(impossible) = quantile::impossible(quantile) {
        return impossible;
    }
    buckets.sort_by(|left, right| left.upper.total_cmp(&right.upper));
    if buckets
        .last()
        .is_none_or(|last| last.upper != f64::INFINITY)
    {
        return f64::NAN;
    }
    let buckets = rising(semantics, merged(buckets));
    let [lower @ .., last] = buckets.as_slice() else {
        return f64::NAN;
    };
    let (Some(first), Some(highest)) = (lower.first(), lower.last()) else {
        return f64::NAN;
    };
    if last.count == 0.0 {
        return f64::NAN;
    }
    let rank = quantile * last.count;
    let Some(index) = lower.iter().position(|bucket| bucket.count >= rank) else {
        return highest.upper;
    };
    if index == 0 && first.upper <= 0.0 {
        return first.upper;
    }
    let nothing = Bucket {
        upper: 0.0,
        count: 0.0,
    };
    let below = index.checked_sub(1).map_or(nothing, |below| lower[below]);
    let bucket = lower[index];
    let share = (rank - below.count) / (bucket.count - below.count);
    below.upper + (bucket.upper - below.upper) * share
}

/// Buckets with the same bound become one.
fn merged(sorted: Vec<Bucket>) -> Vec<Bucket> {
    let mut merged: Vec<Bucket> = Vec::with_capacity(sorted.len());
    for bucket in sorted {
        match merged.last_mut() {
            #[expect(clippy::float_cmp, reason = "the same bound, written twice")]
            Some(last) if last.upper == bucket.upper => last.count += bucket.count,
            _ => merged.push(bucket),
        }
    }
    merged
}

/// Counts that never fall from one bucket to the next, whatever scrapes in between made of them.
fn rising(semantics: Semantics, mut buckets: Vec<Bucket>) -> Vec<Bucket> {
    let mut highest = buckets.first().map_or(0.0, |bucket| bucket.count);
    for bucket in buckets.iter_mut().skip(1) {
        let rounding = semantics > Semantics::V2 && differ_by_rounding(highest, bucket.count);
        if bucket.count < highest || rounding {
            bucket.count = highest;
        } else if bucket.count > highest {
            highest = bucket.count;
        }
    }
    buckets
}

fn differ_by_rounding(left: f64, right: f64) -> bool {
    let sum = left.abs() + right.abs();
    let difference = (left - right).abs();
    if left == 0.0 || right == 0.0 || sum < f64::MIN_POSITIVE {
        difference < ROUNDING * f64::MIN_POSITIVE
    } else {
        difference / sum.min(f64::MAX) < ROUNDING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(quantile: f64, buckets: &[(f64, f64)]) -> f64 {
        let buckets = buckets
            .iter()
            .map(|&(upper, count)| Bucket { upper, count })
            .collect();
        of_buckets(Semantics::V3, quantile, buckets)
    }

    #[test]
    fn quantiles_are_linear_inside_a_bucket() {
        let buckets = [(0.1, 50.0), (0.3, 90.0), (f64::INFINITY, 100.0)];
        assert!((p(0.25, &buckets) - 0.05).abs() < 1e-12);
        assert!((p(0.7, &buckets) - 0.2).abs() < 1e-12);
        assert!((p(0.95, &buckets) - 0.3).abs() < 1e-12);
    }

    #[test]
    fn no_histogram_has_no_quantile() {
        assert!(p(0.5, &[(0.1, 5.0), (0.3, 9.0)]).is_nan());
        assert!(p(0.5, &[(f64::INFINITY, 9.0)]).is_nan());
        assert!(p(0.5, &[(0.1, 0.0), (f64::INFINITY, 0.0)]).is_nan());
    }

    #[test]
    fn counts_that_fall_are_lifted() {
        let buckets = [(0.1, 50.0), (0.3, 40.0), (f64::INFINITY, 100.0)];
        assert!((p(0.5, &buckets) - 0.1).abs() < 1e-12);
    }
}
