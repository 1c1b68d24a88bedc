//! A stack of its own for a test: started by the real binary, stopped at the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use serde_json::Value;
use voteops_local::StackFile;
use voteops_local::stack_file::ProcessId;

/// Longest wait for anything; a failure, not a measurement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Every stack of this process gets a block of ports of its own.
static NEXT_PORTS: AtomicU16 = AtomicU16::new(21_000);

/// A stack's clocks are scaled, so that it takes a part of a core: there are as many homes as there are tests
/// at a time, and one that takes all of the cores is alone.
static TURNS: RwLock<()> = RwLock::new(());

#[expect(dead_code, reason = "held until the test is over")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// A directory for one test, in which `voteops` finds and keeps everything.
pub(crate) struct Home {
    _turn: Turn,
    dir: tempfile::TempDir,
    port_base: u16,
}

impl Home {
    /// One beside which there may be others.
    pub(crate) fn new() -> Self {
        // A test that failed leaves nothing behind that its successor would have to fear.
        let turn = TURNS.read().unwrap_or_else(PoisonError::into_inner);
        Self::of(Turn::Shared(turn))
    }

    /// One whose test takes all of the machine.
    pub(crate) fn alone() -> Self {
        let turn = TURNS.write().unwrap_or_else(PoisonError::into_inner);
        Self::of(Turn::Alone(turn))
    }

    fn of(turn: Turn) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            _turn: turn,
            dir,
            port_base: NEXT_PORTS.fetch_add(40, Ordering::Relaxed),
        }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Where running stacks are registered.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn port_base(&self) -> u16 {
        self.port_base
    }

    /// A program of this package that keeps to this home.
    pub(crate) fn command(&self, program: &str) -> Command {
        let path = match program {
            "voteops-tui" => env!("CARGO_BIN_EXE_voteops-tui"),
            _ => env!("CARGO_BIN_EXE_voteops"),
        };
        let mut command = Command::new(path);
        command
            .env("XDG_STATE_HOME", self.state_dir())
            .env("XDG_CONFIG_HOME", self.dir.path().join("config"))
            .env("XDG_DATA_HOME", self.dir.path().join("share"))
            // Whatever engine this machine has is not a test's.
            .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
            // As a minimal system has it: no certificates of authorities.
            .env("SSL_CERT_FILE", "/dev/null")
            .env_remove("SSL_CERT_DIR")
            .env_remove("VOTEOPS_DATA_DIR")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn voteops(&self, args: &[&str]) -> Output {
        self.command("voteops").args(args).output().unwrap()
    }

    /// `voteops up` with this home's directory and ports, and more arguments.
    pub(crate) fn up(&self, args: &[&str]) -> Command {
        let mut command = self.command("voteops");
        command
            .args([
                "up",
                "--port-base",
                &self.port_base.to_string(),
                "--data-dir",
            ])
            .arg(self.data_dir())
            .args(args);
        command
    }

    /// A detached stack that is healthy.
    pub(crate) fn stack(self, args: &[&str]) -> Stack {
        let output = self.up(&["--detach"]).args(args).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        Stack { home: self }
    }
}

/// A detached stack; dropping it stops it.
pub(crate) struct Stack {
    pub(crate) home: Home,
}

impl Stack {
    pub(crate) fn file(&self) -> StackFile {
        StackFile::find(Some(&self.home.data_dir())).unwrap()
    }

    /// The process id of a component.
    pub(crate) fn pid(&self, name: &str) -> i32 {
        let file = self.file();
        let component = file
            .components
            .iter()
            .find(|component| component.name == name)
            .unwrap();
        i32::try_from(component.pid.unwrap()).unwrap()
    }

    pub(crate) fn voteops(&self, args: &[&str]) -> Output {
        self.home.voteops(args)
    }

    /// Whether no fault is in force or was left behind.
    pub(crate) fn no_faults_on_record(&self) -> bool {
        match std::fs::read_dir(self.home.data_dir().join("chaos/faults")) {
            Ok(mut records) => records.next().is_none(),
            // Before the first fault there is no such directory.
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        }
    }

    /// The audit log of the faults; empty while there is none.
    pub(crate) fn audit(&self) -> String {
        let path = self.home.data_dir().join("chaos/audit.jsonl");
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// `voteops … --json`, which has to end with `code`.
    pub(crate) fn json(&self, args: &[&str], code: i32) -> Value {
        let output = self.voteops(args);
        assert_eq!(output.status.code(), Some(code), "{}", told(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Stack {
    /// What `voteops chaos run … --json` says of an experiment that is met. One whose hypothesis does not
    /// hold at first, on a machine that does other things besides, is begun again: there are three
    /// attempts.
    pub(crate) fn met(&self, args: &[&str]) -> Value {
        for _ in 0..2 {
            let output = self.voteops(args);
            match output.status.code() {
                Some(0) => return serde_json::from_slice(&output.stdout).unwrap(),
                Some(3) => eprintln!("not begun this time: {}", told(&output)),
                _ => panic!("{}", told(&output)),
            }
        }
        self.json(args, 0)
    }

    /// What `voteops chaos verify … --json` says once it has proven what it is asked for. A machine that
    /// does other things besides makes servers late now and then, which refutes a proof, as it should:
    /// there are three attempts.
    pub(crate) fn proven(&self, args: &[&str]) -> Value {
        let args = [&["chaos", "verify", "--json"], args].concat();
        for _ in 0..2 {
            let output = self.voteops(&args);
            match output.status.code() {
                Some(0) => return serde_json::from_slice(&output.stdout).unwrap(),
                Some(1) => eprintln!("not proven this time: {}", told(&output)),
                _ => panic!("{}", told(&output)),
            }
        }
        self.json(&args, 0)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let file = StackFile::read(&self.home.data_dir());
        let output = self.home.voteops(&["down"]);
        if !std::thread::panicking() {
            assert!(output.status.success(), "{}", told(&output));
            assert_nothing_runs_of(&file.unwrap());
        }
    }
}

/// Waits for something to hold; fails when it does not in a long while.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The state letter of a process as proc(5) has it; `None` when it is gone.
pub(crate) fn state(pid: i32) -> Option<char> {
    Some(procfs::process::Process::new(pid).ok()?.stat().ok()?.state)
}

/// Waits until the supervisor and every component of a stack are gone.
pub(crate) fn assert_nothing_runs_of(stack: &StackFile) {
    let components = stack.components.iter().filter_map(|component| {
        let id = ProcessId {
            pid: component.pid?,
            start_ticks: component.start_ticks?,
        };
        Some((component.name.clone(), id))
    });
    let supervisor = [("supervisor".to_owned(), stack.supervisor)];
    let processes: Vec<_> = components.chain(supervisor).collect();
    assert!(
        processes.len() > 8,
        "a stack has more processes: {processes:?}"
    );
    wait_until(&format!("these are gone: {processes:?}"), || {
        processes.iter().all(|(_, process)| !process.is_alive())
    });
}

pub(crate) fn kill(pid: i32, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
}

pub(crate) fn told(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Checks a document against one of the schemas that the project ships.
pub(crate) fn assert_schema(name: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("schemas")
        .join(name);
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(document)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}
