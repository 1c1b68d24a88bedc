//! Real processes for the tests: targets to stall, and runners to kill.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use voteops_chaos::audit::{Audit, By, Event};
use voteops_chaos::guardian::Launcher;
use voteops_chaos::identity::Identity;
use voteops_chaos::process::{Process, State};
use voteops_chaos::record::{Record, Store, Target};

/// Long enough for a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The test helper, which `cargo test -p voteops-chaos` builds with the examples. With a test's name
/// or `--test` Cargo leaves the examples out, and a helper of yesterday would prove nothing.
pub(crate) fn helper() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let helper = test
        .parent()
        .unwrap()
        .with_file_name("examples")
        .join("chaos_helper");
    let fresh = changed_at(&helper).is_some_and(|built_at| !changed_between(built_at, &test));
    let way_out = "build it with `cargo build -p voteops-chaos --example chaos_helper`";
    assert!(
        fresh,
        "{} is missing or out of date: {way_out}",
        helper.display()
    );
    helper
}

/// Whether the crate has changed after `built_at` and before `test` was built.
fn changed_between(built_at: SystemTime, test: &Path) -> bool {
    let tested_at = changed_at(test).unwrap();
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(dir) = dirs.pop() {
        for path in dir.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                dirs.push(path);
            } else if changed_at(&path).is_some_and(|at| built_at < at && at < tested_at) {
                return true;
            }
        }
    }
    false
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

pub(crate) fn launcher() -> Launcher {
    Launcher::new(helper(), ["guardian"])
}

/// Looks until `done`, and fails the test when that takes too long.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let give_up_at = Instant::now() + PATIENCE;
    while !done() {
        assert!(
            Instant::now() < give_up_at,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A child process that dies with the test.
pub(crate) struct Sleeper(Child);

impl Sleeper {
    pub(crate) fn start() -> Self {
        Self(
            Command::new("sleep")
                .arg("600")
                .spawn()
                .expect("sleep starts"),
        )
    }

    pub(crate) fn several<const N: usize>() -> [Self; N] {
        std::array::from_fn(|_| Self::start())
    }

    pub(crate) fn target(&self, name: &str) -> Target {
        Target::process(name, self.process())
    }

    pub(crate) fn process(&self) -> Process {
        Process::find(i32::try_from(self.0.id()).unwrap()).expect("sleep is found")
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Who had the process id before.
pub(crate) fn another_life(process: Process) -> Identity {
    Identity::Process(Process {
        start_ticks: process.start_ticks - 1,
        ..process
    })
}

pub(crate) fn targets(sleepers: &[Sleeper]) -> Vec<Target> {
    sleepers
        .iter()
        .enumerate()
        .map(|(i, it)| it.target(&format!("worker-{i}")))
        .collect()
}

pub(crate) fn all_in(sleepers: &[Sleeper], state: State) -> bool {
    sleepers
        .iter()
        .all(|sleeper| sleeper.process().state().unwrap() == state)
}

pub(crate) fn eventually_running(sleepers: &[Sleeper]) {
    eventually("all targets run", || all_in(sleepers, State::Running));
}

/// A runner in a process of its own, which has stalled its targets once it exists.
pub(crate) struct Runner {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Runner {
    /// Starts a runner and does not wait for anything.
    pub(crate) fn spawn(dir: &Path, ttl: Duration, targets: &[Sleeper]) -> Self {
        let mut child = Command::new(helper())
            .arg("runner")
            .arg(dir)
            .arg(ttl.as_millis().to_string())
            .args(targets.iter().map(|target| target.0.id().to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the helper starts");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            stdin,
            stdout,
        }
    }

    /// Starts a runner and waits until it has stalled its targets.
    pub(crate) fn stall(dir: &Path, ttl: Duration, targets: &[Sleeper]) -> Self {
        let mut runner = Self::spawn(dir, ttl, targets);
        assert_eq!(runner.line(), "injected");
        runner
    }

    /// The next line that it says; empty when it is dead.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Asks it to undo; harmless when it is dead or has been asked before.
    pub(crate) fn undo(&mut self) {
        if let Some(mut stdin) = self.stdin.take() {
            let _ = stdin.write_all(b"undo\n");
        }
    }

    pub(crate) fn process(&self) -> Process {
        Process::find(i32::try_from(self.child.id()).unwrap()).expect("the runner is found")
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The one record that lies in `dir`.
pub(crate) fn only_record(dir: &Path) -> Record {
    let mut records = records(dir);
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

pub(crate) fn records(dir: &Path) -> Vec<Record> {
    Store::open(dir)
        .unwrap()
        .list()
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

pub(crate) fn guardian_of(dir: &Path) -> Process {
    only_record(dir)
        .guardian
        .expect("the guardian is on record")
}

pub(crate) fn send(process: Process, signal: Signal) {
    process.signal(signal).unwrap();
}

/// What the audit log of `dir` tells, in order.
pub(crate) fn audited(dir: &Path) -> Vec<(Event, By)> {
    let entries = Audit::new(dir.join("audit.jsonl")).read().unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.event, entry.by))
        .collect()
}
