use crossterm::event::{Event, KeyCode};
use ratatui::style::Color;

use super::*;
use crate::message::Message;
use crate::settings::Stage;
use crate::tests::fixtures::{at, buffer, live, press, text};
use crate::update::update;

fn experiment(fault: &str, began: i64, stage: Stage) -> Experiment {
    Experiment {
        id: format!("{fault}{began}"),
        fault: fault.into(),
        targets: vec!["worker-1".into(), "worker-2".into()],
        by: "ana".into(),
        began: at(began),
        ends: Some(at(began + 60)),
        stage,
        timeline: vec![
            (at(began), "put on record".into()),
            (at(began + 1), "injected into worker-1, worker-2".into()),
        ],
    }
}

fn with(experiments: Vec<Experiment>) -> Model {
    let mut model = live();
    update(&mut model, Message::Experiments(experiments));
    press(&mut model, "7");
    model
}

fn some() -> Vec<Experiment> {
    vec![
        experiment("stall-worker", -20, Stage::Running),
        experiment("stall-worker", -900, Stage::Undone),
        experiment("stall-worker", -1900, Stage::Failed),
        experiment("stall-worker", -2900, Stage::LeftBehind),
    ]
}

fn snapshot(name: &str, model: &Model) {
    for size in [(40, 15), (80, 24), (120, 40)] {
        let name = format!("{name}_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, text(model, size));
    }
}

#[test]
fn what_is_in_force_comes_first() {
    let mut model = with(some());
    snapshot("chaos", &model);
    assert_eq!(buffer(&model, (80, 24))[(2, 4)].fg, Color::Red);
    press(&mut model, "j");
    let frame = text(&model, (80, 24));
    assert!(frame.contains("voteops chaos recover"), "{frame}");
}

#[test]
fn nothing_is_told_with_its_reason() {
    snapshot("chaos_empty", &with(Vec::new()));
    let mut unknown = live();
    press(&mut unknown, "7");
    assert!(text(&unknown, (80, 24)).contains("a stack of this machine only"));
    let mut none = with(some());
    press(&mut none, "/redis");
    update(&mut none, Message::Input(Event::Key(KeyCode::Enter.into())));
    assert!(text(&none, (80, 24)).contains("None of 4 experiments is kept by /redis"));
}

#[test]
fn beginnings_and_ends_are_events() {
    let mut model = with(vec![experiment("stall-worker", -20, Stage::Running)]);
    update(
        &mut model,
        Message::Experiments(vec![experiment("stall-worker", -20, Stage::Undone)]),
    );
    let events: Vec<_> = model.live.events.newest().map(|e| e.text.clone()).collect();
    assert_eq!(
        events,
        [
            "stall-worker on worker-1, worker-2 is undone",
            "stall-worker began on worker-1, worker-2"
        ]
    );
}
