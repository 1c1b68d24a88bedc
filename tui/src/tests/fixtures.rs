//! A model in the states that matter, made by the messages that lead there.

use std::collections::BTreeMap;
use std::time::Duration;

use crossterm::event::{Event as Input, KeyCode, KeyEvent};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use url::Url;
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::prometheus::{AlertState, Prometheus, Sample};
use voteops_observability::rules;
use voteops_observability::signals::{self, Component};
use voteops_observability::slo::SloReading;
use voteops_observability::snapshot::{AlertStatus, Sources, by_urgency};

use crate::bench_support;
use crate::keys::{KeyMap, Keys};
use crate::lang::spoken;
use crate::message::{Answered, Effect, Facts, Message, Refusal};
use crate::model::{Feed, Model, Setup};
use crate::settings::Settings;
use crate::theme::Theme;
use crate::update::update;
use crate::view::{as_text, frame};

/// The instant at which every fixture stands.
pub(crate) const NOW_S: i64 = 1_790_000_000;

pub(crate) const BACKLOG: &str = "CriticalVoteQueueBacklog";

pub(crate) fn at(after_s: i64) -> Timestamp {
    Timestamp::from_second(NOW_S + after_s).unwrap()
}

pub(crate) fn sources(prometheus: &str, alertmanager: Option<&str>) -> Sources {
    let url = |text: &str| Url::parse(text).unwrap();
    Sources {
        prometheus: Prometheus::new(&url(prometheus)).unwrap(),
        alertmanager: alertmanager.map(|base| Alertmanager::new(&url(base)).unwrap()),
        grafana: None,
        signals: signals::shipped(1.0).unwrap(),
    }
}

pub(crate) fn settings() -> Settings {
    let sources = sources("http://127.0.0.1:9090", Some("http://127.0.0.1:9093"));
    Settings {
        expected: vec![(Component::VoteApp, 2), (Component::Worker, 2)],
        ..Settings::new(sources, "local stack")
    }
}

/// A model that knows nothing yet.
pub(crate) fn connecting() -> Model {
    model(&settings(), true)
}

/// A model that knows nothing yet, in the language that is spoken.
pub(crate) fn model(settings: &Settings, colour: bool) -> Model {
    let setup = Setup {
        lang: spoken(),
        ..Setup::new(settings, Theme::new(colour), TimeZone::UTC)
    };
    Model::new(setup, at(0), (120, 36))
}

pub(crate) fn answered(feed: Feed, after_s: i64, result: Result<Facts, Refusal>) -> Message {
    Message::Answered(Answered {
        feed,
        at: at(after_s),
        latency: Duration::from_millis(12),
        next_try: Some(at(after_s + 4)),
        result,
    })
}

pub(crate) fn refusal() -> Refusal {
    Refusal {
        short: "unreachable".into(),
        full: "http://127.0.0.1:9090/api/v1/rules cannot be reached: connection refused".into(),
    }
}

/// Every shipped rule, inactive.
pub(crate) fn inactive() -> Vec<AlertStatus> {
    let mut alerts: Vec<_> = rules::shipped()
        .unwrap()
        .into_iter()
        .map(bench_support::alert)
        .collect();
    sort(&mut alerts);
    alerts
}

pub(crate) fn sort(alerts: &mut [AlertStatus]) {
    alerts.sort_by(by_urgency);
}

/// The rules with the backlog pending for 2m05s and the workers' alert firing for 3m10s.
pub(crate) fn in_trouble() -> Vec<AlertStatus> {
    let mut alerts = inactive();
    for alert in &mut alerts {
        if alert.name == BACKLOG {
            alert.state = AlertState::Pending;
            alert.since = Some(at(-125));
            alert.fires_at = Some(at(175));
            alert.value = Some(1234.5);
            alert.active = 1;
        } else if alert.name == "WorkerDown" {
            alert.state = AlertState::Firing;
            alert.since = Some(at(-190));
            alert.value = Some(0.0);
            alert.active = 1;
            alert.annotations.insert(
                "summary".into(),
                "0 workers answer, at least 1 expected.".into(),
            );
        }
    }
    sort(&mut alerts);
    alerts
}

pub(crate) fn rules(alerts: Vec<AlertStatus>) -> Facts {
    let thresholds: BTreeMap<_, _> = alerts
        .iter()
        .filter_map(|alert| Some((alert.name.clone(), alert.threshold?)))
        .collect();
    Facts::Rules(alerts, thresholds)
}

/// The signals of a stack that is well, in the catalogue's order.
pub(crate) const WELL: [Option<f64>; 12] = [
    Some(0.0123),
    Some(20.1),
    Some(0.0),
    Some(2.0),
    Some(0.034),
    Some(1.0),
    Some(8123.0),
    Some(0.973),
    Some(12.0),
    Some(0.0042),
    Some(2.0),
    Some(19.8),
];

