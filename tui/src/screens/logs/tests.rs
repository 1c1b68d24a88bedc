use std::sync::Arc;

use crossterm::event::Event;
use ratatui::style::{Color, Modifier};
use voteops_observability::logs::{Excerpt, Level, Way};

use super::*;
use crate::deeds::Deed;
use crate::message::{Message, Refusal};
use crate::model::logs::FIRST_LINES;
use crate::model::prompt::Purpose;
use crate::tests::fixtures::{at, buffer, live, press, refusal, text, with_keys};
use crate::update::update;
use crate::wanted::wanted;

const SIZES: [(u16, u16); 3] = [(40, 15), (80, 24), (120, 40)];

fn line(second: i64, instance: &str, level: &str, text: &str) -> LogLine {
    let service = instance.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit());
    let labels = [
        ("service", service),
        ("instance", instance),
        ("level", level),
    ];
    let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let at_ns = i64::try_from(at(second).as_nanosecond()).unwrap();
    LogLine::new(at_ns, Arc::new(labels.into()), text.into())
}

pub(crate) fn some() -> Vec<LogLine> {
    let mut lines: Vec<_> = (0..40)
        .map(|n| {
            let text =
                format!("{{\"message\":\"batch committed\",\"votes\":{n},\"duration_ms\":1.5}}");
            line(n * 10 - 590, "worker-1", "INFO", &text)
        })
        .collect();
    lines.push(line(
        -150,
        "vote-app-2",
        "WARN",
        "{\"message\":\"vote rejected: unknown choice \\u0007\\u202e漢字\"}",
    ));
    lines.push(line(
        -120,
        "vote-app-1",
        "ERROR",
        "{\"message\":\"redis: connection refused (os error 111)\",\"status\":503}",
    ));
    lines.push(line(
        -20,
        "redis",
        "",
        "71:M 24 Nov 2026 14:13:00.123 * Background saving terminated with success",
    ));
    lines
}

pub(crate) fn on_logs(source: Option<&'static str>) -> Model {
    let mut model = live();
    model.setup.log_source = source;
    press(&mut model, "6");
    model
}

pub(crate) fn tell(model: &mut Model, news: LogNews) {
    let question = wanted(model).logs.unwrap();
    update(model, Message::Logs(question, news));
}

pub(crate) fn told(source: &'static str) -> Model {
    let mut model = on_logs(Some(source));
    tell(&mut model, LogNews::Begin(some().into()));
    model
}

fn enter(model: &mut Model) {
    update(model, Message::Input(Event::Key(KeyCode::Enter.into())));
}

fn escape(model: &mut Model) {
    update(model, Message::Input(Event::Key(KeyCode::Esc.into())));
}

