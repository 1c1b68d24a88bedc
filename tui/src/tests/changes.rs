//! What answers change besides values: events, selection, histories.

use crossterm::event::{Event as Input, KeyCode, KeyEvent};
use voteops_observability::prometheus::AlertState;
use voteops_observability::snapshot::AlertStatus;

use crate::message::{Effect, Facts, Message, Refusal};
use crate::model::window::Shift;
use crate::model::{Feed, Model, Screen};
use crate::settings::{Outcome, Severity};
use crate::tests::fixtures::{
    BACKLOG, WELL, answered, at, buffer, connecting, in_trouble, inactive, live, press, refusal,
    rules, slos, sort, stale, text,
};
use crate::update::update;
use crate::wanted::wanted;

fn told(model: &Model) -> Vec<&str> {
    let newest = model.live.events.newest();
    newest.map(|event| event.text.as_str()).collect()
}

fn backlog_is(state: AlertState) -> Vec<AlertStatus> {
    let mut alerts = inactive();
    for alert in alerts.iter_mut().filter(|alert| alert.name == BACKLOG) {
        alert.state = state;
        alert.fires_at = (state == AlertState::Pending).then(|| at(310));
        alert.since = matches!(state, AlertState::Pending | AlertState::Firing).then(|| at(10));
    }
    sort(&mut alerts);
    alerts
}

fn hear(model: &mut Model, after_s: i64, alerts: Vec<AlertStatus>) {
    update(model, answered(Feed::Rules, after_s, Ok(rules(alerts))));
}

#[test]
fn the_life_of_an_alert_is_told_once_per_step() {
    let mut model = live();
    for (after_s, state) in [
        (10, AlertState::Pending),
        (11, AlertState::Pending),
        (12, AlertState::Firing),
        (13, AlertState::Firing),
        (14, AlertState::Inactive),
        (15, AlertState::Pending),
        (16, AlertState::Inactive),
    ] {
        hear(&mut model, after_s, backlog_is(state));
    }
    let mut steps = told(&model);
    steps.sort_unstable();
    assert_eq!(
        steps,
        [
            "CriticalVoteQueueBacklog firing",
            "CriticalVoteQueueBacklog no longer pending",
            "CriticalVoteQueueBacklog pending, fires after 5m",
            "CriticalVoteQueueBacklog pending, fires after 5m",
            "CriticalVoteQueueBacklog resolved",
        ]
    );
}

#[test]
fn what_is_wrong_at_the_start_is_told_with_its_own_time() {
    let mut model = connecting();
    hear(&mut model, 0, in_trouble());
    let events: Vec<_> = model.live.events.newest().collect();
    assert_eq!(events.len(), 2);
    assert_eq!(
        (events[0].at, events[0].severity),
        (at(-125), Severity::Warning)
    );
    assert_eq!(
        (events[1].at, events[1].severity),
        (at(-190), Severity::Critical)
    );
}

#[test]
fn a_backend_is_lost_once_and_back_when_all_its_answers_are() {
    let mut model = live();
    for feed in [Feed::Signals, Feed::Rules, Feed::Signals] {
        update(&mut model, answered(feed, 5, Err(refusal())));
    }
    assert_eq!(told(&model).len(), 1);
    assert!(told(&model)[0].starts_with("prometheus lost: http://"));
    let signals = Facts::Signals(WELL.to_vec(), Vec::new());
    update(&mut model, answered(Feed::Signals, 20, Ok(signals)));
    assert_eq!(told(&model).len(), 1, "the rules cannot be asked yet");
    hear(&mut model, 21, inactive());
    assert_eq!(told(&model)[0], "prometheus is back after 21s");
}

#[test]
fn the_most_urgent_rule_is_selected_until_the_user_chooses_one() {
    let selected = |model: &Model| model.alerts()[model.alerts_pane.selected].name.clone();
    let mut model = live();
    press(&mut model, "5");
    hear(&mut model, 1, in_trouble());
    assert_eq!(selected(&model), "WorkerDown");
    press(&mut model, "j");
    assert_eq!(selected(&model), BACKLOG);
    hear(&mut model, 2, backlog_is(AlertState::Firing));
    assert_eq!(
        (selected(&model).as_str(), model.alerts_pane.selected),
        (BACKLOG, 0)
    );
    hear(&mut model, 3, in_trouble());
    assert_eq!(
        (selected(&model).as_str(), model.alerts_pane.selected),
        (BACKLOG, 1)
    );
}

