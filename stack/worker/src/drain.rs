//! The worker's loop.

use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;
use voteops_queue::Entry;

use crate::intake::Intake;
use crate::recorder::{CutShort, Done, Recorder};

/// Drains until shutdown. While more than a batch waits, the next one is read and the last one
/// acknowledged as one is recorded, so that neither Redis nor the ledger waits for the other. Otherwise
/// not: what comes meanwhile would be missed, and would wait for one batch more.
pub(crate) async fn drain(mut intake: Intake, recorder: Recorder, shutdown: CancellationToken) {
    let mut in_hand = Vec::new();
    let mut unacknowledged = Done::default();
    let mut cut_short = false;
    while !shutdown.is_cancelled() {
        let (entries, last) = (take(&mut in_hand), take(&mut unacknowledged));
        // What was in hand for so long that it counts as abandoned would be found by a scan.
        let processed = if intake.is_behind() && !intake.is_scanning() {
            let next_came = AtomicBool::new(false);
            let (finished, ahead, next) = tokio::join!(
                recorder.finish(last),
                record_ahead(&recorder, entries, &next_came),
                async {
                    let next = intake.next().await;
                    next_came.store(true, Ordering::Relaxed);
                    next
                }
            );
            in_hand = next;
            finished.and(ahead.map(|done| unacknowledged = done))
        } else {
            let finished = recorder.finish(last).await;
            let processed = recorder.process(entries).await;
            in_hand = intake.next().await;
            finished.and(processed)
        };
        cut_short |= processed.is_err();
    }
    // Each for itself: what is recorded is acknowledged even when what is in hand is cut short.
    let finished = recorder.finish(unacknowledged).await;
    if cut_short || finished.is_err() || recorder.process(in_hand).await.is_err() {
        tracing::warn!("shutting down with votes in hand; they stay pending");
    }
    intake.leave().await;
}

/// Records a batch. It is acknowledged later, beside the next, when that one is here by then; else at
/// once, since the next may take long to come.
async fn record_ahead(
    recorder: &Recorder,
    entries: Vec<Entry>,
    next_came: &AtomicBool,
) -> Result<Done, CutShort> {
    let done = recorder.take(entries).await?;
    if next_came.load(Ordering::Relaxed) {
        return Ok(done);
    }
    recorder.finish(done).await?;
    Ok(Done::default())
}
