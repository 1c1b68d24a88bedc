//! What faults are expected to do to the rules that are shipped.

mod aftermath;
mod killed;
mod managed;
mod settled;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use voteops_observability::prometheus::Labels;
use voteops_observability::promql;
use voteops_observability::replay::eval::{Query, Semantics, Settings};
use voteops_observability::rules;

use super::effect::{Aftermath, Effect};
use super::forecast::{self, Load, Rise, millis};
use super::outlook::Counted;
use super::rule::Rule;
use super::scene::{History, Scene, Scraped};
use crate::catalogue::{
    COLD_CACHE, Entry, FAIL_VOTES, FILL_REDIS, KILL_WORKER, MUTE_TRAFFIC, SLOW_VOTES, SLOW_WORKER,
    STALL_REDIS, STALL_WORKER,
};

/// The onset, in Unix milliseconds: a multiple of every interval.
const ONSET_MS: i64 = 1_800_000_000_000;
const INTERVAL_MS: i64 = 15_000;
/// Samples of every series before the onset.
const SAMPLES: i64 = 100;
const VOTES_PER_S: f64 = 20.0;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

/// A series that has counted at a rate, or has had a value.
fn series(name: &str, labels: &[(&str, &str)], phase_ms: i64, value: f64) -> History {
    let labels = labels.iter().copied().chain([("__name__", name)]);
    let labels: Labels = labels.map(|(n, v)| (n.into(), v.into())).collect();
    let mut history = History {
        labels,
        samples: Vec::new(),
    };
    let is_counter = history.is_counter();
    history.samples = (0..SAMPLES)
        .map(|number| {
            let ms = (number - SAMPLES) * INTERVAL_MS + phase_ms;
            let since_s = super::scene::secs(SAMPLES * INTERVAL_MS + ms);
            let value = if is_counter { value * since_s } else { value };
            (ONSET_MS + ms, value)
        })
        .collect();
    history
}

fn target(job: &str, instance: &str, phase_ms: i64, series: Vec<History>) -> Scraped {
    let labels = [("job", job), ("instance", instance)];
    let labels: Labels = labels.map(|(n, v)| (n.into(), v.into())).into();
    let with_target = |mut history: History| {
        history.labels.extend(labels.clone());
        history
    };
    Scraped {
        url: format!("http://{instance}/metrics"),
        interval_ms: INTERVAL_MS,
        timeout_ms: 10_000,
        rediscovered_ms: None,
        tick_ms: ONSET_MS - INTERVAL_MS + phase_ms,
        series: series.into_iter().map(with_target).collect(),
        labels,
    }
}

/// A stack that has been well for a while, scraped `phase_ms` after each tick.
fn well(phase_ms: i64) -> Scene {
    let app = |instance: &str| {
        let vote = [("route", "/vote"), ("status", "202")];
        let half = VOTES_PER_S / 2.0;
        let buckets = ["0.1", "0.3", "0.5", "1", "2.5", "+Inf"].map(|le| {
            let labels = [vote[0], vote[1], ("le", le)];
            series(
                "http_request_duration_seconds_bucket",
                &labels,
                phase_ms,
                half,
            )
        });
        let others = [
            series("http_request_duration_seconds_count", &vote, phase_ms, half),
            series(
                "votes_accepted_total",
                &[("choice", "cats")],
                phase_ms,
                half,
            ),
        ];
        target(
            "vote_app",
            instance,
            phase_ms,
            buckets.into_iter().chain(others).collect(),
        )
    };
    let worker = |instance: &str| {
        let buckets = ["0.1", "1", "2.5", "+Inf"].map(|le| {
            let name = "vote_processing_duration_seconds_bucket";
            series(name, &[("le", le)], phase_ms, VOTES_PER_S / 2.0)
        });
        target("worker", instance, phase_ms, buckets.into())
    };
    let redis = [
        ("redis_up", 1.0),
        ("redis_memory_used_bytes", 2e6),
        ("redis_memory_max_bytes", 256e6),
        ("redis_keyspace_hits_total", 80.0),
        ("redis_keyspace_misses_total", 0.5),
        ("redis_queue_length", 1.0),
    ];
    let redis = redis.map(|(name, value)| series(name, &[], phase_ms, value));
    Scene {
        targets: vec![
            app("app-1:8080"),
            app("app-2:8080"),
            worker("worker-1:8081"),
            worker("worker-2:8081"),
            target("redis", "exporter:9121", phase_ms, redis.into()),
        ],
        settings: Settings::new(Semantics::V2),
        usual_from_ms: i64::MIN,
    }
}

