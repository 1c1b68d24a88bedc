//! What the worker does with a batch: record it, then acknowledge it.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use voteops_ledger::{Error as LedgerError, Ledger, Recorded};
use voteops_queue::{Content, DeadReason, Entry, Error as QueueError, Queue, Queued};

use crate::backoff::Backoff;
use crate::faults::WorkerFaults;
use crate::metrics::{Metrics, Stage};
use crate::troubles::Troubles;

/// How long the votes in hand may still take once shutdown has begun. What is not done by then
/// stays pending, for the next worker.
const GRACE: Duration = Duration::from_secs(3);

/// Takes batches to the ledger and out of the queue.
pub(crate) struct Recorder {
    pub(crate) queue: Queue,
    pub(crate) ledger: Ledger,
    pub(crate) metrics: Metrics,
    pub(crate) troubles: Troubles,
    pub(crate) faults: Option<WorkerFaults>,
    pub(crate) shutdown: CancellationToken,
    /// When [`GRACE`] ends, once it has begun.
    pub(crate) grace_end: OnceLock<Instant>,
}

/// Shutdown cut the work short.
pub(crate) struct CutShort;

/// A batch by what is to be done with its entries.
#[derive(Default)]
struct Batch {
    votes: Vec<Queued>,
    vote_entries: Vec<Entry>,
    poison: Vec<(Entry, DeadReason)>,
    /// To acknowledge once the votes are recorded.
    done: Vec<Entry>,
}

impl Batch {
    fn sort(entries: Vec<Entry>) -> Self {
        let mut batch = Self::default();
        for entry in entries {
            match &entry.content {
                Content::Vote(vote) => {
                    batch.votes.push(Queued {
                        vote: vote.clone(),
                        position: entry.position,
                    });
                    batch.vote_entries.push(entry);
                }
                Content::Poison(reason) => {
                    let reason = *reason;
                    batch.poison.push((entry, reason));
                }
                Content::Deleted => batch.done.push(entry),
            }
        }
        batch
    }
}

impl Recorder {
    /// Holds a batch up as long as the faults that are in force say.
    pub(crate) async fn strike(&self) {
        if let Some(faults) = &self.faults {
            faults.strike().await;
        }
    }

    /// Records and acknowledges a batch that was `received` then, however long it takes.
    ///
    /// # Errors
    /// [`CutShort`]; what is not done stays pending.
    pub(crate) async fn process(
        &self,
        entries: Vec<Entry>,
        received: Instant,
    ) -> Result<(), CutShort> {
        let mut batch = Batch::sort(entries);
        for (entry, reason) in &batch.poison {
            self.bury(entry, *reason).await;
        }
        match self.record(&batch.votes).await? {
            Ok(recorded) => {
                self.count(recorded);
                batch.done.append(&mut batch.vote_entries);
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
    async fn record(&self, votes: &[Queued]) -> Result<Result<Recorded, LedgerError>, CutShort> {
        let mut backoff = Backoff::new();
        loop {
            match self.in_grace(self.ledger.record(votes)).await? {
                Err(error) if !error.is_permanent() => {
                    self.failed(Stage::Record, &error, &mut backoff).await?;
                }
                result => {
                    self.troubles.over(Stage::Record);
                    return Ok(result);
                }
            }
        }
    }

    /// Finds the votes that spoil their batch and buries them.
    async fn record_one_by_one(
        &self,
        entries: Vec<Entry>,
        done: &mut Vec<Entry>,
    ) -> Result<(), CutShort> {
        for entry in entries {
            let Content::Vote(vote) = &entry.content else {
                continue;
            };
            let vote = Queued {
                vote: vote.clone(),
                position: entry.position,
            };
            match self.record(&[vote]).await? {
                Ok(recorded) => {
                    self.count(recorded);
                    done.push(entry);
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
            Ok(true) => {
                self.metrics.count_dead(reason);
                tracing::warn!(entry = entry.id, reason = reason.slug(), "buried an entry");
            }
            Ok(false) => tracing::info!(entry = entry.id, "another worker buried an entry"),
            Err(error) => {
                self.metrics.count_error(Stage::Acknowledge);
                tracing::warn!(entry = entry.id, %error, "cannot bury an entry; it stays pending");
            }
        }
    }

    /// Acknowledges entries, however long it takes. Those of a server that has the queue no more are left: its
    /// successor gives out what it has of them, and recording them again changes nothing.
    async fn acknowledge(&self, entries: &[Entry]) -> Result<(), CutShort> {
        let mut backoff = Backoff::new();
        while let Err(error) = self.in_grace(self.queue.acknowledge(entries)).await? {
            if matches!(error, QueueError::Elsewhere) {
                self.metrics.count_error(Stage::Acknowledge);
                tracing::warn!(%error, entries = entries.len(), "recorded entries are not acknowledged");
                backoff.wait(&self.shutdown).await;
                break;
            }
            self.failed(Stage::Acknowledge, &error, &mut backoff)
                .await?;
        }
        self.troubles.over(Stage::Acknowledge);
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
        self.troubles.failed(stage, error);
        tracing::warn!(%error, ?stage, "an attempt failed; trying again");
        if self.shutdown.is_cancelled() {
            return Err(CutShort);
        }
        backoff.wait(&self.shutdown).await;
        Ok(())
    }

    /// Waits for an attempt, but once shutdown has begun for no more than [`GRACE`].
    async fn in_grace<T>(&self, attempt: impl Future<Output = T>) -> Result<T, CutShort> {
        let grace_over = async {
            self.shutdown.cancelled().await;
            let end = self.grace_end.get_or_init(|| Instant::now() + GRACE);
            tokio::time::sleep_until((*end).into()).await;
        };
        tokio::select! {
            result = attempt => Ok(result),
            () = grace_over => Err(CutShort),
        }
    }
}
