use std::fs;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use voteops_observability::logs::{LogQuery, MAX_LINES};
use voteops_observability::snapshot::Origin;

use super::*;
use crate::keys::Keys;
use crate::message::Effect;
use crate::model::logs::{LogNews, LogQuestion};
use crate::model::{Model, Screen};
use crate::settings::{Look, Settings};
use crate::tests::fixtures::{at, firing, given, press, sources, text};
use crate::tests::grafana;
use crate::theme::Theme;
use crate::wanted::{Wanted, wanted};

/// A Prometheus that nobody listens for.
const NOBODY: &str = "http://127.0.0.1:1";

fn line(second: i64, service: &str, text: &str) -> LogLine {
    let labels = [("service".to_owned(), service.to_owned())];
    LogLine::new(
        second * 1_000_000_000,
        Arc::new(labels.into()),
        text.to_owned(),
    )
}

/// What a backend that is away leaves in a directory, with lines and a chart beside it.
async fn written(dir: &std::path::Path) -> Bundle {
    let settings = Settings::new(sources(NOBODY, Some(NOBODY)), "away");
    let files = export(settings, dir, |_| {}).await;
    assert_eq!(files.unwrap().len(), 12);
    Bundle::read(dir).unwrap()
}

#[tokio::test]
async fn backends_that_are_away_are_in_the_bundle_as_such() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("incident");
    let bundle = written(&dir).await;
    let refused = bundle.known.read.as_ref().unwrap().refused.as_ref();
    assert_eq!(refused.unwrap().short, "unreachable");
    let frame = bundle.once(&Look::default(), &Keys::default(), 80, 24);
    assert!(frame.contains("RECORDED"), "{frame}");
    assert!(frame.contains("? help  q quit"), "{frame}");
    let keys = Keys::parse(&given(&[("help", &["F1"])])).unwrap();
    let chosen = bundle.once(&Look::default(), &keys, 80, 24);
    assert!(chosen.contains("F1 help  q quit"), "{chosen}");
    assert!(frame.contains("✗ prometheus unreachable"), "{frame}");
    let picture = bundle.picture(&Look::default(), &Keys::default(), 80, 24);
    assert!(picture.contains(">RECORDED"), "{picture}");
    let told = fs::read_to_string(dir.join("overview.txt")).unwrap();
    assert!(told.contains("✗ prometheus unreachable"), "{told}");
    let schema = include_str!("../../../schemas/bundle.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let known = fs::read_to_string(dir.join("bundle.json")).unwrap();
    let known = serde_json::from_str(&known).unwrap();
    let wrong: Vec<_> = validator
        .iter_errors(&known)
        .map(|e| e.to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn what_is_there_is_never_overwritten() {
    let temp = tempfile::tempdir().unwrap();
    let settings = Settings::new(sources(NOBODY, None), "x");
    let error = export(settings, temp.path(), |_| {}).await;
    assert!(error.unwrap_err().to_string().contains("is there already"));
}

#[tokio::test]
async fn a_broken_bundle_is_told_by_its_file_and_line() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("incident");
    written(&dir).await;
    let told = |dir| Bundle::read(dir).unwrap_err().to_string();
    fs::write(dir.join("logs.jsonl"), "{}\n").unwrap();
    assert!(told(&dir).contains("logs.jsonl: line 1: missing field"));
    fs::write(dir.join("bundle.json"), "{\"version\": 9}").unwrap();
    assert!(told(&dir).contains("form 9"));
    fs::write(dir.join("bundle.json"), "[").unwrap();
    assert!(told(&dir).contains("bundle.json"));
    fs::remove_file(dir.join("bundle.json")).unwrap();
    assert!(told(&dir).contains("--export"));
}

/// A bundle of a model that knows much.
fn known(model: &Model) -> Bundle {
    let now = model.live.now;
    let answer = |feed, facts| Answered {
        feed,
        at: now,
        latency: Duration::from_millis(12),
        next_try: None,
        result: Ok(facts),
    };
    let setup = &model.setup;
    let mut known = Known {
        version: VERSION,
        program: "test".into(),
        taken_at: now,
        title: setup.title.clone(),
        time_scale: 1.0,
        span_s: 600.0,
        refresh_s: 1.0,
        expected: Vec::new(),
        backends: setup
            .backends
            .iter()
            .map(|backend| Named {
                name: backend.name().into(),
                url: NOBODY.into(),
            })
            .collect(),
        log_source: Some("loki".into()),
        logs_refused: None,
        signals: setup.signals.clone(),
        slos: setup.slos.clone(),
        past: Vec::new(),
        read: None,
        rules: None,
        grafana_rules: None,
        held: None,
        objectives: None,
        targets: None,
        experiments: None,
        events: model.live.events.newest().cloned().collect(),
    };
    let values = model.live.readings.iter().map(|reading| reading.value);
    let alerts = model.live.alerts.all().iter().cloned();
    let (managed, alerts) = alerts.partition(|alert| alert.origin == Origin::Grafana);
    for facts in [
        (Feed::GrafanaRules, Facts::GrafanaRules(managed)),
        (
            Feed::Rules,
            Facts::Rules(alerts, model.live.thresholds.clone()),
        ),
        (
            Feed::Signals,
            Facts::Signals(values.collect(), vec!["old".into()]),
        ),
        (
            Feed::Slos,
            Facts::Slos(model.live.slos.clone().unwrap_or_default()),
        ),
        (
            Feed::Held,
            Facts::Held(model.live.held.clone().unwrap_or_default()),
        ),
        (Feed::Targets, Facts::Targets(Vec::new())),
    ] {
        known.note(&Message::Answered(answer(facts.0, facts.1)));
    }
    let samples = vec![
        Sample {
            at_s: 1.5,
            value: f64::NAN,
        },
        Sample {
            at_s: 2.5,
            value: f64::INFINITY,
        },
    ];
    let charted = Charted {
        series: vec![Series {
            labels: [("job".to_owned(), "worker".to_owned())].into(),
            samples,
        }],
        found: 3,
        range: Some(Range {
            from: at(-600),
            to: at(0),
        }),
        step_s: 2.5,
        at: Some(now),
        refusal: None,
        warnings: Vec::new(),
    };
    Bundle {
        known,
        charts: [("up".to_owned(), charted)].into(),
        logs: vec![
            line(now.as_second() - 5, "worker", "drained"),
            line(now.as_second() - 4, "vote-app", "taken"),
        ],
    }
}

#[test]
fn a_bundle_is_read_as_it_was_written_and_looks_the_same() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("incident");
    let model = firing();
    let bundle = known(&model);
    bundle.write(&dir, &[]).unwrap();
    let read = Bundle::read(&dir).unwrap();
    assert_eq!(read.known, bundle.known);
    assert_eq!(read.logs, bundle.logs);
    let [(_, a), (_, b)] = [&read, &bundle].map(|one| one.charts.iter().next().unwrap());
    assert_eq!((&a.range, a.found), (&b.range, 3));
    assert!(a.series[0].samples[0].value.is_nan());
    assert!(a.series[0].samples[1].value.is_infinite());

    let mut again = Model::new(read.setup(Theme::new(true)), model.live.now, (120, 40));
    read.tell(&mut again);
    let (was, is) = (text(&model, (120, 40)), text(&again, (120, 40)));
    for word in ["■ 1 firing", "PENDING", "queue 1834", "Objectives"] {
        assert!(was.contains(word) && is.contains(word), "{word}:\n{is}");
    }
    assert!(is.contains("▲ prometheus 0s 12ms · 1 warning"), "{is}");
}

