//! Every rule that the project ships, over scenarios in which each of them fires.

use std::collections::BTreeSet;

use super::alerts::{self, Case};
use super::promtool::{self, File, Group};
use crate::prometheus::Labels;
use crate::replay::eval::{Query, Sample, Series, Settings};
use crate::replay::forecast::{Grid, Reach, Replay, Rule};
use crate::replay::machine::Holds;
use crate::replay::scenario::{
    Basis, Counter, Course, Exposed, Failure, Knee, Outage, Phase, Scenario, Target,
};
use crate::rules::{self, AlertRule};

/// Promtool's time 0 is this long before the onset.
const BEFORE_MS: i64 = 900_000;
/// The scenarios are followed for this long.
const AFTER_MS: i64 = 1_500_000;
/// Of scrapes and evaluations.
const INTERVAL_MS: i64 = 15_000;
/// Phases of scrapes are multiples of this.
const GRID_MS: i64 = 5_000;
/// When all is well again.
const END_MS: i64 = 1_260_000;

fn exposed(name: &str, labels: &[(&str, &str)], course: Course) -> Exposed {
    let labels = super::arbitrary::labels(name, labels);
    Exposed { labels, course }
}

/// A counter with one rate before the onset and after the end, and another in between.
fn counter(well_per_s: f64, ill_per_s: f64) -> Course {
    let knee = |at_ms, per_s| Knee { at_ms, per_s };
    Course::Counter(Counter {
        at_onset: 50_000.0,
        per_s: well_per_s,
        knees: vec![knee(0, ill_per_s), knee(END_MS, well_per_s)],
        resets_ms: Vec::new(),
    })
}

fn gauge(well: f64, ill: f64) -> Course {
    Course::Points(vec![(0, well), (0, ill), (END_MS, ill), (END_MS, well)])
}

fn target(job: &str, instance: &str, phase_ms: i64, exposes: Vec<Exposed>) -> Target {
    Target {
        labels: Labels::from([
            ("job".into(), job.into()),
            ("instance".into(), instance.into()),
        ]),
        interval_ms: INTERVAL_MS,
        timeout_ms: 10_000,
        phase: Phase::Known(phase_ms),
        outages: Vec::new(),
        exposes,
    }
}

fn vote_app(instance: &str, phase_ms: i64) -> Target {
    const COUNT: &str = "http_request_duration_seconds_count";
    const BUCKET: &str = "http_request_duration_seconds_bucket";
    let buckets = [("0.1", 0.5), ("0.3", 1.0), ("1", 10.0), ("+Inf", 10.0)];
    let buckets = buckets.map(|(le, ill_per_s)| {
        let labels = [("route", "/vote"), ("status", "202"), ("le", le)];
        exposed(BUCKET, &labels, counter(10.0, ill_per_s))
    });
    let counts = [
        ("/vote", "202", 10.0, 8.0),
        ("/vote", "503", 0.0, 2.0),
        ("/readyz", "503", 1.0, 1.0),
    ];
    let counts = counts.map(|(route, status, well_per_s, ill_per_s)| {
        let labels = [("route", route), ("status", status)];
        exposed(COUNT, &labels, counter(well_per_s, ill_per_s))
    });
    let votes = exposed("votes_accepted_total", &[], counter(10.0, 0.0));
    let exposes = buckets.into_iter().chain(counts).chain([votes]);
    target("vote_app", instance, phase_ms, exposes.collect())
}

fn worker(instance: &str, phase_ms: i64) -> Target {
    let buckets = [("0.1", 0.0), ("1", 1.0), ("5", 5.0), ("+Inf", 5.0)];
    let buckets = buckets.map(|(le, ill_per_s)| {
        let name = "vote_processing_duration_seconds_bucket";
        exposed(name, &[("le", le)], counter(5.0, ill_per_s))
    });
    target("worker", instance, phase_ms, buckets.into())
}

fn redis(phase_ms: i64) -> Target {
    let queue = vec![
        (0, 3.0),
        (300_000, 9_000.0),
        (END_MS, 9_000.0),
        (END_MS + 60_000, 3.0),
    ];
    let exposes = [
        ("redis_up", gauge(1.0, 0.0)),
        ("redis_memory_used_bytes", gauge(20.0, 90.0)),
        ("redis_memory_max_bytes", Course::Constant(100.0)),
        ("redis_keyspace_hits_total", counter(10.0, 1.0)),
        ("redis_keyspace_misses_total", counter(1.0, 3.0)),
        ("redis_queue_length", Course::Points(queue)),
    ];
    let exposes = exposes.map(|(name, course)| exposed(name, &[], course));
    target("redis", "redis-exporter:9121", phase_ms, exposes.into())
}

fn watching(phase_ms: i64) -> [Target; 2] {
    let prometheus = [
        ("prometheus_rule_evaluation_failures_total", 0.0, 0.1),
        ("prometheus_notifications_errors_total", 0.0, 0.2),
        ("prometheus_notifications_sent_total", 1.0, 1.0),
    ];
    let alertmanager = [
        ("alertmanager_notification_requests_failed_total", 0.0, 0.2),
        ("alertmanager_notification_requests_total", 0.5, 0.5),
    ];
    let counters = |counters: &[(&str, f64, f64)], labels: &[(&str, &str)]| {
        let counters = counters.iter();
        let counters = counters.map(|(name, well_per_s, ill_per_s)| {
            exposed(name, labels, counter(*well_per_s, *ill_per_s))
        });
        counters.collect()
    };
    let integration = [("integration", "webhook")];
    [
        target(
            "prometheus",
            "prometheus:9090",
            phase_ms,
            counters(&prometheus, &[]),
        ),
        target(
            "alertmanager",
            "alertmanager:9093",
            phase_ms,
            counters(&alertmanager, &integration),
        ),
    ]
}

