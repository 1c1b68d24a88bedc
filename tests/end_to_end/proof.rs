//! `voteops chaos verify` proves, refutes and is interrupted.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use voteops_local::component::Kind;

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

    let report = stack.proven(&["CriticalVoteQueueBacklog"]);
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
}

/// A verification on its way, with its fault in force.
fn verification(stack: &Stack) -> Child {
    let injected = || stack.audit().matches("\"injected\"").count();
    let before = injected();
    let verify = stack
        .home
        .command("voteops")
        .args(["chaos", "verify", "CriticalVoteQueueBacklog", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the fault is in force", || injected() > before);
    verify
}

/// Has a proof be refuted by something that is done in the midst of it, and undone afterwards. A machine
/// that does other things besides may make another step late first: there are three attempts.
fn refuted_by(stack: &Stack, spoil: impl Fn(), mend: impl Fn(), is_told: impl Fn(&Value) -> bool) {
    for _ in 0..3 {
        let verify = verification(stack);
        spoil();
        let report = not_proven(verify);
        mend();
        assert_eq!(report["verdict"], "refuted", "{report:#}");
        assert!(stack.no_faults_on_record());
        if is_told(&report) {
            return;
        }
        eprintln!("refuted otherwise this time: {report:#}");
    }
    panic!("never refuted by what was done");
}

/// Whether it fired in time and nothing was heard of it.
fn is_unheard(report: &Value) -> bool {
    let reason = report["reason"].as_str().unwrap();
    reason.starts_with("notified: not seen") && report["phases"][1]["ok"] == true
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
    let alertmanager = stack.pid("alertmanager");
    refuted_by(
        &stack,
        || kill(alertmanager, Signal::STOP),
        || kill(alertmanager, Signal::CONT),
        is_unheard,
    );
}

#[test]
fn a_receiver_that_is_away_refutes_the_proof() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let config = stack.home.data_dir().join("config/alertmanager.yml");
    let text = std::fs::read_to_string(&config).unwrap();
    let webhook = stack.file().url(Kind::Webhook).unwrap();
    let port = format!(":{}/", webhook.port().unwrap());
    assert!(text.contains(&port), "{text}");
    // Nobody listens there.
    std::fs::write(&config, text.replace(&port, ":1/")).unwrap();
    kill(stack.pid("alertmanager"), Signal::HUP);
    refuted_by(&stack, || {}, || {}, is_unheard);
}

#[test]
fn an_exporter_that_hangs_refutes_the_proof() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let exporter = stack.pid("redis-exporter");
    refuted_by(
        &stack,
        || kill(exporter, Signal::STOP),
        || kill(exporter, Signal::CONT),
        |report| {
            let reason = report["reason"].as_str().unwrap();
            reason.starts_with("pending: not seen")
        },
    );
}

#[test]
fn a_threshold_that_is_raised_meanwhile_refutes_the_proof() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let rules = stack.home.data_dir().join("config/rules/worker.yml");
    let text = std::fs::read_to_string(&rules).unwrap();
    let raised = text.replace("> 1000", "> 1000000");
    assert_ne!(raised, text);
    let verify = verification(&stack);
    std::fs::write(&rules, raised).unwrap();
    kill(stack.pid("prometheus"), Signal::HUP);
    let report = not_proven(verify);
    assert_eq!(report["verdict"], "refuted");
    assert!(stack.no_faults_on_record());

    let refused = stack.voteops(&["chaos", "verify", "CriticalVoteQueueBacklog", "--json"]);
    let report: Value = serde_json::from_slice(&refused.stdout).unwrap();
    let reason = report["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("rule: ") && reason.contains("1000000"),
        "{reason}"
    );
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

