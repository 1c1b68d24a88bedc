//! Forecasts against the closed forms and the replay of averages by hand.

use proptest::prelude::*;

use super::arbitrary::labels;
use super::by_hand::{self, Rise, Timing};
use super::outcome;
use crate::prometheus::Labels;
use crate::replay::Window;
use crate::replay::eval::{Semantics, Settings};
use crate::replay::forecast::{Forecast, Grid, Reach, Replay, Rule, Trial};
use crate::replay::machine::Holds;
use crate::replay::scenario::{Basis, Course, Exposed, Phase, Scenario, Target};

/// The rule's threshold.
const THRESHOLD: f64 = 1000.0;
/// Prometheus 3, whose windows hold as many samples as the closed forms count.
const SEMANTICS: Semantics = Semantics::V3;

/// As in a stack that is not scaled.
const UNSCALED: Timing = Timing {
    scrape_s: 15.0,
    evaluation_s: 15.0,
    window_s: 300.0,
    for_s: 300.0,
};

fn timings() -> impl Strategy<Value = Timing> {
    (1_u32..=4, 1_u32..=40, 1_u32..=4, 0_u32..=40).prop_map(|(s, n, e, f)| Timing {
        scrape_s: f64::from(s) * 0.5,
        evaluation_s: f64::from(e) * 0.5,
        window_s: f64::from(s * n) * 0.5,
        for_s: f64::from(f) * 0.7,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "minutes, in milliseconds")]
fn ms(s: f64) -> i64 {
    (s * 1000.0).round() as i64
}

/// What the replay makes of a queue, until well after the rule is to fire.
fn forecast(timing: &Timing, queue: Course) -> Forecast {
    let window_ms = ms(timing.window_s);
    let rule = Rule {
        expr: format!("avg_over_time(q[{window_ms}ms]) > {THRESHOLD}"),
        holds: Holds {
            for_ms: ms(timing.for_s),
            keep_firing_for_ms: 0,
        },
        interval_ms: ms(timing.evaluation_s),
        phase: Phase::Unknown,
        lag_ms: 0,
        inactive_at_ms: None,
    };
    let interval_ms = ms(timing.scrape_s);
    let target = Target {
        labels: Labels::new(),
        interval_ms,
        timeout_ms: interval_ms,
        phase: Phase::Unknown,
        outages: Vec::new(),
        exposes: vec![Exposed {
            labels: labels("q", &[]),
            course: queue,
        }],
    };
    let scenario = Scenario {
        targets: vec![target],
        basis: Basis::Assumed,
    };
    let horizon_ms = 2 * window_ms + rule.holds.for_ms + 3 * interval_ms + 3 * rule.interval_ms;
    let settings = Settings::new(SEMANTICS);
    let replay = Replay::new(&rule, &scenario, settings, horizon_ms).unwrap();
    replay.forecast(Grid::default()).unwrap()
}

fn step(baseline: f64, level: f64) -> Course {
    Course::Step {
        at_ms: 0,
        before: baseline,
        after: level,
    }
}

fn ramp(baseline: f64, slope_per_s: f64) -> Course {
    Course::Ramp {
        from_ms: 0,
        to_ms: i64::MAX,
        start: baseline,
        slope_per_s,
    }
}

/// The windows of a rise in a forecast that every phase reaches, and their margin.
fn found(forecast: &Forecast) -> Option<([Window; 2], f64)> {
    let [pending, firing, _] = outcome::steps(forecast);
    match (pending.reach, firing.reach, forecast.confidence.phases) {
        (Reach::Always, Reach::Always, Trial::Enumerated { margin_s, .. }) => {
            Some(([pending.window?, firing.window?], margin_s))
        }
        _ => None,
    }
}

/// Whether a forecast covers a rise, and is wider by no more than twice its margin at either end.
fn is(forecast: &Forecast, rise: Rise) -> bool {
    found(forecast).is_some_and(|(windows, margin_s)| {
        let wider = -1e-3..=2.0 * margin_s + 2e-3;
        let mut pairs = windows.iter().zip([rise.pending, rise.firing]);
        pairs.all(|(window, rise)| {
            wider.contains(&(rise.lo_s - window.lo_s)) && wider.contains(&(window.hi_s - rise.hi_s))
        })
    })
}

/// Whether a forecast is inside a rise, but for twice its margin at either end.
fn is_within(forecast: &Forecast, rise: Rise) -> bool {
    found(forecast).is_some_and(|(windows, margin_s)| {
        let mut pairs = windows.iter().zip([rise.pending, rise.firing]);
        pairs.all(|(window, rise)| {
            let rise = rise.widened(2.0 * margin_s, 2.0 * margin_s);
            rise.lo_s <= window.lo_s && window.hi_s <= rise.hi_s
        })
    })
}

#[test]
fn the_examples_by_hand_hold() {
    let found = forecast(&UNSCALED, step(0.0, 10_000.0));
    let expected = by_hand::step(&UNSCALED, THRESHOLD, 0.0, 10_000.0).unwrap();
    assert!(is(&found, expected), "{found:?} {expected:?}");
    let found = forecast(&UNSCALED, ramp(0.0, 100.0));
    let expected = by_hand::ramp(&UNSCALED, THRESHOLD, 0.0, 100.0).unwrap();
    assert!(is(&found, expected), "{found:?} {expected:?}");
    let never = forecast(&UNSCALED, step(0.0, 1000.0)).pending;
    assert_eq!((never.reach, never.window), (Reach::Never, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn steps_agree_with_the_closed_form(
        timing in timings(), baseline in 0.0..500.0, level in 1010.0..50_000.0,
    ) {
        let expected = by_hand::step(&timing, THRESHOLD, baseline, level).unwrap();
        let found = forecast(&timing, step(baseline, level));
        prop_assert!(is(&found, expected), "{found:?} {expected:?}");
    }

    #[test]
    fn ramps_agree_with_the_closed_form_within_one_window_and_with_the_replay_beyond(
        timing in timings(), baseline in 0.0..500.0, rate_per_s in 200.0..5000.0,
    ) {
        let queue = |at_s: f64| baseline + rate_per_s * at_s.max(0.0);
        let crossing = by_hand::crossing(&timing, 1e6, queue, |average| average > THRESHOLD);
        let replayed = Rise::after(crossing.unwrap(), &timing);
        let found = forecast(&timing, ramp(baseline, rate_per_s));
        // The other replay also counts the sample more that Prometheus 2 may have.
        prop_assert!(is_within(&found, replayed), "{found:?} {replayed:?}");
        if replayed.pending.hi_s < timing.window_s {
            let expected = by_hand::ramp(&timing, THRESHOLD, baseline, rate_per_s).unwrap();
            prop_assert!(is(&found, expected), "{found:?} {expected:?}");
        }
    }
}
