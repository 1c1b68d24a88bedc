//! The y axis: from which value to which, and where its labels stand.

use voteops_observability::signals::Threshold;
use voteops_observability::units::Unit;

use super::reach::Reach;
use crate::view::marks;

/// Rows between two labels.
const LABEL_ROWS: u16 = 4;

/// The values at the lower and upper edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// At the lower edge.
    pub(super) low: f64,
    /// At the upper edge.
    pub(super) high: f64,
}

impl Scale {
    /// A scale that holds zero, all that the curves reach and the threshold.
    pub(super) fn of(reaches: &[Reach], threshold: Option<Threshold>) -> Self {
        let limit = threshold.map(|limit| limit.value);
        let (low, high) = reaches
            .iter()
            .flat_map(|reach| [reach.low, reach.high])
            .chain(limit)
            .filter(|value| value.abs() < 1e300)
            .fold((0.0_f64, 0.0_f64), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low == 0.0 && high == 0.0 {
            return Self { low, high: 1.0 };
        }
        Self {
            low: -nice(-low),
            high: nice(high),
        }
    }

    /// Where a value stands: 0 at the lower edge, 1 at the upper.
    pub(super) fn share(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// Whether so many parts of the scale are whole numbers.
    fn is_whole(self, parts: u16) -> bool {
        let part = (self.high - self.low) / f64::from(parts);
        part.fract().abs() < f64::EPSILON
    }

    /// Labels with their rows, counted from the top.
    pub(super) fn labels(self, unit: Option<Unit>, rows: u16) -> Vec<(u16, String)> {
        let last = rows.saturating_sub(1);
        // Parts that halve and quarter round numbers give round labels; what is whole is not
        // divided, and between up and down there is nothing.
        let most = last / LABEL_ROWS;
        let usual = [5, 4, 2];
        let parts = match unit {
            Some(Unit::Up) => None,
            Some(Unit::Count) => usual
                .into_iter()
                .find(|parts| *parts <= most && self.is_whole(*parts)),
            _ => usual.into_iter().find(|parts| *parts <= most),
        };
        let parts = parts.unwrap_or(1);
        (0..=parts)
            .map(|part| {
                let share = f64::from(part) / f64::from(parts);
                let value = self.low + (self.high - self.low) * (1.0 - share);
                let row = part * last / parts;
                (row, marks::value(Some(value), unit))
            })
            .collect()
    }
}

/// The next of 1, 2, 2.5, 4, 5, 6, 8, 10 times a power of ten that is not below `value`.
fn nice(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    if power == 0.0 || !power.is_finite() {
        return value;
    }
    let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let found = steps.iter().map(|step| step * power);
    found
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nice_numbers_hold_the_value() {
        for (value, upper) in [
            (0.9, 1.0),
            (1.0, 1.0),
            (1834.0, 2000.0),
            (0.31, 0.4),
            (22.0, 25.0),
        ] {
            assert!((nice(value) - upper).abs() < upper * 1e-9, "{value}");
        }
    }

    #[test]
    fn counts_are_not_divided_and_nothing_is_between_up_and_down() {
        let labels = |high, unit| {
            let labels = Scale { low: 0.0, high }.labels(Some(unit), 41);
            let texts: Vec<_> = labels.into_iter().map(|(_, text)| text).collect();
            texts.join(" ")
        };
        assert_eq!(labels(2.0, Unit::Count), "2 1 0");
        assert_eq!(labels(3.0, Unit::Count), "3 0");
        assert_eq!(labels(100.0, Unit::Count), "100 80 60 40 20.0 0");
        assert_eq!(labels(1.0, Unit::Up), "up DOWN");
        assert_eq!(
            labels(1.0, Unit::Seconds),
            "1.00s 800ms 600ms 400ms 200ms 0µs"
        );
    }

    proptest! {
        #[test]
        fn nothing_leaves_the_scale(value in 1e-9..1e12_f64) {
            prop_assert!(nice(value) >= value && nice(value) <= value * 2.0 * (1.0 + 1e-9));
        }
    }
}
