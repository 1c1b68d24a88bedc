//! Arbitrary text and numbers at any size: no panic, nothing that could steer a terminal.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use voteops_observability::logs::LogLine;
use voteops_observability::prometheus::{AlertState, Labels, Sample, Series, Target, TargetHealth};
use voteops_observability::promql::Comparison;
use voteops_observability::signals::Threshold;
use voteops_observability::snapshot::{AlertStatus, Origin};

use crate::experiments::{Experiment, Stage};
use crate::message::{Facts, Message, Refusal};
use crate::model::charts::Charted;
use crate::model::logs::LogNews;
use crate::model::{Backend, Feed, Model, Screen};
use crate::settings::{Event, Severity};
use crate::tests::fixtures::{answered, at, buffer, connecting, press, text};
use crate::update::update;
use crate::wanted::wanted;

fn wild_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "\\PC{0,300}",
        Just("\u{1b}[2J\u{1b}]0;title\u{7}\u{202e}evil\u{200b}\r\n\u{9b}31m".to_owned()),
        Just("👩‍👩‍👧‍👦漢字é\u{301}\u{301}\u{301}".repeat(20)),
    ]
}

fn wild_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        -1e4..1e4_f64,
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(-0.0)
    ]
}

fn wild_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        (-100_000_i64..100_000).prop_map(at),
        Just(Timestamp::MIN),
        Just(Timestamp::MAX),
    ]
}

fn wild_threshold() -> impl Strategy<Value = Threshold> {
    let comparison = prop_oneof![
        Just(Comparison::Above),
        Just(Comparison::AtMost),
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
    ];
    (comparison, wild_number()).prop_map(|(comparison, value)| Threshold { comparison, value })
}

fn wild_alert() -> impl Strategy<Value = AlertStatus> {
    let origin = prop_oneof![Just(Origin::Prometheus), Just(Origin::Grafana)];
    let state = prop_oneof![
        Just(AlertState::Firing),
        Just(AlertState::Pending),
        Just(AlertState::Inactive),
        Just(AlertState::Unknown),
    ];
    let name = prop_oneof![wild_text(), Just("CriticalVoteQueueBacklog".to_owned())];
    let times = (
        prop::option::of(wild_time()),
        prop::option::of(wild_time()),
        wild_number(),
    );
    let numbers = (
        prop::option::of(wild_number()),
        prop::option::of(wild_threshold()),
    );
    let labels = || prop::collection::btree_map(wild_text(), wild_text(), 0..4);
    let texts = (
        wild_text(),
        prop::option::of(wild_text()),
        labels(),
        labels(),
    );
    (name, (origin, state), times, numbers, texts).prop_map(
        |(name, kind, times, numbers, texts)| {
            let (origin, state) = kind;
            let (since, fires_at, for_s) = times;
            let (value, threshold) = numbers;
            let (expr, error, labels, mut annotations) = texts;
            annotations.insert("summary".into(), expr.clone());
            AlertStatus {
                origin,
                name,
                state,
                since,
                fires_at,
                value,
                threshold,
                active: labels.len(),
                labels,
                annotations,
                expr,
                for_s,
                error,
            }
        },
    )
}

fn wild_labels() -> impl Strategy<Value = Labels> {
    let name = prop_oneof![
        wild_text(),
        Just("instance".to_owned()),
        Just("service".to_owned()),
        Just("alertstate".to_owned()),
    ];
    prop::collection::btree_map(name, wild_text(), 0..4)
}

fn wild_line() -> impl Strategy<Value = LogLine> {
    let json = (wild_text(), wild_text()).prop_map(|(key, value)| {
        serde_json::json!({"message": value, "level": key, key: {"a": [1, null]}}).to_string()
    });
    let text = prop_oneof![wild_text(), json];
    (any::<i64>(), wild_labels(), text)
        .prop_map(|(at_ns, labels, text)| LogLine::new(at_ns, Arc::new(labels), text))
}

fn wild_target() -> impl Strategy<Value = Target> {
    (wild_labels(), wild_text(), wild_text(), wild_number()).prop_map(
        |(labels, scrape_url, last_error, last_scrape_duration_s)| Target {
            labels,
            scrape_url: scrape_url.clone(),
            health: TargetHealth::Down,
            last_error,
            last_scrape: None,
            last_scrape_duration_s,
            scrape_interval: scrape_url,
            scrape_timeout: "5s".into(),
            scrape_pool: String::new(),
        },
    )
}

fn wild_experiment() -> impl Strategy<Value = Experiment> {
    let stage = prop_oneof![
        Just(Stage::Running),
        Just(Stage::LeftBehind),
        Just(Stage::Undone)
    ];
    (wild_text(), wild_text(), wild_time(), stage).prop_map(|(fault, by, began, stage)| {
        Experiment {
            id: fault.clone(),
            targets: vec![by.clone(), fault.clone()],
            fault,
            ends: Some(began),
            began,
            stage,
            timeline: vec![(began, by.clone())],
            by,
        }
    })
}

