//! Replaying scrapes and averages for any shape of the queue.

use super::{Timing, Window};

/// Phases of the scrape that are tried.
const PHASES: u32 = 40;

/// The window in which the average of `queue` (its length at each second from the onset, negative
/// for before) first satisfies `holds`, over all phases of the scrape. `None` when some phase does
/// not cross before `horizon_s`.
///
/// Prometheus 3 averages over (t−W, t], Prometheus 2 over [t−W, t], which holds one sample more
/// when a sample falls on the edge; both are tried.
pub(in super::super) fn crossing(
    timing: &Timing,
    horizon_s: f64,
    queue: impl Fn(f64) -> f64,
    holds: impl Fn(f64) -> bool,
) -> Option<Window> {
    let mut window: Option<Window> = None;
    for phase in 0..PHASES {
        let u = timing.scrape_s * f64::from(phase) / f64::from(PHASES);
        for closed in [false, true] {
            let at = first(timing, horizon_s, u, closed, &queue, &holds)?;
            let point = Window { lo_s: at, hi_s: at };
            window = Some(window.map_or(point, |sofar| sofar.union(point)));
        }
    }
    // A phase between two that were tried crosses at most their distance earlier or later.
    let step = timing.scrape_s / f64::from(PHASES);
    window.map(|window| window.widened(step, step))
}

/// The first sample, with the phase `u`, at which the average over the window holds.
fn first(
    timing: &Timing,
    horizon_s: f64,
    u: f64,
    closed: bool,
    queue: impl Fn(f64) -> f64,
    holds: impl Fn(f64) -> bool,
) -> Option<f64> {
    let s = timing.scrape_s;
    // Rounded: 10 / 0.5 must be 20 samples whatever the last bit says.
    let in_window = (timing.window_s / s - 1e-9).ceil().max(1.0) + f64::from(u8::from(closed));
    let mut sum = 0.0;
    let mut k = 1.0 - in_window;
    while k < 0.0 {
        sum += queue(u + k * s);
        k += 1.0;
    }
    loop {
        let at = u + k * s;
        if at > horizon_s {
            return None;
        }
        sum += queue(at);
        if holds(sum / in_window) {
            return Some(at);
        }
        sum -= queue(u + (k - in_window + 1.0) * s);
        k += 1.0;
    }
}
