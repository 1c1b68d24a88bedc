use crossterm::event::{Event, KeyCode};
use voteops_observability::logs::LogLine;
use voteops_observability::prometheus::{AlertState, Sample, Series};
use voteops_observability::promql::Comparison;
use voteops_observability::signals::Threshold;

use super::*;
use crate::message::Message;
use crate::model::Feed;
use crate::model::charts::Charted;
use crate::model::logs::LogNews;
use crate::tests::fixtures::{
    BACKLOG, answered, at, firing, in_trouble, inactive, press, rules, text,
};
use crate::update::update;
use crate::wanted::wanted;

fn enter(model: &mut Model) {
    update(model, Message::Input(Event::Key(KeyCode::Enter.into())));
}

/// The backlog's hub, its chart answered.
pub(crate) fn hub() -> Model {
    let mut model = firing();
    model.setup.log_source = Some("log files");
    press(&mut model, "5j");
    enter(&mut model);
    let subject = wanted(&model).charts.pop().unwrap();
    assert_eq!(wanted(&model).logs.unwrap().query.services, ["worker"]);
    assert_eq!(subject, "avg_over_time(redis_queue_length[5m])");
    let sample = |step: i32| Sample {
        at_s: at(0).as_duration().as_secs_f64() - 2.5 * f64::from(240 - step),
        value: f64::from(step * step) / 46.0,
    };
    let series = Series {
        labels: [("job".to_owned(), "redis".to_owned())].into(),
        samples: (0..=240).map(sample).collect(),
    };
    let charted = Charted {
        found: 1,
        series: vec![series],
        at: Some(at(0)),
        step_s: 2.5,
        ..Charted::default()
    };
    update(&mut model, Message::Charted(subject, Box::new(Ok(charted))));
    update(&mut model, history());
    let lines = written(&model);
    update(&mut model, lines);
    model
}

/// The backlog was pending and fired before; now it is pending again.
fn history() -> Message {
    let series = |state: &str, steps: std::ops::Range<i64>| Series {
        labels: [
            ("alertname".to_owned(), BACKLOG.to_owned()),
            ("alertstate".to_owned(), state.to_owned()),
        ]
        .into(),
        samples: steps
            .map(|step| Sample {
                at_s: at(-10 * step).as_duration().as_secs_f64(),
                value: 1.0,
            })
            .rev()
            .collect(),
    };
    let mut pending = series("pending", 40..55);
    pending.samples.extend(series("pending", 0..13).samples);
    let charted = Charted {
        found: 2,
        series: vec![pending, series("firing", 30..40)],
        at: Some(at(0)),
        step_s: 10.0,
        ..Charted::default()
    };
    Message::Charted(ALERTS_QUERY.into(), Box::new(Ok(charted)))
}

