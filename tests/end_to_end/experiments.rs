//! `voteops chaos run` and `check`: experiments from files.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Home, Stack, assert_schema, kill, state, told, wait_until};

/// An experiment that the project ships.
fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("chaos/experiments");
    path.join(name).to_str().unwrap().to_owned()
}

/// An experiment of a test.
fn written(stack: &Stack, text: &str) -> String {
    let path: PathBuf = stack.home.data_dir().with_file_name("experiment.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_sound_file_is_told_and_a_bad_one_by_line_and_column() {
    let home = Home::new();
    let sound = home.voteops(&["chaos", "check", &shipped("worker-down.toml")]);
    assert_eq!(sound.status.code(), Some(0), "{}", told(&sound));
    assert!(
        told(&sound).contains("All workers hang, 2 steps"),
        "{}",
        told(&sound)
    );

    let path = home.data_dir().with_file_name("bad.toml");
    let bad = "title = \"x\"\n[expect]\nfires = [\"WorkerDwn\"]\n[[method]]\n  wait = \"soon\"\n";
    std::fs::write(&path, bad).unwrap();
    let path = path.to_str().unwrap();
    for command in ["check", "run"] {
        let output = home.voteops(&["chaos", command, path]);
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        let stderr = String::from_utf8(output.stderr).unwrap();
        let alert =
            format!("{path}:3:10: there is no alert \"WorkerDwn\"; did you mean WorkerDown?");
        assert!(stderr.contains(&alert), "{stderr}");
        assert!(
            stderr.contains(&format!("{path}:5:10: wait = \"soon\": ")),
            "{stderr}"
        );
    }
    let json = home.voteops(&["chaos", "check", "--json", path]);
    assert_eq!(json.status.code(), Some(2), "{}", told(&json));
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_schema("chaos-check.schema.json", &json);
    let first = &json[0]["problems"][0];
    assert_eq!((&first["line"], &first["column"]), (&3.into(), &10.into()));

    let sound = shipped("worker-down.toml");
    let several = ["chaos", "check", "/nowhere/x.toml", &sound];
    let output = home.voteops(&several);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(
        told(&output).contains("/nowhere/x.toml: "),
        "{}",
        told(&output)
    );
    assert!(
        told(&output).contains("All workers hang"),
        "{}",
        told(&output)
    );
    let json = home.voteops(&[&several[..], &["--json"]].concat());
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_schema("chaos-check.schema.json", &json);
    assert_eq!(json[0]["problems"].as_array().unwrap().len(), 1);
    assert_eq!(json[1]["problems"], serde_json::json!([]));

    let missing = home.voteops(&["chaos", "run", "/nowhere/x.toml"]);
    assert_eq!(missing.status.code(), Some(2), "{}", told(&missing));
    assert!(
        told(&missing).contains("/nowhere/x.toml"),
        "{}",
        told(&missing)
    );
}

#[test]
fn an_experiment_that_is_met_is_reported_in_every_form() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let dir = stack.home.data_dir().with_file_name("reports");
    std::fs::create_dir(&dir).unwrap();
    let file = shipped("worker-down.toml");
    let mut args = vec!["chaos", "run", file.as_str(), "--json"];
    let files = ["html", "markdown", "junit", "journal"].map(|kind| {
        let path = dir.join(kind);
        (format!("--{kind}"), path.to_str().unwrap().to_owned())
    });
    args.extend(files.iter().flat_map(|(flag, path)| [&**flag, path]));

    let dry = stack.voteops(&["chaos", "run", &file, "--dry-run"]);
    let told_dry = told(&dry);
    let worker = format!(
        "stops worker-1 (process {}, SIGSTOP)",
        stack.pid("worker-1")
    );
    for line in [
        &worker,
        "the times of the file are divided by 30",
        "nothing was touched",
    ] {
        assert!(told_dry.contains(line), "{told_dry}");
    }
    assert_eq!(stack.audit(), "");

    let report = stack.met(&args);
    assert_schema("experiment.schema.json", &report);
    assert_eq!(report["verdict"], "met", "{report:#}");
    assert_eq!(report["alerts"][0]["alert"], "WorkerDown");
    assert!(report["alerts"][0]["firing_s"].is_number(), "{report:#}");
    let votes = &report["votes"];
    assert!(votes["accepted"].as_u64().unwrap() > 50, "{votes}");
    assert_eq!(
        (&votes["lost"], &votes["duplicated"]),
        (&0.into(), &0.into())
    );
    assert!(stack.no_faults_on_record());
    assert_ne!(state(stack.pid("worker-1")), Some('T'));

    let written = |kind| std::fs::read_to_string(dir.join(kind)).unwrap();
    assert!(written("html").contains("<svg "));
    assert!(written("markdown").contains("✔ met"));
    assert!(written("junit").contains(r#"failures="0" errors="0""#));
    let journal = written("journal");
    for line in journal.lines() {
        assert_schema(
            "experiment-journal.schema.json",
            &serde_json::from_str(line).unwrap(),
        );
    }
    assert!(
        journal.contains(r#""event":"verdict","verdict":"met""#),
        "{journal}"
    );
}

/// One of two workers hangs, which makes no alert fire.
const HALF: &str = r#"
title = "One worker is not all of them"
[hypothesis]
within = "10m"
[[hypothesis.probe]]
name = "votes are accepted"
promql = 'sum(rate(votes_accepted_total[1m]))'
above = 0
[expect]
fires = ["WorkerDown"]
[[method]]
fault = "stall-worker"
targets = 1
until = { alert = "WorkerDown", is = "firing", within = "1m" }
[[method]]
fault = "stall-redis"
for = "10m"
"#;

#[test]
fn what_deviates_is_named_and_nothing_is_touched_without_a_steady_state() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let report = stack.json(&["chaos", "run", &written(&stack, HALF), "--json"], 1);
    assert_schema("experiment.schema.json", &report);
    assert_eq!(report["verdict"], "deviated", "{report:#}");
    let deviations = [
        "step 1: WorkerDown was not firing within 2.0 s",
        "WorkerDown was expected to fire, and did not",
    ];
    assert_eq!(
        report["deviations"],
        Value::from(deviations.to_vec()),
        "{report:#}"
    );
    // What follows was to happen in that state.
    assert_eq!(report["steps"][1]["outcome"], "not_begun");
    assert_eq!(report["steps"][0]["targets"], Value::from(vec!["worker-1"]));
    assert!(!stack.audit().contains("stall-redis"));
    assert!(stack.no_faults_on_record());
    assert_ne!(state(stack.pid("worker-1")), Some('T'));

    let before = stack.audit();
    let unsteady = HALF
        .replace("above = 0", "above = 1e9")
        .replace("10m", "30s");
    let refused = stack.voteops(&["chaos", "run", &written(&stack, &unsteady)]);
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    let reason = "the hypothesis does not hold, so nothing was touched: votes are accepted: ";
    assert!(told(&refused).contains(reason), "{}", told(&refused));
    assert_eq!(stack.audit(), before);
}

/// Two faults at the same time.
const BOTH: &str = r#"
title = "Workers hang while votes take long"
[hypothesis]
[[hypothesis.probe]]
name = "votes are accepted"
promql = 'sum(rate(votes_accepted_total[1m]))'
above = 0
[[method]]
fault = "stall-worker"
for = "3h"
together = "both"
[[method]]
fault = "slow-votes"
for = "3h"
latency = "50ms"
together = "both"
"#;

/// The experiment on its way, with both faults in force.
fn both_in_force(stack: &Stack, file: &str) -> Child {
    let before = stack.audit().matches("\"injected\"").count();
    let runner = stack
        .home
        .command("voteops")
        .args(["chaos", "run", file, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("both faults are in force", || {
        stack.audit().matches("\"injected\"").count() == before + 2
    });
    assert_eq!(state(stack.pid("worker-1")), Some('T'));
    runner
}

#[test]
fn both_faults_are_undone_when_the_run_is_interrupted_or_killed() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let file = written(&stack, BOTH);
    let runner = both_in_force(&stack, &file);
    kill(i32::try_from(runner.id()).unwrap(), Signal::INT);
    let output = runner.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_schema("experiment.schema.json", &report);
    assert_eq!(
        (&report["verdict"], &report["reason"], &report["undone"]),
        (&"aborted".into(), &"interrupted".into(), &true.into())
    );
    assert_ne!(state(stack.pid("worker-1")), Some('T'));
    assert!(stack.no_faults_on_record());

    // A condition of the file ends the run as well; until the stall before is forgotten, it holds
    // already.
    let half = BOTH.replace(
        "for = \"3h\"\ntogether",
        "for = \"3h\"\ntargets = 1\ntogether",
    );
    let abort = "[abort]\nwhen = ['count(up{job=\"worker\"} == 1) < 2']\n";
    let ended = written(&stack, &format!("{half}{abort}"));
    let mut output = None;
    wait_until("the run is ended by its condition", || {
        let ended = stack.voteops(&["chaos", "run", &ended, "--json"]);
        let code = ended.status.code();
        output = Some(ended);
        code == Some(1)
    });
    let report: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    assert_eq!(
        (&report["verdict"], &report["undone"]),
        (&"aborted".into(), &true.into())
    );
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.starts_with("the stop condition holds: "), "{reason}");
    assert!(stack.no_faults_on_record());

    let file = written(&stack, BOTH);
    let mut runner = both_in_force(&stack, &file);
    runner.kill().unwrap();
    runner.wait().unwrap();
    wait_until("the guardians have undone both", || {
        stack.no_faults_on_record()
    });
    assert_ne!(state(stack.pid("worker-1")), Some('T'));
}
