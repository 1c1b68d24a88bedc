//! A span of time in which something is to happen.

use serde::Serialize;

/// A time window in which something is to happen: from `lo_s` until before `hi_s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Not before this.
    pub lo_s: f64,
    /// Before this.
    pub hi_s: f64,
}

impl Window {
    /// Whether an instant is in the window.
    #[must_use]
    pub fn contains(&self, at_s: f64) -> bool {
        (self.lo_s..self.hi_s).contains(&at_s)
    }

    /// The window, later by `by_s`.
    #[must_use]
    pub fn later(self, by_s: f64) -> Self {
        Self {
            lo_s: self.lo_s + by_s,
            hi_s: self.hi_s + by_s,
        }
    }

    /// The window, longer at both ends.
    #[must_use]
    pub fn widened(self, before_s: f64, after_s: f64) -> Self {
        Self {
            lo_s: self.lo_s - before_s,
            hi_s: self.hi_s + after_s,
        }
    }

    /// The least window that covers both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            lo_s: self.lo_s.min(other.lo_s),
            hi_s: self.hi_s.max(other.hi_s),
        }
    }
}

impl Serialize for Window {
    /// As `[lo, hi]`, to the millisecond.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.lo_s, self.hi_s]
            .map(|s| (s * 1000.0).round() / 1000.0)
            .serialize(serializer)
    }
}
