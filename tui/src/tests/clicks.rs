//! What clicks select and open.

use crossterm::event::{Event as Input, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::message::Message;
use crate::model::{Model, Screen};
use crate::screens::{chaos, logs, targets};
use crate::tests::fixtures::{firing, live, press, text};
use crate::update::update;

const SIZE: (u16, u16) = (120, 36);

fn click(model: &mut Model, column: u16, row: u16) {
    let mouse = MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column,
        row,
        modifiers: KeyModifiers::NONE,
    };
    update(model, Message::Input(Input::Mouse(mouse)));
}

/// The rows that hold some words, from the top, without the footer.
fn rows(model: &Model, words: &str) -> Vec<u16> {
    let frame = text(model, SIZE);
    let rows = (0..SIZE.1 - 1).zip(frame.lines());
    rows.filter(|(_, line)| line.contains(words))
        .map(|(row, _)| row)
        .collect()
}

/// The line that the selection's pointer stands before.
fn selected(model: &Model) -> String {
    let frame = text(model, SIZE);
    let pointed = frame.lines().find(|line| line.starts_with('›'));
    pointed.unwrap_or_default().to_owned()
}

fn sized(mut model: Model, screen: Screen) -> Model {
    model.size = SIZE;
    model.screen = screen;
    model
}

#[test]
fn a_click_selects_a_rule_and_another_opens_it() {
    let mut model = sized(firing(), Screen::Alerts);
    for alert in [
        "WorkerSlowProcessing",
        "RedisMemoryHigh",
        "VoteTrafficStopped",
    ] {
        let row = rows(&model, alert)[0];
        click(&mut model, 10, row);
        assert!(selected(&model).contains(alert), "{}", selected(&model));
    }
    let before = text(&model, SIZE);
    for nothing in [0, 1, 34] {
        click(&mut model, 60, nothing);
        assert_eq!(text(&model, SIZE), before, "row {nothing}");
    }
    let row = rows(&model, "VoteTrafficStopped")[0];
    click(&mut model, 10, row);
    assert!(model.alerts_pane.expanded);
    assert_ne!(text(&model, SIZE), before);
}

#[test]
fn nothing_is_done_to_a_screen_that_the_help_hides() {
    let mut model = sized(firing(), Screen::Alerts);
    press(&mut model, "j");
    let before = text(&model, SIZE);
    press(&mut model, "?");
    press(&mut model, "\rsSLh-G");
    let kind = MouseEventKind::ScrollDown;
    let mouse = MouseEvent {
        kind,
        column: 3,
        row: 9,
        modifiers: KeyModifiers::NONE,
    };
    update(&mut model, Message::Input(Input::Mouse(mouse)));
    assert!(model.help && model.silencing.spot().is_none());
    press(&mut model, "\x1b");
    assert_eq!(text(&model, SIZE), before);
}

#[test]
fn a_long_notice_is_told_to_its_end_and_goes_by_a_click() {
    const WHY: &str = "cannot write /srv/incidents/2026-11-30/votes-behind-the-gateway/evidence.md: \
                       no space left on device";
    let mut model = sized(firing(), Screen::Alerts);
    model.size = (40, 15);
    let before = text(&model, model.size);
    model.notice = Some(WHY.to_owned());
    let told = text(&model, model.size);
    let last: Vec<_> = told.lines().skip(11).collect();
    assert_eq!(last.concat().replace(' ', ""), WHY.replace(' ', ""));
    for row in [14, 12] {
        model.notice = Some(WHY.to_owned());
        click(&mut model, 1, row);
        assert_eq!(text(&model, model.size), before);
    }
    model.notice = Some("again ".repeat(100));
    let told = text(&model, model.size);
    assert_eq!(
        told.lines().filter(|line| line.contains("again")).count(),
        4
    );
    assert!(told.trim_end().ends_with('…'), "{told}");
}

#[test]
fn a_click_selects_a_target_an_experiment_and_a_log_line() {
    let of_targets = targets::tests::with_targets(live(), targets::tests::some());
    let of_experiments = chaos::tests::with(chaos::tests::some());
    for mut model in [
        sized(of_targets, Screen::Targets),
        sized(of_experiments, Screen::Chaos),
    ] {
        let first = rows(&model, &selected(&model))[0];
        click(&mut model, 4, first + 1);
        assert_eq!(rows(&model, &selected(&model)), [first + 1]);
        click(&mut model, 4, first);
        assert_eq!(rows(&model, &selected(&model)), [first]);
    }

    let mut model = sized(logs::tests::told("loki"), Screen::Logs);
    let pointed = |model: &Model| rows(model, &selected(model));
    press(&mut model, "g");
    let [top] = pointed(&model)[..] else {
        panic!("no pointer");
    };
    click(&mut model, 30, top + 2);
    assert_eq!(pointed(&model), [top + 2]);
    // Wrapped lines take rows of no line of their own: which one is meant cannot be told.
    press(&mut model, "w");
    let before = text(&model, SIZE);
    click(&mut model, 30, top);
    assert_eq!(text(&model, SIZE), before);
}

#[test]
fn a_click_selects_a_chart_and_another_gives_it_the_screen() {
    let mut model = sized(firing(), Screen::VoteApp);
    let row = rows(&model, "Traffic")[0];
    let frame = text(&model, SIZE);
    let line = frame.lines().nth(row.into()).unwrap();
    let column = line.chars().take(line.find("Traffic").unwrap()).count();
    let column = u16::try_from(column).unwrap();
    click(&mut model, column + 1, row + 2);
    assert!(text(&model, SIZE).contains("› Traffic"));
    click(&mut model, column + 1, row + 2);
    assert!(!text(&model, SIZE).contains("Latency"), "it stands alone");
}

#[test]
fn what_lies_over_a_screen_takes_no_clicks() {
    let mut model = sized(firing(), Screen::Alerts);
    press(&mut model, "?");
    let before = text(&model, SIZE);
    for row in 0..36 {
        click(&mut model, 10, row);
    }
    assert_eq!(text(&model, SIZE), before);
}