/// The same with no worker left and a queue that grew: two signals are missing.
pub(crate) const TROUBLE: [Option<f64>; 12] = [
    Some(0.0153),
    Some(20.1),
    Some(0.0),
    Some(2.0),
    Some(0.112),
    Some(1.0),
    Some(8123.0),
    Some(0.741),
    Some(1834.0),
    None,
    Some(0.0),
    None,
];

fn past(values: &[Option<f64>; 12], growing: bool) -> Message {
    let history = |value: &Option<f64>| {
        let value = value.unwrap_or(1.0);
        (0_i32..120)
            // Prometheus had nothing for a minute: a gap.
            .filter(|step| !(30..42).contains(step))
            .map(|step| {
                let wave = 0.8 + 0.2 * (f64::from(step) / 9.0).sin();
                let shape = if growing {
                    f64::from(step) / 120.0
                } else {
                    wave
                };
                let at = at(i64::from(step) * 5 - 600);
                Sample {
                    at_s: at.as_duration().as_secs_f64(),
                    value: value * shape,
                }
            })
            .collect()
    };
    Message::Filled(values.iter().map(history).collect())
}

/// Objectives with some of their budget spent.
pub(crate) fn slos(availability_left: f64) -> Facts {
    let slo = |at: usize, left: f64, burns: [Option<f64>; 3]| {
        let slo = &voteops_observability::slo::shipped(1.0).unwrap()[at];
        SloReading {
            id: slo.id.clone(),
            title: slo.title.clone(),
            objective: slo.objective,
            window: slo.window.clone(),
            budget_left: Some(left),
            burns: ["5m", "1h", "6h"]
                .map(str::to_owned)
                .into_iter()
                .zip(burns)
                .collect(),
        }
    };
    Facts::Slos(vec![
        slo(0, availability_left, [Some(0.0), Some(0.31), Some(0.2)]),
        slo(1, 0.9987, [Some(2.4), Some(0.1), None]),
    ])
}

fn fed(values: &[Option<f64>; 12], alerts: Vec<AlertStatus>, growing: bool) -> Model {
    let mut model = connecting();
    let signals = Facts::Signals(values.to_vec(), Vec::new());
    for message in [
        answered(Feed::Rules, -1, Ok(rules(inactive()))),
        answered(Feed::Signals, -1, Ok(signals)),
        past(values, growing),
        answered(Feed::Held, -1, Ok(Facts::Held(Vec::new()))),
        answered(Feed::Slos, 0, Ok(slos(0.972))),
        answered(Feed::Rules, 0, Ok(rules(alerts))),
        Message::Now(at(0)),
    ] {
        update(&mut model, message);
    }
    model
}

/// Everything is well.
pub(crate) fn live() -> Model {
    fed(&WELL, inactive(), false)
}

/// One alert fires, one is pending, two signals are missing.
pub(crate) fn firing() -> Model {
    fed(&TROUBLE, in_trouble(), true)
}

/// As [`firing`], 12 s after Prometheus went away.
pub(crate) fn stale() -> Model {
    let mut model = firing();
    for message in [
        answered(Feed::Signals, 1, Err(refusal())),
        answered(Feed::Rules, 1, Err(refusal())),
        answered(Feed::Signals, 9, Err(refusal())),
        answered(Feed::Held, 11, Ok(Facts::Held(Vec::new()))),
        Message::Now(at(12)),
    ] {
        update(&mut model, message);
    }
    model
}

/// No backend ever answered.
pub(crate) fn error() -> Model {
    let mut model = connecting();
    for feed in [Feed::Signals, Feed::Rules, Feed::Held] {
        update(&mut model, answered(feed, 0, Err(refusal())));
    }
    update(&mut model, Message::Now(at(1)));
    model
}

/// Names of bindings and their keys, as the configuration has them.
pub(crate) fn given(chosen: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let chosen = chosen.iter();
    chosen
        .map(|(name, keys)| {
            let keys = keys.iter().map(|key| (*key).to_owned());
            ((*name).to_owned(), keys.collect())
        })
        .collect()
}

/// The model with keys of the user's choice.
pub(crate) fn with_keys(mut model: Model, chosen: &[(&str, &[&str])]) -> Model {
    model.setup.keys = KeyMap::new(&Keys::parse(&given(chosen)).unwrap());
    model
}

/// Presses the keys of the characters; gives the last one's effects.
pub(crate) fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys.chars() {
        let code = match key {
            '\r' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            '\t' => KeyCode::Tab,
            key => KeyCode::Char(key),
        };
        let input = Input::Key(KeyEvent::from(code));
        effects = update(model, Message::Input(input));
    }
    effects
}

/// Draws the model at a size.
pub(crate) fn buffer(model: &Model, (width, height): (u16, u16)) -> Buffer {
    let mut model = model.clone();
    model.size = (width, height);
    frame(&model, (width, height))
}

/// Draws the model at a size, as text.
pub(crate) fn text(model: &Model, size: (u16, u16)) -> String {
    as_text(&buffer(model, size))
}
