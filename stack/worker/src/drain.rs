//! The worker's loop.

use std::pin::pin;
use std::time::Instant;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;
use voteops_queue::Entry;

use crate::intake::Intake;
use crate::recorder::{CutShort, Recorder};

/// Batches that are being recorded or acknowledged at once, beside the one that is read: with fewer,
/// Redis waits for the ledger or the ledger for Redis.
const MOST_AT_WORK: usize = 3;

/// Drains until shutdown. While more than a batch waits, the next ones are read and recorded as one is
/// acknowledged. Otherwise one after the other: what comes meanwhile would be missed, and would wait for
/// one batch more.
pub(crate) async fn drain(mut intake: Intake, recorder: Recorder, shutdown: CancellationToken) {
    let mut at_work = AtWork::new(&recorder);
    let mut in_hand = Vec::new();
    while !shutdown.is_cancelled() {
        at_work.begin(in_hand).await;
        let most = if intake.is_behind() { MOST_AT_WORK } else { 0 };
        at_work.until_at_most(most).await;
        // By now it may be time to look back, and what is in hand would be found and recorded once more.
        if intake.looks_back() {
            at_work.until_at_most(0).await;
        }
        let is_alone = at_work.batches.is_empty();
        in_hand = at_work.meanwhile(intake.next(is_alone)).await;
    }
    at_work.begin(in_hand).await;
    at_work.until_at_most(0).await;
    if at_work.is_cut_short {
        tracing::warn!("shutting down with votes in hand; they stay pending");
    }
    drop(at_work);
    intake.leave().await;
}

/// The batches that are being recorded or acknowledged.
struct AtWork<'a> {
    recorder: &'a Recorder,
    batches: FuturesUnordered<BoxFuture<'a, Result<(), CutShort>>>,
    /// Whether shutdown came before a batch was done.
    is_cut_short: bool,
}

impl<'a> AtWork<'a> {
    fn new(recorder: &'a Recorder) -> Self {
        Self {
            recorder,
            batches: FuturesUnordered::new(),
            is_cut_short: false,
        }
    }

    /// Begins a batch, once it was struck by the faults that are in force: one at a time, so that a delay
    /// is one for each batch.
    async fn begin(&mut self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let (recorder, received) = (self.recorder, Instant::now());
        self.meanwhile(recorder.strike()).await;
        self.batches
            .push(recorder.process(entries, received).boxed());
    }

    /// Goes on with the batches until no more than `most` are left.
    async fn until_at_most(&mut self, most: usize) {
        while self.batches.len() > most {
            self.one().await;
        }
    }

    /// Goes on with the batches until `other` is there.
    async fn meanwhile<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        loop {
            tokio::select! {
                there = &mut other => return there,
                () = self.one(), if !self.batches.is_empty() => {}
            }
        }
    }

    async fn one(&mut self) {
        if let Some(done) = self.batches.next().await {
            self.is_cut_short |= done.is_err();
        }
    }
}
