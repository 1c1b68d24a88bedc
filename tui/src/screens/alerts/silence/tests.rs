use jiff::SignedDuration;
use voteops_observability::alertmanager::HeldStatus;
use voteops_observability::alertmanager::silences::{SilenceStatus, parse};

use super::*;
use crate::done::Silenced;
use crate::message::{Facts, Message};
use crate::model::{Feed, Screen};
use crate::tests::fixtures::{answered as told, at, firing, press, text, with_keys};
use crate::update::update;

fn held(name: &str, silenced_by: &[&str]) -> HeldAlert {
    HeldAlert {
        is_of_others: false,
        updated_at: None,
        labels: [("alertname".to_owned(), name.to_owned())].into(),
        annotations: [].into(),
        starts_at: at(-190),
        ends_at: at(300),
        fingerprint: name.into(),
        status: HeldStatus {
            state: "active".into(),
            silenced_by: silenced_by.iter().map(|id| (*id).to_owned()).collect(),
            inhibited_by: Vec::new(),
        },
    }
}

fn silence(id: &str, state: SilenceState, ends_s: i64) -> Silence {
    Silence {
        id: id.into(),
        status: SilenceStatus { state },
        matchers: parse("alertname=\"WorkerDown\", job=~\"work.*\"").unwrap(),
        starts_at: at(-600),
        ends_at: at(ends_s),
        created_by: "ann".into(),
        comment: "deploying\u{1b}[31m the worker".into(),
    }
}

pub(crate) fn model() -> Model {
    let mut model = firing();
    model.setup.user = "ann".into();
    model.screen = Screen::Alerts;
    let alerts = vec![held("WorkerDown", &["a"]), held("RedisDown", &[])];
    update(&mut model, told(Feed::Held, 0, Ok(Facts::Held(alerts))));
    let silences = vec![
        silence("c", SilenceState::Expired, -60),
        silence("a", SilenceState::Active, 3600),
        silence("b", SilenceState::Pending, 7200),
    ];
    update(
        &mut model,
        told(Feed::Silences, 0, Ok(Facts::Silences(silences))),
    );
    model
}

fn deeds(effects: &[Effect]) -> Vec<&Deed> {
    let deeds = effects.iter().filter_map(|effect| match effect {
        Effect::Do(deed) => Some(deed),
        _ => None,
    });
    deeds.collect()
}

