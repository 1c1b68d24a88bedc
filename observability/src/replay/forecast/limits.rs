//! What is refused before it is replayed.

use super::{ReplayError, Rule};
use crate::replay::eval::Settings;
use crate::replay::scenario::Scenario;

/// A hundred years; sums of several such durations are far from any overflow.
const MOST_MS: i64 = 3_155_760_000_000;
/// Samples and evaluations of one run.
const MOST_SAMPLES: i64 = 10_000_000;

/// Whether all durations can be.
pub(super) fn durations(
    rule: &Rule,
    scenario: &Scenario,
    settings: &Settings,
    horizon_ms: i64,
) -> Result<(), ReplayError> {
    let kept_ms = rule.holds.keep_firing_for_ms;
    within("the evaluation interval", rule.interval_ms, 1, MOST_MS)?;
    let inactive_ms = rule.inactive_at_ms.map_or(0, i64::saturating_neg);
    within(
        "the time for which it was inactive",
        inactive_ms,
        0,
        MOST_MS,
    )?;
    within("the rule's for", rule.holds.for_ms, 0, MOST_MS)?;
    within("the rule's keep_firing_for", kept_ms, 0, MOST_MS)?;
    within("the lookback", settings.lookback_ms, 1, MOST_MS)?;
    within("the horizon", horizon_ms, 1, MOST_MS)?;
    for target in &scenario.targets {
        within("a scrape interval", target.interval_ms, 1, MOST_MS)?;
        // A scrape ends before the next one starts.
        let limit_ms = target.timeout_ms;
        within("a scrape's time limit", limit_ms, 1, target.interval_ms)?;
    }
    Ok(())
}

fn within(what: &'static str, ms: i64, least_ms: i64, most_ms: i64) -> Result<(), ReplayError> {
    if (least_ms..=most_ms).contains(&ms) {
        Ok(())
    } else {
        Err(ReplayError::Duration { what, ms })
    }
}

/// Whether so many things can be held.
pub(super) fn size(counts: impl Iterator<Item = i64>) -> Result<(), ReplayError> {
    if counts.fold(0, i64::saturating_add) > MOST_SAMPLES {
        return Err(ReplayError::TooLarge {
            most_samples: MOST_SAMPLES,
        });
    }
    Ok(())
}
