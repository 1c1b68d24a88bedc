//! When each vote is due.

use std::time::Duration;

use super::LoadError;

/// Votes at a constant rate: vote i is due i / rate after the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    rate_per_s: f64,
    total: u64,
}

impl Schedule {
    /// `total` votes at `rate_per_s`.
    ///
    /// # Errors
    /// [`LoadError::Rate`] when the rate is not a positive number that a timer can follow.
    pub fn new(rate_per_s: f64, total: u64) -> Result<Self, LoadError> {
        // Between one vote in ten days and more than any machine can send.
        if (1e-6..=1e8).contains(&rate_per_s) {
            Ok(Self { rate_per_s, total })
        } else {
            Err(LoadError::Rate(rate_per_s))
        }
    }

    /// How many votes are sent in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many votes are due per second.
    #[must_use]
    pub fn rate_per_s(&self) -> f64 {
        self.rate_per_s
    }

    /// When vote `index` is due, from the start.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a vote in 2^53 may be due a nanosecond off"
    )]
    pub fn due_at(&self, index: u64) -> Duration {
        Duration::try_from_secs_f64(index as f64 / self.rate_per_s).unwrap_or(Duration::MAX)
    }

    /// How many votes are due once `elapsed` has passed since the start: all those whose
    /// [`due_at`](Self::due_at) is not after it.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the product is not negative, and a cast to u64 saturates"
    )]
    pub fn due_by(&self, elapsed: Duration) -> u64 {
        let estimate = (elapsed.as_secs_f64() * self.rate_per_s) as u64;
        // Rounding may put the estimate off by one, and the first vote is due at once: `due_at`
        // decides.
        let last = estimate.saturating_add(2);
        let due = (estimate.saturating_sub(1)..=last).find(|index| self.due_at(*index) > elapsed);
        due.unwrap_or(last).min(self.total)
    }
}

/// How many of the votes `from..to` belong to `lane` when `lanes` take turns.
pub(super) fn share_of_lane(lane: u64, lanes: u64, from: u64, to: u64) -> u64 {
    let before = |index: u64| (index + lanes - 1).saturating_sub(lane) / lanes;
    before(to) - before(from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_vote_is_released_when_due_and_not_before(
            rate_per_s in 0.01..1e6_f64, index in 0..10_000_000_u64
        ) {
            let schedule = Schedule::new(rate_per_s, u64::MAX).unwrap();
            let due_at = schedule.due_at(index);
            prop_assert!(schedule.due_by(due_at) > index);
            if let Some(just_before) = due_at.checked_sub(Duration::from_nanos(1)) {
                prop_assert!(schedule.due_by(just_before) <= index);
            }
        }

        #[test]
        fn lanes_share_every_vote(
            lanes in 1..9_u64, from in 0..1_000_u64, count in 0..1_000_u64
        ) {
            let to = from + count;
            for lane in 0..lanes {
                let expected = (from..to).filter(|index| index % lanes == lane).count() as u64;
                prop_assert_eq!(share_of_lane(lane, lanes, from, to), expected);
            }
        }
    }

    #[test]
    fn no_more_than_the_total_is_due() {
        let schedule = Schedule::new(100.0, 50).unwrap();
        assert_eq!(schedule.due_by(Duration::ZERO), 1);
        assert_eq!(schedule.due_by(Duration::from_millis(99)), 10);
        assert_eq!(schedule.due_by(Duration::from_hours(1)), 50);
    }

    #[test]
    fn rates_that_no_timer_can_follow_are_refused() {
        for rate_per_s in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(Schedule::new(rate_per_s, 1).is_err(), "{rate_per_s}");
        }
    }
}