/// The same bundle after it was written and read.
fn written_and_read(bundle: &Bundle, change: impl FnOnce(&mut Value)) -> Bundle {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("incident");
    bundle.write(&dir, &[]).unwrap();
    let file = dir.join("bundle.json");
    let mut known = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    change(&mut known);
    fs::write(&file, known.to_string()).unwrap();
    Bundle::read(&dir).unwrap()
}

/// The alerts screen of a bundle that is looked at again.
fn alerts_of(bundle: &Bundle) -> String {
    let mut model = Model::new(bundle.setup(Theme::new(true)), at(0), (120, 40));
    bundle.tell(&mut model);
    press(&mut model, "5");
    text(&model, (120, 40))
}

#[test]
fn the_rules_that_grafana_evaluates_are_kept() {
    let bundle = known(&grafana::live());
    let read = written_and_read(&bundle, |known| {
        let schema = include_str!("../../../schemas/bundle.schema.json");
        let schema = serde_json::from_str(schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<_> = validator.iter_errors(known).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    });
    assert_eq!(read.known, bundle.known);
    let frame = alerts_of(&read);
    for told in [
        "■ 2 firing",
        "● grafana 0s 12ms",
        "◆ PENDING 1:40  Carts left (grafana)",
        "■ FIRING 3m10s  WorkerDown  ",
    ] {
        assert!(frame.contains(told), "{told}:\n{frame}");
    }
}

#[test]
fn a_bundle_from_before_grafana_was_asked_is_read() {
    let bundle = known(&firing());
    let read = written_and_read(&bundle, |known| {
        known.as_object_mut().unwrap().remove("grafana_rules");
        let alerts = &mut known["rules"]["answer"]["alerts"];
        for alert in alerts.as_array_mut().unwrap() {
            alert.as_object_mut().unwrap().remove("origin").unwrap();
        }
    });
    let frame = alerts_of(&read);
    assert!(frame.contains("■ FIRING 3m10s  WorkerDown  "), "{frame}");
    assert!(!frame.contains("grafana"), "{frame}");
}

#[test]
fn what_a_recording_does_not_hold_is_not_shown_as_silence() {
    let mut bundle = known(&firing());
    let second = |after_s| i64::try_from(at(after_s).as_nanosecond()).unwrap();
    let cut = |bundle: &Bundle, end| {
        let question = LogQuestion {
            query: LogQuery::default(),
            span: Duration::from_mins(10),
            end,
        };
        let LogNews::Begin(found) = bundle.select(&question) else {
            panic!("no lines");
        };
        found.cut_ns
    };
    assert_eq!(cut(&bundle, None), None);
    assert_eq!(cut(&bundle, Some(at(-60))), Some(second(-600)));
    // As many as a bundle takes: there were older ones.
    let newest_s = bundle.known.taken_at.as_second();
    bundle.logs = vec![line(newest_s - 90, "worker", "drained"); MAX_LINES];
    assert_eq!(cut(&bundle, None), Some(second(-90)));
}

#[tokio::test]
async fn a_recording_answers_what_it_holds_and_says_what_it_does_not() {
    let bundle = known(&firing());
    let mut model = Model::new(bundle.setup(Theme::new(false)), at(0), (80, 24));
    bundle.tell(&mut model);
    let (sender, mut messages) = mpsc::channel(8);
    let (wants, needs) = watch::channel(Wanted::default());
    tokio::spawn(super::replay::answer(bundle, needs, sender));

    press(&mut model, ":logs\r");
    assert_eq!(model.screen, Screen::Logs);
    wants.send_replace(wanted(&model));
    crate::update::update(&mut model, messages.recv().await.unwrap());
    let frame = text(&model, (80, 24));
    assert!(
        frame.contains("drained") && frame.contains("taken"),
        "{frame}"
    );

    let question = LogQuestion {
        query: LogQuery {
            services: vec!["worker".into()],
            ..LogQuery::default()
        },
        span: Duration::from_mins(10),
        end: None,
    };
    wants.send_replace(Wanted {
        logs: Some(question),
        ..Wanted::default()
    });
    let Some(Message::Logs(_, LogNews::Begin(found))) = messages.recv().await else {
        panic!("no lines");
    };
    assert_eq!((found.lines.len(), found.cut_ns), (1, None));

    let effects = press(&mut model, ":query nope\r");
    assert!(
        effects
            .iter()
            .all(|effect| !matches!(effect, Effect::Quit(_)))
    );
    wants.send_replace(wanted(&model));
    crate::update::update(&mut model, messages.recv().await.unwrap());
    let frame = text(&model, (80, 24));
    assert!(frame.contains("a recording holds only"), "{frame}");
}