/// A shipped rule, evaluated `phase_ms` after each tick.
pub(super) fn shipped(name: &str, phase_ms: i64) -> Rule {
    let rules = rules::shipped().unwrap();
    let rule = rules.into_iter().find(|rule| rule.name == name).unwrap();
    let ranges_ms = Query::parse(&rule.expr)
        .unwrap()
        .ranges_ms()
        .iter()
        .max()
        .copied();
    Rule {
        name: name.into(),
        for_s: rule.held_for.as_secs_f64(),
        keep_firing_for_s: 0.0,
        evaluation_s: 15.0,
        evaluated_at: at(ONSET_MS - INTERVAL_MS + phase_ms + 300),
        slot: Some(at(ONSET_MS - INTERVAL_MS + phase_ms)),
        range_s: super::scene::secs(ranges_ms.unwrap_or(0)),
        condition: promql::condition(&rule.expr).unwrap(),
        lag_s: 0.0,
        missing_s: 0.0,
        in_grafana: None,
        expr: rule.expr,
    }
}

fn parameters(fault: &Entry) -> Map<String, Value> {
    let parameters = match fault {
        fault if *fault == SLOW_VOTES => json!({ "latency_ms": 600, "share": 1.0 }),
        fault if *fault == FAIL_VOTES => json!({ "status": 500, "share": 0.5 }),
        fault if *fault == SLOW_WORKER => json!({ "latency_ms": 2000 }),
        _ => json!({}),
    };
    parameters.as_object().unwrap().clone()
}

fn effect<'a>(
    fault: &'a Entry,
    parameters: &'a Map<String, Value>,
    touched: &'a [String],
    load: Load,
    usual: &'a Scene,
) -> Effect<'a> {
    Effect {
        fault,
        parameters,
        touched,
        load,
        inflow_per_s: VOTES_PER_S,
        reads_per_s: 100.0,
        filled: 0.9,
        usual,
    }
}

fn workers() -> Vec<String> {
    vec!["worker-1:8081".into(), "worker-2:8081".into()]
}

/// When a rule turns pending and fires under a fault.
fn rise(name: &str, fault: &Entry, scrape_ms: i64, evaluation_ms: i64) -> Option<Rise> {
    let (rule, scene) = (shipped(name, evaluation_ms), well(scrape_ms));
    let load = forecast::load(&rule, fault).unwrap_or_default();
    let (parameters, workers) = (parameters(fault), workers());
    let effect = effect(fault, &parameters, &workers, load, &scene);
    forecast::rise(&rule, &scene, effect, (at(ONSET_MS), at(ONSET_MS))).unwrap()
}

