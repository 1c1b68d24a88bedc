use std::path::Path;

use serde_json::Value;
use uuid::Uuid;
use voteops_observability::replay::Window;

use super::journal::Journal;
use super::*;
use crate::verify::{Flood, ManagedBy, Phase, Progress, Step, Subject, Times, ToldBy, Votes};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// A finding with every phase in its window, or with the last one missing.
fn report(alert: &str, whole: bool) -> Report {
    let steps = Step::ALL.into_iter().zip(1..);
    let phases = steps.map(|(step, number)| {
        let window = Window {
            lo_s: f64::from(number) - 0.5,
            hi_s: f64::from(number) + 0.5,
        };
        let phase = Phase::awaited(step, Some(window));
        if step == Step::ResolvedNotified && !whole {
            phase
        } else {
            phase.seen(f64::from(number))
        }
    });
    let lost_ids = if whole {
        vec![]
    } else {
        vec![Uuid::from_u128(7)]
    };
    Report {
        alert: alert.into(),
        fault: "stall-worker".into(),
        verdict: if whole {
            Verdict::Proven
        } else {
            Verdict::Refuted
        },
        reason: if whole {
            "all is well"
        } else {
            "a <b> | c & \"d\""
        }
        .into(),
        phases: phases.collect(),
        times: Times {
            detect_s: Some(2.0),
            notify_s: Some(3.0),
            recover_s: Some(2.0),
        },
        subject: Some(Subject {
            expr: "avg_over_time(redis_queue_length[10s])".into(),
            threshold: 1000.0,
            samples: (-5..8)
                .map(|n| (f64::from(n), f64::from(n * n * 50)))
                .collect(),
        }),
        votes: Votes {
            accepted: 100,
            recorded: 100 - lost_ids.len(),
            lost: lost_ids.len(),
            duplicated: 0,
            lost_ids,
            audited: true,
        },
        flood: Flood::default(),
        undone: true,
        time_scale: 30.0,
        managed_by: ManagedBy::Prometheus,
        delivery: ToldBy::Receiver,
        onset: Some(at(10)),
    }
}

fn proofs() -> Vec<Proof> {
    let proof = |alert: &str, outcome| Proof {
        alert: alert.into(),
        outcome,
        begun_at: at(0),
        took: Duration::from_millis(12_345),
    };
    vec![
        proof("Backlog", Ok(report("Backlog", true))),
        proof("Broken", Ok(report("Broken", false))),
        proof("Unknown", Err("the stack is not steady: ]]> x".into())),
    ]
}

#[test]
fn junit_has_a_case_for_each_alert_with_what_failed() {
    let xml = junit(&proofs()).unwrap();
    let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((read.tests, read.failures, read.errors), (3, 1, 1));
    assert!(xml.contains(r#"time="12.345""#), "{xml}");
    assert!(xml.contains("a &lt;b&gt; | c &amp; &quot;d&quot;"), "{xml}");
    assert!(
        xml.contains(r#"<property name="firing" value="2.0 s"/>"#),
        "{xml}"
    );
}

#[test]
fn markdown_is_a_table_of_all_and_one_of_each() {
    insta::assert_snapshot!(markdown(&proofs()));
}

#[test]
fn the_page_needs_nothing_else_and_takes_no_text_for_markup() {
    let page = html(&proofs());
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    for reference in ["src=", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert!(page.contains("1 of 3 alerts are proven"));
    assert!(page.contains("a &lt;b&gt; | c &amp;"));
    assert!(page.contains(&Uuid::from_u128(7).to_string()));
    assert_eq!(page.matches("<svg ").count(), 2);
    assert_eq!(page.matches("<section ").count(), 3);
}

#[test]
fn the_chart_has_the_curve_the_threshold_and_every_phase() {
    let whole = chart::svg(&report("Backlog", true)).unwrap();
    assert_eq!(whole.matches(r#"class="predicted""#).count(), 7);
    assert_eq!(whole.matches(r#"class="seen""#).count(), 7);
    let points = whole
        .split("points=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert_eq!(points.split(' ').count(), 13);
    let broken = chart::svg(&report("Broken", false)).unwrap();
    assert_eq!(broken.matches(r#"class="seen""#).count(), 6);
    let mut nothing = report("Nothing", true);
    nothing.subject = None;
    assert_eq!(chart::svg(&nothing), None);
    let mut empty = report("Empty", true);
    empty.subject.as_mut().unwrap().samples.clear();
    assert_eq!(chart::svg(&empty), None);
}

#[test]
fn the_journal_is_as_its_schema_says_and_repeats_no_waiting() {
    let mut written = Vec::new();
    let mut journal = Journal::new(&mut written);
    let waiting = Progress::Settling("the alert fires".into());
    let whole = report("Backlog", true);
    for progress in [
        waiting.clone(),
        waiting,
        Progress::Injected {
            fault: "stall-worker",
            targets: "worker-1".into(),
            load: Some((667.0, 6.0)),
        },
        Progress::Phase(whole.phases[0]),
        Progress::Counting,
    ] {
        journal.progress("Backlog", &progress).unwrap();
    }
    journal.end("Backlog", Ok(&whole)).unwrap();
    journal.end("Unknown", Err("no such alert")).unwrap();

    let text = String::from_utf8(written).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<_> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        events,
        ["settling", "injected", "phase", "verdict", "not_run"]
    );
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/journal.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for line in &lines {
        assert!(validator.is_valid(line), "{line}");
        let mut wrong = line.clone();
        wrong["event"] = "other".into();
        assert!(!validator.is_valid(&wrong));
    }
}