#[test]
fn details_scroll_to_their_last_line_and_no_further() {
    let mut model = live();
    let resize = Input::Resize(40, 15);
    update(&mut model, Message::Input(resize));
    press(&mut model, "5");
    let enter = Input::Key(KeyEvent::from(KeyCode::Enter));
    update(&mut model, Message::Input(enter));
    press(&mut model, "G");
    let bottom = model.alerts_pane.scroll;
    assert!(bottom > 0);
    press(&mut model, "jj");
    assert_eq!(model.alerts_pane.scroll, bottom);
    let frame = text(&model, (40, 15));
    assert!(
        frame.contains("alertmanager  holds no such alert"),
        "{frame}"
    );
    press(&mut model, "k");
    assert_eq!(model.alerts_pane.scroll, bottom - 1);
}

#[test]
fn what_alertmanager_holds_is_marked_when_it_is_old() {
    let mut model = live();
    press(&mut model, "5");
    let fresh = text(&model, (120, 50));
    assert!(fresh.contains("holds no such alert") && !fresh.contains("(stale"));
    update(&mut model, Message::Now(at(20)));
    let old = text(&model, (120, 50));
    assert!(old.contains("holds no such alert (stale 21s)"), "{old}");
}

#[test]
fn lost_answers_leave_a_gap() {
    let mut model = live();
    let signals = || Facts::Signals(WELL.to_vec(), Vec::new());
    update(&mut model, answered(Feed::Signals, 30, Err(refusal())));
    update(&mut model, answered(Feed::Signals, 90, Ok(signals())));
    update(&mut model, Message::Now(at(90)));
    let frame = text(&model, (120, 36));
    let queue = frame.lines().find(|line| line.contains("Queue length"));
    let end: String = queue.unwrap().chars().rev().take(6).collect();
    // One cell is about 9 s: the last reading, then the gap of a minute.
    assert!(
        end.starts_with(|c| c != ' ') && end[3..].starts_with("  "),
        "{end:?}"
    );
}

fn objectives_fail(model: &mut Model, after_s: i64) {
    let failed = Refusal {
        short: "HTTP 422".into(),
        full: "prometheus refuses it: query processing would load too many samples".into(),
    };
    update(model, answered(Feed::Slos, after_s, Err(failed)));
}

#[test]
fn objectives_that_alone_cannot_be_asked_for_are_told() {
    let mut model = connecting();
    let signals = Facts::Signals(WELL.to_vec(), Vec::new());
    update(&mut model, answered(Feed::Signals, 0, Ok(signals)));
    objectives_fail(&mut model, 0);
    let never = text(&model, (120, 45));
    assert!(
        never.contains("◌ objectives: prometheus refuses"),
        "{never}"
    );
    let small = text(&model, (80, 24));
    assert!(small.contains("◌ objectives: HTTP 422"), "{small}");
    assert!(told(&model)[0].starts_with("prometheus (objectives) cannot be asked"));

    let mut model = live();
    objectives_fail(&mut model, 30);
    objectives_fail(&mut model, 45);
    update(&mut model, Message::Now(at(45)));
    let frame = text(&model, (120, 45));
    assert!(
        frame.contains("◌ objectives: prometheus refuses"),
        "{frame}"
    );
    let (x, y) = found(&text(&model, (170, 45)), "0.1x");
    let dim = ratatui::style::Modifier::DIM;
    assert!(buffer(&model, (170, 45))[(x, y)].modifier.contains(dim));
    update(&mut model, answered(Feed::Slos, 60, Ok(slos(0.9))));
    assert_eq!(
        told(&model)[..2],
        [
            "prometheus (objectives) is back after 1m00s",
            "prometheus (objectives) lost: prometheus refuses it: \
             query processing would load too many samples",
        ]
    );
}