/// Every shipped alert with the fault that proves it, and the range of seconds from the onset in
/// which it may turn pending, for whatever phases: from the expression by hand.
const PENDING: [(&str, &Entry, f64, f64); 15] = [
    // 667 votes/s over 180 s: the average of 20 samples is above 1000 after the fifth or sixth.
    ("CriticalVoteQueueBacklog", &STALL_WORKER, 100.0, 200.0),
    // At the first scrape that fails, 10 s after it began.
    ("WorkerDown", &STALL_WORKER, 10.0, 41.0),
    // At the next scrape, which is refused, or hangs where nobody is left to refuse it.
    ("WorkerDown", &KILL_WORKER, 0.0, 41.0),
    ("RedisDown", &STALL_REDIS, 0.0, 41.0),
    // A minute in which nothing was counted, from the last scrape that had counted something.
    ("VoteTrafficStopped", &MUTE_TRAFFIC, 45.0, 92.0),
    // More than a twentieth of five minutes at a half: 30 s, give or take; counted from the second
    // scrape that has the new series.
    ("VoteAppHighErrorRate", &FAIL_VOTES, 15.0, 90.0),
    // 1.44 % of all that is known, which is 25 minutes.
    ("VoteAppErrorBudgetBurnFast", &FAIL_VOTES, 15.0, 120.0),
    ("VoteAppErrorBudgetBurnSlow", &FAIL_VOTES, 15.0, 90.0),
    // The slow answers are 14.4 % of all that is known, and then 6 %, at 15 % more or less of them: the
    // gap before the first shortens what is counted, not what is known.
    ("VoteAppLatencyBudgetBurnFast", &SLOW_VOTES, 215.0, 320.0),
    ("VoteAppLatencyBudgetBurnSlow", &SLOW_VOTES, 80.0, 145.0),
    // At the first scrape that fails, like WorkerDown.
    ("TargetDown", &STALL_WORKER, 10.0, 41.0),
    // One in twenty of five minutes takes long.
    ("VoteAppHighLatency", &SLOW_VOTES, 10.0, 61.0),
    ("WorkerSlowProcessing", &SLOW_WORKER, 10.0, 61.0),
    // At the next scrape.
    ("RedisMemoryHigh", &FILL_REDIS, 0.0, 31.0),
    // A fifth of all looks in five minutes in vain, at 100 in vain to 80 found.
    ("RedisHitRatioLow", &COLD_CACHE, 45.0, 110.0),
];

#[test]
fn every_provable_alert_is_expected_to_fire_when_its_expression_says_so() {
    let rules = rules::shipped().unwrap().into_iter();
    let provable = rules.filter(|rule| !crate::catalogue::is_held_by_promtool_alone(&rule.name));
    for alert in provable {
        let mut pending = PENDING.iter();
        let fault = crate::catalogue::proving(&alert.name);
        assert!(
            pending.any(|(name, with, ..)| *name == alert.name && Some(*with) == fault),
            "{} with {fault:?}",
            alert.name
        );
    }
    for (name, fault, earliest_s, latest_s) in PENDING {
        for (scrape_ms, evaluation_ms) in [(0, 0), (1, 14_000), (7_000, 3_000), (14_999, 7_500)] {
            let rise = rise(name, fault, scrape_ms, evaluation_ms)
                .unwrap_or_else(|| panic!("{name} is not expected to fire"));
            let told = format!("{name}, {scrape_ms}, {evaluation_ms}: {rise:?}");
            assert!(rise.pending.lo_s >= earliest_s - 0.3, "{told}");
            assert!(rise.pending.hi_s <= latest_s + 0.3, "{told}");
            let held_s = shipped(name, 0).for_s;
            let whole = (held_s / 15.0).ceil() * 15.0;
            assert!(
                (rise.firing.lo_s - rise.pending.lo_s - whole).abs() < 0.1,
                "{told}"
            );
        }
    }
}

#[test]
fn without_a_known_time_of_an_evaluation_windows_cover_what_it_may_be_of() {
    let (rule, scene) = (shipped("RedisMemoryHigh", 5_000), well(2_000));
    let parameters = parameters(&FILL_REDIS);
    let effect = effect(&FILL_REDIS, &parameters, &[], Load::default(), &scene);
    let rise = |rule: &Rule| {
        let onset = (at(ONSET_MS), at(ONSET_MS));
        forecast::rise(rule, &scene, effect, onset)
            .unwrap()
            .unwrap()
    };
    let known = rise(&rule);
    let unknown = rise(&Rule { slot: None, ..rule });
    assert!(
        unknown.firing.lo_s <= known.firing.lo_s,
        "{unknown:?} {known:?}"
    );
    assert!(
        unknown.firing.hi_s >= known.firing.hi_s,
        "{unknown:?} {known:?}"
    );
    let wider_s = unknown.firing.hi_s - unknown.firing.lo_s - known.firing.hi_s + known.firing.lo_s;
    assert!((0.2..0.6).contains(&wider_s), "{wider_s}");
}

#[test]
fn a_fault_that_does_not_touch_a_rule_is_not_expected_to_make_it_fire() {
    for (name, fault) in [
        ("RedisDown", &MUTE_TRAFFIC),
        ("VoteAppHighLatency", &FAIL_VOTES),
        ("WorkerSlowProcessing", &SLOW_VOTES),
        ("RedisMemoryHigh", &COLD_CACHE),
    ] {
        assert_eq!(rise(name, fault, 2_000, 5_000), None, "{name}");
    }
}

