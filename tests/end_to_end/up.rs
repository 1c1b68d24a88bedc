//! `voteops up`, and that nothing outlives it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use voteops_local::component::{Kind, State};
use voteops_observability::prometheus::{Prometheus, RuleKind};
use voteops_observability::webhook::{ReceiverClient, WEBHOOK_PATH};

use crate::support::{Home, Stack, assert_nothing_runs_of, kill, told, wait_until};

#[tokio::test]
async fn an_unscaled_stack_loads_the_seeds_rule_to_the_letter() {
    let stack = Home::new().stack(&[]);
    let url = stack.file().url(Kind::Prometheus).unwrap();
    let groups = Prometheus::new(&url).unwrap().rules().await.unwrap().data;
    let rules: Vec<_> = groups.iter().flat_map(|group| &group.rules).collect();
    let seed = rules
        .iter()
        .find(|rule| rule.name == "CriticalVoteQueueBacklog")
        .unwrap();
    assert_eq!(seed.query, "avg_over_time(redis_queue_length[5m]) > 1000");
    assert!((seed.for_s - 300.0).abs() < f64::EPSILON);
    assert_eq!(seed.labels.len(), 1);
    assert_eq!(seed.labels["severity"], "critical");
    assert_eq!(
        seed.annotations["summary"],
        "Antrean voting Redis memiliki > 1000 item selama 5 menit."
    );
    assert_eq!(
        seed.annotations["description"],
        "Worker mungkin macet atau tidak berjalan cukup cepat untuk memproses voting."
    );
    let alerting = rules.iter().filter(|rule| rule.kind == RuleKind::Alerting);
    assert_eq!(
        alerting.count(),
        voteops_observability::rules::shipped().unwrap().len()
    );
    let unhealthy: Vec<_> = rules
        .iter()
        .filter_map(|rule| rule.last_error.as_ref())
        .collect();
    assert!(
        unhealthy.iter().all(|error| error.is_empty()),
        "{unhealthy:?}"
    );
    let status = stack.voteops(&["status"]);
    assert!(status.status.success(), "{}", told(&status));
    assert!(
        told(&status).contains("Watchdog fires"),
        "{}",
        told(&status)
    );
}

#[tokio::test]
async fn the_heartbeat_arrives_and_is_no_notification() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let url = stack.file().url(Kind::Webhook).unwrap();
    let receiver = ReceiverClient::new(&url).unwrap();
    // Once is the first notification; twice, that it goes on.
    while receiver.heartbeat().await.unwrap().count < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(receiver.after(0).await.unwrap(), []);
}

