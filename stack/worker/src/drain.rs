//! The worker's loop: read, record, acknowledge.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use voteops_ledger::{Error as LedgerError, Ledger, Recorded};
use voteops_queue::{Content, DeadReason, Entry, Error as QueueError, Queue, Reader, Vote};

use crate::Config;
use crate::backoff::Backoff;
use crate::faults::WorkerFaults;
use crate::metrics::{Metrics, Stage};

/// How long the batch in hand may still take once shutdown has begun. What is not done by then
/// stays pending, for the next worker.
const GRACE: Duration = Duration::from_secs(3);

/// How many times the group is searched for abandoned votes in the time that makes them so.
const SCANS_PER_IDLE: u32 = 3;

/// The worker's loop and all it needs.
pub(crate) struct Drain {
    queue: Queue,
    reader: Reader,
    ledger: Ledger,
    metrics: Metrics,
    faults: Option<WorkerFaults>,
    batch_size: usize,
    reclaim_idle: Duration,
    next_scan: Instant,
    shutdown: CancellationToken,
}

/// Shutdown cut the work short.
struct CutShort;

/// A batch by what is to be done with its entries.
#[derive(Default)]
struct Batch {
    votes: Vec<Vote>,
    vote_entries: Vec<Entry>,
    poison: Vec<(Entry, DeadReason)>,
    /// Stream ids to acknowledge once the votes are recorded.
    done: Vec<String>,
}

impl Batch {
    fn sort(entries: Vec<Entry>) -> Self {
        let mut batch = Self::default();
        for entry in entries {
            match &entry.content {
                Content::Vote(vote) => {
                    batch.votes.push(vote.clone());
                    batch.vote_entries.push(entry);
                }
                Content::Poison(reason) => {
                    let reason = *reason;
                    batch.poison.push((entry, reason));
                }
                Content::Deleted => batch.done.push(entry.id),
            }
        }
        batch
    }
}

impl Drain {
    pub(crate) fn new(
        queue: Queue,
        ledger: Ledger,
        metrics: Metrics,
        faults: Option<WorkerFaults>,
        config: &Config,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            reader: queue.reader(&config.instance),
            queue,
            ledger,
            metrics,
            faults,
            batch_size: config.batch_size,
            reclaim_idle: config.reclaim_idle,
            next_scan: Instant::now(),
            shutdown,
        }
    }

    /// Drains until shutdown.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new();
        while !self.shutdown.is_cancelled() {
            match self.next_entries().await {
                Ok(entries) => {
                    backoff = Backoff::new();
                    if self.process(entries).await.is_err() {
                        tracing::warn!("shutting down with votes in hand; they stay pending");
                    }
                }
                Err(error) => {
                    self.metrics.count_error(Stage::Read);
                    tracing::warn!(%error, "cannot read the queue; trying again");
                    self.pause(&mut backoff).await;
                }
            }
        }
        if let Err(error) = self.reader.leave().await {
            tracing::debug!(%error, "the worker's name stays in the group");
        }
    }

    /// Abandoned votes first when it is time to look for them, else the next ones. Neither is ever
    /// cancelled: entries in a dropped answer would be nobody's until reclaimed.
    async fn next_entries(&mut self) -> Result<Vec<Entry>, QueueError> {
        if self.next_scan <= Instant::now() || self.reader.is_reclaiming() {
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

    async fn process(&self, entries: Vec<Entry>) -> Result<(), CutShort> {
        let received = Instant::now();
        if let Some(faults) = &self.faults
            && !entries.is_empty()
        {
            faults.strike().await;
        }
        let mut batch = Batch::sort(entries);
        for (entry, reason) in &batch.poison {
            self.bury(entry, *reason).await;
        }
        match self.record(&batch.votes).await? {
            Ok(recorded) => {
                self.count(recorded);
                batch
                    .done
                    .extend(batch.vote_entries.into_iter().map(|entry| entry.id));
            }
            Err(refusal) => {
                tracing::warn!(error = %refusal, "recording the batch vote by vote");
                self.record_one_by_one(batch.vote_entries, &mut batch.done)
                    .await?;
            }
        }
        self.acknowledge(&batch.done).await?;
        let seconds = received.elapsed().as_secs_f64();
        for _ in &batch.votes {
            self.metrics.processing.observe(seconds);
        }
        Ok(())
    }

    /// Records votes, however long it takes. The inner error is the ledger's final refusal.
    async fn record(&self, votes: &[Vote]) -> Result<Result<Recorded, LedgerError>, CutShort> {
        let mut backoff = Backoff::new();
        loop {
            match self.in_grace(self.ledger.record(votes)).await? {
                Err(error) if !error.is_permanent() => {
                    self.failed(Stage::Record, &error, &mut backoff).await?;
                }
                result => return Ok(result),
            }
        }
    }

    /// Finds the votes that spoil their batch and buries them.
    async fn record_one_by_one(
        &self,
        entries: Vec<Entry>,
        done: &mut Vec<String>,
    ) -> Result<(), CutShort> {
        for entry in entries {
            let Content::Vote(vote) = &entry.content else {
                continue;
            };
            match self.record(std::slice::from_ref(vote)).await? {
                Ok(recorded) => {
                    self.count(recorded);
                    done.push(entry.id);
                }
                Err(error) => {
                    tracing::warn!(entry = entry.id, %error, "the ledger cannot hold a vote");
                    self.bury(&entry, DeadReason::LedgerRefused).await;
                }
            }
        }
        Ok(())
    }

    /// An entry that cannot be buried now, most likely because Redis is full, stays pending and
    /// comes back with the abandoned ones; meanwhile it holds up nothing.
    async fn bury(&self, entry: &Entry, reason: DeadReason) {
        match self.queue.bury(entry, reason).await {
            Ok(()) => {
                self.metrics.count_dead(reason);
                tracing::warn!(entry = entry.id, reason = reason.slug(), "buried an entry");
            }
            Err(error) => {
                self.metrics.count_error(Stage::Acknowledge);
                tracing::warn!(entry = entry.id, %error, "cannot bury an entry; it stays pending");
            }
        }
    }

    /// Acknowledges entries, however long it takes.
    async fn acknowledge(&self, ids: &[String]) -> Result<(), CutShort> {
        let mut backoff = Backoff::new();
        while let Err(error) = self.in_grace(self.queue.acknowledge(ids)).await? {
            self.failed(Stage::Acknowledge, &error, &mut backoff)
                .await?;
        }
        Ok(())
    }

    fn count(&self, recorded: Recorded) {
        self.metrics.written.inc_by(recorded.written);
        self.metrics.unchanged.inc_by(recorded.unchanged);
    }

    async fn failed(
        &self,
        stage: Stage,
        error: &impl std::fmt::Display,
        backoff: &mut Backoff,
    ) -> Result<(), CutShort> {
        self.metrics.count_error(stage);
        tracing::warn!(%error, ?stage, "an attempt failed; trying again");
        if self.shutdown.is_cancelled() {
            return Err(CutShort);
        }
        self.pause(backoff).await;
        Ok(())
    }

    /// Waits for an attempt, but once shutdown has begun for no more than [`GRACE`].
    async fn in_grace<T>(&self, attempt: impl Future<Output = T>) -> Result<T, CutShort> {
        let grace_over = async {
            self.shutdown.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            result = attempt => Ok(result),
            () = grace_over => Err(CutShort),
        }
    }

    async fn pause(&self, backoff: &mut Backoff) {
        let _ = tokio::time::timeout(backoff.pause(), self.shutdown.cancelled()).await;
    }
}