#[test]
fn a_counter_may_have_counted_nothing_more_after_a_scrape_just_before_the_onset() {
    // Scraped 31 ms before: a minute after the scrape before that one, or after this one.
    let rise = rise("VoteTrafficStopped", &MUTE_TRAFFIC, 14_969, 5_000).unwrap();
    assert!((49.5..50.0).contains(&rise.pending.lo_s), "{rise:?}");
    assert!((65.0..65.5).contains(&rise.pending.hi_s), "{rise:?}");
}

/// The series of a scene that have this name.
fn named<'s>(scene: &'s mut Scene, name: &str) -> impl Iterator<Item = &'s mut History> {
    let series = scene
        .targets
        .iter_mut()
        .flat_map(|target| &mut target.series);
    series.filter(move |series| series.name() == name)
}

#[test]
fn usual_rates_are_of_the_time_since_all_is_as_it_is() {
    let mut scene = well(0);
    let from_ms = ONSET_MS - 5 * INTERVAL_MS;
    for votes in named(&mut scene, "votes_accepted_total") {
        let began = votes.samples.iter().filter(|(ms, _)| *ms >= from_ms);
        let more = (0..began.count()).map(|number| f64::from(u32::try_from(number).unwrap()));
        let late = votes.samples.iter_mut().filter(|(ms, _)| *ms >= from_ms);
        // Ten a second until then, and thirty from then on.
        for ((_, value), more) in late.zip(more) {
            *value += more * 20.0 * 15.0;
        }
    }
    let labels = named(&mut scene, "votes_accepted_total")
        .next()
        .unwrap()
        .labels
        .clone();
    let mixed_per_s = scene.usual_per_s(&labels);
    assert!((11.0..29.0).contains(&mixed_per_s), "{mixed_per_s}");
    let scene = scene.usual_since(at(from_ms));
    assert!((scene.usual_per_s(&labels) - 30.0).abs() < 1e-6);
    let gone = [("__name__".into(), "gone_total".into())].into();
    assert!(scene.usual_per_s(&gone).abs() < f64::EPSILON);
}

#[test]
fn nothing_is_predicted_from_rates_by_which_the_alert_would_fire_by_itself() {
    for alert in rules::shipped().unwrap() {
        let rule = shipped(&alert.name, 5_000);
        let quiet = forecast::stays_inactive(&rule, &well(2_000), at(ONSET_MS)).unwrap();
        assert!(quiet, "{}", alert.name);
    }
    let mut scene = well(2_000);
    let votes = [("route", "/vote"), ("status", "503")];
    let mut failed = series("http_request_duration_seconds_count", &votes, 2_000, 0.0);
    failed.labels.extend(scene.targets[0].labels.clone());
    // One hitch, a minute ago.
    for (_, value) in failed.samples.iter_mut().rev().take(4) {
        *value = 20.0;
    }
    scene.targets[0].series.push(failed);
    let rule = shipped("VoteAppErrorBudgetBurnSlow", 5_000);
    let hitch = scene.clone().usual_since(at(ONSET_MS - 6 * INTERVAL_MS));
    assert!(!forecast::stays_inactive(&rule, &hitch, at(ONSET_MS)).unwrap());
    let since = scene.usual_since(at(ONSET_MS - 4 * INTERVAL_MS));
    assert!(forecast::stays_inactive(&rule, &since, at(ONSET_MS)).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A window never depends on more than one tick of each clock.
    #[test]
    fn windows_are_as_narrow_as_the_clocks(
        scrape_ms in 0..INTERVAL_MS,
        evaluation_ms in 0..INTERVAL_MS,
    ) {
        for (name, fault) in [("WorkerDown", &STALL_WORKER), ("RedisMemoryHigh", &FILL_REDIS)] {
            let rise = rise(name, fault, scrape_ms, evaluation_ms).unwrap();
            let width_s = rise.firing.hi_s - rise.firing.lo_s;
            prop_assert!(width_s <= 15.0 + 0.4, "{} {:?}", name, rise);
        }
    }
}
