use std::path::Path;

use serde_json::Value;

use super::*;
use crate::experiments::format::AlertIs;
use crate::experiments::{Course, Load, Measured, Outcome, Progress, Taken};
use crate::verify::Votes;

fn begun_at() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn measured(ok: bool) -> Measured {
    Measured {
        name: "votes are accepted".into(),
        promql: "sum(rate(votes_accepted_total[2s]))".into(),
        value: Some(0.1),
        ok,
        told: "0.1, and it has to be > 0.5".into(),
    }
}

fn taken() -> Taken {
    Taken {
        step: 1,
        told: "stall-worker (targets all) for 3.0 s".into(),
        fault: Some("stall-worker".into()),
        targets: vec!["worker-1".into(), "worker-2".into()],
        began_s: Some(0.1),
        ended_s: Some(3.2),
        outcome: Outcome::Done,
        reason: None,
        undone: true,
    }
}

fn alert(name: &str, expected: Option<Expected>, firing_s: Option<f64>, ok: bool) -> Alert {
    Alert {
        alert: name.into(),
        expected,
        pending_s: Some(1.0),
        firing_s,
        last_firing_s: firing_s,
        ok,
    }
}

/// A finding that is met, or one of which an alert did not fire.
fn finding(met: bool) -> Finding {
    let firing_s = met.then_some(2.5);
    let deviation = "WorkerDown was expected to fire, and did not".to_owned();
    let report = Report {
        title: "All workers <hang>".into(),
        description: Some("What is | left.".into()),
        verdict: if met { Verdict::Met } else { Verdict::Deviated },
        reason: None,
        deviations: if met { vec![] } else { vec![deviation] },
        begun_at: begun_at(),
        method_s: 3.3,
        recovered_s: met.then_some(1.5),
        before: vec![measured(true)],
        after: vec![measured(met)],
        courses: vec![Course {
            name: "votes are accepted".into(),
            bounds: vec![0.5],
            samples: (-2..9).map(|n| (f64::from(n), f64::from(n * n))).collect(),
        }],
        steps: vec![
            taken(),
            Taken {
                step: 2,
                fault: None,
                targets: Vec::new(),
                began_s: None,
                ended_s: None,
                outcome: Outcome::NotBegun,
                ..taken()
            },
        ],
        alerts: vec![
            alert("WorkerDown", Some(Expected::Fires), firing_s, met),
            alert("RedisDown", Some(Expected::StaysQuiet), None, true),
            alert("A<b", None, Some(2.0), true),
        ],
        loads: vec![Load {
            step: 2,
            planned: 10,
            accepted: 9,
            planned_rate_per_s: 5.0,
            achieved_rate_per_s: 5.0,
            cancelled: false,
        }],
        votes: Some(Votes {
            accepted: 9,
            recorded: 9,
            ..Votes::default()
        }),
        undone: true,
        time_scale: 30.0,
    };
    Finding {
        title: report.title.clone(),
        file: "worker-down.toml".into(),
        outcome: Ok(report),
        begun_at: begun_at(),
        took: Duration::from_millis(12_345),
    }
}

fn not_run() -> Finding {
    Finding {
        outcome: Err("the hypothesis does not hold".into()),
        ..finding(true)
    }
}

fn validator(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../schemas")
        .join(name);
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn the_report_is_as_its_schema_says() {
    let validator = validator("experiment.schema.json");
    for met in [true, false] {
        let mut report = serde_json::to_value(finding(met).outcome.unwrap()).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&report)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        report["verdict"] = "perhaps".into();
        assert!(!validator.is_valid(&report));
    }
}

#[test]
fn markdown_tells_what_deviated() {
    insta::assert_snapshot!(markdown(&finding(false)));
}

#[test]
fn junit_is_a_case_that_passes_fails_or_errs() {
    for (finding, counts) in [
        (finding(true), (0, 0)),
        (finding(false), (1, 0)),
        (not_run(), (0, 1)),
    ] {
        let xml = junit(&finding).unwrap();
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        assert_eq!((read.failures, read.errors), counts, "{xml}");
        assert!(xml.contains(r#"time="12.345""#), "{xml}");
    }
}

#[test]
fn the_page_needs_nothing_else_and_takes_no_text_for_markup() {
    let page = html(&finding(false));
    for reference in [
        "src=", "<script", "<link", "@import", "url(", "A<b", "<hang>",
    ] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert!(page.contains("WorkerDown was expected to fire, and did not"));
    assert_eq!(page.matches("<svg ").count(), 1);
    assert!(html(&not_run()).contains("the hypothesis does not hold"));
}

#[test]
fn the_journal_is_as_its_schema_says_and_repeats_no_waiting() {
    let mut written = Vec::new();
    let mut journal = Journal::new(&mut written);
    for progress in [
        Progress::Settling("x".into()),
        Progress::Settling("x".into()),
        Progress::Begun,
        Progress::Step(taken()),
        Progress::Going(1.0),
        Progress::AlertIs {
            alert: "WorkerDown".into(),
            is: AlertIs::Firing,
            at_s: 2.5,
        },
        Progress::StepOver(taken()),
        Progress::Recovering("x".into()),
        Progress::Recovering("x".into()),
        Progress::Recovered(1.5),
        Progress::Counting,
        Progress::Alert(alert("WorkerDown", None, None, true)),
    ] {
        journal.progress(&progress).unwrap();
    }
    journal.end(&finding(true)).unwrap();
    journal.end(&not_run()).unwrap();
    let text = String::from_utf8(written).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<_> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    let told = [
        "settling",
        "begun",
        "step",
        "alert_is",
        "step_over",
        "recovering",
        "recovered",
        "alert",
        "verdict",
        "not_run",
    ];
    assert_eq!(events, told);
    let validator = validator("experiment-journal.schema.json");
    for line in lines {
        let errors: Vec<_> = validator
            .iter_errors(&line)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{line:#}");
    }
}
