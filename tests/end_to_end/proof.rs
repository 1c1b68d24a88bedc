//! `voteops chaos verify` proves, refutes and is interrupted.

use std::process::Stdio;

use rustix::process::Signal;

use crate::support::{Home, assert_schema, kill, state, told, wait_until};

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
}

/// What proves can refute: a worker that is let go behind the verification's back keeps the queue
/// short, so the alert must not be told as proven.
#[test]
fn a_fault_that_is_lifted_behind_its_back_refutes_the_proof() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let worker = stack.pid("worker-1");
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
    kill(worker, Signal::CONT);
    let output = verify.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_schema("verify.schema.json", &report);
    assert_eq!(report["verdict"], "refuted");
    assert!(
        report["reason"]
            .as_str()
            .unwrap()
            .starts_with("pending: not seen"),
        "{report:#}"
    );
    assert_eq!(
        (&report["undone"], &report["votes"]["lost"]),
        (&true.into(), &0.into())
    );
    assert!(stack.no_faults_on_record());
}

#[test]
fn an_interrupted_proof_undoes_its_fault_and_says_so() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let worker = stack.pid("worker-1");
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
    assert_eq!(state(worker), Some('T'));
    kill(i32::try_from(verify.id()).unwrap(), Signal::INT);
    let output = verify.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_schema("verify.schema.json", &report);
    assert_eq!(
        (&report["verdict"], &report["undone"]),
        (&"aborted".into(), &true.into())
    );
    assert_ne!(state(worker), Some('T'));
    assert!(stack.no_faults_on_record());
}
