//! When an alert on `avg_over_time(x[W]) > T` with `for: F` fires, and when it resolves.
//!
//! All times are seconds from the onset of the fault. With the scrape interval s, the evaluation
//! interval e, the baseline B before the fault, n = W/s samples in a window and H = e·⌈F/e⌉ from
//! pending to firing:
//!
//! - a **step** to L > T crosses at sample m* = ⌊n(T−B)/(L−B)⌋ + 1 ([`step`]);
//! - a **ramp** B + r·t whose first sample comes at u ∈ [0, s) crosses at the least m with
//!   m·u + s·m(m−1)/2 > n(T−B)/r ([`ramp`]);
//! - anything else is replayed sample by sample over all phases ([`crossing`]).
//!
//! A proof uses the replay, whose queue has a ramp, a plateau and a drain; the closed forms are what
//! the tests hold it against.
//!
//! The rule turns pending at the first evaluation after the crossing, at most e later, and fires H
//! after that. Where scrapes and evaluations fall inside their intervals is not assumed: the
//! windows cover every phase.

mod closed_form;
mod replay;

use serde::Serialize;

pub use closed_form::{ramp, step};
pub use replay::crossing;

/// The clocks that decide when an alert fires, all in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Timing {
    /// Between two scrapes of the target.
    pub scrape_s: f64,
    /// Between two evaluations of the rule.
    pub evaluation_s: f64,
    /// The averaging window.
    pub window_s: f64,
    /// The rule's `for`.
    pub for_s: f64,
}

impl Timing {
    /// Seconds from pending to firing: `for` rounded up to whole evaluations.
    #[must_use]
    pub fn held_s(&self) -> f64 {
        crate::prometheus::held_s(self.for_s, self.evaluation_s)
    }
}

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

/// When a rule turns pending and when it fires.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rise {
    /// When it turns pending.
    pub pending: Window,
    /// When it fires.
    pub firing: Window,
}

impl Rise {
    /// From the window in which the average crosses the threshold.
    #[must_use]
    pub fn after(crossing: Window, timing: &Timing) -> Self {
        let pending = crossing.widened(0.0, timing.evaluation_s);
        Self {
            pending,
            firing: pending.later(timing.held_s()),
        }
    }
}

#[cfg(test)]
mod tests;
