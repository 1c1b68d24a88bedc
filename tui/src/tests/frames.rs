//! What the frames look like. Snapshots are accepted only after they were looked at.

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use crate::message::{Facts, Message};
use crate::model::{Model, Screen};
use crate::settings::{Event, Outcome, Severity};
use crate::tests::fixtures::{
    answered, at, buffer, connecting, error, firing, inactive, live, press, rules, stale, text,
};
use crate::update::update;
use crate::{model::Feed, theme::Theme};

const SIZES: [(u16, u16); 3] = [(40, 15), (80, 24), (120, 40)];

/// Compares the frames of each size with those that were accepted.
pub(super) fn snapshot(name: &str, model: &Model, sizes: &[(u16, u16)]) {
    for size in sizes {
        let name = format!("{name}_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, text(model, *size));
    }
}

fn on_alerts(mut model: Model) -> Model {
    model.screen = Screen::Alerts;
    model
}

#[test]
fn overview_connecting() {
    snapshot("overview_connecting", &connecting(), &SIZES);
}

#[test]
fn overview_live() {
    snapshot("overview_live", &live(), &SIZES);
    snapshot("overview_live", &live(), &[(200, 50)]);
}

/// A dead worker, an alert that fires and one that is on its way.
fn in_trouble() -> Model {
    let mut model = firing();
    update(
        &mut model,
        Message::News(Event {
            at: at(-200),
            text: "worker-1 was killed by signal 9, starting it again".into(),
            severity: Severity::Warning,
        }),
    );
    model
}

#[test]
fn overview_firing() {
    let model = in_trouble();
    snapshot("overview_firing", &model, &SIZES);
    snapshot("overview_firing", &model, &[(200, 50)]);
}

#[test]
fn overview_stale() {
    snapshot("overview_stale", &stale(), &SIZES);
}

#[test]
fn overview_error() {
    snapshot("overview_error", &error(), &SIZES);
}

#[test]
fn alerts_connecting_and_error() {
    snapshot("alerts_connecting", &on_alerts(connecting()), &SIZES);
    snapshot("alerts_error", &on_alerts(error()), &SIZES);
}

#[test]
fn alerts_live() {
    snapshot("alerts_live", &on_alerts(live()), &SIZES);
}

#[test]
fn alerts_firing() {
    let mut model = on_alerts(firing());
    snapshot("alerts_firing", &model, &SIZES);
    model.alerts_pane.selected = 1;
    model.alerts_pane.expanded = true;
    snapshot("alerts_details", &model, &SIZES);
}

#[test]
fn alerts_stale() {
    snapshot("alerts_stale", &on_alerts(stale()), &SIZES);
}

#[test]
fn no_rules_is_not_cannot_ask() {
    let mut model = on_alerts(connecting());
    update(&mut model, answered(Feed::Rules, 0, Ok(rules(Vec::new()))));
    let none = text(&model, (80, 24));
    assert!(none.contains("evaluates no alert rules"), "{none}");
    let cannot = text(&on_alerts(error()), (80, 24));
    assert!(cannot.contains("not the same as no alerts"), "{cannot}");
}

#[test]
fn a_frozen_frame_says_so_and_since_when() {
    let mut model = live();
    press(&mut model, " ");
    let later = Facts::Signals(vec![Some(77.0); 12], Vec::new());
    update(&mut model, answered(Feed::Signals, 30, Ok(later)));
    update(&mut model, Message::Now(at(30)));
    snapshot("overview_frozen", &model, &[(40, 15), (80, 24)]);
    press(&mut model, " ");
    let thawed = text(&model, (80, 24));
    assert!(
        thawed.contains("queue 77") && !thawed.contains("FROZEN"),
        "{thawed}"
    );
}

#[test]
fn help_and_question() {
    let mut model = live();
    model.help = true;
    snapshot("help", &model, &SIZES);
    model.screen = Screen::Alerts;
    snapshot("help_alerts", &model, &[(40, 15)]);
    model.help = false;
    model.asking = Some(Outcome::Quit);
    model.setup.quit_prompt = Some("Quitting stops the stack. Quit?".into());
    snapshot("question", &model, &[(40, 15), (80, 24)]);
}

#[test]
fn too_small_says_what_it_needs() {
    let told = text(&live(), (39, 15));
    assert!(told.contains("40x15"), "{told}");
    let told = text(&live(), (20, 6));
    assert!(told.contains("40x15"), "{told}");
}

#[test]
fn a_rule_that_cannot_be_evaluated_is_told() {
    let mut alerts = inactive();
    alerts[0].error = Some("found duplicate series for the match group".into());
    let mut model = live();
    update(&mut model, answered(Feed::Rules, 0, Ok(rules(alerts))));
    let overview = text(&model, (120, 36));
    assert!(overview.contains("✗ 1 cannot be evaluated"), "{overview}");
    let details = text(&on_alerts(model), (120, 36));
    assert!(details.contains("found duplicate series"), "{details}");
}

/// The first cell of `word` in the frame.
fn cell(model: &Model, size: (u16, u16), word: &str) -> Cell {
    let buffer = buffer(model, size);
    let width = usize::from(size.0);
    let row = buffer.content.chunks(width).find_map(|row| {
        let line: String = row.iter().map(Cell::symbol).collect();
        let at = line.find(word)?;
        let column = line[..at].chars().count();
        Some(row[column].clone())
    });
    row.unwrap_or_else(|| panic!("{word} is not in\n{}", text(model, size)))
}

#[test]
fn states_have_their_colours_and_lose_them_with_no_color() {
    let model = firing();
    let size = (120, 36);
    assert_eq!(cell(&model, size, "■ FIRING").fg, Color::Red);
    assert_eq!(cell(&model, size, "◆ PENDING").fg, Color::Yellow);
    assert_eq!(cell(&model, size, "● ok").fg, Color::Green);
    let mut plain = firing();
    plain.setup.theme = Theme::new(false);
    let frame = buffer(&plain, size);
    assert!(frame.content.iter().all(|cell| cell.fg == Color::Reset));
    assert_eq!(text(&plain, size), text(&model, size));
}

#[test]
fn stale_values_are_dimmed_and_marked_with_their_age() {
    let size = (120, 36);
    let fresh = cell(&live(), size, "Latency p95");
    assert!(!fresh.modifier.contains(Modifier::DIM));
    let model = stale();
    for word in ["Latency p95", "15ms", "was FIRING", "◌ stale 13s"] {
        let cell = cell(&model, size, word);
        assert!(cell.modifier.contains(Modifier::DIM), "{word}");
    }
}

#[test]
fn bars_beyond_the_limit_are_marked() {
    let frame = buffer(&firing(), (120, 36));
    let queue = frame
        .content
        .chunks(120)
        .find(|row| {
            let line: String = row.iter().map(Cell::symbol).collect();
            line.contains("Queue length")
        })
        .unwrap();
    let bars: Vec<_> = queue
        .iter()
        .filter(|c| "▁▂▃▄▅▆▇█".contains(c.symbol()))
        .collect();
    assert_eq!(bars.first().unwrap().fg, Color::Reset);
    assert_eq!(bars.last().unwrap().fg, Color::Yellow);
}

#[test]
fn the_selected_row_is_reversed_and_pointed_at() {
    let mut model = on_alerts(firing());
    model.alerts_pane.selected = 1;
    let row = cell(&model, (80, 24), "› ◆ PENDING");
    assert!(row.modifier.contains(Modifier::REVERSED));
}
