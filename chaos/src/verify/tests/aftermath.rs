//! When alerts are expected to resolve.

use super::*;

/// When a rule resolves, in seconds after the fault ended, after it had lasted for `lasted_s`. The
/// samples under the fault are those that are expected of it.
fn resolved(name: &str, fault: &Entry, lasted_s: f64) -> (f64, f64) {
    let (rule, usual) = (shipped(name, 5_000), well(2_000));
    let (parameters, workers) = (parameters(fault), workers());
    let effect = effect(fault, &parameters, &workers, Load::default(), &usual);
    let onset = effect.onsets().last().unwrap();
    let scenario = crate::verify::outlook::scenario(&usual, &usual, ONSET_MS, &onset);
    let mut scene = usual.clone();
    let ended_ms = ONSET_MS + millis(lasted_s);
    for (scraped, expected) in scene.targets.iter_mut().zip(&scenario.targets) {
        let mut tick_ms = scraped.tick_ms + INTERVAL_MS;
        while tick_ms < ended_ms {
            let down = expected
                .outages
                .iter()
                .any(|outage| outage.from_ms <= tick_ms - ONSET_MS);
            for exposed in expected.exposes.iter().filter(|_| !down) {
                let value = exposed.course.value(tick_ms - ONSET_MS);
                let known = scraped.series.iter_mut();
                let mut known = known.filter(|known| known.labels == exposed.labels);
                match (known.next(), value) {
                    (Some(known), Some(value)) => known.samples.push((tick_ms, value)),
                    (None, Some(value)) => scraped.series.push(History {
                        labels: exposed.labels.clone(),
                        samples: vec![(tick_ms, value)],
                    }),
                    (_, None) => {}
                }
            }
            scraped.tick_ms = tick_ms;
            tick_ms += INTERVAL_MS;
        }
    }
    let aftermath = Aftermath {
        effect,
        from_ms: -millis(lasted_s),
        to_ms: 0,
        late: false,
        counted: Counted::default(),
        pace: 1.0,
    };
    let window = forecast::resolved(&rule, &scene, aftermath, at(ended_ms)).unwrap();
    let window = window.unwrap_or_else(|| panic!("{name} is not expected to resolve"));
    (window.lo_s, window.hi_s)
}

#[test]
fn an_alert_is_expected_to_resolve_once_its_window_has_forgotten_the_fault() {
    for (name, fault, earliest_s, latest_s) in [
        // At the first scrape that succeeds.
        ("WorkerDown", &STALL_WORKER, 0.0, 31.0),
        ("WorkerDown", &KILL_WORKER, 0.0, 34.0),
        ("TargetDown", &STALL_WORKER, 0.0, 31.0),
        ("RedisDown", &STALL_REDIS, 0.0, 31.0),
        ("RedisMemoryHigh", &FILL_REDIS, 0.0, 31.0),
        ("VoteTrafficStopped", &MUTE_TRAFFIC, 0.0, 46.0),
        // When nine tenths of five minutes are well again.
        ("VoteAppHighErrorRate", &FAIL_VOTES, 225.0, 316.0),
        // When 14.4 % of five minutes are left.
        ("VoteAppLatencyBudgetBurnFast", &SLOW_VOTES, 225.0, 316.0),
        // When 19 of 20 are.
        ("VoteAppHighLatency", &SLOW_VOTES, 240.0, 331.0),
        ("WorkerSlowProcessing", &SLOW_WORKER, 240.0, 331.0),
    ] {
        let (lo_s, hi_s) = resolved(name, fault, 1_205.0);
        let told = format!("{name}: {lo_s}–{hi_s}");
        assert!(lo_s >= earliest_s - 0.3, "{told}");
        assert!(hi_s <= latest_s + 0.3 + 2.0, "{told}");
    }
}

#[test]
fn a_scrape_that_hung_when_redis_went_on_may_see_that_or_not() {
    // Scraped 3 s before the end and evaluated at it: now, or only after the next scrape.
    let (lo_s, hi_s) = resolved("RedisDown", &STALL_REDIS, 1_205.0);
    assert!(lo_s < 1.0 && hi_s > 14.0, "{lo_s}–{hi_s}");
}

#[test]
fn a_scrape_just_after_redis_went_on_may_be_answered_after_the_next_evaluation() {
    // Scraped 1 s after the end and evaluated 4 s after it.
    let (lo_s, hi_s) = resolved("RedisDown", &STALL_REDIS, 1_201.0);
    assert!(lo_s < 4.1 && hi_s > 18.5, "{lo_s}–{hi_s}");
}
