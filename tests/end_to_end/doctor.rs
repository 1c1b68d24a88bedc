//! `voteops doctor`: all green on a stack that is well, and each fault that is made is named by the right
//! line, with its way out.

mod before_a_start;
mod stand_ins;

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use voteops_local::component::Kind;
use voteops_local::packages::REDIS_EXPORTER;

use crate::support::{Home, PATIENCE, Stack, assert_schema, kill, told, wait_until};

/// What `voteops doctor` found, in whichever directory.
fn findings(home: &Home, dir: &Path, args: &[&str]) -> Vec<Value> {
    let mut doctor = home.command("voteops");
    doctor.args(["doctor", "--json"]).args(args);
    let output = doctor.current_dir(dir).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", told(&output)));
    assert_schema("doctor.schema.json", &report);
    report["findings"].as_array().unwrap().clone()
}

/// Whether a check found this, with this way out.
fn names(findings: &[Value], check: &str, verdict: &str, found: &str, way_out: &str) -> bool {
    findings.iter().any(|finding| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default();
        text("check") == check
            && text("verdict") == verdict
            && text("found").contains(found)
            && text("way_out").contains(way_out)
    })
}

fn is_well(finding: &Value) -> bool {
    ["ok", "skipped"].contains(&finding["verdict"].as_str().unwrap())
}

/// Whether something holds before patience is over.
fn within_patience(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

impl Stack {
    fn findings(&self) -> Vec<Value> {
        // A server that hangs is not waited for as long as a person would.
        findings(&self.home, &self.home.data_dir(), &["--time-limit", "2s"])
    }

    fn wait_until_green(&self) {
        wait_until("the doctor has nothing to say", || {
            self.findings().iter().all(is_well)
        });
    }

    /// Waits until all is well, but for what is told for a while of alerts that Prometheus dropped: it does
    /// so whenever it reads its configuration, until it has found Alertmanager again.
    fn wait_until_recovered(&self) {
        let dropped = |finding: &Value| {
            let found = finding["found"].as_str().unwrap();
            finding["check"] == "alert-route"
                && found.contains("alerts lately; Alertmanager answers")
        };
        wait_until("the doctor has nothing to say of now", || {
            let mut findings = self.findings().into_iter();
            findings.all(|finding| is_well(&finding) || dropped(&finding))
        });
    }

    /// Makes a fault, waits until it is told as it should be, undoes it, and waits until all is well.
    fn suffers(
        &self,
        make: impl FnOnce(),
        [check, verdict, found, way_out]: [&str; 4],
        undo: impl FnOnce(),
    ) {
        make();
        let mut last = Vec::new();
        let what = format!("{check} is {verdict}: {found} → {way_out}");
        let told = || {
            last = self.findings();
            names(&last, check, verdict, found, way_out)
        };
        let seen = within_patience(told);
        undo();
        assert!(seen, "never told: {what}; last: {last:#?}");
        self.wait_until_recovered();
    }

    /// A process that stands stopped.
    fn suffers_a_stop(&self, name: &str, told: [&str; 4]) {
        let pid = self.pid(name);
        self.suffers(|| kill(pid, Signal::STOP), told, || kill(pid, Signal::CONT));
    }

    /// A configuration file in which something was replaced, read by a server.
    fn suffers_a_change(&self, server: &str, file: &str, change: [&str; 2], told: [&str; 4]) {
        let path = self.home.data_dir().join("config").join(file);
        let right = std::fs::read_to_string(&path).unwrap();
        assert!(
            right.contains(change[0]),
            "{file} has no {}: {right}",
            change[0]
        );
        let pid = self.pid(server);
        let write = |text: &str| {
            std::fs::write(&path, text).unwrap();
            kill(pid, Signal::HUP);
        };
        let wrong = right.replace(change[0], change[1]);
        self.suffers(|| write(&wrong), told, || write(&right));
    }
}

#[test]
fn a_stack_that_is_well_is_green_and_each_fault_is_named_with_its_way_out() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    stack.wait_until_green();
    let healthy = stack.voteops(&["doctor"]);
    assert_eq!(healthy.status.code(), Some(0), "{}", told(&healthy));
    assert!(!told(&healthy).contains('\u{1b}'), "{}", told(&healthy));

    processes_that_stand_stopped(&stack);
    rules_that_are_wrong(&stack);
    addresses_that_are_wrong(&stack);
    an_exporter_without_the_key(&stack);
    a_fault_that_was_left_behind(&stack);
    stack.wait_until_green();

    // What is asked along the whole way arrives.
    let probed = findings(&stack.home, &stack.home.data_dir(), &["--probe"]);
    let arrived = "an alert that was sent arrived";
    assert!(
        names(&probed, "alert-route", "ok", arrived, ""),
        "{probed:#?}"
    );
    stand_ins::are_examined(&stack);
}

fn processes_that_stand_stopped(stack: &Stack) {
    stack.suffers_a_stop(
        "prometheus",
        [
            "prometheus",
            "failed",
            "hangs: no answer within 2 s",
            "kill -CONT",
        ],
    );
    stack.suffers_a_stop(
        "alertmanager",
        [
            "alertmanager",
            "failed",
            "hangs: no answer within 2 s",
            "kill -CONT",
        ],
    );
    stack.suffers_a_stop(
        "redis-exporter",
        [
            "targets",
            "failed",
            "1 of 1 of job redis down",
            "it hangs: `kill -CONT",
        ],
    );
    stack.suffers_a_stop(
        "worker-2",
        ["processes", "failed", "worker-2 (pid ", "`kill -CONT"],
    );
    stack.suffers_a_stop(
        "redis",
        ["services", "failed", "cannot reach redis", "`kill -CONT"],
    );
}

