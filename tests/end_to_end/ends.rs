//! Whatever ends a run of a fault, the run itself undoes it first.

use std::process::{Child, Command, Stdio};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Home, kill, state, told, wait_until};

/// A process that stands for one that somebody else runs.
struct Target(Child);

impl Target {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    fn wait_until_stopped(&self) {
        wait_until("the target is stopped", || state(self.pid()) == Some('T'));
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The arguments of a fault on the target that would last.
fn stall(home: &Home, target: &Target) -> Vec<String> {
    let pid = target.pid().to_string();
    let data_dir = home.data_dir().display().to_string();
    let words = [
        "chaos",
        "stall-worker",
        "--for",
        "10m",
        "--pid",
        &pid,
        "--data-dir",
        &data_dir,
    ];
    words.map(str::to_owned).to_vec()
}

/// Everything that was done, and by whom: `injected by runner`.
fn deeds(home: &Home) -> Vec<String> {
    let log = std::fs::read_to_string(home.data_dir().join("chaos/audit.jsonl")).unwrap();
    let entries = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let told = |entry: Value| {
        let word = |name: &str| entry[name].as_str().unwrap().to_owned();
        format!("{} by {}", word("event"), word("by"))
    };
    entries.map(told).collect()
}

fn assert_undone_by_the_run(home: &Home, target: &Target) {
    assert_ne!(state(target.pid()), Some('T'));
    assert_eq!(deeds(home), ["injected by runner", "undone by runner"]);
    let left = std::fs::read_dir(home.data_dir().join("chaos/faults"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

#[test]
fn every_signal_that_ends_programs_undoes_first() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (home, target) = (Home::new(), Target::start());
        let mut command = home.command("voteops");
        let run = command.args(stall(&home, &target)).stdout(Stdio::piped());
        let run = run.stderr(Stdio::piped()).spawn().unwrap();
        target.wait_until_stopped();
        kill(i32::try_from(run.id()).unwrap(), signal);
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{signal:?}: {}", told(&output));
        assert!(
            told(&output).contains("interrupted; the fault is undone"),
            "{}",
            told(&output)
        );
        assert_undone_by_the_run(&home, &target);
    }
}

#[test]
fn ctrl_c_again_and_again_does_not_skip_the_undoing() {
    let (home, target) = (Home::new(), Target::start());
    let mut command = home.command("voteops");
    let run = command.args(stall(&home, &target)).stdout(Stdio::null());
    let mut run = run.spawn().unwrap();
    target.wait_until_stopped();
    let pid = rustix::process::Pid::from_child(&run);
    let status = loop {
        if let Some(status) = run.try_wait().unwrap() {
            break status;
        }
        let _ = rustix::process::kill_process(pid, Signal::INT);
    };
    assert!(status.success(), "{status}");
    assert_undone_by_the_run(&home, &target);
}

#[test]
fn a_closed_terminal_undoes_the_fault() {
    let (home, target) = (Home::new(), Target::start());
    let pty = native_pty_system().openpty(PtySize::default()).unwrap();
    let like = home.command("voteops");
    let mut command = CommandBuilder::new(like.get_program());
    command.args(stall(&home, &target));
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        }
    }
    let mut run = pty.slave.spawn_command(command).unwrap();
    target.wait_until_stopped();
    // The last to hold it are gone, so that the kernel hangs it up.
    drop(pty);
    let status = run.wait().unwrap();
    assert!(status.success(), "{status:?}");
    assert_undone_by_the_run(&home, &target);
}

#[test]
fn an_output_that_nobody_reads_any_more_does_not_end_the_fault() {
    let (home, target) = (Home::new(), Target::start());
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = home.command("voteops");
    let run = command.args(stall(&home, &target)).stdout(writer);
    let run = run.stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    target.wait_until_stopped();
    drop(reader);
    kill(i32::try_from(run.id()).unwrap(), Signal::INT);
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    assert!(output.stderr.is_empty(), "{}", told(&output));
    assert_undone_by_the_run(&home, &target);
}
