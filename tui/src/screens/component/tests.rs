use voteops_observability::prometheus::{Sample, Series};

use super::*;
use crate::message::{Message, Refusal};
use crate::model::charts::Charted;
use crate::tests::fixtures::{at, connecting, firing, live, press, refusal, stale, text};
use crate::update::update;
use crate::wanted::wanted;

const SIZES: [(u16, u16); 3] = [(40, 15), (80, 24), (120, 40)];

fn snapshot(name: &str, model: &Model) {
    for size in SIZES {
        let mut model = model.clone();
        model.size = size;
        answer(&mut model);
        let name = format!("{name}_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, text(&model, size));
    }
}

/// Answers what the screen asks for: waves with a gap, one series for each instance.
pub(crate) fn answer(model: &mut Model) {
    for (number, expr) in (1..).zip(wanted(model).charts) {
        let instances = if expr.contains("by (instance") { 2 } else { 1 };
        let series: Vec<_> = (1..=instances)
            .map(|instance| wave(number, instance))
            .collect();
        let alerts = expr == ALERTS_QUERY;
        let charted = Charted {
            found: series.len(),
            series: if alerts { vec![pending()] } else { series },
            step_s: 2.5,
            at: Some(at(0)),
            ..Charted::default()
        };
        update(model, Message::Charted(expr, Box::new(Ok(charted))));
    }
}

fn wave(number: i32, instance: i32) -> Series {
    let sample = |step: i32| Sample {
        at_s: at(0).as_duration().as_secs_f64() - 2.5 * f64::from(240 - step),
        value: 0.1
            * f64::from(number * instance)
            * (2.0 + (f64::from(step) / (10.0 + f64::from(number))).sin()),
    };
    Series {
        labels: [(
            "instance".to_owned(),
            format!("127.0.0.1:{}", 8080 + instance),
        )]
        .into(),
        samples: (0..=240)
            .filter(|step| !(90..130).contains(step))
            .map(sample)
            .collect(),
    }
}

fn pending() -> Series {
    let labels = [("alertname", "WorkerDown"), ("alertstate", "pending")];
    Series {
        labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        samples: wave(1, 1).samples.into_iter().skip(150).collect(),
    }
}

fn on(mut model: Model, key: &str) -> Model {
    press(&mut model, key);
    model
}

#[test]
fn an_answer_of_another_time_is_told_until_this_one_is_answered() {
    let mut model = on(live(), "4");
    let asked = |model: &mut Model| {
        for expr in wanted(model).charts {
            let charted = Charted {
                range: Some(model.window.range(at(0))),
                step_s: 2.5,
                at: Some(at(0)),
                ..Charted::default()
            };
            update(model, Message::Charted(expr, Box::new(Ok(charted))));
        }
    };
    asked(&mut model);
    for keys in ["h", "h", "-", "0"] {
        assert!(!text(&model, (120, 40)).contains("being asked for"));
        press(&mut model, keys);
        let frame = text(&model, (120, 40));
        assert!(frame.contains("this time is being asked for"), "{keys}");
        asked(&mut model);
    }
    model.setup.recorded = true;
    press(&mut model, "h");
    let frame = text(&model, (120, 40));
    assert!(!frame.contains("being asked for"), "{frame}");
}

#[test]
fn of_thousands_of_instances_only_whole_ones_are_drawn_and_the_count_is_told() {
    let mut model = on(live(), "4");
    press(&mut model, "i");
    // Those beyond keep one sample, far from the others: it would draw the scale up.
    let lone = |mut series: Series| {
        let last = series.samples.pop();
        let last = last.map(|last| Sample { value: 1e6, ..last });
        series.samples = last.into_iter().collect();
        series
    };
    for expr in wanted(&model).charts {
        let all = (0..10_000).map(|n| match n {
            0..200 => wave(1, 1),
            _ => lone(wave(1, 1)),
        });
        let charted = Charted {
            found: 10_000,
            series: all.collect(),
            step_s: 2.5,
            at: Some(at(0)),
            ..Charted::default()
        };
        update(&mut model, Message::Charted(expr, Box::new(Ok(charted))));
    }
    let frame = text(&model, (120, 40));
    assert!(frame.contains("40 of 10000 series are shown"), "{frame}");
    assert!(!frame.contains("1.0M"), "{frame}");
}

#[test]
fn every_component_has_its_charts() {
    snapshot("vote_app_live", &on(live(), "2"));
    snapshot("redis_live", &on(live(), "3"));
    snapshot("worker_firing", &on(firing(), "4"));
}

#[test]
fn nothing_and_old_answers_are_told() {
    let mut empty = on(live(), "4");
    for expr in wanted(&empty).charts {
        let nothing = Charted {
            at: Some(at(0)),
            ..Charted::default()
        };
        update(&mut empty, Message::Charted(expr, Box::new(Ok(nothing))));
    }
    insta::assert_snapshot!("worker_empty_80x24", text(&empty, (80, 24)));
    let mut old = on(stale(), "4");
    answer(&mut old);
    update(&mut old, Message::Now(at(12)));
    insta::assert_snapshot!("worker_stale_80x24", text(&old, (80, 24)));
    insta::assert_snapshot!(
        "worker_connecting_40x15",
        text(&on(connecting(), "4"), (40, 15))
    );
}

#[test]
fn a_refused_query_is_told_in_the_servers_words_and_the_curve_stays() {
    let mut model = on(live(), "4");
    answer(&mut model);
    for expr in wanted(&model).charts {
        let refusal = Refusal {
            full: "query timed out in expression evaluation".into(),
            ..refusal()
        };
        update(&mut model, Message::Charted(expr, Box::new(Err(refusal))));
    }
    update(&mut model, Message::Now(at(7)));
    insta::assert_snapshot!("worker_error_80x24", text(&model, (80, 24)));
}

#[test]
fn one_chart_stands_alone_with_its_instances() {
    let mut model = on(live(), "2");
    update(
        &mut model,
        Message::Input(crossterm::event::Event::Key(KeyCode::Enter.into())),
    );
    assert_eq!(
        wanted(&model).charts.len(),
        5,
        "three quantiles, instances, alerts"
    );
    snapshot("vote_app_alone", &model);
    let mut model = on(model, "[[[[[[[[[[");
    model.component_pane.by_instance = true;
    snapshot("vote_app_alone_cursor", &model);
}

#[test]
fn only_what_is_seen_is_asked_for() {
    let mut model = on(live(), "2");
    model.size = (80, 24);
    let small = wanted(&model).charts.len();
    model.size = (200, 50);
    let large = wanted(&model).charts.len();
    assert!(small < large, "{small} {large}");
    press(&mut model, "1");
    assert!(wanted(&model).charts.is_empty());
}

#[test]
fn the_selection_travels_and_stays_with_its_component() {
    let mut model = on(live(), "2");
    press(&mut model, "jj");
    assert_eq!(model.component_pane.selected(Component::VoteApp), 2);
    press(&mut model, "3j2");
    assert_eq!(model.component_pane.selected(Component::VoteApp), 2);
    assert_eq!(model.component_pane.selected(Component::Redis), 1);
    press(&mut model, "G");
    assert_eq!(model.component_pane.selected(Component::VoteApp), 3);
}
