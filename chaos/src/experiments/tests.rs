use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::format::{Act, Amount, End};
use super::*;

const WHOLE: &str = r#"
title = "Half the workers hang under a ramp"
description = "Two halves, one of them hangs."

[hypothesis]
within = "2m"
votes_conserved = true

[[hypothesis.probe]]
name = "votes are accepted"
promql = 'sum(rate(votes_accepted_total[1m]))'
above = 0.5

[expect]
fires = ["WorkerDown"]
stays_quiet = ["RedisDown"]

[[method]]
wait = "30s"

[[method]]
fault = "stall-worker"
until = { alert = "WorkerDown", is = "firing", within = "3m" }
targets = "50%"
seed = 7
together = "a"

[[method]]
load = { rate = "100..2000", for = "60s", choices = { cats = 3, dogs = 1 }, seed = 1 }
together = "a"

[[method]]
load = { votes = 4000, for = "3m" }

[abort]
when = ['redis_up == 0', 'max_over_time(redis_queue_length[1m]) > 100000']
"#;

/// The directory of the experiments that the project ships.
fn shipped() -> Vec<(String, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let files = std::fs::read_dir(dir).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    });
    files.collect()
}

fn told(text: &str) -> String {
    let mut out = String::new();
    for problem in parse(text).unwrap_err() {
        writeln!(out, "{problem}").unwrap();
    }
    out
}

#[test]
fn a_whole_file_is_read_into_stages() {
    let script = parse(WHOLE).unwrap();
    let stages: Vec<_> = script
        .method
        .iter()
        .map(|stage| stage.steps.len())
        .collect();
    assert_eq!(stages, [1, 2, 1]);
    let Act::Fault { fault, end } = &script.method[1].steps[0].act else {
        panic!("{script:?}");
    };
    assert_eq!((fault.fault.name, fault.seed), ("stall-worker", Some(7)));
    assert!(matches!(end, End::Until(until) if until.within == Duration::from_mins(3)));
    assert_eq!(script.hypothesis.within, Duration::from_mins(2));
    assert_eq!(
        script.expect.named().collect::<Vec<_>>(),
        ["WorkerDown", "RedisDown"]
    );
}

#[test]
fn times_and_ranges_are_scaled_and_everything_else_stays() {
    let whole = parse(WHOLE).unwrap();
    let scaled = whole.clone().scaled(30.0).unwrap();
    assert_eq!(scaled.hypothesis.within, Duration::from_secs(4));
    let probe = &scaled.hypothesis.probes[0];
    assert_eq!(probe.promql, "sum(rate(votes_accepted_total[2s]))");
    assert_eq!(probe.wanted, whole.hypothesis.probes[0].wanted);
    assert_eq!(
        scaled.abort[1],
        "max_over_time(redis_queue_length[2s]) > 100000"
    );
    let lengths: Vec<_> = scaled
        .steps()
        .map(|step| step.longest().as_secs())
        .collect();
    assert_eq!(lengths, [1, 6, 2, 6]);
    let amounts: Vec<_> = scaled
        .steps()
        .filter_map(|step| match &step.act {
            Act::Load(load) => Some(load.amount),
            _ => None,
        })
        .collect();
    let ramp = Amount::Rate {
        from_per_s: 100.0,
        to_per_s: 2000.0,
    };
    assert_eq!(amounts, [ramp, Amount::Votes(4000)]);
    assert_eq!(whole.clone().scaled(1.0).unwrap(), whole);
}

#[test]
fn a_file_with_many_mistakes_is_told_all_of_them() {
    insta::assert_snapshot!(told(include_str!("../../tests/experiments/mistakes.toml")));
}

#[test]
fn what_is_no_toml_is_told_where() {
    insta::assert_snapshot!(told("title = \"x\"\n\n[[method]\nwait = \"30s\n"));
    insta::assert_snapshot!(told(""));
}

#[test]
fn every_alert_that_a_fault_proves_has_an_experiment_that_expects_it() {
    let files = shipped();
    let rules = voteops_observability::rules::shipped().unwrap().into_iter();
    let provable = rules.filter(|rule| !crate::catalogue::is_held_by_promtool_alone(&rule.name));
    for rule in provable {
        let expects = files.iter().any(|(_, text)| {
            parse(text).is_ok_and(|script| script.expect.fires.contains(&rule.name))
        });
        assert!(expects, "{}", rule.name);
    }
    for (name, text) in &files {
        if let Err(problems) = parse(text) {
            panic!("{name}: {problems:#?}");
        }
    }
}

