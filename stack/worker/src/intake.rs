//! Where the worker's votes come from: the stream, and workers that went away with some.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use voteops_queue::{Entry, Error as QueueError, Queue, Reader};

use crate::Config;
use crate::backoff::Backoff;
use crate::metrics::{Metrics, Stage};
use crate::troubles::Troubles;

/// How many times the group is searched for abandoned votes in the time that makes them so.
const SCANS_PER_IDLE: u32 = 3;

/// Reads batches of entries.
pub(crate) struct Intake {
    reader: Reader,
    metrics: Metrics,
    troubles: Troubles,
    batch_size: usize,
    reclaim_idle: Duration,
    next_scan: Instant,
    is_behind: bool,
    backoff: Backoff,
    shutdown: CancellationToken,
}

impl Intake {
    pub(crate) fn new(
        queue: &Queue,
        metrics: Metrics,
        troubles: Troubles,
        config: &Config,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            reader: queue.reader(&config.instance),
            metrics,
            troubles,
            batch_size: config.batch_size,
            reclaim_idle: config.reclaim_idle,
            next_scan: Instant::now(),
            is_behind: false,
            backoff: Backoff::new(),
            shutdown,
        }
    }

    /// The next entries; none when none came within a short time, when they cannot be read, or when
    /// shutdown has begun. Abandoned ones are looked for only with `is_alone`: when nothing is in hand that
    /// may be taken for abandoned. Not to be cancelled: entries in a dropped answer would be nobody's until
    /// reclaimed.
    pub(crate) async fn next(&mut self, is_alone: bool) -> Vec<Entry> {
        if self.shutdown.is_cancelled() {
            return Vec::new();
        }
        match self.read(is_alone).await {
            Ok(entries) => {
                self.troubles.over(Stage::Read);
                self.backoff = Backoff::new();
                self.is_behind = entries.len() >= self.batch_size;
                entries
            }
            Err(error) => {
                self.metrics.count_error(Stage::Read);
                self.troubles.failed(Stage::Read, &error);
                tracing::warn!(%error, "cannot read the queue; trying again");
                self.backoff.wait(&self.shutdown).await;
                Vec::new()
            }
        }
    }

    /// Whether more than the last batch waited.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Whether the next entries may be some that were read before: abandoned ones, or this worker's own.
    pub(crate) fn looks_back(&self) -> bool {
        self.is_scanning() || self.reader.is_replaying()
    }

    /// Whether it is time to look for abandoned votes.
    fn is_scanning(&self) -> bool {
        self.next_scan <= Instant::now() || self.reader.is_reclaiming()
    }

    /// Takes the worker's name out of the group.
    pub(crate) async fn leave(self) {
        if let Err(error) = self.reader.leave().await {
            tracing::debug!(%error, "the worker's name stays in the group");
        }
    }

    /// Abandoned votes first when it is time to look for them, else the next ones.
    async fn read(&mut self, is_alone: bool) -> Result<Vec<Entry>, QueueError> {
        if is_alone && self.is_scanning() {
            let entries = self
                .reader
                .reclaim(self.reclaim_idle, self.batch_size)
                .await?;
            if !self.reader.is_reclaiming() {
                self.next_scan = Instant::now() + self.reclaim_idle / SCANS_PER_IDLE;
            }
            if !entries.is_empty() {
                self.metrics.reclaimed.inc_by(entries.len() as u64);
                tracing::info!(entries = entries.len(), "took over abandoned votes");
                return Ok(entries);
            }
        }
        self.reader.read(self.batch_size).await
    }
}