/// What the workers wrote meanwhile.
fn written(model: &Model) -> Message {
    let question = wanted(model).logs.unwrap();
    let labels = [("service", "worker"), ("instance", "worker-1")];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let labels = std::sync::Arc::new(labels.into());
    let line = |n: i64| {
        let text = format!(r#"{{"level":"INFO","message":"batch {n} committed"}}"#);
        let at_ns = i64::try_from(at(10 * n - 300).as_nanosecond()).unwrap();
        LogLine::new(at_ns, std::sync::Arc::clone(&labels), text)
    };
    Message::Logs(
        question,
        LogNews::Begin((0..30).map(line).collect::<Vec<_>>().into()),
    )
}

#[test]
fn the_hub_shows_the_subject_against_its_threshold() {
    let model = hub();
    for (columns, rows) in [(40, 15), (80, 24), (120, 40)] {
        let name = format!("hub_{columns}x{rows}");
        insta::assert_snapshot!(name, text(&model, (columns, rows)));
    }
}

#[test]
fn the_hub_scrolls_and_leads_to_the_logs() {
    let mut model = hub();
    model.size = (80, 24);
    press(&mut model, "G");
    assert!(text(&model, (80, 24)).contains("expression"));
    press(&mut model, "L");
    assert_eq!(model.screen, Screen::Logs);
    assert_eq!(wanted(&model).logs.unwrap().query.services, ["worker"]);
}

#[test]
fn a_filter_keeps_rules_by_name_label_and_annotation() {
    let mut model = firing();
    press(&mut model, "5/antrean");
    enter(&mut model);
    let frame = text(&model, (80, 24));
    assert!(frame.contains("1 of 20 rules by /antrean"), "{frame}");
    assert_eq!(selected(&model).unwrap().name, BACKLOG);
    press(&mut model, "/");
    for _ in 0..7 {
        update(
            &mut model,
            Message::Input(Event::Key(KeyCode::Backspace.into())),
        );
    }
    enter(&mut model);
    assert_eq!(kept(&model).len(), 20);
}

#[test]
fn with_a_filter_the_selected_rule_stays_selected_whatever_comes() {
    let mut model = firing();
    press(&mut model, "5/Worker\rj");
    let rule = selected(&model).unwrap().name.clone();
    // What fires and what resolves moves the others.
    let hear = |model: &mut Model, alerts: Vec<AlertStatus>| {
        update(model, answered(Feed::Rules, 1, Ok(rules(alerts))));
        assert_eq!(selected(model).unwrap().name, rule);
    };
    hear(&mut model, inactive());
    press(&mut model, "\r");
    hear(&mut model, in_trouble());
    press(&mut model, " ");
    hear(&mut model, inactive());
    press(&mut model, " ");
    assert_eq!(selected(&model).unwrap().name, rule);
    assert!(model.alerts_pane.expanded);
    press(&mut model, "/|Redis\r");
    assert_eq!(selected(&model).unwrap().name, rule);
    assert!(model.alerts_pane.expanded, "it is read on");
    press(&mut model, "\x1b\x1b");
    assert!(model.filters.is_empty());
    assert_eq!(selected(&model).unwrap().name, rule);
    press(&mut model, "\r/Nothing\r");
    assert!(!model.alerts_pane.expanded, "no other rule is opened");
}

#[test]
fn rules_that_differ_in_for_or_labels_alone_are_told_apart() {
    let mut alerts = in_trouble();
    let pending = |alert: &&AlertStatus| alert.state == AlertState::Pending;
    let early = alerts.iter().find(pending).unwrap().clone();
    let late = AlertStatus {
        for_s: early.for_s + 600.0,
        state: AlertState::Inactive,
        ..early.clone()
    };
    let labels = [("severity".to_owned(), "info".to_owned())].into();
    let other = AlertStatus {
        labels,
        ..late.clone()
    };
    alerts.extend([late, other]);
    crate::tests::fixtures::sort(&mut alerts);
    let mut model = firing();
    press(&mut model, "5");
    let hear = |model: &mut Model| {
        update(model, answered(Feed::Rules, 1, Ok(rules(alerts.clone()))));
    };
    hear(&mut model);
    let events = model.live.events.newest().count();
    for _ in 0..alerts.len() {
        press(&mut model, "j");
        let place = model.alerts_pane.selected;
        hear(&mut model);
        assert_eq!(model.alerts_pane.selected, place);
    }
    assert_eq!(model.live.events.newest().count(), events);
}

#[test]
fn the_history_is_told_in_words_and_along_the_window() {
    let model = hub();
    let frame = text(&model, (120, 40));
    for words in [
        "pending 14:11:20 for 2m10s, firing 14:06:50 for 1m40s, pending 14:04:20 for 2m30s",
        "batch 29 committed",
    ] {
        assert!(frame.contains(words), "{words} not in\n{frame}");
    }
    let strip = frame.lines().find(|line| line.contains("◆■")).unwrap();
    assert!(strip.trim_end().ends_with('◆'), "{strip}");
}

#[test]
fn over_long_steps_a_short_alert_is_told_with_the_most_that_it_may_have_lasted() {
    let mut model = hub();
    assert!(!wanted(&model).looks_back);
    press(&mut model, ":range 1d\r");
    assert!(wanted(&model).looks_back);
    let labels = [("alertname", BACKLOG), ("alertstate", "firing")];
    let sample = |step: i64| Sample {
        at_s: at(-360 * step).as_duration().as_secs_f64(),
        value: 1.0,
    };
    let charted = Charted {
        found: 1,
        series: vec![Series {
            labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            samples: vec![sample(50), sample(49), sample(10)],
        }],
        at: Some(at(0)),
        step_s: 360.0,
        ..Charted::default()
    };
    let message = Message::Charted(ALERTS_QUERY.into(), Box::new(Ok(charted)));
    update(&mut model, message);
    let frame = text(&model, (120, 40));
    let told = "firing 13:07:20 for at most 6m00s, firing 09:07:20 for at most 12m00s";
    assert!(frame.contains(told), "{frame}");
}

#[test]
fn the_list_has_the_history_where_there_is_room() {
    let mut model = firing();
    press(&mut model, "5");
    update(&mut model, history());
    let frame = text(&model, (120, 40));
    let row = frame.lines().find(|line| line.contains(BACKLOG)).unwrap();
    assert!(row.contains("◆■"), "{frame}");
    let other = frame.lines().find(|line| line.contains("RedisDown"));
    assert!(other.unwrap().contains("────"), "{frame}");
}

#[test]
fn both_limits_of_a_ticket_are_told_and_the_one_that_holds_is_charted() {
    let mut model = firing();
    let mut alerts = in_trouble();
    let name = "VoteAppErrorBudgetBurnTicket";
    let ticket = alerts.iter_mut().find(|alert| alert.name == name).unwrap();
    ticket.state = AlertState::Firing;
    ticket.value = Some(0.002);
    ticket.threshold = Some(Threshold {
        comparison: Comparison::Above,
        value: 0.001,
    });
    update(&mut model, answered(Feed::Rules, 0, Ok(rules(alerts))));
    press(&mut model, "5");
    let place = model.alerts().iter().position(|alert| alert.name == name);
    model.alerts_pane.selected = place.unwrap();
    model.alerts_pane.chosen = true;
    let shown = text(&model, (120, 40));
    assert!(shown.contains("alerts if > 0.0010 or > 0.0030"), "{shown}");
    enter(&mut model);
    let charted = wanted(&model).charts.pop().unwrap();
    assert!(
        charted.contains("[3d]") && !charted.contains("[1d]"),
        "{charted}"
    );
}
