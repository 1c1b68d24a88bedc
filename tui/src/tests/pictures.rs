//! The picture in the README: workers died, the queue grows, one alert fires, another will.

use voteops_observability::prometheus::{AlertState, Sample};
use voteops_observability::snapshot::AlertStatus;

use super::fixtures::{
    BACKLOG, answered, at, buffer, connecting, in_trouble, inactive, rules, slos,
};
use crate::message::{Facts, Message};
use crate::model::{Feed, Model};
use crate::picture::svg;
use crate::settings::{Event, Look, Severity};
use crate::theme::Theme;
use crate::update::update;

/// The file, from the crate's directory.
const FILE: &str = "../docs/console.svg";
const SIZE: (u16, u16) = (120, 36);
/// How long ago the workers died.
const DEAD_S: i32 = 250;
/// Votes in a second.
const RATE: f64 = 20.1;

/// The value of a signal in the catalogue's order, so many seconds ago.
fn value(signal: u8, ago_s: i32) -> Option<f64> {
    let dead_s = f64::from((DEAD_S - ago_s).max(0));
    let alive = ago_s > DEAD_S;
    let wave = |length_s: f64| (f64::from(ago_s) / length_s).sin();
    // From 0 to 1, and the same in every run.
    let noise = 0.5 + 0.3 * wave(41.0) + 0.2 * wave(9.0 + f64::from(signal));
    Some(match signal {
        0 => 0.006 + 0.012 * noise,
        1 => RATE + 9.0 * (noise - 0.5),
        2 => 0.0,
        3 => 2.0,
        4 => 0.034 + 0.0003 * dead_s,
        5 => 1.0,
        6 => 8123.0 - f64::from(ago_s),
        7 => 0.97 - 0.0005 * dead_s,
        8 => 4.0 * noise + RATE * dead_s,
        9 if alive => 0.002 + 0.004 * noise,
        10 => 2.0 * f64::from(u8::from(alive)),
        11 if alive => RATE + 9.0 * (noise - 0.5),
        _ => return None,
    })
}

fn history(signal: u8) -> Vec<Sample> {
    let steps = (1..=120).rev().map(|step| step * 5);
    let sample = |ago_s: i32| {
        let at = at(-i64::from(ago_s)).as_duration();
        Some(Sample {
            at_s: at.as_secs_f64(),
            value: value(signal, ago_s)?,
        })
    };
    steps.filter_map(sample).collect()
}

/// The backlog's average over five minutes passed its threshold 173 s after the workers' end.
fn alerts() -> Vec<AlertStatus> {
    let mut alerts = in_trouble();
    for alert in alerts.iter_mut().filter(|alert| alert.name == BACKLOG) {
        assert_eq!(alert.state, AlertState::Pending);
        alert.since = Some(at(-77));
        alert.fires_at = Some(at(223));
    }
    alerts
}

fn incident() -> Model {
    let mut model = connecting();
    model.setup.theme = Theme::for_picture(&Look::default());
    let signals = (0..12).map(|signal| value(signal, 0)).collect();
    let died = Event {
        at: at(-i64::from(DEAD_S)),
        text: "worker-1 and worker-2 were killed by signal 9".into(),
        severity: Severity::Warning,
    };
    for message in [
        answered(Feed::Rules, -1, Ok(rules(inactive()))),
        Message::News(died),
        answered(Feed::Signals, -1, Ok(Facts::Signals(signals, Vec::new()))),
        Message::Filled((0..12).map(history).collect()),
        answered(Feed::Held, -1, Ok(Facts::Held(Vec::new()))),
        answered(Feed::Slos, 0, Ok(slos(0.972))),
        answered(Feed::Rules, 0, Ok(rules(alerts()))),
        Message::Now(at(0)),
    ] {
        update(&mut model, message);
    }
    model
}

#[test]
fn the_readme_shows_a_frame_of_today() {
    let picture = svg(&buffer(&incident(), SIZE));
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var("UPDATE_PICTURES").is_ok_and(|value| value == "1") {
        std::fs::write(&file, &picture).unwrap();
    }
    let shown = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        shown == picture,
        "docs/console.svg is not what the console draws; UPDATE_PICTURES=1 draws it again"
    );
    let readme = include_str!("../../../README.md");
    assert!(readme.contains("](docs/console.svg)"));
}
