//! Growing pauses between attempts.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use voteops_queue::Pauses;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses from 100 ms to 5 s.
#[derive(Debug)]
pub(crate) struct Backoff(Pauses);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(Pauses::new(FIRST, LONGEST))
    }

    /// Waits before the next attempt, unless shutdown has begun.
    pub(crate) async fn wait(&mut self, shutdown: &CancellationToken) {
        let pause = self.0.next_pause();
        let _ = tokio::time::timeout(pause, shutdown.cancelled()).await;
    }
}
