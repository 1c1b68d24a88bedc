//! Closed forms for the two shapes that have one.

use super::{Rise, Timing, Window};

/// A queue that jumps from `baseline` to `level` at the onset. `None` when the average never gets
/// over `threshold`.
pub(in super::super) fn step(
    timing: &Timing,
    threshold: f64,
    baseline: f64,
    level: f64,
) -> Option<Rise> {
    if level <= threshold || baseline > threshold {
        return None;
    }
    let samples = timing.window_s / timing.scrape_s;
    let needed = (samples * (threshold - baseline) / (level - baseline)).floor() + 1.0;
    let crossing = Window {
        lo_s: (needed - 1.0) * timing.scrape_s,
        hi_s: needed * timing.scrape_s,
    };
    Some(Rise::after(crossing, timing))
}

/// A queue that grows from `baseline` by `rate_per_s`, as long as the ramp goes on until the
/// crossing. `None` when it does not grow.
pub(in super::super) fn ramp(
    timing: &Timing,
    threshold: f64,
    baseline: f64,
    rate_per_s: f64,
) -> Option<Rise> {
    if rate_per_s <= 0.0 || baseline > threshold {
        return None;
    }
    let s = timing.scrape_s;
    let needed = timing.window_s / s * (threshold - baseline) / rate_per_s;
    // With the first sample at u, m samples sum to m·u + s·m(m−1)/2. The crossing time
    // u + (m*−1)s grows with u while m* stays, and drops by less than s where m* drops, so its
    // extremes are at u = 0, at u → s, and just before and after each u where m* changes. An u
    // that is tiny outside [0, s) moves an extreme by as little.
    let crossing_at = |u: f64| {
        let mut m = 1.0;
        while m * u + s * m * (m - 1.0) / 2.0 <= needed {
            m += 1.0;
        }
        u + (m - 1.0) * s
    };
    let changes = (1..)
        .map(f64::from)
        .take_while(|m| s * m * (m - 1.0) / 2.0 <= needed)
        .map(|m| needed / m - s * (m - 1.0) / 2.0)
        .filter(|u| (0.0..s).contains(u));
    let tiny = s * 1e-7;
    let phases = changes
        .flat_map(|u| [u - tiny, u + tiny])
        .chain([0.0, s - tiny]);
    let (lo_s, hi_s) = phases
        .map(crossing_at)
        .fold((f64::INFINITY, 0.0_f64), |(lo, hi), at| {
            (lo.min(at), hi.max(at))
        });
    Some(Rise::after(Window { lo_s, hi_s }, timing))
}
