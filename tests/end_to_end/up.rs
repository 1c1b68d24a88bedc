//! `voteops up`, and that nothing outlives it.

use std::process::Stdio;

use rustix::process::Signal;
use voteops_local::component::{Kind, State};
use voteops_observability::prometheus::Prometheus;

use crate::support::{Home, Stack, assert_nothing_runs_in, kill, told, wait_until};

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
    assert_eq!(
        rules.len(),
        voteops_observability::rules::shipped().unwrap().len()
    );
    let status = stack.voteops(&["status"]);
    assert!(status.status.success(), "{}", told(&status));
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
        let supervisor = voteops_local::StackFile::read(&dir).unwrap().supervisor.pid;
        if victim == "front" {
            front.kill().unwrap();
        } else {
            kill(i32::try_from(supervisor).unwrap(), Signal::KILL);
        }
        let status = front.wait().unwrap();
        assert!(!status.success());
        assert_nothing_runs_in(&dir);
        let none = home.voteops(&["status"]);
        assert_eq!(none.status.code(), Some(3), "{}", told(&none));
        assert!(told(&none).contains("no stack is running; start one with `voteops up`"));
    }
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
