//! Growing pauses between attempts.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses that double from 100 ms to 5 s. Each is cut by up to half, at random, so that workers
/// that failed together do not try again together.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// Waits before the next attempt, unless shutdown has begun.
    pub(crate) async fn wait(&mut self, shutdown: &CancellationToken) {
        let _ = tokio::time::timeout(self.pause(), shutdown.cancelled()).await;
    }

    fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(LONGEST);
        // The last bytes of a version 4 UUID are random (RFC 9562, section 5.4).
        let random = u32::from(Uuid::new_v4().as_bytes()[15]);
        pause / 512 * (512 - random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new();
        let mut expected = FIRST;
        for _ in 0..10 {
            let pause = backoff.pause();
            assert!(
                pause > expected / 2 && pause <= expected,
                "{pause:?} of {expected:?}"
            );
            expected = (expected * 2).min(LONGEST);
        }
        assert_eq!(expected, LONGEST);
    }
}
