//! Quantiles of values.

use std::cmp::Ordering;

use crate::replay::count;

/// What a quantile outside 0 to 1 is said to be.
pub(super) fn impossible(quantile: f64) -> Option<f64> {
    if quantile.is_nan() {
        Some(f64::NAN)
    } else if quantile < 0.0 {
        Some(f64::NEG_INFINITY)
    } else if quantile > 1.0 {
        Some(f64::INFINITY)
    } else {
        None
    }
}

/// The quantile of some values, between two of them by their weights.
pub(super) fn of_values(quantile: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    if let Some(impossible) = impossible(quantile) {
        return impossible;
    }
    values.sort_by(|left, right| nan_first(*left, *right));
    let rank = quantile * (count(values.len()) - 1.0);
    let lower = values
        .iter()
        .enumerate()
        .rfind(|(index, _)| count(*index) <= rank)
        .map_or(0, |(index, _)| index);
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

fn nan_first(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right)
        .unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        let quantile = |q| of_values(q, vec![4.0, 1.0, 3.0, 2.0]);
        assert!((quantile(0.0) - 1.0).abs() < 1e-12);
        assert!((quantile(0.5) - 2.5).abs() < 1e-12);
        assert!((quantile(1.0) - 4.0).abs() < 1e-12);
        assert!(quantile(1.1) == f64::INFINITY && quantile(-0.1) == f64::NEG_INFINITY);
        assert!(quantile(f64::NAN).is_nan() && of_values(0.5, Vec::new()).is_nan());
        assert!((of_values(1.0, vec![2.0, f64::NAN]) - 2.0).abs() < 1e-12);
    }
}
