//! Those who inject faults on containers: the test itself, and a process that can be killed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::{Injected, Plan};
use voteops_chaos::guardian::Launcher;
use voteops_chaos::record::{Record, Store};

use crate::daemon::Daemon;

const TTL: Duration = Duration::from_mins(10);

fn launcher() -> Launcher {
    Launcher::new(helper(), ["guardian"])
}

pub(crate) fn inject(daemon: &Daemon, plan: Plan) -> Injected {
    let experiment = Experiment::open(&daemon.state_dir()).unwrap();
    plan.inject(&experiment, TTL, &launcher()).unwrap()
}

pub(crate) fn records(daemon: &Daemon) -> Vec<Record> {
    let store = Store::open(&daemon.state_dir()).unwrap();
    store
        .list()
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// What a runner does to containers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Stall,
    Kill,
}

/// A process that has paused or killed the containers, and lets them go on when it is told to.
pub(crate) struct Runner(Child);

impl Runner {
    pub(crate) fn start(daemon: &Daemon) -> Self {
        Self::start_at(daemon, &daemon.address())
    }

    /// Starts one that asks the daemon by another address than its socket's.
    pub(crate) fn start_at(daemon: &Daemon, address: &str) -> Self {
        let mut runner = Self::spawn(daemon, Way::Stall, address);
        let mut line = String::new();
        let stdout = runner.0.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "injected");
        runner
    }

    /// Starts one and does not wait until it has touched anything.
    pub(crate) fn spawn(daemon: &Daemon, way: Way, address: &str) -> Self {
        let role = match way {
            Way::Stall => "docker-runner",
            Way::Kill => "docker-killer",
        };
        let child = Command::new(helper())
            .arg(role)
            .arg(daemon.state_dir())
            .arg(TTL.as_millis().to_string())
            .arg(address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Tells it to let them go on. It may have ended.
    pub(crate) fn undo(&mut self) {
        if let Some(stdin) = &mut self.0.stdin {
            let _ = stdin.write_all(b"undo\n");
        }
    }

    /// Waits until it has ended by itself.
    pub(crate) fn end(mut self) {
        self.0.wait().unwrap();
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The test helper beside this test.
fn helper() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let helper = test.parent().and_then(Path::parent).unwrap();
    let helper = helper.join("examples/chaos_helper");
    assert!(
        helper.exists(),
        "build it with `cargo build --workspace --examples`"
    );
    helper
}