#[test]
fn alerts_of_every_way_to_do_harm_are_proven_one_after_the_other() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let alerts = [
        ("RedisMemoryHigh", "fill-redis"),
        ("VoteAppErrorBudgetBurnFast", "fail-votes"),
        ("RedisDown", "stall-redis"),
        ("WorkerDown", "kill-worker"),
    ];
    let mut args = alerts.map(|(alert, _)| alert).to_vec();
    let dir = stack.home.data_dir().with_file_name("reports");
    std::fs::create_dir(&dir).unwrap();
    let files = ["html", "markdown", "junit", "journal"].map(|kind| {
        let path = dir.join(kind);
        (format!("--{kind}"), path.to_str().unwrap().to_owned())
    });
    args.extend(files.iter().flat_map(|(flag, path)| [&**flag, path]));
    let reports = stack.proven(&args);
    let written = |kind| std::fs::read_to_string(dir.join(kind)).unwrap();
    assert!(written("html").contains("4 of 4 alerts are proven"));
    assert_eq!(written("html").matches("<svg ").count(), 4);
    assert!(written("markdown").starts_with("# 4 of 4 alerts are proven"));
    assert!(written("junit").contains(r#"tests="4" skipped="0" failures="0" errors="0""#));
    let journal = written("journal");
    for line in journal.lines() {
        assert_schema("journal.schema.json", &serde_json::from_str(line).unwrap());
    }
    assert_eq!(journal.matches(r#""verdict":"proven""#).count(), 4);
    assert_schema("verify.schema.json", &reports);
    assert_eq!(reports.as_array().unwrap().len(), alerts.len());
    for (report, (alert, fault)) in reports.as_array().unwrap().iter().zip(alerts) {
        assert_eq!(
            (&report["alert"], &report["fault"]),
            (&alert.into(), &fault.into())
        );
        assert_eq!(report["verdict"], "proven", "{report:#}");
        for phase in report["phases"].as_array().unwrap() {
            assert_eq!(phase["ok"], true, "{phase}");
        }
        // A few votes are cast and counted during each.
        assert!(
            report["votes"]["recorded"].as_u64().unwrap() > 50,
            "{report:#}"
        );
    }
    assert!(stack.no_faults_on_record());

    let useless = stack.voteops(&["chaos", "verify", "RedisDown", "--fault", "slow-worker"]);
    assert_eq!(useless.status.code(), Some(2), "{}", told(&useless));
    assert!(
        told(&useless).contains("would prove nothing"),
        "{}",
        told(&useless)
    );
    assert!(!stack.audit().contains("slow-worker"));
    let nowhere = ["--html", "/nowhere/page.html"];
    let unwritten = stack.voteops(&[&["chaos", "verify", "RedisDown"][..], &nowhere].concat());
    assert_eq!(unwritten.status.code(), Some(2), "{}", told(&unwritten));
    assert!(
        told(&unwritten).contains("/nowhere/page.html"),
        "{}",
        told(&unwritten)
    );
}

/// Says a command to the stack's Redis and gives the first line of its answer.
fn redis(stack: &Stack, command: &str) -> String {
    let url = stack.file().url(Kind::Redis).unwrap();
    let address = (url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(format!("{command}\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    answer.trim_end().to_owned()
}

#[test]
fn a_changed_rule_and_a_lost_vote_are_named_by_the_verdict() {
    let stack = Home::new().stack(&["--time-scale", "30"]);

    // Votes that were accepted vanish from the queue while nobody works on it.
    let verify = stack
        .home
        .command("voteops")
        .args(["chaos", "verify", "WorkerDown", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("votes pile up", || {
        let length = redis(&stack, "XLEN votes");
        length.trim_start_matches(':').parse::<u32>().unwrap() > 80
    });
    let trimmed = redis(&stack, "XTRIM votes MAXLEN = 5");
    assert!(trimmed.starts_with(':') && trimmed != ":0", "{trimmed}");
    let output = verify.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "refuted");
    let lost = report["votes"]["lost"].as_u64().unwrap();
    assert!(lost > 0, "{report:#}");
    let told_lost = format!("{lost} accepted votes are not in the ledger");
    assert_eq!(report["reason"], told_lost);
    assert_eq!(
        report["votes"]["lost_ids"].as_array().unwrap().len() as u64,
        lost.min(100)
    );

    // A rule that is not the one that is shipped proves nothing about that.
    let rules = stack.home.data_dir().join("config/rules/worker.yml");
    let text = std::fs::read_to_string(&rules).unwrap();
    let slower = text.replace("for: 2s", "for: 4s");
    assert_ne!(slower, text);
    std::fs::write(&rules, slower).unwrap();
    kill(stack.pid("prometheus"), Signal::HUP);
    let mut report = Value::Null;
    wait_until("the rule is loaded", || {
        let output = stack.voteops(&["chaos", "verify", "WorkerDown", "--json"]);
        report = serde_json::from_slice(&output.stdout).unwrap_or_default();
        report["reason"] == "rule: its `for` is 4 s, and is shipped as 2 s"
    });
    assert_eq!(report["verdict"], "refuted");
    assert_schema("verify.schema.json", &report);
    assert!(stack.no_faults_on_record());
}