#[test]
fn nothing_outlives_a_killed_front_or_a_killed_supervisor() {
    for victim in ["front", "supervisor"] {
        let home = Home::new();
        let mut front = home
            .up(&["--no-tui", "--time-scale", "30"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let dir = home.data_dir();
        wait_until("the stack serves", || {
            voteops_local::StackFile::read(&dir)
                .is_some_and(|stack| stack.components.iter().all(|c| c.state == State::Healthy))
        });
        let stack = voteops_local::StackFile::read(&dir).unwrap();
        let supervisor = stack.supervisor.pid;
        if victim == "front" {
            front.kill().unwrap();
        } else {
            kill(i32::try_from(supervisor).unwrap(), Signal::KILL);
        }
        let status = front.wait().unwrap();
        assert!(!status.success());
        assert_nothing_runs_of(&stack);
        let none = home.voteops(&["status"]);
        assert_eq!(none.status.code(), Some(3), "{}", told(&none));
        assert!(told(&none).contains("no stack is running; start one with `voteops up`"));
    }
}

/// A console that is suspended, for one, reads nothing of what the supervisor tells.
#[test]
fn a_front_that_does_not_read_holds_up_nothing() {
    let home = Home::new();
    let mut front = home
        .up(&["--no-tui", "--time-scale", "30"])
        // They are for other servers, of the caller's.
        .env("REDIS_PASSWORD", "of-another")
        .env("REDIS_ADDR", "redis://127.0.0.1:1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let dir = home.data_dir();
    let read = || voteops_local::StackFile::read(&dir);
    wait_until("the stack serves", || {
        read().is_some_and(|stack| stack.components.iter().all(|c| c.state == State::Healthy))
    });
    let stack = read().unwrap();
    let front_pid = i32::try_from(front.id()).unwrap();
    kill(front_pid, Signal::STOP);
    let receiver = stack.url(Kind::Webhook).unwrap();
    // More than a pipe holds, each told as an event.
    for _ in 0..1500 {
        notify(&receiver);
    }
    let worker = stack.of_kind(Kind::Worker).next().unwrap();
    kill(i32::try_from(worker.pid.unwrap()).unwrap(), Signal::KILL);
    wait_until("it is started again", || {
        let stack = read().unwrap();
        let now = stack.of_kind(Kind::Worker).next().unwrap();
        now.pid != worker.pid && now.state == State::Healthy
    });
    let down = home.voteops(&["down"]);
    assert!(down.status.success(), "{}", told(&down));
    assert_nothing_runs_of(&stack);
    kill(front_pid, Signal::CONT);
    front.kill().unwrap();
    front.wait().unwrap();
}

#[test]
fn two_stacks_that_are_started_at_once_have_ports_of_their_own() {
    /// Stacks of one user, which end with the test.
    struct Both([Home; 2]);
    impl Drop for Both {
        fn drop(&mut self) {
            for home in &self.0 {
                let mut down = home.command("voteops");
                down.arg("down").arg("--data-dir").arg(home.data_dir());
                let _ = down.output();
            }
        }
    }
    let both = Both([Home::new(), Home::new()]);
    let homes = &both.0;
    let ports = homes[0].port_base().to_string();
    let starts = homes.each_ref().map(|home| {
        let mut command = home.command("voteops");
        command
            .args([
                "up",
                "--detach",
                "--time-scale",
                "30",
                "--port-base",
                &ports,
            ])
            .arg("--data-dir")
            .arg(home.data_dir())
            // One user has started both.
            .env("XDG_STATE_HOME", homes[0].state_dir())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    });
    for start in starts {
        let output = start.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
    }
    let urls = homes.each_ref().map(|home| {
        let stack = voteops_local::StackFile::read(&home.data_dir()).unwrap();
        let components = stack.components.into_iter();
        components
            .filter_map(|component| component.url)
            .collect::<Vec<_>>()
    });
    assert!(urls[0].len() > 8, "{urls:?}");
    assert!(urls[0].iter().all(|url| !urls[1].contains(url)), "{urls:?}");
}

/// Posts a notification as Alertmanager does.
fn notify(receiver: &url::Url) {
    let body = r#"{"status":"firing","alerts":[{"status":"firing","labels":{"alertname":"A"},"startsAt":"2026-11-25T10:00:00Z"}]}"#;
    let address = receiver.socket_addrs(|| None).unwrap()[0];
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST {WEBHOOK_PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_second_stack_and_a_taken_port_are_told() {
    let home = Home::new();
    let port = home.port_base();
    let _held = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let output = home
        .up(&["--detach", "--time-scale", "30"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let expected = format!("port {port} is held by ");
    assert!(told(&output).contains(&expected), "{}", told(&output));
    assert!(told(&output).contains(&format!(
        "(pid {}); vote-app-1 listens on",
        std::process::id()
    )));
    let stack = Stack { home };

    let second = stack.home.up(&["--detach"]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let line = String::from_utf8(second.stderr).unwrap();
    assert!(line.contains("a stack already runs in ") && line.contains("`voteops down` stops it"));
    assert_eq!(line.lines().count(), 1);
}

#[test]
fn a_start_that_cannot_succeed_says_why_and_leaves_nothing() {
    let home = Home::new();
    let url = "postgres://ann:s3cret@127.0.0.1:1/votes?connect_timeout=1";
    // A worker without its database never serves; a bad URL is refused before anything starts.
    let refused = home
        .up(&["--detach", "--database-url", "postgres://ann:s3/cret@h"])
        .output();
    let refused = refused.unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    let mut up = home
        .up(&["--no-tui", "--database-url", url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let dir = home.data_dir();
    wait_until("a worker is told as not serving", || {
        let events = std::fs::read_to_string(dir.join("events.jsonl")).unwrap_or_default();
        events
            .lines()
            .any(|line| line.contains("worker-1") && line.contains("unhealthy"))
    });
    let stack = voteops_local::StackFile::read(&dir).unwrap();
    let line = std::fs::read(format!("/proc/{}/cmdline", stack.supervisor.pid)).unwrap();
    assert!(!String::from_utf8_lossy(&line).contains("s3cret"));
    kill(i32::try_from(up.id()).unwrap(), Signal::INT);
    assert_eq!(up.wait().unwrap().code(), Some(130), "it never was up");
    let alive = stack
        .components
        .iter()
        .filter_map(|c| Some((c.pid?, c.start_ticks?)));
    for (pid, start_ticks) in alive {
        let process = voteops_local::stack_file::ProcessId { pid, start_ticks };
        wait_until("it is gone", || !process.is_alive());
    }
}