#[test]
fn objectives_that_fail_with_all_of_prometheus_are_not_told_apart() {
    let mut model = stale();
    objectives_fail(&mut model, 13);
    let signals = Facts::Signals(WELL.to_vec(), Vec::new());
    update(&mut model, answered(Feed::Rules, 20, Ok(rules(inactive()))));
    update(&mut model, answered(Feed::Signals, 20, Ok(signals)));
    update(&mut model, answered(Feed::Slos, 21, Ok(slos(0.9))));
    let told = told(&model);
    assert!(told.iter().all(|text| !text.contains("objectives")));
    assert!(told.iter().any(|text| text.contains("is back")));
}

/// Where a frame has a text.
fn found(frame: &str, words: &str) -> (u16, u16) {
    let lines = frame.lines().enumerate();
    let mut places = lines.filter_map(|(y, line)| {
        let before = line.split_once(words)?.0;
        let x = u16::try_from(before.chars().count()).unwrap();
        Some((x, u16::try_from(y).unwrap()))
    });
    places.next().unwrap()
}

#[test]
fn a_frozen_frame_asks_for_its_own_time_until_it_is_thawed() {
    let mut model = live();
    press(&mut model, "4 ");
    update(&mut model, Message::Now(at(100)));
    for keys in ["0", "hl", "hhl0", ":live\r"] {
        press(&mut model, keys);
        assert_eq!(wanted(&model).end, Some(at(0)), "{keys}");
        assert!(text(&model, (120, 40)).contains("frozen"));
    }
    press(&mut model, " ");
    assert_eq!(wanted(&model).end, None);
}

#[test]
fn a_range_that_is_entered_has_the_cursor_in_it() {
    let mut model = live();
    press(&mut model, "4");
    for _ in 0..50 {
        model.window.shift(Shift::CursorEarlier, at(0));
    }
    press(&mut model, ":range 1m\r");
    let (range, cursor) = (model.window.range(at(0)), model.window.cursor.unwrap());
    assert!(range.from <= cursor && cursor <= range.to);
    assert_eq!(model.window.span, std::time::Duration::from_mins(1));
}

#[test]
fn quitting_needs_an_answer_only_when_it_asks() {
    let mut model = live();
    assert_eq!(press(&mut model, "q"), [Effect::Quit(Outcome::Quit)]);
    model.setup.quit_prompt = Some("Quit?".into());
    assert_eq!(press(&mut model, "q"), [Effect::RedrawNow]);
    assert_eq!(press(&mut model, "5"), [], "only the question's keys work");
    assert_eq!(model.screen, Screen::Overview);
    assert_eq!(press(&mut model, "y"), [Effect::Quit(Outcome::Quit)]);
}

#[test]
fn another_context_is_gone_to_and_what_the_user_chose_is_kept() {
    let mut model = live();
    press(&mut model, ":context prod\r");
    let told = text(&model, (120, 36));
    assert!(told.contains("config init"), "{told}");
    model.setup.contexts = vec!["prod".into(), "stage".into()];
    press(&mut model, "\x1b:context shop\r");
    let told = text(&model, (120, 36));
    assert!(told.contains("only prod, stage"), "{told}");
    press(&mut model, "\x1b5m:range 1h\r:lang id\r");
    let effects = press(&mut model, ":context prod\r");
    let left = effects.iter().find_map(|effect| match effect {
        Effect::Quit(Outcome::Context { name, kept }) if name == "prod" => Some(kept.clone()),
        _ => None,
    });
    let mut next = connecting();
    left.unwrap().restore(&mut next);
    assert_eq!(next.screen, Screen::Alerts);
    assert_eq!(next.mouse, model.mouse);
    assert_eq!(next.window.span, std::time::Duration::from_hours(1));
    assert_eq!(next.setup.lang, model.setup.lang);
    assert_ne!(next.setup.lang, connecting().setup.lang);
    let entered = ["context shop", "range 1h", "lang id", "context prod"];
    assert_eq!(next.entered, entered);
}
