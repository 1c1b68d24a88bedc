use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::message::{Effect, Message};
use crate::model::Model;
use crate::model::window::Shift;
use crate::settings::Outcome;
use crate::tests::fixtures::{firing, given, live, press, text, with_keys};
use crate::update::update;

fn problems(chosen: &[(&str, &[&str])]) -> Vec<String> {
    Keys::parse(&given(chosen)).unwrap_err()
}

fn press_key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    update(model, Message::Input(Input::Key(key)))
}

fn press_ctrl(model: &mut Model, letter: char) -> Vec<Effect> {
    let key = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
    press_key(model, key)
}

#[test]
fn no_usual_key_means_two_things_in_one_place() {
    assert_eq!(KeyMap::default().conflicts(), Vec::<String>::new());
}

#[test]
fn keys_work_where_they_are_shown_and_nowhere_else() {
    let keys = KeyMap::default();
    let does = |c: char, spot| keys.action(KeyEvent::from(KeyCode::Char(c)), spot);
    let down = Action::Travel(Travel::Down);
    assert_eq!(does('j', Spot::Screen(Screen::Alerts)), Some(down));
    assert_eq!(does('i', Spot::Screen(Screen::Overview)), None);
    assert_eq!(does('y', Spot::Screen(Screen::Alerts)), None);
    assert_eq!(does('y', Spot::Question), Some(Action::Yes));
    assert_eq!(does('y', Spot::Confirm), Some(Action::Confirm));
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    for spot in binding::Spot::all() {
        let found = keys.action(interrupt, spot);
        assert_eq!(found, Some(Action::Interrupt), "{spot:?}");
    }
}

/// A name in a configuration must not change its meaning with the next version.
#[test]
fn names_are_kebab_case_unique_and_those_that_were_promised() {
    let names: Vec<_> = binding::all().map(|binding| binding.name).collect();
    insta::assert_snapshot!("names", names.join("\n"));
    for (index, name) in names.iter().enumerate() {
        let plain = |c: char| c.is_ascii_lowercase() || c == '-' || c == '.';
        assert!(name.chars().all(plain), "{name}");
        assert!(!names[..index].contains(name), "{name} twice");
    }
}

#[test]
fn usual_keys_can_be_chosen_as_they_are_written() {
    let list = Keys::default().list();
    let usual = list.iter().map(|b| (b.name.to_owned(), b.keys.clone()));
    let chosen = Keys::parse(&usual.collect()).unwrap();
    assert_eq!(chosen.list(), list);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let told = problems(&[
        ("frezee", &["f"]),
        ("nothing-like-it", &["f"]),
        ("help", &["Spcae", "F1"]),
        ("quit", &["F1"]),
    ]);
    assert_eq!(
        told,
        [
            "no binding is called \"frezee\"; the nearest name is freeze",
            "help: no key is called \"Spcae\"; the nearest name is Space",
            "no binding is called \"nothing-like-it\"; `voteops config keys` lists them",
            "F1 means both help and quit; choose another for one",
        ]
    );
}

#[test]
fn a_key_that_means_two_things_in_one_place_is_told() {
    let told = problems(&[("freeze", &["s"])]);
    assert_eq!(
        told,
        [
            "s means both alerts.silence and freeze; choose another for one",
            "s means both logs.search and freeze; choose another for one",
        ]
    );
    assert_eq!(
        problems(&[("down", &["x"])]),
        [
            "x means both chaos.end and down; choose another for one",
            "x means both silences.expire and down; choose another for one"
        ]
    );
    assert_eq!(
        problems(&[("confirm.no", &["y"])]),
        ["y means both confirm.yes and confirm.no; choose another for one"]
    );
    assert_eq!(
        problems(&[("freeze", &["Ctrl-C"])]),
        ["Ctrl-C means both freeze and interrupt; choose another for one"]
    );
    // What is not in the same place may share a key.
    assert!(Keys::parse(&given(&[("alerts.logs", &["f"])])).is_ok());
    assert!(Keys::parse(&given(&[("question.yes", &["q"])])).is_ok());
    // A key that was given up is free.
    assert!(Keys::parse(&given(&[("quit", &[]), ("freeze", &["q", "q"])])).is_ok());
}

