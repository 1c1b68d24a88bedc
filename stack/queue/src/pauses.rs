//! Growing pauses between attempts.

use std::time::Duration;

use uuid::Uuid;

/// Pauses that double from the first to the longest. Each is cut by up to half, at random, so that
/// those who failed together do not try again together.
#[derive(Debug, Clone)]
pub struct Pauses {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Pauses {
    /// Pauses from `first` to `longest`.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// The pause before the next attempt.
    pub fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.longest);
        // The last bytes of a version 4 UUID are random (RFC 9562, section 5.4).
        let random = u32::from(Uuid::new_v4().as_bytes()[15]);
        pause / 512 * (512 - random)
    }

    /// An attempt succeeded: begins again with the first.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut pauses = Pauses::new(FIRST, LONGEST);
        let mut expected = FIRST;
        for _ in 0..10 {
            let pause = pauses.next_pause();
            assert!(
                pause > expected / 2 && pause <= expected,
                "{pause:?} of {expected:?}"
            );
            expected = (expected * 2).min(LONGEST);
        }
        assert_eq!(expected, LONGEST);
        pauses.reset();
        assert!(pauses.next_pause() <= FIRST);
    }
}
