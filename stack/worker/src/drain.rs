//! The worker's loop.

use tokio_util::sync::CancellationToken;

use crate::intake::Intake;
use crate::recorder::Recorder;

/// Drains until shutdown. While more than a batch waits, the next one is read as the last is
/// recorded, so that neither Redis nor the ledger waits for the other. Otherwise it is not: what
/// comes meanwhile would be missed, and would wait for one batch more.
pub(crate) async fn drain(mut intake: Intake, recorder: Recorder, shutdown: CancellationToken) {
    let mut in_hand = Vec::new();
    let mut cut_short = false;
    while !shutdown.is_cancelled() {
        let entries = std::mem::take(&mut in_hand);
        // What was in hand for so long that it counts as abandoned would be found by a scan.
        let ahead = intake.is_behind() && !intake.is_scanning();
        let processed = if ahead {
            let (processed, next) = tokio::join!(recorder.process(entries), intake.next());
            in_hand = next;
            processed
        } else {
            let processed = recorder.process(entries).await;
            in_hand = intake.next().await;
            processed
        };
        cut_short |= processed.is_err();
    }
    if cut_short || recorder.process(in_hand).await.is_err() {
        tracing::warn!("shutting down with votes in hand; they stay pending");
    }
    intake.leave().await;
}
