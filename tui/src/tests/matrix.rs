//! Every view in every state at every size: what it looks like when all is well, when answers are
//! old, when there is nothing to show, when nothing can be asked, and when alerts fire.

use std::sync::Arc;

use ratatui::style::{Color, Modifier};
use voteops_observability::logs::LogLine;
use voteops_observability::prometheus::{Sample, Series, Target, TargetHealth};

use crate::experiments::{Experiment, Stage};
use crate::message::{Facts, Message};
use crate::model::charts::{ALERTS_QUERY, Charted};
use crate::model::logs::LogNews;
use crate::model::{Feed, Model, Screen};
use crate::tests::fixtures::{self, answered, at, buffer, connecting, press, refusal, rules, text};
use crate::update::update;
use crate::wanted::wanted;

const SIZES: [(u16, u16); 3] = [(40, 15), (80, 24), (120, 40)];
const KEYS: [(Screen, &str, &str); 9] = [
    (Screen::Overview, "1", "overview"),
    (Screen::VoteApp, "2", "vote_app"),
    (Screen::Redis, "3", "redis"),
    (Screen::Worker, "4", "worker"),
    (Screen::Alerts, "5", "alerts"),
    (Screen::Logs, "6", "logs"),
    (Screen::Chaos, "7", "chaos"),
    (Screen::Targets, "8", "targets"),
    (Screen::Explore, ":query sum by (instance) (up)\r", "query"),
];

/// How the backends are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Live,
    Stale,
    Empty,
    Error,
    Firing,
}

/// A console on a screen, in a state.
fn console(keys: &str, state: State) -> Model {
    let mut model = match state {
        State::Live => fixtures::live(),
        State::Stale => fixtures::stale(),
        State::Empty => nothing(),
        State::Error => fixtures::error(),
        State::Firing => fixtures::firing(),
    };
    model.setup.log_source = Some("loki");
    press(&mut model, keys);
    let experiments = match state {
        State::Empty => Vec::new(),
        _ => vec![experiment()],
    };
    update(&mut model, Message::Experiments(experiments));
    model
}

/// Everything was answered, and holds nothing.
fn nothing() -> Model {
    let mut model = connecting();
    for (feed, facts) in [
        (Feed::Rules, rules(Vec::new())),
        (Feed::Signals, Facts::Signals(vec![None; 12], Vec::new())),
        (Feed::Held, Facts::Held(Vec::new())),
        (Feed::Slos, Facts::Slos(Vec::new())),
    ] {
        update(&mut model, answered(feed, 0, Ok(facts)));
    }
    update(&mut model, Message::Now(at(0)));
    model
}

fn experiment() -> Experiment {
    Experiment {
        id: "0199".into(),
        fault: "stall".into(),
        targets: vec!["worker-1".into(), "worker-2".into()],
        by: "ana (uid 1000)".into(),
        began: at(-45),
        ends: Some(at(15)),
        stage: Stage::Running,
        timeline: vec![(at(-45), "injected into worker-1, worker-2".into())],
    }
}

/// Answers what the screen asks for, as the state has it.
fn answer(model: &mut Model, state: State) {
    for (number, expr) in (1..).zip(wanted(model).charts) {
        let answer = match state {
            State::Error => Err(refusal()),
            State::Empty => Ok(charted(Vec::new())),
            State::Live if expr == ALERTS_QUERY => Ok(charted(Vec::new())),
            _ if expr == ALERTS_QUERY => Ok(charted(vec![alert()])),
            _ => Ok(charted((1..3).map(|n| wave(number, n)).collect())),
        };
        update(model, Message::Charted(expr.clone(), Box::new(answer)));
        if state == State::Stale {
            update(model, Message::Charted(expr, Box::new(Err(refusal()))));
        }
    }
    let targets = match state {
        State::Error => Err(refusal()),
        State::Empty => Ok(Facts::Targets(Vec::new())),
        State::Firing => Ok(Facts::Targets(vec![target(TargetHealth::Down)])),
        State::Live | State::Stale => Ok(Facts::Targets(vec![target(TargetHealth::Up)])),
    };
    update(model, answered(Feed::Targets, 0, targets));
    if let Some(question) = wanted(model).logs {
        let lines = match state {
            State::Error => LogNews::Failed(refusal(), Some(at(4))),
            State::Empty => LogNews::Begin(Vec::new().into()),
            _ => LogNews::Begin(lines().into()),
        };
        update(model, Message::Logs(question.clone(), lines));
        if state == State::Stale {
            let failed = LogNews::Failed(refusal(), Some(at(16)));
            update(model, Message::Logs(question, failed));
        }
    }
    if state == State::Stale {
        update(model, answered(Feed::Targets, 9, Err(refusal())));
        update(model, Message::Now(at(12)));
    }
}

fn charted(series: Vec<Series>) -> Charted {
    Charted {
        found: series.len(),
        series,
        step_s: 2.5,
        at: Some(at(0)),
        ..Charted::default()
    }
}

