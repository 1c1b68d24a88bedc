//! What the backends of the benchmarks say.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use voteops_observability::logs::LogLine;
use voteops_observability::prometheus::{AlertState, Labels, Sample, Series, Target, TargetHealth};
use voteops_observability::rules::{AlertRule, is_heartbeat};
use voteops_observability::signals::Threshold;
use voteops_observability::slo::{Slo, SloReading};
use voteops_observability::snapshot::{AlertStatus, Origin};

use crate::experiments::{Experiment, Stage};
use crate::message::{Answered, Facts, Message};
use crate::model::Feed;

/// Unix seconds at which the console begins.
const BEGIN_S: i64 = 1_790_000_000;
/// Refreshes that fill every history.
pub(super) const PAST: u32 = 600;
/// Series that have all their points; the others are never drawn.
const DRAWN: u32 = 200;
/// Points of a series.
const POINTS: u32 = 240;

pub(super) fn at(after_s: u32) -> Timestamp {
    let since = SignedDuration::from_secs(BEGIN_S + i64::from(after_s));
    Timestamp::from_duration(since).unwrap_or_default()
}

fn seconds(after_s: u32) -> f64 {
    at(after_s).as_duration().as_secs_f64()
}

pub(super) fn wave(phase: usize, step: u32) -> f64 {
    let phase = u32::try_from(phase).unwrap_or(0);
    100.0 + 90.0 * (f64::from(step) / 17.0 + f64::from(phase)).sin()
}

pub(super) fn answered(after_s: u32, facts: Facts) -> Message {
    let feed = match &facts {
        Facts::Signals(..) => Feed::Signals,
        Facts::Rules(..) => Feed::Rules,
        Facts::Held(_) => Feed::Held,
        Facts::Slos(_) => Feed::Slos,
        Facts::Targets(_) => Feed::Targets,
        Facts::Silences(_) => Feed::Silences,
        Facts::GrafanaRules(_) => Feed::GrafanaRules,
        Facts::Logs => Feed::Logs,
    };
    Message::Answered(Answered {
        feed,
        at: at(after_s),
        latency: Duration::from_millis(3),
        next_try: None,
        result: Ok(facts),
    })
}

/// A rule as the server tells it while nothing is wrong.
pub(crate) fn alert(rule: AlertRule) -> AlertStatus {
    let state = if is_heartbeat(&rule.labels) {
        AlertState::Firing
    } else {
        AlertState::Inactive
    };
    AlertStatus {
        origin: Origin::Prometheus,
        threshold: rule.condition.map(|condition| Threshold {
            comparison: condition.comparison,
            value: condition.threshold,
        }),
        name: rule.name,
        state,
        since: None,
        fires_at: None,
        value: None,
        active: 0,
        labels: rule.labels,
        annotations: rule.annotations,
        expr: rule.expr,
        for_s: rule.held_for.as_secs_f64(),
        error: None,
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

pub(super) fn series(number: u32, until_s: u32) -> Series {
    let instance = format!("worker-{number}:8082");
    let points = if number < DRAWN { POINTS } else { 1 };
    let step_s = f64::from(PAST) / f64::from(POINTS);
    let sample = |point: u32| Sample {
        at_s: seconds(until_s) - step_s * f64::from(points - 1 - point),
        // A wave with noise on it: what many instances look like.
        value: wave(usize::try_from(number).unwrap_or(0), point)
            + f64::from((number * 37 + point * 31) % 97),
    };
    Series {
        labels: labels(&[("instance", &instance), ("job", "worker")]),
        samples: (0..points).map(sample).collect(),
    }
}

pub(super) fn target(number: u32) -> Target {
    let instance = format!("worker-{number}:8082");
    let up = !number.is_multiple_of(10);
    Target {
        labels: labels(&[("instance", &instance), ("job", "worker")]),
        scrape_url: format!("http://{instance}/metrics"),
        health: if up {
            TargetHealth::Up
        } else {
            TargetHealth::Down
        },
        last_error: if up {
            String::new()
        } else {
            "connection refused".into()
        },
        last_scrape: Some(at(PAST)),
        last_scrape_duration_s: 0.003,
        scrape_interval: "5s".into(),
        scrape_timeout: "5s".into(),
        scrape_pool: String::new(),
    }
}

pub(super) fn line(number: usize) -> LogLine {
    let labels = labels(&[
        ("service", "worker"),
        ("instance", "worker-1"),
        ("level", "info"),
    ]);
    let after_ns = i64::try_from(number).unwrap_or(0) * 50_000_000;
    let text = format!(
        "{{\"message\":\"votes committed\",\"batch\":{number},\"votes\":500,\"took_ms\":12.5}}"
    );
    LogLine::new(BEGIN_S * 1_000_000_000 + after_ns, Arc::new(labels), text)
}

pub(super) fn objective(slo: &Slo) -> SloReading {
    SloReading {
        id: slo.id.clone(),
        title: slo.title.clone(),
        objective: slo.objective,
        window: slo.window.clone(),
        budget_left: Some(0.97),
        burns: [("1h".to_owned(), Some(0.3))].into(),
    }
}

pub(super) fn experiment(number: u32) -> Experiment {
    let began = at(number * 10);
    Experiment {
        id: format!("experiment-{number}"),
        fault: "stall-worker".into(),
        targets: vec!["worker-1".into(), "worker-2".into()],
        by: "benchmark".into(),
        began,
        ends: Some(at(number * 10 + 5)),
        stage: Stage::Undone,
        timeline: vec![
            (began, "injected".into()),
            (at(number * 10 + 5), "undone".into()),
        ],
    }
}
