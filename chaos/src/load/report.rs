//! What a load has done, and what it is doing.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::schedule::Schedule;
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
    /// Answers per second since the progress before.
    pub current_rate_per_s: f64,
    /// The 99th percentile, since the progress before, of the time between due and sent.
    pub lag_p99_us: u64,
    /// The 99th percentile, since the progress before, of the time between due and answered.
    pub latency_p99_us: u64,
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
    /// How many votes were due per second.
    pub planned_rate_per_s: f64,
    /// How many votes were sent per second, from the start until the last was sent.
    pub achieved_rate_per_s: f64,
    /// Whether the achieved rate is below 99 % of the planned one.
    pub shortfall: bool,
    /// Whether the load was cancelled before its end.
    pub cancelled: bool,
    /// From the instant when a vote was due until its answer or its timeout.
    pub latency: Latency,
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
        let achieved_rate_per_s = achieved(schedule, sent, tally.last_sent_at);
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
            planned_rate_per_s: schedule.rate_per_s(),
            achieved_rate_per_s,
            shortfall: achieved_rate_per_s < schedule.rate_per_s() * SHORTFALL_BELOW,
            cancelled,
            latency: Latency::of(&tally.latency_us),
            lag: Latency::of(&tally.lag_us),
            started_at,
            ended_at: Timestamp::now(),
            accepted_votes,
        }
    }
}

/// Votes per second when `sent` votes were sent and the last of them at `last_sent_at`. The last
/// vote's own interval counts, so that a schedule that is kept to the letter gives its own rate.
#[expect(
    clippy::cast_precision_loss,
    reason = "a rate needs no more than 52 bits"
)]
fn achieved(schedule: Schedule, sent: u64, last_sent_at: Duration) -> f64 {
    sent as f64 / (last_sent_at.as_secs_f64() + schedule.rate_per_s().recip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_that_is_kept_achieves_its_rate() {
        let schedule = Schedule::new(200.0, 1_000).unwrap();
        let kept = achieved(schedule, 1_000, schedule.due_at(999));
        assert!((kept - 200.0).abs() < 1e-6, "{kept}");
        let late = achieved(schedule, 1_000, schedule.due_at(999) * 2);
        assert!((late - 100.0).abs() < 0.1, "{late}");
    }
}