/// What the other screens show, and whatever is typed there.
type Rest = (
    Vec<LogLine>,
    Vec<Target>,
    Vec<Experiment>,
    Vec<(Labels, Vec<Sample>)>,
    String,
);

fn wild_rest() -> impl Strategy<Value = Rest> {
    let sample = (wild_number(), wild_number()).prop_map(|(at_s, value)| Sample { at_s, value });
    let series = (wild_labels(), prop::collection::vec(sample, 0..20));
    (
        prop::collection::vec(wild_line(), 0..20),
        prop::collection::vec(wild_target(), 0..8),
        prop::collection::vec(wild_experiment(), 0..8),
        prop::collection::vec(series, 0..12),
        "[a-zA-Z0-9 +=,.:/?!\\[\\]\\-]{0,12}",
    )
}

/// Goes to a screen, answers what it asks, and types.
fn shown(model: &mut Model, screen: Screen, rest: &Rest) {
    let (lines, _, _, series, keys) = rest;
    model.screen = screen;
    if screen == Screen::Explore {
        crate::screens::explore::show(model, keys.clone());
    }
    let wanted = wanted(model);
    for expr in wanted.charts {
        let series = series.iter().map(|(labels, samples)| Series {
            labels: labels.clone(),
            samples: samples.clone(),
        });
        let charted = Charted {
            series: series.collect(),
            found: 9,
            at: Some(model.live.now),
            warnings: vec![keys.clone()],
            ..Charted::default()
        };
        update(model, Message::Charted(expr, Box::new(Ok(charted))));
    }
    if let Some(question) = wanted.logs {
        update(
            model,
            Message::Logs(question, LogNews::Begin(lines.clone().into())),
        );
    }
    press(model, keys);
}

fn wild_model() -> impl Strategy<Value = Model> {
    let signals = prop::collection::vec(prop::option::of(wild_number()), 0..16);
    let past = prop::collection::vec((wild_number(), wild_number()), 0..20);
    let alerts = prop::collection::vec(wild_alert(), 0..20);
    let failing = prop::option::of((wild_text(), wild_text()));
    let rest = (wild_text(), wild_text(), wild_time(), "[15? jkgGq]{0,6}");
    (signals, past, alerts, failing, rest).prop_map(|(values, past, alerts, failing, rest)| {
        let (title, news, now, keys) = rest;
        let mut model = connecting();
        model.setup.title = title;
        model.setup.backends.push(Backend::Grafana);
        model.setup.quit_prompt = Some(news.clone());
        let thresholds: BTreeMap<_, _> = alerts
            .iter()
            .filter_map(|alert| Some((alert.name.clone(), alert.threshold?)))
            .collect();
        let samples: Vec<_> = past
            .into_iter()
            .map(|(at_s, value)| Sample { at_s, value })
            .collect();
        let mut messages = vec![
            answered(
                Feed::Signals,
                -2,
                Ok(Facts::Signals(values, vec![news.clone()])),
            ),
            Message::Filled(vec![samples; 12]),
            answered(
                Feed::GrafanaRules,
                -1,
                Ok(Facts::GrafanaRules(alerts.clone())),
            ),
            answered(Feed::Rules, -1, Ok(Facts::Rules(alerts, thresholds))),
            Message::News(Event {
                at: now,
                text: news,
                severity: Severity::Critical,
            }),
        ];
        if let Some((short, full)) = failing {
            messages.push(answered(Feed::Held, 0, Err(Refusal { short, full })));
        }
        messages.push(Message::Now(now));
        for message in messages {
            update(&mut model, message);
        }
        press(&mut model, &keys);
        model
    })
}

fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_from_outside_breaks_a_frame(
        mut model in wild_model(),
        width in 1_u16..=200,
        height in 1_u16..=60,
        expanded in any::<bool>(),
        scroll in any::<usize>(),
        rest in wild_rest(),
    ) {
        model.size = (width, height);
        model.setup.log_source = Some("loki");
        update(&mut model, answered(Feed::Targets, 0, Ok(Facts::Targets(rest.1.clone()))));
        update(&mut model, Message::Experiments(rest.2.clone()));
        for screen in Screen::ALL {
            shown(&mut model, screen, &rest);
            model.alerts_pane.expanded = expanded;
            model.alerts_pane.scroll = scroll;
            let frame = buffer(&model, (width, height));
            for cell in &frame.content {
                prop_assert!(!cell.symbol().chars().any(steers), "{:?}", cell.symbol());
            }
            prop_assert_eq!(text(&model, (width, height)).lines().count(), usize::from(height));
        }
    }
}
