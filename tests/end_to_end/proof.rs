//! `voteops chaos verify` proves, refutes and is interrupted.

use std::process::{Child, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Home, Stack, assert_schema, kill, state, told, wait_until};

#[test]
fn the_backlog_alert_is_proven_on_a_scaled_stack() {
    let stack = Home::new().stack(&["--time-scale", "30"]);

    let status = stack.json(&["status", "--json"], 0);
    assert_schema("status.schema.json", &status);
    for signal in status["signals"].as_array().unwrap() {
        assert!(
            signal["value"].is_number(),
            "{signal} has no value on a healthy stack"
        );
    }

    let report = stack.json(
        &["chaos", "verify", "CriticalVoteQueueBacklog", "--json"],
        0,
    );
    assert_schema("verify.schema.json", &report);
    assert_eq!(report["verdict"], "proven");
    assert_eq!(report["undone"], true);
    assert_eq!(
        (&report["votes"]["lost"], &report["votes"]["duplicated"]),
        (&0.into(), &0.into())
    );
    assert!(
        report["votes"]["recorded"].as_u64().unwrap() >= 3_000,
        "{report:#}"
    );
    for phase in report["phases"].as_array().unwrap() {
        let observed = phase["observed_s"].as_f64().unwrap();
        let (lo, hi) = (&phase["predicted_s"][0], &phase["predicted_s"][1]);
        assert!(
            (lo.as_f64().unwrap()..hi.as_f64().unwrap()).contains(&observed),
            "{phase}"
        );
    }
    assert!(stack.no_faults_on_record());

    let unknown = stack.voteops(&["chaos", "verify", "CriticalVoteQueueBaklog"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        told(&unknown).contains("did you mean CriticalVoteQueueBacklog?"),
        "{}",
        told(&unknown)
    );

    let flood = stack.json(
        &["chaos", "flood", "--rate", "50", "--for", "2s", "--json"],
        0,
    );
    assert_schema("flood.schema.json", &flood);
    assert_eq!(flood["accepted"], 100);
}

/// A verification on its way, with its fault in force.
fn verification(stack: &Stack) -> Child {
    let verify = stack
        .home
        .command("voteops")
        .args(["chaos", "verify", "CriticalVoteQueueBacklog", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the fault is in force", || {
        stack.audit().contains("injected")
    });
    verify
}

/// Its report, once it has ended with exit code 1.
fn not_proven(verify: Child) -> Value {
    let output = verify.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_schema("verify.schema.json", &report);
    assert_eq!(
        (&report["undone"], &report["votes"]["lost"]),
        (&true.into(), &0.into())
    );
    report
}

/// What proves can refute.
#[test]
fn an_alertmanager_that_hangs_refutes_the_proof() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let verify = verification(&stack);
    kill(stack.pid("alertmanager"), Signal::STOP);
    let report = not_proven(verify);
    assert_eq!(report["verdict"], "refuted");
    assert!(
        report["reason"]
            .as_str()
            .unwrap()
            .starts_with("notified: not seen"),
        "{report:#}"
    );
    assert_eq!(report["phases"][1]["ok"], true, "{report:#}");
    assert!(stack.no_faults_on_record());
}

#[test]
fn a_target_that_is_let_go_by_somebody_else_ends_the_proof() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let verify = verification(&stack);
    kill(stack.pid("worker-1"), Signal::CONT);
    let report = not_proven(verify);
    assert_eq!(report["verdict"], "aborted");
    assert_eq!(
        report["reason"],
        "worker-1 is not under the fault any more: somebody has undone the fault"
    );
    assert!(stack.no_faults_on_record());
}

#[test]
fn an_interrupted_proof_undoes_its_fault_and_says_so() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let worker = stack.pid("worker-1");
    let verify = verification(&stack);
    assert_eq!(state(worker), Some('T'));
    kill(i32::try_from(verify.id()).unwrap(), Signal::INT);
    let report = not_proven(verify);
    assert_eq!(
        (&report["verdict"], &report["reason"]),
        (&"aborted".into(), &"interrupted".into())
    );
    assert_ne!(state(worker), Some('T'));
    assert!(stack.no_faults_on_record());
}
