use crossterm::event::{Event, KeyCode};
use ratatui::style::Color;

use super::*;
use crate::experiments::{Offer, Plan, Stage};
use crate::message::Message;
use crate::model::Offers;
use crate::settings::Outcome;
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

pub(crate) fn with(experiments: Vec<Experiment>) -> Model {
    let mut model = live();
    update(&mut model, Message::Experiments(experiments));
    press(&mut model, "7");
    model
}

pub(crate) fn some() -> Vec<Experiment> {
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

/// Experiments may be begun from here.
pub(crate) fn allowed() -> Model {
    let mut model = with(Vec::new());
    let offer = |name: &str, length| Offer {
        name: name.into(),
        about: "stops every worker (SIGSTOP), lets it go on (SIGCONT)".into(),
        alerts: vec!["CriticalVoteQueueBacklog".into(), "WorkerDown".into()],
        length,
    };
    model.setup.offers = Offers::These(vec![
        offer("stall-worker", Some(std::time::Duration::from_mins(1))),
        offer("verify", None),
    ]);
    model
}

pub(crate) fn plan() -> Plan {
    Plan {
        name: "stall-worker".into(),
        lines: vec![
            "stops worker-1 (process 4711), worker-2 (process 4712)".into(),
            "undone after 1m; by its guardian, should anything else fail".into(),
        ],
        command: vec!["voteops".into()],
    }
}

#[test]
fn an_experiment_is_begun_after_its_plan_was_agreed_to() {
    let mut model = allowed();
    press(&mut model, "b");
    snapshot("chaos_offers", &model);
    press(&mut model, "\r");
    assert_eq!(model.prompt.as_ref().unwrap().text(), "1m");
    let effects = press(&mut model, "x\r");
    assert!(!effects.iter().any(|e| matches!(e, Effect::Do(_))));
    let told = text(&model, (80, 24));
    assert!(told.contains("no duration"), "{told}");
    update(
        &mut model,
        Message::Input(Event::Key(KeyCode::Backspace.into())),
    );
    let effects = press(&mut model, "\r");
    let wanted = Deed::Plan(
        "stall-worker".into(),
        Some(std::time::Duration::from_mins(1)),
    );
    assert!(effects.contains(&Effect::Do(wanted)), "{effects:?}");
    // Nothing begins before the plan is there.
    assert_eq!(press(&mut model, "y"), [Effect::RedrawNow]);
    update(&mut model, Message::Planned(Ok(plan())));
    snapshot("chaos_plan", &model);
    let effects = press(&mut model, "y");
    assert!(
        effects.contains(&Effect::Do(Deed::Begin(plan()))),
        "{effects:?}"
    );
    assert!(model.starting.spot().is_none());
}

#[test]
fn a_plan_that_is_refused_or_given_up_begins_nothing() {
    let mut model = allowed();
    press(&mut model, "bj\r");
    update(&mut model, Message::Planned(Err("no worker runs".into())));
    assert!(text(&model, (80, 24)).contains("✗ no worker runs"));
    press(&mut model, "\r\x1b");
    update(&mut model, Message::Planned(Ok(plan())));
    assert_eq!(press(&mut model, "y"), [Effect::RedrawNow]);
    press(&mut model, "\r");
    update(&mut model, Message::Planned(Ok(plan())));
    press(&mut model, "n\x1b");
    assert!(model.starting.spot().is_none());
}

#[test]
fn who_may_not_begin_is_told_why() {
    for (change, told) in [
        (
            (|model| model.setup.offers = Offers::Forbidden) as fn(&mut Model),
            "--allow-chaos",
        ),
        (
            |model| model.setup.offers = Offers::Elsewhere,
            "voteops chaos",
        ),
        (|model| model.setup.read_only = true, "read-only"),
        (|model| model.setup.recorded = true, "recording"),
    ] {
        let mut model = allowed();
        change(&mut model);
        press(&mut model, "b");
        assert!(model.starting.spot().is_none());
        assert!(model.notice.as_ref().unwrap().contains(told));
    }
}

#[test]
fn what_runs_is_ended_by_a_key_and_told_before_leaving() {
    let mut model = allowed();
    assert_eq!(press(&mut model, "x"), [Effect::RedrawNow]);
    update(&mut model, Message::Running(1));
    let effects = press(&mut model, "x");
    assert!(effects.contains(&Effect::Do(Deed::End)));
    press(&mut model, "q");
    let told = text(&model, (80, 24));
    assert!(
        model.asking.is_some() && told.contains("begun here is ended"),
        "{told}"
    );
    update(&mut model, Message::Running(0));
    assert_eq!(model.asking, None);
    assert_eq!(press(&mut model, "q"), [Effect::Quit(Outcome::Quit)]);
}

#[test]
fn going_to_another_context_asks_before_it_ends_experiments() {
    let mut model = live();
    model.setup.contexts = vec!["prod".into()];
    update(&mut model, Message::Running(2));
    press(&mut model, ":context prod\r");
    let asked = text(&model, (80, 24));
    assert!(
        asked.contains("to prod?") && asked.contains("Another context"),
        "{asked}"
    );
    press(&mut model, "n");
    assert_eq!(model.asking, None);
    press(&mut model, ":context prod\r");
    let effects = press(&mut model, "y");
    assert!(
        matches!(&effects[..], [Effect::Quit(Outcome::Context { name, .. })] if name == "prod"),
        "{effects:?}"
    );
}