fn snapshot(name: &str, model: &Model) {
    for size in SIZES {
        let name = format!("{name}_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, text(model, size));
    }
}

#[test]
fn lines_are_followed() {
    let mut model = told("loki");
    snapshot("logs_live", &model);
    tell(
        &mut model,
        LogNews::More(vec![line(0, "worker-2", "INFO", "the very newest")]),
    );
    assert!(text(&model, (80, 24)).contains("the very newest"));
    let frame = buffer(&model, (80, 24));
    let row = (0..24)
        .find(|y| {
            text(&model, (80, 24))
                .lines()
                .nth(usize::from(*y))
                .unwrap()
                .contains("E error")
        })
        .unwrap();
    assert_eq!(frame[(11, row)].fg, Color::Red);
}

#[test]
fn scrolling_up_stops_and_counts_what_is_new() {
    let mut model = told("loki");
    press(&mut model, "kkk");
    let fresh = (0..123)
        .map(|n| line(n, "worker-2", "INFO", "fresh"))
        .collect();
    tell(&mut model, LogNews::More(fresh));
    let frame = text(&model, (80, 24));
    assert!(frame.contains("stopped, 123 new lines"), "{frame}");
    assert!(
        frame.contains("› 14:10:00"),
        "the selection stays:\n{frame}"
    );
    snapshot("logs_stopped", &model);
    press(&mut model, "G");
    assert!(text(&model, (80, 24)).contains("● following"));
}

#[test]
fn toggles_ask_another_question_and_old_answers_are_past() {
    let mut model = told("loki");
    let before = wanted(&model).logs.unwrap();
    press(&mut model, "e");
    let question = wanted(&model).logs.unwrap();
    assert_eq!(question.query.least, Some(Level::Error));
    update(
        &mut model,
        Message::Logs(before, LogNews::Begin(Vec::new().into())),
    );
    assert!(
        text(&model, (80, 24)).contains("connection refused"),
        "the lines stay meanwhile"
    );
    assert!(text(&model, (80, 24)).contains("◌ asking"));
    press(&mut model, "v");
    assert_eq!(wanted(&model).logs.unwrap().query.services, ["redis"]);
    press(&mut model, "vvv");
    assert!(wanted(&model).logs.unwrap().query.services.is_empty());
}

#[test]
fn a_toggle_takes_the_place_of_a_query_that_was_entered() {
    for toggle in ["v", "e"] {
        let mut model = told("loki");
        press(&mut model, ":logs {service=\"worker\"}\r");
        let before = wanted(&model).logs.unwrap().query.to_logql();
        press(&mut model, toggle);
        let after = wanted(&model).logs.unwrap().query;
        assert_eq!(after.entered, None, "{toggle}");
        assert_ne!(after.to_logql(), before, "{toggle}");
    }
}

#[test]
fn a_refused_query_is_told_in_lokis_words_and_the_lines_stay() {
    let mut model = told("loki");
    press(&mut model, ":logs {service=\"worker\" |= \"x\"");
    enter(&mut model);
    let question = wanted(&model).logs.unwrap();
    assert_eq!(
        question.query.entered.as_deref(),
        Some("{service=\"worker\" |= \"x\"")
    );
    let refusal = Refusal {
        full: "parse error at line 0, col 16: syntax error: unexpected |=, expecting } or ,".into(),
        ..refusal()
    };
    tell(&mut model, LogNews::Failed(refusal, None));
    snapshot("logs_error", &model);
}

#[test]
fn fields_are_shown_below_their_line() {
    let mut model = told("log files");
    press(&mut model, "k");
    enter(&mut model);
    snapshot("logs_fields", &model);
    escape(&mut model);
    assert!(!text(&model, (80, 24)).contains("label instance"));
}

#[test]
fn what_is_searched_for_stands_out_and_is_walked() {
    let mut model = told("loki");
    press(&mut model, "scommitted");
    let frame = buffer(&model, (80, 24));
    let reversed = |frame: &ratatui::buffer::Buffer| {
        frame
            .content
            .iter()
            .filter(|cell| cell.modifier.contains(Modifier::REVERSED))
            .count()
    };
    assert!(reversed(&frame) >= 9, "marked while it is typed");
    enter(&mut model);
    let told = text(&model, (80, 24));
    assert!(told.contains("\"committed\" 40/40"), "{told}");
    press(&mut model, "N");
    assert!(text(&model, (80, 24)).contains("39/40"));
    press(&mut model, "nn");
    assert!(text(&model, (80, 24)).contains("1/40"), "around the end");
    snapshot("logs_search", &model);
}

#[test]
fn filters_hide_and_context_shows_what_is_around() {
    let mut model = told("loki");
    press(&mut model, "/refused");
    enter(&mut model);
    let frame = text(&model, (80, 24));
    assert!(
        frame.contains("1 of 43 lines") && !frame.contains("committed"),
        "{frame}"
    );
    press(&mut model, "c");
    let question = wanted(&model).logs.unwrap();
    assert_eq!(question.query.instances, ["vote-app-1"]);
    assert_eq!(question.end, Some(at(-60)));
    tell(&mut model, LogNews::Begin(some().into()));
    let frame = text(&model, (80, 24));
    assert!(frame.contains("› 14:11:20 E error"), "{frame}");
    assert!(frame.contains("Esc goes back"));
    escape(&mut model);
    assert!(wanted(&model).logs.unwrap().query.instances.is_empty());
}

#[test]
fn empty_and_without_a_source_are_told_apart() {
    let mut empty = on_logs(Some("loki"));
    tell(&mut empty, LogNews::Begin(Vec::new().into()));
    insta::assert_snapshot!("logs_empty_80x24", text(&empty, (80, 24)));
    insta::assert_snapshot!("logs_none_80x24", text(&on_logs(None), (80, 24)));
    assert!(wanted(&on_logs(None)).logs.is_none());
}

#[test]
fn lines_are_copied_and_written() {
    let mut model = told("loki");
    press(&mut model, "kk");
    let copied = press(&mut model, "y");
    assert!(
        matches!(&copied[0], Effect::Do(Deed::Copy(text)) if text.contains("refused") || text.contains("rejected"))
    );
    press(&mut model, "X");
    assert_eq!(model.prompt.as_ref().unwrap().purpose, Purpose::ExportPath);
    let effects = update(
        &mut model,
        Message::Input(Event::Key(KeyCode::Enter.into())),
    );
    let Effect::Do(Deed::Write(path, written)) = &effects[0] else {
        panic!("{effects:?}");
    };
    assert_eq!(path.to_str(), Some("voteops-logs-1790000000.jsonl"));
    assert_eq!(written.lines().count(), 43);
    for line in written.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn wide_lines_wrap_or_move_sideways() {
    let mut model = on_logs(Some("loki"));
    let long = format!("begin {} end", "0123456789 ".repeat(30));
    tell(
        &mut model,
        LogNews::Begin(vec![line(-9, "worker-1", "INFO", &long)].into()),
    );
    assert!(!text(&model, (80, 24)).contains("end"));
    press(&mut model, "w");
    assert!(text(&model, (80, 24)).contains("end"));
    press(&mut model, "w");
    for _ in 0..20 {
        update(
            &mut model,
            Message::Input(Event::Key(KeyCode::Right.into())),
        );
    }
    assert!(text(&model, (80, 24)).contains("end"));
    let huge = line(-8, "worker-1", "INFO", &"x".repeat(1 << 20));
    tell(&mut model, LogNews::More(vec![huge]));
    text(&model, (80, 24));
}

#[test]
fn how_lines_come_is_told() {
    let mut model = told("loki");
    tell(&mut model, LogNews::By(Way::Tail));
    let frame = text(&model, (80, 24));
    assert!(frame.contains("● following by live tail"), "{frame}");
    tell(&mut model, LogNews::By(Way::Polling("HTTP 404".into())));
    let frame = text(&model, (80, 24));
    assert!(
        frame.contains("▲ following by asking again: no tail, HTTP 404"),
        "{frame}"
    );
}

#[test]
fn texts_name_the_keys_that_were_chosen() {
    let chosen: &[(&str, &[&str])] = &[
        ("bottom", &["F1"]),
        ("back", &["F2"]),
        ("zoom-out", &["F3"]),
        ("logs.service", &["F4"]),
        ("logs.search", &["F5"]),
    ];
    let says = |model: &Model, told: &str| {
        let frame = text(model, (100, 24));
        assert!(frame.contains(told), "{told} not in\n{frame}");
    };
    let mut model = with_keys(told("loki"), chosen);
    press(&mut model, "n");
    says(&model, "nothing is searched for: press F5");
    press(&mut model, "k");
    says(&model, "stopped, nothing new, F1 follows");
    press(&mut model, "c");
    tell(&mut model, LogNews::Begin(some().into()));
    says(&model, "context, F2 goes back");
    press(&mut model, "/zzz");
    enter(&mut model);
    says(&model, "kept by the filter; F2 removes it.");
    let mut empty = with_keys(on_logs(Some("loki")), chosen);
    tell(&mut empty, LogNews::Begin(Vec::new().into()));
    says(
        &empty,
        "F3 shows more time, e more levels, F4 other services.",
    );
}

#[test]
fn texts_leave_out_what_has_no_key() {
    let chosen: &[(&str, &[&str])] = &[
        ("bottom", &[]),
        ("back", &[]),
        ("zoom-out", &[]),
        ("logs.service", &[]),
        ("logs.search", &[]),
    ];
    let says = |model: &Model, told: &str| {
        let frame = text(model, (100, 24));
        assert!(frame.contains(told), "{told} not in\n{frame}");
    };
    let mut model = with_keys(told("loki"), chosen);
    press(&mut model, "n");
    let frame = text(&model, (100, 24));
    assert!(
        frame.lines().any(|line| line == "nothing is searched for"),
        "{frame}"
    );
    press(&mut model, "k");
    says(&model, "stopped, nothing new  43 lines");
    press(&mut model, "/zzz");
    enter(&mut model);
    says(&model, "kept by the filter.");
    let mut empty = with_keys(on_logs(Some("loki")), chosen);
    tell(&mut empty, LogNews::Begin(Vec::new().into()));
    says(&empty, "No lines in this time. e shows more levels.");
    let chosen: Vec<_> = chosen
        .iter()
        .copied()
        .chain([("logs.level", &[][..])])
        .collect();
    let empty = with_keys(empty, &chosen);
    let frame = text(&empty, (100, 24));
    assert!(
        frame.lines().any(|line| line == "No lines in this time."),
        "{frame}"
    );
}

#[test]
fn what_was_not_read_is_not_shown_as_silence() {
    let mut model = on_logs(Some("loki"));
    let labels = Arc::default();
    let newest_ns = i64::try_from(at(0).as_nanosecond()).unwrap();
    let count = i64::try_from(FIRST_LINES).unwrap();
    // All of them in the last half of the window.
    let line = |n: i64| {
        let at_ns = newest_ns - (count - n) * 300_000_000_000 / count;
        LogLine::new(at_ns, Arc::clone(&labels), "x".into())
    };
    let found = Excerpt {
        lines: (0..count).map(line).collect(),
        cut_ns: Some(newest_ns - 300_000_000_000),
    };
    tell(&mut model, LogNews::Begin(found));
    let frame = text(&model, (120, 40));
    assert!(frame.contains("older ones not read"), "{frame}");
    let volume = frame.lines().find(|line| line.contains("····")).unwrap();
    let unread = volume.chars().filter(|c| *c == '·').count();
    let read = volume.chars().filter(|c| "▁▂▃▄▅▆▇█".contains(*c)).count();
    assert!(
        unread.abs_diff(read) <= 2,
        "{unread} and {read} in {volume}"
    );
    let read = Excerpt {
        lines: some().split_off(40),
        cut_ns: Some(newest_ns - 200_000_000_000),
    };
    tell(&mut model, LogNews::Begin(read));
    let frame = text(&model, (120, 40));
    assert!(frame.contains("3 lines, older ones not read"), "{frame}");
    let none = Excerpt {
        lines: Vec::new(),
        cut_ns: Some(newest_ns),
    };
    tell(&mut model, LogNews::Begin(none));
    let frame = text(&model, (120, 40));
    let told = "No lines in this time; nothing before 14:13:20 was read.";
    assert!(frame.contains(told), "{frame}");
}
