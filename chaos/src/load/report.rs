//! What a load has done, and what it is doing.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::schedule::Schedule;
use super::spread::Spread;
use super::tally::{ErrorKind, Tally};

/// A load whose achieved rate is below this share of the planned one has a shortfall.
const SHORTFALL_BELOW: f64 = 0.99;

/// A load as it runs, for a display.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Progress {
    /// How long it has run.
    pub elapsed: Duration,
    /// How many votes it will send.
    pub planned: u64,
    /// How many votes have been sent, or could not be sent.
    pub sent: u64,
    /// How many have been accepted.
    pub accepted: u64,
    /// How many have been rejected or not answered.
    pub failed: u64,
    /// How many are on their way: taken, and neither answered nor given up.
    pub in_flight: u64,
    /// Votes due per second by now.
    pub planned_rate_per_s: f64,
    /// Votes sent per second since the progress before.
    pub current_rate_per_s: f64,
    /// The 99th percentile, since the progress before, of the time between due and sent.
    pub lag_p99_us: u64,
    /// The 99th percentile, since the progress before, of the time between due and answered.
    pub latency_p99_us: u64,
    /// All latencies so far.
    pub latency: Spread,
}

/// Percentiles of a duration, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// The median.
    pub p50_us: u64,
    /// The 90th percentile.
    pub p90_us: u64,
    /// The 99th percentile.
    pub p99_us: u64,
    /// The 99.9th percentile.
    pub p999_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            p50_us: histogram.value_at_quantile(0.5),
            p90_us: histogram.value_at_quantile(0.9),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }
}

/// A vote that was answered 202, and that therefore must never be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AcceptedVote {
    /// Its index in the plan, which tells its voter: [`super::Plan::voter`].
    pub index: u64,
    /// The vote id of the answer.
    pub vote_id: Uuid,
}

/// What a load has done.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many votes were planned. All have been tried unless the load was cancelled.
    pub planned: u64,
    /// How many votes were sent; those that found no connection are not among them.
    pub sent: u64,
    /// How many votes were answered 202 with a vote id.
    pub accepted: u64,
    /// How many votes were answered otherwise, by HTTP status.
    pub rejected: BTreeMap<u16, u64>,
    /// How many votes were not answered, by reason.
    pub errors: BTreeMap<ErrorKind, u64>,
    /// How many votes were due per second; the mean over a ramp, as far as it was gone.
    pub planned_rate_per_s: f64,
    /// How many votes were sent per second, from the start until the last was sent.
    pub achieved_rate_per_s: f64,
    /// Whether the achieved rate is below 99 % of the planned one.
    pub shortfall: bool,
    /// Whether the load was cancelled before its end.
    pub cancelled: bool,
    /// From the instant when a vote was due until its answer or its timeout.
    pub latency: Latency,
    /// How these latencies are spread.
    pub latency_histogram: Spread,
    /// From the instant when a vote was due until it was sent.
    pub lag: Latency,
    /// When the first vote was due.
    pub started_at: Timestamp,
    /// When the last answer had come.
    pub ended_at: Timestamp,
    /// Every accepted vote, by index.
    #[serde(skip)]
    pub accepted_votes: Vec<AcceptedVote>,
}

impl Report {
    pub(super) fn new(
        schedule: Schedule,
        tally: Tally,
        started_at: Timestamp,
        cancelled: bool,
    ) -> Self {
        let accepted = tally.accepted.len() as u64;
        let unsent = tally.errors.get(&ErrorKind::Connect).copied().unwrap_or(0);
        let sent = accepted + tally.failed() - unsent;
        let (planned_rate_per_s, achieved_rate_per_s) =
            rates_per_s(schedule, sent, tally.last_sent_at);
        let mut accepted_votes: Vec<_> = tally
            .accepted
            .into_iter()
            .map(|(index, id)| AcceptedVote {
                index,
                vote_id: Uuid::from_bytes(id),
            })
            .collect();
        accepted_votes.sort_unstable();
        Self {
            planned: schedule.total(),
            sent,
            accepted,
            rejected: tally.statuses,
            errors: tally.errors,
            planned_rate_per_s,
            achieved_rate_per_s,
            shortfall: achieved_rate_per_s < planned_rate_per_s * SHORTFALL_BELOW,
            cancelled,
            latency: Latency::of(&tally.latency_us),
            latency_histogram: Spread::of(&tally.latency_us),
            lag: Latency::of(&tally.lag_us),
            started_at,
            ended_at: Timestamp::now(),
            accepted_votes,
        }
    }
}

/// Votes per second as planned and as achieved, when `sent` votes were sent and the last of them at
/// `last_sent_at`. The last vote's own interval counts, so that a schedule that is kept to the
/// letter gives its own rate. A ramp that was cut short is held to the part that was gone.
#[expect(
    clippy::cast_precision_loss,
    reason = "a rate needs no more than 52 bits"
)]
fn rates_per_s(schedule: Schedule, sent: u64, last_sent_at: Duration) -> (f64, f64) {
    if sent == 0 {
        return (schedule.mean_rate_until_per_s(f64::INFINITY), 0.0);
    }
    let ended_s = last_sent_at.as_secs_f64() + schedule.gap_after_s(last_sent_at);
    let planned_per_s = schedule.mean_rate_until_per_s(ended_s);
    (planned_per_s, sent as f64 / ended_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(rate: &str, votes: u64, sent: u64, last_sent_at: Duration) -> (f64, f64) {
        let schedule = Schedule::of(rate.parse().unwrap(), votes).unwrap();
        rates_per_s(schedule, sent, last_sent_at)
    }

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-3 * right
    }

    #[test]
    fn a_schedule_that_is_kept_achieves_its_rate() {
        for (rate, mean_per_s) in [("200", 200.0), ("0..400", 200.0), ("300..100", 200.0)] {
            let schedule = Schedule::of(rate.parse().unwrap(), 1_000).unwrap();
            let last = schedule.due_at(999);
            let (planned, achieved) = rates(rate, 1_000, 1_000, last);
            assert!(near(planned, mean_per_s), "{rate}: {planned}");
            assert!(near(achieved, mean_per_s), "{rate}: {achieved}");
            let (planned, achieved) = rates(rate, 1_000, 1_000, last * 2);
            assert!(near(planned, mean_per_s), "{rate}: {planned}");
            assert!(
                (achieved - mean_per_s / 2.0).abs() < 0.5,
                "{rate}: {achieved}"
            );
        }
    }

    #[test]
    fn a_ramp_that_is_cut_short_is_held_to_what_was_gone_of_it() {
        // 20·t² votes in 5 s: after 2.5 s a quarter of them, at 50 a second.
        let schedule = Schedule::of("0..200".parse().unwrap(), 500).unwrap();
        let (planned, achieved) = rates("0..200", 500, 126, schedule.due_at(125));
        assert!((planned - 50.0).abs() < 0.5, "{planned}");
        assert!(achieved >= planned * SHORTFALL_BELOW, "{achieved}");
        let (planned, achieved) = rates("0..200", 500, 63, schedule.due_at(125));
        assert!(achieved < planned * SHORTFALL_BELOW, "{achieved}");
    }

    #[test]
    fn nothing_sent_is_no_rate() {
        assert_eq!(rates("100..300", 100, 0, Duration::ZERO), (200.0, 0.0));
    }
}