fn schema(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../schemas")
        .join(name);
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// A TOML text as the JSON that schemas of TOML files are about.
fn json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

/// The blocks of TOML in a text of documentation.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text.split("```toml\n").skip(1);
    blocks.filter_map(|rest| rest.split("```").next())
}

#[test]
fn the_schema_and_the_reader_agree_on_every_example() {
    let validator = schema("experiment-file.schema.json");
    let docs = include_str!("../../../docs/experiments.md");
    let mut texts = shipped();
    let documented: Vec<_> = blocks(docs).collect();
    assert!(!documented.is_empty());
    texts.extend(
        documented
            .into_iter()
            .map(|text| ("docs".to_owned(), text.to_owned())),
    );
    texts.push(("whole".into(), WHOLE.into()));
    for (name, text) in &texts {
        if let Err(problems) = parse(text) {
            panic!("{name}: {problems:#?}");
        }
        let errors: Vec<_> = validator
            .iter_errors(&json(text))
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
    // The names that the schema lists are those that there are.
    let text = include_str!("../../../schemas/experiment-file.schema.json");
    for rule in voteops_observability::rules::shipped().unwrap() {
        let is_listed = text.contains(&format!("{:?}", rule.name));
        let is_heartbeat = voteops_observability::rules::is_heartbeat(&rule.labels);
        assert_ne!(is_listed, is_heartbeat, "{}", rule.name);
    }
    for fault in crate::catalogue::FAULTS {
        let is_listed = text.contains(&format!("{:?}", fault.name));
        assert_eq!(
            is_listed,
            fault != crate::catalogue::FLOOD,
            "{}",
            fault.name
        );
    }
}

#[test]
fn what_the_schema_refuses_the_reader_refuses_too() {
    let validator = schema("experiment-file.schema.json");
    for (right, wrong) in [
        ("fires = [\"WorkerDown\"]", "fires = [\"WorkerDwn\"]"),
        ("fault = \"stall-worker\"", "fault = \"stall-workers\""),
        ("above = 0.5", "abov = 0.5"),
        ("above = 0.5", "above = \"0.5\""),
        ("is = \"firing\"", "is = \"burning\""),
        ("wait = \"30s\"", "wait = 30"),
        ("wait = \"30s\"", "pause = \"30s\""),
        ("votes = 4000", "votes = 0"),
        ("title = ", "titel = "),
    ] {
        let text = WHOLE.replace(right, wrong);
        assert_ne!(text, WHOLE);
        assert!(!validator.is_valid(&json(&text)), "{wrong}");
        parse(&text).unwrap_err();
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,300}") {
        let _ = parse(&text);
    }

    #[test]
    fn a_file_with_something_else_in_it_is_read_or_told(
        at in 0..WHOLE.len(),
        length in 0..40_usize,
        other in "[\\[\\]{}=\"'a-z0-9.% \\n-]{0,12}",
    ) {
        let mut text = WHOLE.to_owned();
        text.replace_range(at..(at + length).min(WHOLE.len()), &other);
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.is_empty());
            let lines = text.lines().count() + 1;
            prop_assert!(problems.iter().all(|problem| (1..=lines).contains(&problem.line)));
        }
    }

    #[test]
    fn a_problem_is_told_where_it_stands(
        comments in prop::collection::vec("# [a-zé€ ]{0,20}", 0..8),
        indent in 0..6_usize,
    ) {
        let mut text = String::from("title = \"x\"\n[expect]\n");
        for comment in &comments {
            writeln!(text, "{comment}").unwrap();
        }
        writeln!(text, "{}fires = [\"Wörker\", \"WorkerDown\", \"Nope\"]", " ".repeat(indent)).unwrap();
        text.push_str("[[method]]\nwait = \"1s\"\n");
        let problems = parse(&text).unwrap_err();
        let places: Vec<_> = problems.iter().map(|problem| (problem.line, problem.column)).collect();
        let line = comments.len() + 3;
        prop_assert_eq!(places, [(line, indent + 10), (line, indent + 34)]);
    }
}