fn frames(name: &str, model: &Model) {
    for size in [(40, 15), (80, 24), (120, 40)] {
        let name = format!("{name}_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, text(model, size));
    }
}

#[test]
fn a_silence_is_sent_once_and_only_after_yes() {
    let mut model = model();
    press(&mut model, "s");
    let shown = text(&model, (120, 40));
    assert!(shown.contains("matches 1 alert now: WorkerDown"), "{shown}");
    assert!(deeds(&press(&mut model, "\r")).is_empty());
    let shown = text(&model, (120, 40));
    assert!(shown.contains("because: write why"), "{shown}");
    assert!(deeds(&press(&mut model, "deploy q?")).is_empty());
    frames("silence_form", &model);
    assert!(deeds(&press(&mut model, "\r")).is_empty());
    frames("silence_question", &model);
    assert!(
        deeds(&press(&mut model, "\r")).is_empty(),
        "Enter is no yes"
    );
    assert!(deeds(&press(&mut model, "n")).is_empty());
    press(&mut model, "\r");
    let effects = press(&mut model, "y");
    let [Deed::Silence(sent)] = deeds(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(sent.comment, "deploy q?");
    assert_eq!(sent.created_by, "ann");
    assert_eq!(sent.ends_at, model.live.now + SignedDuration::from_hours(2));
    assert_eq!(sent.matchers[0], Matcher::equal("alertname", "WorkerDown"));
    assert!(deeds(&press(&mut model, "yyy\r")).is_empty(), "sent once");
    let made = Ok(Silenced::Made("x".into()));
    update(&mut model, Message::Silenced(at(0), made));
    let shown = text(&model, (120, 40));
    assert!(
        shown.contains("silence x was made") && !shown.contains("because"),
        "{shown}"
    );
}

#[test]
fn what_alertmanager_refuses_is_told_and_what_was_written_stays() {
    let mut model = model();
    press(&mut model, "swhy\ry");
    let refused = "HTTP 400: no such thing".to_owned();
    update(&mut model, Message::Silenced(at(0), Err(refused)));
    let shown = text(&model, (80, 24));
    assert!(
        shown.contains("no such thing") && shown.contains("why"),
        "{shown}"
    );
    let small = text(&model, (40, 15));
    assert!(small.contains("no such thing"), "{small}");
    assert_eq!(deeds(&press(&mut model, "\ry")).len(), 1);
}

#[test]
fn the_preview_follows_what_is_written() {
    let mut model = model();
    press(&mut model, "s\t");
    let Silencing::Form(form) = &mut model.silencing else {
        panic!("no form");
    };
    assert_eq!(form.at, 0);
    form.fields[0] = tui_input::Input::new("alertname=~\"Work.*|RedisDown\"".into());
    let shown = text(&model, (80, 24));
    assert!(
        shown.contains("matches 2 alerts now: RedisDown, WorkerDown"),
        "{shown}"
    );
    press(&mut model, ", job=\"x\"");
    let shown = text(&model, (80, 24));
    assert!(shown.contains("matches no alert now"), "{shown}");
    press(&mut model, "(");
    let shown = text(&model, (80, 24));
    assert!(shown.contains("a comma is missing before ("), "{shown}");
    press(&mut model, "\x1b");
    assert!(model.silencing.spot().is_none());
    assert_eq!(model.screen, Screen::Alerts);
}

#[test]
fn a_length_that_is_none_is_told() {
    for length in ["", "soon", "0s", "99999999999999y"] {
        let mut model = model();
        press(&mut model, "swhy");
        let Silencing::Form(form) = &mut model.silencing else {
            panic!("no form");
        };
        form.fields[1] = tui_input::Input::new(length.into());
        assert!(deeds(&press(&mut model, "\r")).is_empty());
        let shown = text(&model, (80, 24));
        assert!(shown.contains("for:"), "{length}: {shown}");
    }
}

#[test]
fn silences_are_listed_told_and_expired_after_yes() {
    let mut model = model();
    press(&mut model, "S");
    frames("silences", &model);
    let shown = text(&model, (80, 24));
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert!(deeds(&press(&mut model, "x")).is_empty());
    assert!(deeds(&press(&mut model, "n")).is_empty());
    let effects = press(&mut model, "xy");
    assert_eq!(deeds(&effects), [&Deed::Expire("a".into())]);
    let stuck = Err("it is stuck".into());
    update(&mut model, Message::Silenced(at(0), stuck));
    assert!(text(&model, (80, 24)).contains("it is stuck"));
    press(&mut model, "jjx");
    assert!(text(&model, (80, 24)).contains("it is over already"));
    // The screens' keys still work, and the list is there when they come back.
    press(&mut model, "1");
    assert_eq!(model.screen, Screen::Overview);
    press(&mut model, "5\x1b");
    assert!(matches!(model.silencing, Silencing::Closed));
}

#[test]
fn no_silences_and_no_answer_yet_are_two_things() {
    let mut model = model();
    model.live.silences = None;
    press(&mut model, "S");
    let shown = text(&model, (80, 24));
    assert!(shown.contains("has not told its silences yet"), "{shown}");
    model.live.silences = Some(Vec::new());
    let shown = text(&model, (80, 24));
    assert!(shown.contains("No silences"), "{shown}");
    assert!(deeds(&press(&mut model, "xy")).is_empty());
}

#[test]
fn the_alert_says_until_when_it_is_silenced() {
    let model = model();
    let shown = text(&model, (120, 40));
    assert!(
        shown.contains("1 silenced until 15:13:20 by ann: deploying"),
        "{shown}"
    );
}

#[test]
fn who_may_not_or_cannot_is_told_why() {
    let mut read_only = model();
    read_only.setup.read_only = true;
    press(&mut read_only, "s");
    assert!(text(&read_only, (80, 24)).contains("is read-only"));
    assert!(deeds(&press(&mut read_only, "Sxy")).is_empty());
    let mut without = model();
    without
        .setup
        .backends
        .retain(|backend| *backend != Backend::Alertmanager);
    press(&mut without, "s");
    assert!(text(&without, (80, 24)).contains("no Alertmanager is asked"));
    let mut recorded = model();
    recorded.setup.recorded = true;
    press(&mut recorded, "s");
    assert!(text(&recorded, (80, 24)).contains("a recording cannot be changed"));
}

#[test]
fn the_list_and_the_questions_take_the_chosen_keys() {
    let chosen: &[(&str, &[&str])] = &[
        ("alerts.silence", &["z"]),
        ("back", &["F2"]),
        ("down", &["F6"]),
        ("silences.expire", &["d"]),
        ("confirm.yes", &["o"]),
    ];
    let mut model = with_keys(model(), chosen);
    let says = |model: &Model, told: &str| {
        let shown = text(model, (80, 24));
        assert!(shown.contains(told), "{told} not in\n{shown}");
    };
    press(&mut model, "S");
    says(&model, "d expire   F6 k choose   F2 back");
    press(&mut model, "x\r");
    says(&model, "d expire   F6 k choose   F2 back");
    press(&mut model, "d");
    says(&model, "Expire this silence now?   o yes   n no");
    assert!(deeds(&press(&mut model, "y")).is_empty());
    let effects = press(&mut model, "o");
    assert_eq!(deeds(&effects), [&Deed::Expire("a".into())]);
    press(&mut model, "S");
    assert!(model.silencing.spot().is_none());
    press(&mut model, "zwhy\r");
    says(&model, "Silence this?   o yes   n no");
    assert!(deeds(&press(&mut model, "y")).is_empty());
    assert_eq!(deeds(&press(&mut model, "o")).len(), 1);
}

#[test]
fn an_empty_list_names_the_keys_that_lead_to_a_silence() {
    let says = |chosen: &[(&str, &[&str])], told: &str| {
        let mut model = with_keys(model(), chosen);
        model.live.silences = Some(Vec::new());
        press(&mut model, "S");
        let shown = text(&model, (80, 24));
        assert!(
            shown.lines().any(|line| line == told),
            "{told} not in\n{shown}"
        );
    };
    says(&[], "No silences. Esc, and s on an alert makes one.");
    let chosen: &[(&str, &[&str])] = &[("alerts.silence", &["z"]), ("back", &["F2"])];
    says(chosen, "No silences. F2, and z on an alert makes one.");
    says(&[("alerts.silence", &[])], "No silences.");
}
