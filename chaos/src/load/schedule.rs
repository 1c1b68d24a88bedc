//! When each vote is due.

use std::time::Duration;

use super::{LoadError, Rate};

/// Votes by a rate that is constant or changes evenly.
///
/// With the rate a + s·t, the integral a·t + s·t²/2 tells how many votes are due in the time t, and
/// vote i is due when it is i. Solved for t in the form 2i / (a + √(a² + 2si)), in which nothing
/// cancels, whether the rate rises, falls or stays (Numerical Recipes, 3rd edition, 5.6); for s = 0
/// it is i / a to the last bit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    rate: Rate,
    /// How much the rate grows in a second, in votes per second.
    slope_per_s2: f64,
    total: u64,
}

impl Schedule {
    /// The votes that are due by `rate` in `duration`, over which a ramp extends.
    ///
    /// # Errors
    /// [`LoadError::Rate`] when the rate is not one that a timer can follow.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the product is not negative, and a cast to u64 saturates"
    )]
    pub fn over(rate: Rate, duration: Duration) -> Result<Self, LoadError> {
        let length_s = duration.as_secs_f64();
        let total = (rate.mean_per_s() * length_s).round() as u64;
        Self::new(rate, length_s, total)
    }

    /// So many votes by `rate`; a ramp extends over the time that they take.
    ///
    /// # Errors
    /// [`LoadError::Rate`] when the rate is not one that a timer can follow.
    #[expect(clippy::cast_precision_loss, reason = "a length to 52 bits")]
    pub fn of(rate: Rate, votes: u64) -> Result<Self, LoadError> {
        Self::new(rate, votes as f64 / rate.mean_per_s(), votes)
    }

    fn new(rate: Rate, length_s: f64, total: u64) -> Result<Self, LoadError> {
        if !rate.can_be_kept() {
            return Err(LoadError::Rate(rate));
        }
        let grows_by = rate.to_per_s - rate.from_per_s;
        let slope_per_s2 = if total == 0 { 0.0 } else { grows_by / length_s };
        Ok(Self {
            rate,
            slope_per_s2,
            total,
        })
    }

    /// How many votes are sent in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The most votes due per second at any time.
    pub(super) fn highest_rate_per_s(&self) -> f64 {
        self.rate.highest_per_s()
    }

    /// When vote `index` is due, from the start.
    #[must_use]
    pub fn due_at(&self, index: u64) -> Duration {
        Duration::try_from_secs_f64(self.due_at_s(index)).unwrap_or(Duration::MAX)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a vote in 2^53 may be due a nanosecond off"
    )]
    fn due_at_s(&self, index: u64) -> f64 {
        if index == 0 {
            return 0.0;
        }
        let (votes, from) = (index as f64, self.rate.from_per_s);
        // Below zero only by rounding, where a rate that falls to nothing ends.
        let squared = (from * from + 2.0 * self.slope_per_s2 * votes).max(0.0);
        2.0 * votes / (from + squared.sqrt())
    }

    /// How many votes are due once `elapsed` has passed since the start: all those whose
    /// [`due_at`](Self::due_at) is not after it.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the integral is not negative, and a cast to u64 saturates"
    )]
    pub fn due_by(&self, elapsed: Duration) -> u64 {
        let elapsed_s = elapsed.as_secs_f64().min(self.length_s());
        let mut due = (self.integral(elapsed_s) as u64).min(self.total);
        // Rounding may put that off by a few, and the first vote is due at once: `due_at` decides.
        while due > 0 && self.due_at(due - 1) > elapsed {
            due -= 1;
        }
        while due < self.total && self.due_at(due) <= elapsed {
            due += 1;
        }
        due
    }

    /// The votes that are due in a time, as a number with a fraction.
    fn integral(&self, time_s: f64) -> f64 {
        (self.rate.from_per_s + self.slope_per_s2 * time_s / 2.0) * time_s
    }

    /// From the start until one vote more would be due, in seconds.
    fn length_s(&self) -> f64 {
        self.due_at_s(self.total)
    }

    /// From the vote that is due at a time, or the last, until the next would be, in seconds.
    pub(super) fn gap_after_s(&self, elapsed: Duration) -> f64 {
        let next = self.due_by(elapsed).max(1);
        self.due_at_s(next) - self.due_at_s(next - 1)
    }

    /// Votes due per second at a time; after the end none.
    pub(super) fn rate_at_per_s(&self, elapsed: Duration) -> f64 {
        let elapsed_s = elapsed.as_secs_f64();
        if elapsed_s > self.length_s() {
            return 0.0;
        }
        self.rate.from_per_s + self.slope_per_s2 * elapsed_s
    }

    /// The mean of the votes due per second, from the start until a time or the end.
    pub(super) fn mean_rate_until_per_s(&self, time_s: f64) -> f64 {
        let time_s = time_s.min(self.length_s());
        self.rate.from_per_s + self.slope_per_s2 * time_s / 2.0
    }
}

/// How many of the votes `from..to` belong to `lane` when `lanes` take turns.
pub(super) fn share_of_lane(lane: u64, lanes: u64, from: u64, to: u64) -> u64 {
    let before = |index: u64| (index + lanes - 1).saturating_sub(lane) / lanes;
    before(to) - before(from)
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
