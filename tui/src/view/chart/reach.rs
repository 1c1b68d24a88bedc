//! How far the curves of a chart reach, and which of too many are drawn.

use std::collections::BTreeSet;

use super::Chart;

/// Curves that are drawn at most. Among more nobody could follow one, and drawing all of them
/// takes longer than a frame may.
pub(crate) const MAX_DRAWN: usize = 40;

/// The least and the greatest value of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reach {
    /// Infinite for a curve without values.
    pub(super) low: f64,
    /// Minus infinite for a curve without values.
    pub(super) high: f64,
}

/// The reach of each curve: of every finite value in the chart's range.
pub(super) fn of(chart: &Chart) -> Vec<Reach> {
    let from_s = chart.range.from.as_duration().as_secs_f64();
    let to_s = chart.range.to.as_duration().as_secs_f64();
    let nothing = Reach {
        low: f64::INFINITY,
        high: f64::NEG_INFINITY,
    };
    let curves = chart.curves.iter();
    let reach = curves.map(|curve| {
        let values = curve
            .samples
            .iter()
            .filter(|sample| (from_s..=to_s).contains(&sample.at_s))
            .map(|sample| sample.value)
            .filter(|value| value.abs() < 1e300);
        values.fold(nothing, |reach, value| Reach {
            low: reach.low.min(value),
            high: reach.high.max(value),
        })
    });
    reach.collect()
}

/// The curves that are drawn: all, or of too many those that reach farthest down and up, so that
/// the others lie between them.
pub(super) fn drawn(reaches: &[Reach]) -> BTreeSet<usize> {
    if reaches.len() <= MAX_DRAWN {
        return (0..reaches.len()).collect();
    }
    let mut order: Vec<usize> = (0..reaches.len()).collect();
    order.sort_by(|a, b| reaches[*b].high.total_cmp(&reaches[*a].high));
    let mut drawn: BTreeSet<_> = order.iter().copied().take(MAX_DRAWN / 2).collect();
    order.sort_by(|a, b| reaches[*a].low.total_cmp(&reaches[*b].low));
    for index in order {
        if drawn.len() == MAX_DRAWN {
            break;
        }
        drawn.insert(index);
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(low: f64, high: f64) -> Reach {
        Reach { low, high }
    }

    #[test]
    fn few_curves_are_all_drawn() {
        let reaches = vec![reach(0.0, 1.0); MAX_DRAWN];
        assert_eq!(drawn(&reaches).len(), MAX_DRAWN);
    }

    #[test]
    fn of_many_those_are_drawn_that_reach_farthest() {
        let mut reaches = vec![reach(4.0, 5.0); 200];
        reaches[150] = reach(4.0, 9.0);
        reaches[199] = reach(-3.0, 5.0);
        reaches[7] = reach(f64::INFINITY, f64::NEG_INFINITY);
        let drawn = drawn(&reaches);
        assert_eq!(drawn.len(), MAX_DRAWN);
        assert!(drawn.contains(&150) && drawn.contains(&199));
        assert!(!drawn.contains(&7));
    }
}
