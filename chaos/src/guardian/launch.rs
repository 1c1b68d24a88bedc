//! The runner's side of the guardian: starting it, noticing its death, dismissing it.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use super::{DISMISSAL, READY, armed};
use crate::Error;
use crate::process::Process;

/// How long a guardian may take to get ready, in seconds.
const READY_PATIENCE_S: i64 = 10;

/// How long a dismissed guardian may take to go before it is killed.
const DISMISSAL_PATIENCE: Duration = Duration::from_secs(2);

/// Which program a guardian is, and the arguments that precede `--record PATH`.
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
    args: Vec<OsString>,
}

impl Launcher {
    /// Guardians are this very program, as `PROGRAM chaos guardian`; also when its file has been
    /// replaced since it was started.
    #[must_use]
    pub fn this_program() -> Self {
        Self::new("/proc/self/exe", ["chaos", "guardian"])
    }

    /// Guardians are `program` with `args`, which must call [`super::main`] with what follows them.
    pub fn new<A: AsRef<OsStr>>(
        program: impl Into<PathBuf>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        let args = args
            .into_iter()
            .map(|arg| arg.as_ref().to_owned())
            .collect();
        Self {
            program: program.into(),
            args,
        }
    }

    /// Starts a guardian for the record that will be written at `path`.
    pub(crate) fn launch(&self, path: &Path) -> Result<Started, Error> {
        let child = Command::new(&self.program)
            .arg0("voteops-guardian")
            .args(&self.args)
            .arg("--record")
            .arg(path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| guardian_error(format!("{}: {error}", self.program.display())))?;
        let mut child = Reaped(child);
        let pid = i32::try_from(child.0.id()).map_err(|error| guardian_error(error.to_string()))?;
        let process = Process::find(pid)?;
        let (Some(heartbeat), Some(stdout)) = (child.0.stdin.take(), child.0.stdout.take()) else {
            return Err(guardian_error("it has no pipes".to_owned()));
        };
        Ok(Started {
            child,
            heartbeat,
            stdout,
            process,
        })
    }
}

fn guardian_error(reason: String) -> Error {
    Error::Guardian { reason }
}

/// Waits for the line that says that the guardian is ready, or why it is not.
fn await_ready(stdout: ChildStdout) -> Result<(), String> {
    let timeout = Timespec {
        tv_sec: READY_PATIENCE_S,
        tv_nsec: 0,
    };
    let readable = rustix::io::retry_on_intr(|| {
        poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&timeout))
    });
    match readable {
        Ok(0) => return Err(format!("it was not ready within {READY_PATIENCE_S} s")),
        Ok(_) => {}
        Err(error) => return Err(format!("cannot wait for it: {error}")),
    }
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    match line.trim_end() {
        READY => Ok(()),
        "" => Err("it ended at once".to_owned()),
        reason => Err(reason.to_owned()),
    }
}

/// A child that does not outlive its handle, nor stay behind as a zombie.
#[derive(Debug)]
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A guardian that has been started and not been told yet that there is a record. Dropping it kills
/// it: no fault has been injected.
#[derive(Debug)]
pub(crate) struct Started {
    child: Reaped,
    heartbeat: ChildStdin,
    stdout: ChildStdout,
    process: Process,
}

impl Started {
    /// Which process the guardian is.
    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// Tells the guardian that the record is durable and that its fault may last until `deadline`, and
    /// returns once it is ready. From then on
    /// `on_death` is called, on a thread of its own, should it end without being dismissed; a
    /// thread, because it must work however busy or broken the runner's runtime is.
    pub(crate) fn arm(
        self,
        deadline: Timestamp,
        on_death: impl FnOnce() + Send + 'static,
    ) -> Result<Watched, Error> {
        let Self {
            mut child,
            mut heartbeat,
            stdout,
            process,
        } = self;
        heartbeat
            .write_all(&armed(deadline))
            .map_err(|error| error.to_string())
            .and_then(|()| await_ready(stdout))
            .map_err(guardian_error)?;
        let dismissed = Arc::new(AtomicBool::new(false));
        let expected = Arc::clone(&dismissed);
        let (ended_sender, ended) = channel();
        thread::Builder::new()
            .name("guardian-watch".to_owned())
            .spawn(move || {
                let _ = child.0.wait();
                if !expected.load(Ordering::SeqCst) {
                    on_death();
                }
                let _ = ended_sender.send(());
            })
            .map_err(|error| guardian_error(format!("no thread to watch it: {error}")))?;
        Ok(Watched {
            process,
            heartbeat,
            dismissed,
            ended,
        })
    }
}

/// A guardian on duty. Dropping it closes the heartbeat, so that the guardian undoes the fault.
#[derive(Debug)]
pub struct Watched {
    process: Process,
    heartbeat: ChildStdin,
    dismissed: Arc<AtomicBool>,
    ended: Receiver<()>,
}

impl Watched {
    /// Lets the guardian go, now that the fault is undone, and waits until it has gone.
    pub(crate) fn dismiss(mut self) {
        self.dismissed.store(true, Ordering::SeqCst);
        let _ = self.heartbeat.write_all(&[DISMISSAL]);
        if self.ended.recv_timeout(DISMISSAL_PATIENCE).is_err() {
            let _ = self.process.signal(Signal::KILL);
            let _ = self.ended.recv_timeout(DISMISSAL_PATIENCE);
        }
    }
}
