//! Faults inside the services of a stack, through their admin listeners.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tokio::time::{Instant, sleep};
use url::Url;
use voteops_chaos::faults::lease::AdminClient;
use voteops_local::StackFile;
use voteops_local::component::{Component, Kind};
use voteops_observability::prometheus::Prometheus;
use voteops_observability::signals::single_value;

use crate::support::{Home, PATIENCE, assert_schema, kill, told, wait_until};

/// Outlives every test.
const LEASE: Duration = Duration::from_mins(30);

fn admin(stack: &StackFile, component: &Component) -> AdminClient {
    let url = component.admin_url.as_ref().unwrap().parse().unwrap();
    AdminClient::new(&url, stack.admin_token_file.as_ref().unwrap()).unwrap()
}

/// Waits until Prometheus has a value above zero for `expr`.
async fn seen(prometheus: &Prometheus, expr: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = prometheus.query(expr, None).await.unwrap();
        if single_value(&answer.data).is_some_and(|value| value > 0.0) {
            return;
        }
        assert!(Instant::now() < deadline, "waited in vain for {expr}");
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn failing_votes_are_seen_by_prometheus_until_the_fault_is_ended() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let file = stack.file();
    let prometheus = Prometheus::new(&file.url(Kind::Prometheus).unwrap()).unwrap();
    let app = file.of_kind(Kind::VoteApp).next().unwrap();
    let url: Url = app.url.as_ref().unwrap().parse().unwrap();
    let instance = format!("instance=\"127.0.0.1:{}\"", url.port().unwrap());
    let rate = |status: &str| {
        let labels = format!("{instance},route=\"/vote\",status=\"{status}\"");
        format!("sum(rate(http_request_duration_seconds_count{{{labels}}}[3s]))")
    };
    let active = format!("voteops_fault_active{{{instance},fault=\"fail-votes\"}}");
    seen(&prometheus, &format!("{active} == bool 0")).await;

    let client = admin(&file, app);
    let fault = json!({ "status": 500, "share": 0.5 });
    let put = client.put("fail-votes", LEASE, &fault).await.unwrap();
    assert_eq!(client.list().await.unwrap(), [put]);
    seen(&prometheus, &active).await;
    // Half of the votes fail, and the others are taken.
    seen(&prometheus, &rate("500")).await;
    seen(&prometheus, &rate("202")).await;

    client.delete("fail-votes").await.unwrap();
    assert_eq!(client.list().await.unwrap(), []);
    seen(&prometheus, &format!("{active} == bool 0")).await;
    let over = format!("({} == bool 0) and ({} > 0)", rate("500"), rate("202"));
    seen(&prometheus, &over).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_inside_services_ends_whoever_is_killed() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let file = stack.file();
    let apps: Vec<_> = file.of_kind(Kind::VoteApp).collect();
    let clients: Vec<_> = apps.iter().map(|app| admin(&file, app)).collect();
    let in_force = || {
        let handle = tokio::runtime::Handle::current();
        let of = |client: &AdminClient| handle.block_on(client.list()).unwrap().len();
        tokio::task::block_in_place(|| clients.iter().map(of).sum::<usize>())
    };
    let begin = || {
        let mut command = stack.home.command("voteops");
        command.args(["chaos", "slow-votes", "--for", "10m", "--latency", "5ms"]);
        let runner = command.stdout(Stdio::null()).spawn().unwrap();
        wait_until("both vote apps are slow", || in_force() == 2);
        runner
    };
    let dry = stack.voteops(&["chaos", "slow-votes", "--dry-run"]);
    assert!(
        told(&dry).contains("asks vote-app-2 (process"),
        "{}",
        told(&dry)
    );
    assert_eq!(in_force(), 0);

    let mut runner = begin();
    let status = stack.voteops(&["chaos", "status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_schema("chaos-status.schema.json", &status);
    assert_eq!(status[0]["targets"][1]["hold"], "held");
    runner.kill().unwrap();
    runner.wait().unwrap();
    wait_until("the guardian has ended it", || stack.no_faults_on_record());
    assert_eq!(in_force(), 0);

    // With its guardian killed as well, the services end it themselves, and the record is told of.
    let mut runner = begin();
    let faults = stack.home.data_dir().join("chaos/faults");
    let record = std::fs::read_dir(faults).unwrap().next().unwrap().unwrap();
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(record.path()).unwrap()).unwrap();
    // The guardian first: its runner undoes the fault when it sees that it is alone.
    let stopped = i32::try_from(runner.id()).unwrap();
    kill(stopped, Signal::STOP);
    kill(
        i32::try_from(record["guardian"]["pid"].as_i64().unwrap()).unwrap(),
        Signal::KILL,
    );
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert_eq!(in_force(), 2);
    wait_until("nobody renews it, so it ends", || in_force() == 0);
    let status = stack.voteops(&["chaos", "status"]);
    assert_eq!(status.status.code(), Some(4), "{}", told(&status));
    let recovered = stack.voteops(&["chaos", "recover"]);
    assert!(recovered.status.success(), "{}", told(&recovered));
    assert!(stack.no_faults_on_record());
}

#[tokio::test]
async fn every_service_has_an_admin_listener_and_the_token_is_in_its_file_only() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let file = stack.file();
    let token_file = file.admin_token_file.clone().unwrap();
    let mode = std::fs::metadata(&token_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = std::fs::read_to_string(&token_file).unwrap();
    assert_eq!(token.len(), 64);

    let services = |kind: &Kind| [Kind::VoteApp, Kind::Worker].contains(kind);
    for component in &file.components {
        assert_eq!(component.admin_url.is_some(), services(&component.kind));
        if component.admin_url.is_some() {
            assert_eq!(admin(&file, component).list().await.unwrap(), []);
        }
        let pid = component.pid.unwrap();
        for of_process in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{pid}/{of_process}")).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(&token), "{} {of_process}", component.name);
        }
    }
    let data_dir = stack.home.data_dir();
    let logs = std::fs::read_dir(data_dir.join("logs")).unwrap();
    let logs: Vec<_> = logs.map(|entry| entry.unwrap().path()).collect();
    assert!(logs.len() > 8, "{logs:?}");
    let written = ["stack.json", "events.jsonl"].map(|name| data_dir.join(name));
    for path in logs.iter().chain(&written) {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(!text.contains(&token), "{}", path.display());
    }
}
