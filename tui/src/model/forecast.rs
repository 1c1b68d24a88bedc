//! Where the queue is heading, measured from its own length: the rates of producers and
//! consumers lag, and a dead worker reports none.

use std::time::Duration;

use voteops_observability::signals::Threshold;

use crate::model::history::History;

/// A change over the window below this share of the length is noise.
const NOISE_RATIO: f64 = 0.05;
/// A change over the window below this number of entries is noise.
const NOISE_ENTRIES: f64 = 10.0;

/// Where the queue is heading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Trend {
    /// There are too few readings to tell.
    Unknown,
    /// It keeps its length, give or take a few.
    Steady {
        /// Entries in a second, negative when it shrinks.
        net_per_s: f64,
    },
    /// It grows.
    Growing {
        /// Entries in a second.
        net_per_s: f64,
        /// The threshold and the seconds until it is reached, unless it was.
        threshold: Option<(f64, f64)>,
    },
    /// It shrinks.
    Draining {
        /// Entries in a second, negative.
        net_per_s: f64,
        /// Until it is empty, in seconds.
        empty_in_s: f64,
    },
}

/// The trend of a queue's length over the last `window`.
pub(crate) fn trend(
    length: Option<f64>,
    history: &History,
    threshold: Option<Threshold>,
    window: Duration,
) -> Trend {
    let (Some(length), Some(net_per_s)) = (length, history.slope(window)) else {
        return Trend::Unknown;
    };
    let noise = NOISE_ENTRIES.max(length * NOISE_RATIO);
    if net_per_s.abs() * window.as_secs_f64() < noise {
        Trend::Steady { net_per_s }
    } else if net_per_s > 0.0 {
        Trend::Growing {
            net_per_s,
            threshold: threshold
                .filter(|limit| limit.value > length)
                .map(|limit| (limit.value, (limit.value - length) / net_per_s)),
        }
    } else {
        Trend::Draining {
            net_per_s,
            empty_in_s: length / -net_per_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use voteops_observability::promql::Comparison;

    const WINDOW: Duration = Duration::from_secs(10);

    fn history(lengths: &[f64]) -> History {
        let mut history = History::default();
        for (at_s, length) in (0..).zip(lengths) {
            let at = Timestamp::from_second(at_s).unwrap();
            history.push(at, Some(*length), Duration::from_secs(1000));
        }
        history
    }

    const LIMIT: Option<Threshold> = Some(Threshold {
        comparison: Comparison::Above,
        value: 1000.0,
    });

    #[test]
    fn a_growing_queue_reaches_its_threshold() {
        let lengths: Vec<_> = (0..20).map(|at| 100.0 + 30.0 * f64::from(at)).collect();
        let trend = trend(lengths.last().copied(), &history(&lengths), LIMIT, WINDOW);
        let Trend::Growing {
            net_per_s,
            threshold: Some((1000.0, reached_in_s)),
        } = trend
        else {
            panic!("{trend:?}");
        };
        assert!((net_per_s - 30.0).abs() < 1e-9);
        assert!((reached_in_s - 11.0).abs() < 1e-9);
    }

    #[test]
    fn a_shrinking_queue_drains() {
        let lengths: Vec<_> = (0..20).map(|at| 2000.0 - 50.0 * f64::from(at)).collect();
        let trend = trend(lengths.last().copied(), &history(&lengths), LIMIT, WINDOW);
        let Trend::Draining { empty_in_s, .. } = trend else {
            panic!("{trend:?}");
        };
        assert!((empty_in_s - 21.0).abs() < 1e-9);
    }

    #[test]
    fn a_little_to_and_fro_is_steady_and_too_little_is_unknown() {
        let steady = history(&[3.0, 0.0, 4.0, 1.0, 3.0, 0.0, 2.0, 1.0]);
        assert!(matches!(
            trend(Some(1.0), &steady, LIMIT, WINDOW),
            Trend::Steady { .. }
        ));
        assert_eq!(
            trend(Some(1.0), &history(&[1.0]), LIMIT, WINDOW),
            Trend::Unknown
        );
        assert_eq!(trend(None, &steady, LIMIT, WINDOW), Trend::Unknown);
    }
}
