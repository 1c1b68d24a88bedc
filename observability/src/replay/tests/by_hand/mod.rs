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
//! Forecasts are held against these, which know nothing of PromQL.
//!
//! The rule turns pending at the first evaluation after the crossing, at most e later, and fires H
//! after that. Where scrapes and evaluations fall inside their intervals is not assumed: the
//! windows cover every phase.

mod average;
mod closed_form;

pub(super) use average::crossing;
pub(super) use closed_form::{ramp, step};

use crate::replay::Window;

/// The clocks that decide when an alert fires, all in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_field_names, reason = "units are last")]
pub(super) struct Timing {
    /// Between two scrapes of the target.
    pub(super) scrape_s: f64,
    /// Between two evaluations of the rule.
    pub(super) evaluation_s: f64,
    /// The averaging window.
    pub(super) window_s: f64,
    /// The rule's `for`.
    pub(super) for_s: f64,
}

impl Timing {
    /// Seconds from pending to firing: `for` rounded up to whole evaluations.
    pub(super) fn held_s(&self) -> f64 {
        crate::prometheus::held_s(self.for_s, self.evaluation_s)
    }
}

/// When a rule turns pending and when it fires.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rise {
    /// When it turns pending.
    pub(super) pending: Window,
    /// When it fires.
    pub(super) firing: Window,
}

impl Rise {
    /// From the window in which the average crosses the threshold.
    pub(super) fn after(crossing: Window, timing: &Timing) -> Self {
        let pending = crossing.widened(0.0, timing.evaluation_s);
        Self {
            pending,
            firing: pending.later(timing.held_s()),
        }
    }
}

mod tests;