fn rules_that_are_wrong(stack: &Stack) {
    stack.suffers_a_change(
        "prometheus",
        "rules/worker.yml",
        ["avg_over_time(", "avg_over_tyme("],
        [
            "configuration",
            "failed",
            "prometheus refused the configuration",
            "`promtool check config",
        ],
    );
    stack.suffers_a_change(
        "prometheus",
        "rules/worker.yml",
        ["> 1000", "> 5000"],
        [
            "rules",
            "warning",
            "CriticalVoteQueueBacklog is not as it is shipped: its threshold is 5000, shipped is 1000",
            "`kill -HUP",
        ],
    );
    stack.suffers_a_change(
        "prometheus",
        "rules/worker.yml",
        ["alert: WorkerDown", "alert: WorkersDown"],
        [
            "rules",
            "failed",
            "not in force: WorkerDown (WorkersDown is there instead)",
            "promtool",
        ],
    );
}

fn addresses_that_are_wrong(stack: &Stack) {
    let file = stack.file();
    let port = |kind| file.url(kind).unwrap().port().unwrap();
    let free = free_port();
    stack.suffers_a_change(
        "prometheus",
        "prometheus.yml",
        ["job_name: worker", "job_name: workers"],
        [
            "targets",
            "failed",
            "job workers is scraped instead",
            "call it worker again",
        ],
    );
    let alertmanager = format!("127.0.0.1:{}", port(Kind::Alertmanager));
    stack.suffers_a_change(
        "prometheus",
        "prometheus.yml",
        [&alertmanager, &format!("127.0.0.1:{free}")],
        [
            "alert-route",
            "failed",
            "Prometheus sends alerts to",
            "under alerting in prometheus.yml",
        ],
    );
    let receiver = format!("127.0.0.1:{}/", port(Kind::Webhook));
    stack.suffers_a_change(
        "alertmanager",
        "alertmanager.yml",
        [&receiver, &format!("127.0.0.1:{free}/")],
        [
            "alert-route",
            "failed",
            "nobody listens at",
            "alertmanager.yml",
        ],
    );
}

/// The exporter does its work without being told of the queue, whose length it then does not export.
fn an_exporter_without_the_key(stack: &Stack) {
    let port = free_port();
    let file = stack.file();
    let redis = file.url(Kind::Redis).unwrap();
    let exporter = || {
        let mut exporter = Command::new(REDIS_EXPORTER.find().unwrap());
        exporter
            .arg(format!("--redis.addr={redis}"))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(Stdio::null());
        Started(exporter.spawn().unwrap())
    };
    let running = exporter();
    let usual = file.url(Kind::RedisExporter).unwrap().port().unwrap();
    stack.suffers_a_change(
        "prometheus",
        "prometheus.yml",
        [&format!("127.0.0.1:{usual}"), &format!("127.0.0.1:{port}")],
        [
            "metrics",
            "failed",
            "nobody exports redis_queue_length; read by CriticalVoteQueueBacklog",
            "--check-single-keys=db0=votes",
        ],
    );
    drop(running);
}

/// A process that ends with the test.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn a_fault_that_was_left_behind(stack: &Stack) {
    let dir = stack.home.data_dir();
    let begin = || {
        let mut stall = stack.home.command("voteops");
        stall.args([
            "chaos",
            "stall-worker",
            "--workers",
            "1",
            "--for",
            "10m",
            "--data-dir",
        ]);
        let stall = stall.arg(&dir).stdout(Stdio::null()).stderr(Stdio::null());
        let mut runner = Started(stall.spawn().unwrap());
        let mut guardian = None;
        wait_until("a guardian is on record", || {
            guardian = guardian_of(&dir.join("chaos/faults"));
            guardian.is_some()
        });
        let in_force = [
            "faults",
            "warning",
            "in force: stall-worker",
            "voteops chaos status",
        ];
        wait_until("the fault is told as in force", || {
            let [check, verdict, found, way_out] = in_force;
            names(&stack.findings(), check, verdict, found, way_out)
        });
        // Both that look after it, the guardian first: it would undo the fault.
        kill(guardian.unwrap(), Signal::KILL);
        let _ = runner.0.kill();
    };
    stack.suffers(
        begin,
        [
            "faults",
            "failed",
            "left behind: stall-worker",
            "`voteops chaos recover`",
        ],
        || {
            let recovered = stack.voteops(&["chaos", "recover"]);
            assert!(recovered.status.success(), "{}", told(&recovered));
        },
    );
}

/// The guardian of the only fault on record.
fn guardian_of(faults: &Path) -> Option<i32> {
    let record = std::fs::read_dir(faults).ok()?.flatten().next()?;
    let record: Value = serde_json::from_slice(&std::fs::read(record.path()).ok()?).ok()?;
    i32::try_from(record["guardian"]["pid"].as_i64()?).ok()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
