//! How latencies are spread: votes by ranges of their latency.

use hdrhistogram::Histogram;
use serde::{Serialize, Serializer};

/// Where each range ends and the next begins, in microseconds: three for each power of ten, from
/// what a loopback takes to what voters wait at the most.
const BOUNDS_US: [u64; 16] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_000_000, 5_000_000, 10_000_000,
];

/// Votes by ranges of their latency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    counts: [u64; BOUNDS_US.len() + 1],
}

/// The votes of one range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// The shortest latency of the range, in microseconds.
    pub from_us: u64,
    /// The shortest latency of the next range; none when there is no next.
    pub below_us: Option<u64>,
    /// How many votes took so long.
    pub votes: u64,
}

impl Spread {
    /// The spread of recorded microseconds; at a bound it is off by what the histogram rounds.
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        let mut spread = Self::default();
        for recorded in histogram.iter_recorded() {
            let us = recorded.value_iterated_to();
            let range = BOUNDS_US.partition_point(|bound| *bound <= us);
            spread.counts[range] += recorded.count_at_value();
        }
        spread
    }

    /// The ranges from the first to the last in which there are votes.
    pub fn bars(&self) -> impl Iterator<Item = Bar> {
        let used = |votes: &u64| *votes > 0;
        let first = self.counts.iter().position(used).unwrap_or(0);
        let end = self
            .counts
            .iter()
            .rposition(used)
            .map_or(0, |last| last + 1);
        (first..end).map(|range| Bar {
            from_us: range.checked_sub(1).map_or(0, |before| BOUNDS_US[before]),
            below_us: BOUNDS_US.get(range).copied(),
            votes: self.counts[range],
        })
    }
}

impl Serialize for Spread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.bars())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vote_is_in_the_range_of_its_latency() {
        let mut histogram = Histogram::new(3).unwrap();
        for us in [99, 500, 999, 2_000, 15_000_000] {
            histogram.record(us).unwrap();
        }
        let spread = Spread::of(&histogram);
        let bars: Vec<_> = spread.bars().collect();
        assert_eq!(bars.len(), 17);
        let used: Vec<_> = bars.iter().filter(|bar| bar.votes > 0).collect();
        let told: Vec<_> = used
            .iter()
            .map(|bar| (bar.from_us, bar.below_us, bar.votes))
            .collect();
        assert_eq!(
            told,
            [
                (0, Some(100), 1),
                (500, Some(1_000), 2),
                (2_000, Some(5_000), 1),
                (10_000_000, None, 1)
            ]
        );
    }

    #[test]
    fn nothing_has_no_bars() {
        assert_eq!(Spread::default().bars().count(), 0);
    }
}