#[test]
fn nobody_is_held_captive() {
    for (name, keys, told) in [
        ("interrupt", &[][..], "Ctrl-C has to be among its keys"),
        ("interrupt", &["F10"][..], "Ctrl-C has to be among its keys"),
        ("question.interrupt", &[][..], "Ctrl-C has to be among"),
        ("question.yes", &[][..], "a question needs a key"),
        ("question.no", &[][..], "a question needs a key"),
        ("confirm.yes", &[][..], "a question needs a key"),
        ("confirm.no", &[][..], "a question needs a key"),
    ] {
        let found = problems(&[(name, keys)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(name) && found[0].contains(told),
            "{found:?}"
        );
    }
    let keys = Keys::parse(&given(&[("interrupt", &["F10", "Ctrl-C"])]));
    assert!(keys.is_ok());
}

#[test]
fn a_chosen_key_works_and_the_usual_one_does_not() {
    let chosen: &[(&str, &[&str])] = &[
        ("freeze", &["Ctrl-s"]),
        ("quit", &["Q"]),
        ("logs.query", &[]),
        ("mouse", &[]),
    ];
    let mut model = with_keys(live(), chosen);
    assert!(press(&mut model, " ").is_empty());
    assert!(model.frozen.is_none());
    press_ctrl(&mut model, 's');
    assert!(model.frozen.is_some());
    assert!(press(&mut model, "m").is_empty());
    assert!(press(&mut model, "q").is_empty());
    assert_eq!(press(&mut model, "Q"), [Effect::Quit(Outcome::Quit)]);
}

#[test]
fn the_question_whether_to_leave_takes_the_chosen_answers() {
    let mut model = with_keys(live(), &[("question.yes", &["o"]), ("quit", &["F10"])]);
    model.setup.quit_prompt = Some("Quit?".into());
    press_key(&mut model, KeyEvent::from(KeyCode::F(10)));
    let frame = text(&model, (80, 24));
    assert!(frame.contains("o yes   n Esc no"), "{frame}");
    assert!(press(&mut model, "y").is_empty());
    assert_eq!(press(&mut model, "o"), [Effect::Quit(Outcome::Quit)]);
}

#[test]
fn help_and_footer_show_the_chosen_keys() {
    let mut model = with_keys(
        live(),
        &[
            ("help", &["F1"]),
            ("down", &["r"]),
            ("up", &["F8"]),
            ("next-view", &[]),
            ("mouse", &[]),
            ("freeze", &["Ctrl-S", "F5"]),
        ],
    );
    let footer = text(&model, (120, 40)).lines().last().unwrap().to_owned();
    assert!(
        footer.contains("Ctrl-S freeze  F1 help  q quit"),
        "{footer}"
    );
    press_key(&mut model, KeyEvent::from(KeyCode::F(1)));
    insta::assert_snapshot!("help_chosen_120x40", text(&model, (120, 40)));
    let narrow = text(&model, (40, 15));
    assert!(narrow.contains("Keys, r F8 scroll, 13/"), "{narrow}");
    model.size = (40, 15);
    press(&mut model, "rrrr");
    press_key(&mut model, KeyEvent::from(KeyCode::F(8)));
    assert_eq!(model.help_scroll, 3);
}

#[test]
fn the_footer_does_without_help_and_quit() {
    let mut model = with_keys(live(), &[("help", &[]), ("quit", &[])]);
    for columns in [40, 80, 200] {
        model.size = (columns, 24);
        let frame = text(&model, (columns, 24));
        let footer = frame.lines().last().unwrap();
        assert!(footer.contains("2 app"), "{footer}");
        assert!(
            !footer.contains("help") && !footer.contains("quit"),
            "{footer}"
        );
    }
}

#[test]
fn a_click_on_the_footer_does_what_it_says() {
    let mut model = with_keys(live(), &[("vote-app", &[]), ("redis", &["F3"])]);
    let frame = text(&model, (120, 36));
    assert!(
        frame
            .lines()
            .last()
            .unwrap()
            .starts_with("F3 redis  4 worker"),
        "{frame}"
    );
    model.size = (120, 36);
    let hit = crate::view::hit(&model, (3, 35));
    assert_eq!(hit, Some(Action::Show(Screen::Redis)));
    let hit = crate::view::hit(&model, (11, 35));
    assert_eq!(hit, Some(Action::Show(Screen::Worker)));
}

#[test]
fn texts_that_name_a_key_name_the_chosen_one() {
    let mut model = with_keys(live(), &[("live", &["F9"]), ("command", &[";"])]);
    model.window.shift(Shift::Earlier, model.live.now);
    model.screen = Screen::VoteApp;
    assert!(text(&model, (80, 24)).contains("· F9 goes live"));
    model.screen = Screen::Explore;
    let hint = text(&model, (80, 24));
    assert!(hint.contains("Type ;query and any"), "{hint}");
    let mut without = with_keys(model, &[("live", &[]), ("command", &[])]);
    let hint = text(&without, (80, 24));
    assert!(
        hint.contains("an expression to chart, has no key."),
        "{hint}"
    );
    without.screen = Screen::VoteApp;
    let frame = text(&without, (80, 24));
    assert!(
        frame.contains("until") && !frame.contains("goes live"),
        "{frame}"
    );
}

#[test]
fn control_keys_leave_a_form_and_letters_are_written() {
    let mut model = with_keys(
        firing(),
        &[
            ("suspend", &["Ctrl-T", "Z"]),
            ("interrupt", &["Ctrl-C", "u"]),
        ],
    );
    model.setup.user = "ann".into();
    model.screen = Screen::Alerts;
    press(&mut model, "suZu");
    assert!(
        text(&model, (80, 24)).contains("because   uZu"),
        "{}",
        text(&model, (80, 24))
    );
    assert_eq!(press_ctrl(&mut model, 't'), [Effect::Suspend]);
    press(&mut model, "\r");
    let question = text(&model, (80, 24));
    assert!(
        question.contains("Silence this?   y yes   n no"),
        "{question}"
    );
    let quit = press_ctrl(&mut model, 'c');
    assert_eq!(quit, [Effect::Quit(Outcome::Quit)]);
}
