//! Counting: what became of the votes of one thread since it was last asked.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Why a vote got no answer that can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No connection could be made: the vote was not sent.
    Connect,
    /// The connection broke after the vote was sent; it may have been counted.
    Broken,
    /// No answer came in time; the vote may have been counted.
    Timeout,
    /// The answer was not one that a vote app gives; the vote may have been counted.
    Unreadable,
}

/// What became of one vote.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// Answered 202 with this vote id.
    Accepted([u8; 16]),
    /// No vote but a page, which was shown.
    Shown,
    /// Answered with another status.
    Status(u16),
    /// Not answered.
    Failed(ErrorKind),
}

/// Counts and histograms, in microseconds with three significant digits.
#[derive(Debug)]
pub(super) struct Tally {
    /// From the instant when a vote was due until its answer, or until no answer came in time.
    pub(super) latency_us: Histogram<u64>,
    /// From the instant when a vote was due until it was sent.
    pub(super) lag_us: Histogram<u64>,
    pub(super) accepted: Vec<(u64, [u8; 16])>,
    pub(super) shown: u64,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) errors: BTreeMap<ErrorKind, u64>,
    /// When the last vote was sent, from the start of the load.
    pub(super) last_sent_at: Duration,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            latency_us: histogram(),
            lag_us: histogram(),
            accepted: Vec::new(),
            shown: 0,
            statuses: BTreeMap::new(),
            errors: BTreeMap::new(),
            last_sent_at: Duration::ZERO,
        }
    }
}

/// When one vote was due, sent, and done with, from the start of the load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) due: Duration,
    pub(super) sent: Duration,
    pub(super) done: Duration,
}

impl Tally {
    pub(super) fn count(&mut self, index: u64, fate: Fate, times: Times) {
        match fate {
            Fate::Accepted(id) => self.accepted.push((index, id)),
            Fate::Shown => self.shown += 1,
            Fate::Status(status) => *self.statuses.entry(status).or_default() += 1,
            Fate::Failed(kind) => *self.errors.entry(kind).or_default() += 1,
        }
        if matches!(fate, Fate::Failed(ErrorKind::Connect)) {
            return;
        }
        self.last_sent_at = self.last_sent_at.max(times.sent);
        record(&mut self.lag_us, times.sent.saturating_sub(times.due));
        if !matches!(
            fate,
            Fate::Failed(ErrorKind::Broken | ErrorKind::Unreadable)
        ) {
            // A timeout counts with the time it took: the answer would have come later still.
            record(&mut self.latency_us, times.done.saturating_sub(times.due));
        }
    }

    /// Adds everything that was counted elsewhere.
    pub(super) fn add(&mut self, other: Self) {
        // Both resize by themselves, so that nothing is out of range.
        let _ = self.latency_us.add(&other.latency_us);
        let _ = self.lag_us.add(&other.lag_us);
        self.accepted.extend(other.accepted);
        self.shown += other.shown;
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (kind, count) in other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        self.last_sent_at = self.last_sent_at.max(other.last_sent_at);
    }

    /// How many votes are done with, whatever became of them.
    pub(super) fn done(&self) -> u64 {
        self.accepted.len() as u64 + self.shown + self.failed()
    }

    /// How many votes were answered with anything but an acceptance, or not at all.
    pub(super) fn failed(&self) -> u64 {
        self.statuses.values().chain(self.errors.values()).sum()
    }
}

#[expect(
    clippy::expect_used,
    reason = "three significant digits are within what is allowed, 0 to 5"
)]
fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are allowed")
}

fn record(histogram: &mut Histogram<u64>, duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    // It grows to hold whatever is recorded, so that nothing is out of range.
    let _ = histogram.record(micros);
}
