//! Floods on a real stack: what is planned is sent, and what is accepted is in the ledger.

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use voteops_chaos::load::draw;
use voteops_ledger::Ledger;

use crate::support::{Home, Stack, assert_schema, kill, state, told, wait_until};

/// The report of `voteops chaos flood` with these arguments. On a busy machine votes may be late,
/// so that the exit code may tell of a shortfall; it must not tell of anything else.
fn flood(stack: &Stack, args: &[&str]) -> (Value, Output) {
    let output = stack.voteops(&[&["chaos", "flood", "--json"], args].concat());
    let report = serde_json::from_slice(&output.stdout).unwrap();
    assert_schema("flood.schema.json", &report);
    (report, output)
}

/// The voters of a run that are in the ledger, once as many are as were accepted.
async fn recorded(stack: &Stack, report: &Value) -> Vec<String> {
    let ledger = Ledger::connect(&stack.file().ledger_url).unwrap();
    let prefix = format!("{}-", report["run_id"].as_str().unwrap());
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    loop {
        let rows = ledger.recorded(&prefix).await.unwrap();
        if rows.len() as u64 == report["accepted"].as_u64().unwrap() {
            return rows.into_iter().map(|(voter, _)| voter).collect();
        }
        let now = tokio::time::Instant::now();
        assert!(now < deadline, "{} recorded: {report:#}", rows.len());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ramps_weights_and_the_length_of_the_queue() {
    let stack = Home::new().stack(&["--time-scale", "30", "--votes-per-second", "0"]);
    a_ramp_is_in_the_ledger_with_its_weights(&stack).await;
    a_flood_ends_when_the_queue_is_long(&stack).await;
}

/// 100·t + 50·t² votes in 2 s.
async fn a_ramp_is_in_the_ledger_with_its_weights(stack: &Stack) {
    const VOTES: u64 = 400;
    let ramp = ["--rate", "100..300", "--for", "2s"];
    let draws = ["--choice", "cats=3,dogs", "--seed", "7"];
    let (report, output) = flood(stack, &[ramp, draws].concat());
    let code = i32::from(report["shortfall"].as_bool().unwrap());
    assert_eq!(output.status.code(), Some(code), "{}", told(&output));
    for count in ["planned", "sent", "accepted"] {
        assert_eq!(report[count], VOTES, "{report:#}");
    }
    assert_eq!(
        (&report["seed"], &report["ended_early"]),
        (&7.into(), &Value::Null)
    );
    let bars = report["latency_histogram"].as_array().unwrap();
    let in_bars: u64 = bars.iter().map(|bar| bar["votes"].as_u64().unwrap()).sum();
    assert_eq!(in_bars, VOTES);

    let mut voters = recorded(stack, &report).await;
    let name = |index| format!("{}-{index}", report["run_id"].as_str().unwrap());
    let mut expected: Vec<_> = (0..VOTES).map(name).collect();
    voters.sort();
    expected.sort();
    assert_eq!(voters, expected);

    let cats = (0..VOTES).filter(|index| draw(7, *index) % 4 < 3).count() as u64;
    let ledger = Ledger::connect(&stack.file().ledger_url).unwrap();
    let tally: BTreeMap<_, _> = ledger.tally().await.unwrap().into_iter().collect();
    assert_eq!((tally["cats"], tally["dogs"]), (cats, VOTES - cats));
}

async fn a_flood_ends_when_the_queue_is_long(stack: &Stack) {
    let workers = ["worker-1", "worker-2"].map(|name| stack.pid(name));
    let mut stall = stack.home.command("voteops");
    let stall = stall.args(["chaos", "stall-worker", "--for", "10m"]);
    let mut stall = stall.stdout(Stdio::null()).spawn().unwrap();
    wait_until("the workers are stalled", || {
        workers.map(state) == [Some('T'); 2]
    });
    let much = ["--rate", "200", "--for", "1h", "--stop-at-queue", "150"];
    let (report, output) = flood(stack, &much);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let early = &report["ended_early"];
    assert_eq!(early["reason"], "queue_length");
    assert!(early["queue_length"].as_u64().unwrap() >= 150, "{early}");
    assert!(told_early(early).contains("--stop-at-queue 150"), "{early}");
    assert_eq!(report["cancelled"], true);
    assert!(report["accepted"].as_u64().unwrap() >= 150, "{report:#}");

    // As long as that already: it ends before it has told of anything.
    let (again, output) = flood(stack, &much);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(again["ended_early"]["reason"], "queue_length");

    kill(
        i32::try_from(stall.id()).unwrap(),
        rustix::process::Signal::INT,
    );
    assert!(stall.wait().unwrap().success());
    for report in [report, again] {
        recorded(stack, &report).await;
    }
}

fn told_early(early: &Value) -> &str {
    early["told"].as_str().unwrap()
}

#[test]
fn floods_that_cannot_be_are_told_with_the_way_out() {
    let home = Home::new();
    let url = ["--url", "http://127.0.0.1:1"];
    for (args, words) in [
        (
            &["--rate", "1..x"][..],
            "'1..x' for '--rate <R|R..R>': 'x' is not a number; write votes per second, such as \
             500, or a ramp such as 100..2000",
        ),
        (&["--rate", "0..0"], "a ramp may begin or end with 0"),
        (
            &["--rate", "1..900000"],
            "it must be between 0.1 and 200000",
        ),
        (
            &["--rate", "1", "--choice", "cats=3,dogs=none"],
            "'dogs=none' for '--choice <ID[=WEIGHT]>': its weight 'none' is not a whole number \
             from 1 to 1000000; write cats=3",
        ),
        (
            &["--rate", "1", "--choice", "cats=3,cats"],
            "cats is named twice; name each choice once, with its weight behind it: cats=2",
        ),
        (
            &["--rate", "1", "--stop-at-queue", "9"],
            "--stop-at-queue is asked of the stack's Redis; leave --url out",
        ),
        (
            &["--rate", "1", "--connections", "65535"],
            "65535 connections to 127.0.0.1:1 need as many local ports, and there are",
        ),
        (&["--rate", "0.1"], "not a single vote is due in that time"),
    ] {
        let call = [&["chaos", "flood", "--for", "1s"], &url[..], args].concat();
        assert_refused(&home.voteops(&call), words);
    }
}

#[test]
fn more_connections_than_a_process_may_have_are_refused_before_any_is_made() {
    let home = Home::new();
    let voteops = home.command("voteops");
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]);
    limited.arg(voteops.get_program());
    for (name, value) in voteops.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let call = ["chaos", "flood", "--url", "http://127.0.0.1:1"];
    let much = ["--rate", "1", "--for", "1s", "--connections", "100"];
    let output = limited.args(call).args(much).output().unwrap();
    assert_refused(
        &output,
        "and a process may have 64; use fewer, or raise the limit",
    );
}

/// One line on standard error, and the exit code of wrong usage.
fn assert_refused(output: &Output, words: &str) {
    assert_eq!(output.status.code(), Some(2), "{}", told(output));
    let line = String::from_utf8_lossy(&output.stderr);
    assert!(
        line.starts_with("voteops: ") && line.contains(words),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1, "{line}");
}
