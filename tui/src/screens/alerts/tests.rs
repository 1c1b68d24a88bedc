use crossterm::event::{Event, KeyCode};
use voteops_observability::prometheus::{Sample, Series};

use super::*;
use crate::message::Message;
use crate::model::charts::Charted;
use crate::tests::fixtures::{BACKLOG, at, firing, press, text};
use crate::update::update;
use crate::wanted::wanted;

fn enter(model: &mut Model) {
    update(model, Message::Input(Event::Key(KeyCode::Enter.into())));
}

/// The backlog's hub, its chart answered.
fn hub() -> Model {
    let mut model = firing();
    model.setup.log_source = Some("log files");
    press(&mut model, "5j");
    enter(&mut model);
    let subject = wanted(&model).charts.pop().unwrap();
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
    model
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
    assert!(frame.contains("1 of 11 rules by /antrean"), "{frame}");
    assert_eq!(selected(&model).unwrap().name, BACKLOG);
    press(&mut model, "/");
    for _ in 0..7 {
        update(
            &mut model,
            Message::Input(Event::Key(KeyCode::Backspace.into())),
        );
    }
    enter(&mut model);
    assert_eq!(kept(&model).len(), 11);
}
