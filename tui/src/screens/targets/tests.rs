use crossterm::event::{Event, KeyCode};
use ratatui::style::Color;

use super::*;
use crate::message::{Facts, Message};
use crate::model::Feed;
use crate::tests::fixtures::{answered, at, buffer, error, live, press, refusal, stale, text};
use crate::update::update;

fn target(job: &str, port: u16, health: TargetHealth, error: &str) -> Target {
    let instance = format!("127.0.0.1:{port}");
    Target {
        scrape_url: format!("http://{instance}/metrics"),
        labels: [("job", job), ("instance", &instance)]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        health,
        last_error: error.into(),
        last_scrape: Some(at(-3)),
        last_scrape_duration_s: 0.0021,
        scrape_interval: "15s".into(),
        scrape_timeout: "5s".into(),
        scrape_pool: String::new(),
    }
}

pub(crate) fn with_targets(mut model: Model, targets: Vec<Target>) -> Model {
    press(&mut model, "8");
    let facts = Facts::Targets(targets);
    update(&mut model, answered(Feed::Targets, 0, Ok(facts)));
    model
}

pub(crate) fn some() -> Vec<Target> {
    vec![
        target("vote_app", 8080, TargetHealth::Up, ""),
        target("vote_app", 8081, TargetHealth::Unknown, ""),
        target(
            "worker",
            8090,
            TargetHealth::Down,
            "Get \"http://127.0.0.1:8090/metrics\": dial tcp 127.0.0.1:8090: connect: connection refused",
        ),
        target("redis", 9121, TargetHealth::Up, ""),
    ]
}

fn snapshot(name: &str, model: &Model) {
    for size in [(40, 15), (80, 24), (120, 40)] {
        let name = format!("{name}_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, text(model, size));
    }
}

#[test]
fn what_is_down_comes_first_with_its_error() {
    let model = with_targets(live(), some());
    snapshot("targets_live", &model);
    let frame = buffer(&model, (80, 24));
    let down = (0..24)
        .find(|y| {
            text(&model, (80, 24))
                .lines()
                .nth(usize::from(*y))
                .unwrap()
                .contains("✗ down  ")
        })
        .unwrap();
    assert_eq!(frame[(2, down)].fg, Color::Red);
}

#[test]
fn away_empty_and_waiting_are_told_apart() {
    let mut away = with_targets(stale(), some());
    update(&mut away, answered(Feed::Targets, 12, Err(refusal())));
    update(&mut away, Message::Now(at(14)));
    snapshot("targets_stale", &away);
    let mut never = error();
    press(&mut never, "8");
    update(&mut never, answered(Feed::Targets, 0, Err(refusal())));
    insta::assert_snapshot!("targets_error_80x24", text(&never, (80, 24)));
    let empty = with_targets(live(), Vec::new());
    insta::assert_snapshot!("targets_empty_80x24", text(&empty, (80, 24)));
}

#[test]
fn ten_thousand_targets_are_filtered_and_scrolled() {
    let many = (0..10_000_u16).map(|port| target("vote_app", port, TargetHealth::Up, ""));
    let mut model = with_targets(live(), many.collect());
    press(&mut model, "G");
    assert!(text(&model, (80, 24)).contains("127.0.0.1:9999/"));
    press(&mut model, "/:77.7/");
    update(
        &mut model,
        Message::Input(Event::Key(KeyCode::Enter.into())),
    );
    let frame = text(&model, (80, 24));
    assert!(frame.contains("10 of 10000 targets by /:77.7/"), "{frame}");
    press(&mut model, "8");
    update(&mut model, Message::Input(Event::Key(KeyCode::Esc.into())));
    assert!(text(&model, (80, 24)).contains("10000 targets"));
}

#[test]
fn the_last_target_is_seen_when_others_have_gone() {
    let many = (0..100_u16).map(|port| target("vote_app", port, TargetHealth::Up, ""));
    let mut model = with_targets(live(), many.collect());
    press(&mut model, "G");
    let facts = Facts::Targets(some());
    update(&mut model, answered(Feed::Targets, 1, Ok(facts)));
    let frame = text(&model, (80, 24));
    let pointed = frame.lines().find(|line| line.starts_with('›'));
    assert!(pointed.unwrap().contains("127.0.0.1:8080"), "{frame}");
    assert!(frame.contains("job=vote_app"), "{frame}");
}

#[test]
fn targets_are_asked_for_only_here() {
    let mut model = live();
    assert!(!crate::wanted::wanted(&model).targets);
    press(&mut model, "8");
    assert!(crate::wanted::wanted(&model).targets);
}