/// Everything goes wrong; with `workers_gone`, no worker answers either.
fn scenario(workers_gone: bool) -> Scenario {
    let mut targets = vec![
        vote_app("vote-app-1", 0),
        vote_app("vote-app-2", 5_000),
        redis(10_000),
        worker("worker-1", 5_000),
        worker("worker-2", 10_000),
    ];
    targets.extend(watching(10_000));
    if workers_gone {
        for target in &mut targets[3..5] {
            target.outages.push(Outage {
                from_ms: 0,
                to_ms: END_MS,
                failure: Failure::Refused,
            });
        }
    }
    Scenario {
        targets,
        basis: Basis::Assumed,
    }
}

/// The samples as promtool has them, whose time 0 is before the onset.
fn series(scenario: &Scenario) -> Vec<Series> {
    let series = scenario.targets.iter().flat_map(|target| {
        let Phase::Known(phase_ms) = target.phase else {
            return Vec::new();
        };
        let samples = target.samples(phase_ms, -BEFORE_MS, AFTER_MS);
        let series = target.label_sets().zip(samples);
        series
            .map(|(labels, samples)| Series {
                labels,
                samples: later(samples),
            })
            .collect()
    });
    series.collect()
}

fn later(samples: Vec<Sample>) -> Vec<Sample> {
    let later = samples.into_iter().map(|sample| Sample {
        at_ms: sample.at_ms + BEFORE_MS,
        seen_ms: sample.seen_ms + BEFORE_MS,
        ..sample
    });
    later.collect()
}

fn holds(rule: &AlertRule) -> Holds {
    Holds {
        for_ms: i64::try_from(rule.held_for.as_millis()).unwrap(),
        keep_firing_for_ms: 0,
    }
}

#[test]
fn promtool_agrees_on_every_shipped_alert_at_every_evaluation() {
    let shipped = rules::shipped().unwrap();
    let cases = [false, true].into_iter().flat_map(|workers_gone| {
        let series = series(&scenario(workers_gone));
        let case = move |rule: &AlertRule| Case {
            expr: rule.expr.clone(),
            holds: holds(rule),
            evaluation_ms: INTERVAL_MS,
            grid_ms: GRID_MS,
            series: series.clone(),
            evaluations: (BEFORE_MS + AFTER_MS) / INTERVAL_MS,
        };
        shipped.iter().map(case).collect::<Vec<_>>()
    });
    alerts::compare(&cases.collect::<Vec<_>>()).unwrap();
}

#[test]
fn promtool_agrees_on_what_every_shipped_rule_compares() {
    let series = series(&scenario(false));
    let exprs = rules::shipped().unwrap().into_iter().flat_map(|rule| {
        let subject = rule.condition.map(|condition| condition.subject);
        [Some(rule.expr), subject].into_iter().flatten()
    });
    let times_ms = (0..BEFORE_MS + AFTER_MS).step_by(97_000);
    let questions = exprs.flat_map(|expr| times_ms.clone().map(move |at_ms| (expr.clone(), at_ms)));
    let questions: Vec<_> = questions.collect();
    let file = File {
        rules: "groups: []".into(),
        evaluation_ms: GRID_MS,
        groups: vec![Group {
            grid_ms: GRID_MS,
            series: series.clone(),
            questions: questions.clone(),
            alerts: Vec::new(),
        }],
    };
    let settings = Settings::new(promtool::semantics());
    let answers = promtool::ask(&[file]);
    let told = answers
        .iter()
        .filter(|answer| answer.as_ref().is_ok_and(|told| !told.is_empty()));
    assert!(told.count() > questions.len() / 3);
    for ((expr, at_ms), answer) in questions.into_iter().zip(answers) {
        let result = Query::parse(&expr)
            .unwrap()
            .evaluate(&settings, &series, at_ms);
        assert!(
            promtool::agree(&answer, &result),
            "{expr} at {at_ms} ms\npromtool: {answer:?}\nreplay: {result:?}"
        );
    }
}

#[test]
fn every_shipped_alert_is_forecast_to_fire_and_to_resolve() {
    let mut fire = BTreeSet::new();
    let mut resolve = BTreeSet::new();
    let mut shipped = rules::shipped().unwrap();
    shipped.retain(|rule| !rules::is_heartbeat(&rule.labels));
    for workers_gone in [false, true] {
        let scenario = scenario(workers_gone);
        for rule in &shipped {
            let timed = Rule {
                expr: rule.expr.clone(),
                holds: holds(rule),
                interval_ms: INTERVAL_MS,
                phase: Phase::Known(3_000),
                lag_ms: 0,
                inactive_at_ms: None,
            };
            let settings = Settings::new(promtool::semantics());
            // Tickets wait for an hour, longer than it goes on, and forget it after six.
            let is_ticket = rule.name.ends_with("Ticket");
            let horizon_ms = if is_ticket { 20 * END_MS } else { 4 * END_MS };
            let replay = Replay::new(&timed, &scenario, settings, horizon_ms).unwrap();
            let forecast = replay.forecast(Grid::default()).unwrap();
            assert_eq!(forecast.before, Reach::Never, "{}", rule.name);
            if forecast.firing.reach == Reach::Always {
                fire.insert(&rule.name);
            }
            if forecast.resolved.reach == Reach::Always {
                resolve.insert(&rule.name);
            }
        }
    }
    let all: BTreeSet<_> = shipped.iter().map(|rule| &rule.name).collect();
    assert_eq!(fire, all);
    assert_eq!(resolve, all);
}
