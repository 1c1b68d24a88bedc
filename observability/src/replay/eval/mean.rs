//! Sums and means, rounded as Prometheus rounds them: where an average is compared with the very
//! number that it has, the last bit decides.

use super::Semantics;
use crate::replay;

/// A sum with its rounding error (Kahan and Neumaier).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    sum: f64,
    error: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.error = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.error += (self.sum - total) + value;
        } else {
            self.error += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub(super) fn total(self) -> f64 {
        if self.sum.is_infinite() {
            self.sum
        } else {
            self.sum + self.error
        }
    }

    fn scaled(self, factor: f64) -> Self {
        Self {
            sum: self.sum * factor,
            error: self.error * factor,
        }
    }
}

/// The sum of the values of one series.
pub(super) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    values.for_each(|value| sum.add(value));
    sum.total()
}

/// The mean of the values of one series.
pub(super) fn over_time(semantics: Semantics, values: impl Iterator<Item = f64>) -> f64 {
    if semantics == Semantics::V3 {
        return of_the_sum(values);
    }
    let mut mean = Sum::default();
    for (index, value) in values.enumerate() {
        let count = replay::count(index + 1);
        if !stays_infinite(mean.sum, value) {
            mean.add(value / count - mean.sum / count);
        }
    }
    mean.total()
}

/// The mean of the elements of one group.
pub(super) fn of_group(semantics: Semantics, values: &[f64]) -> f64 {
    if semantics == Semantics::V3 {
        return of_the_sum(values.iter().copied());
    }
    let mut mean = 0.0;
    for (index, value) in values.iter().copied().enumerate() {
        let count = replay::count(index + 1);
        if index == 0 {
            mean = value;
        } else if !stays_infinite(mean, value) {
            mean += value / count - mean / count;
        }
    }
    mean
}

/// An infinite mean stays as it is, whatever finite value or infinite one of its sign follows.
fn stays_infinite(mean: f64, value: f64) -> bool {
    let same_sign = value.is_sign_positive() == mean.is_sign_positive();
    mean.is_infinite() && !value.is_nan() && (value.is_finite() || same_sign)
}

/// The sum by the count, or step by step from where the sum would be too large for a float.
fn of_the_sum(values: impl Iterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    let mut stepwise = false;
    let mut count = 0.0;
    for (index, value) in values.enumerate() {
        count = replay::count(index + 1);
        if !stepwise {
            let mut next = sum;
            next.add(value);
            if index == 0 || !next.sum.is_infinite() {
                sum = next;
                continue;
            }
            stepwise = true;
            sum = sum.scaled(1.0 / (count - 1.0));
        }
        sum = sum.scaled((count - 1.0) / count);
        sum.add(value / count);
    }
    if stepwise {
        sum.total()
    } else {
        sum.sum / count + sum.error / count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Semantics; 3] = [Semantics::V2, Semantics::V2_52, Semantics::V3];

    #[test]
    fn equal_values_have_exactly_their_value_as_mean() {
        for semantics in ALL {
            let values = [1000.1; 21];
            assert!(over_time(semantics, values.into_iter()) - 1000.1 == 0.0);
            assert!(of_group(semantics, &values) - 1000.1 == 0.0);
        }
    }

    #[test]
    fn sums_beyond_the_largest_float_have_a_mean() {
        for semantics in ALL {
            let mean = over_time(semantics, [f64::MAX; 4].into_iter());
            assert!((mean / f64::MAX - 1.0).abs() < 1e-12, "{mean}");
        }
    }

    #[test]
    fn an_infinite_value_decides_and_two_of_both_signs_are_no_number() {
        for semantics in ALL {
            let mean = |values: [f64; 3]| over_time(semantics, values.into_iter());
            assert!(mean([1.0, f64::INFINITY, 2.0]) == f64::INFINITY);
            assert!(mean([f64::INFINITY, 1.0, f64::NEG_INFINITY]).is_nan());
            assert!(of_group(semantics, &[f64::NEG_INFINITY, 1.0]) == f64::NEG_INFINITY);
        }
    }
}