fn series(
    labels: &[(&str, &str)],
    value: impl Fn(i32) -> f64,
    steps: std::ops::Range<i32>,
) -> Series {
    let labels = labels
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let sample = |step: i32| Sample {
        at_s: at(0).as_duration().as_secs_f64() - 2.5 * f64::from(240 - step),
        value: value(step),
    };
    Series {
        labels: labels.collect(),
        samples: steps.map(sample).collect(),
    }
}

fn wave(number: i32, instance: i32) -> Series {
    let address = format!("127.0.0.1:{}", 8080 + instance);
    let height = 0.1 * f64::from(number * instance);
    let value = |step| height * (2.0 + (f64::from(step) / (10.0 + f64::from(number))).sin());
    let mut wave = series(&[("instance", &address)], value, 0..241);
    // Nothing was measured for a while.
    wave.samples.drain(90..130);
    wave
}

fn alert() -> Series {
    let labels = [("alertname", "WorkerDown"), ("alertstate", "firing")];
    series(&labels, |_| 1.0, 164..241)
}

fn target(health: TargetHealth) -> Target {
    let labels = [("job", "worker"), ("instance", "127.0.0.1:8081")];
    let error = if health == TargetHealth::Up {
        ""
    } else {
        "connection refused"
    };
    Target {
        scrape_url: "http://127.0.0.1:8081/metrics".into(),
        labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        health,
        last_error: error.into(),
        last_scrape: Some(at(-3)),
        last_scrape_duration_s: 0.002,
        scrape_interval: "15s".into(),
        scrape_timeout: "5s".into(),
        scrape_pool: String::new(),
    }
}

fn lines() -> Vec<LogLine> {
    let line = |number: i64| {
        let instance = format!("worker-{}", 1 + number % 2);
        let labels = [("service", "worker"), ("instance", instance.as_str())];
        let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let (level, message) = match number % 7 {
            0 => ("ERROR", "the ledger cannot hold a vote"),
            3 => ("WARN", "cannot read the queue; trying again"),
            _ => ("INFO", "batch committed"),
        };
        let text = format!(r#"{{"level":"{level}","message":"{message}","batch":{number}}}"#);
        let at_ns = i64::try_from(at(number * 12 - 400).as_nanosecond()).unwrap();
        LogLine::new(at_ns, Arc::new(labels.into()), text)
    };
    (0..30).map(line).collect()
}

/// The frames of a screen in a state: one snapshot of all sizes.
fn frames(keys: &str, state: State) -> String {
    let frame = |size: (u16, u16)| {
        let mut model = console(keys, state);
        model.size = size;
        answer(&mut model, state);
        format!("{}x{}\n{}", size.0, size.1, text(&model, size))
    };
    SIZES.map(frame).join("\n")
}

#[test]
fn every_view_in_every_state_at_every_size() {
    for state in [
        State::Live,
        State::Stale,
        State::Empty,
        State::Error,
        State::Firing,
    ] {
        for (screen, keys, name) in KEYS {
            assert_eq!(console(keys, state).screen, screen);
            let name = format!("{name}_{state:?}").to_lowercase();
            insta::assert_snapshot!(name, frames(keys, state));
        }
    }
}

/// Whether a cell of the frame is in this style.
fn has(model: &Model, size: (u16, u16), style: impl Fn(Color, Modifier) -> bool) -> bool {
    let buffer = buffer(model, size);
    let mut cells = buffer.content.iter().filter(|cell| cell.symbol() != " ");
    cells.any(|cell| style(cell.fg, cell.modifier))
}

#[test]
fn what_is_wrong_stands_out_and_what_is_old_is_dim_in_every_view() {
    for size in SIZES {
        for (_, keys, name) in KEYS {
            let shown = |state| {
                let mut model = console(keys, state);
                model.size = size;
                answer(&mut model, state);
                model
            };
            let warns = |colour, _| [Color::Red, Color::Yellow].contains(&colour);
            // The badge of the backend, at the least.
            assert!(has(&shown(State::Error), size, warns), "{name} at {size:?}");
            assert!(has(&shown(State::Stale), size, warns), "{name} at {size:?}");
            let dim = |_, modifier: Modifier| modifier.contains(Modifier::DIM);
            assert!(has(&shown(State::Stale), size, dim), "{name} at {size:?}");
        }
        for (_, keys, name) in [KEYS[0], KEYS[3], KEYS[4], KEYS[7]] {
            let mut model = console(keys, State::Firing);
            model.size = size;
            answer(&mut model, State::Firing);
            let red = |colour, _| colour == Color::Red;
            assert!(has(&model, size, red), "{name} at {size:?}");
            let mut well = console(keys, State::Live);
            well.live.experiments = Some(Vec::new());
            well.size = size;
            answer(&mut well, State::Live);
            assert!(!has(&well, size, red), "{name} at {size:?}");
        }
    }
}
