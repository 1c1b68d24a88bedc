//! Faults are undone whoever dies.

use std::process::Stdio;

use crate::support::{Home, state, told, wait_until};

#[test]
fn a_stall_whose_runner_is_killed_is_undone_by_its_guardian() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let workers = ["worker-1", "worker-2"].map(|name| stack.pid(name));
    let mut runner = stack
        .home
        .command("voteops")
        .args(["chaos", "stall-worker", "--for", "10m"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the workers are stalled", || {
        workers.map(state) == [Some('T'); 2]
    });
    assert!(!stack.no_faults_on_record());

    // Its own record keeps a second experiment away.
    let second = stack.voteops(&["chaos", "stall-worker", "--for", "1s"]);
    assert_eq!(second.status.code(), Some(3), "{}", told(&second));

    runner.kill().unwrap();
    runner.wait().unwrap();
    wait_until("the workers run again", || {
        !workers.map(state).contains(&Some('T'))
    });
    wait_until("the record is gone", || stack.no_faults_on_record());
    assert_eq!(
        ["worker-1", "worker-2"].map(|name| stack.pid(name)),
        workers
    );
}
