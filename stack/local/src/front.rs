//! The side of `voteops up` and `voteops down` that a person sees: starts a supervisor, reads its
//! events, stops it.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::data_dir::{DataDir, log_tail};
use crate::supervisor::Launcher;
use crate::{Doing, Error, Event, Options, StackFile};

/// Where the supervisor finds its [`Options`], as JSON.
pub const OPTIONS_ENV: &str = "VOTEOPS_SUPERVISE";
/// How long a supervisor may take to stop everything.
pub const STOP_WAIT: Duration = Duration::from_secs(30);

/// A supervisor that was started, and the pipe that keeps it running.
#[derive(Debug)]
pub struct Front {
    child: Child,
    input: Option<ChildStdin>,
    events: Lines<BufReader<ChildStdout>>,
    log: std::path::PathBuf,
}

impl Front {
    /// Starts a supervisor. Whether it outlives this process is `options.attached`.
    ///
    /// # Errors
    /// [`Error::DataDir`] and [`Error::AlreadyRunning`] at once, without a supervisor.
    pub fn start(options: &Options, launcher: &Launcher) -> Result<Self, Error> {
        // Taken and given up at once: the supervisor takes it for good. This is only to refuse
        // early, in this process's own words.
        let dir = DataDir::open(&options.data_dir)?;
        let log = dir.root().join("logs").join("supervisor.log");
        drop(dir);
        let json =
            serde_json::to_string(options).map_err(|error| Error::Config(error.to_string()))?;
        let errors = std::fs::File::create(&log).doing(|| format!("creating {}", log.display()))?;
        let mut child = Command::new(&launcher.program)
            .args(&launcher.args)
            // Not as an argument: the database's address may hold a password.
            .env(OPTIONS_ENV, json)
            .stdin(if options.attached {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .doing(|| format!("starting {}", launcher.program.display()))?;
        let input = child.stdin.take();
        let Some(output) = child.stdout.take() else {
            return Err(Error::Startup("the supervisor has no output".into()));
        };
        Ok(Self {
            child,
            input,
            events: BufReader::new(output).lines(),
            log,
        })
    }

    /// The next event; `None` when the supervisor is gone. May be dropped while it waits.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            let line = self.events.next_line().await.ok()??;
            if let Ok(event) = serde_json::from_str(&line) {
                return Some(event);
            }
        }
    }

    /// Asks the supervisor to stop everything; its events go on until it is done.
    pub fn stop(&mut self) {
        self.input = None;
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok())
            && let Some(pid) = Pid::from_raw(pid)
        {
            // It is our child and not reaped, so the pid is its own; it may be gone already.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }

    /// Kills the supervisor, and with it everything that it runs.
    pub fn kill(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.child.start_kill();
    }

    /// Waits for the supervisor's end.
    ///
    /// # Errors
    /// [`Error::StillRunning`]; [`Error::Startup`] with its last words when it failed.
    pub async fn ended(mut self) -> Result<(), Error> {
        let pid = self.child.id().unwrap_or_default();
        match timeout(STOP_WAIT, self.child.wait()).await {
            Err(_) => Err(Error::StillRunning {
                pid,
                waited_s: STOP_WAIT.as_secs(),
            }),
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(status) => {
                let words = log_tail(&self.log, 3).join(" | ");
                let how = status.map_or_else(|error| error.to_string(), |s| s.to_string());
                let words = words.trim_start_matches("voteops: ").to_owned();
                Err(Error::Startup(if words.is_empty() {
                    format!(
                        "the stack's supervisor ended: {how}; see {}",
                        self.log.display()
                    )
                } else {
                    words
                }))
            }
        }
    }
}

/// Stops the stack that runs in `dir`, or the only one that runs, and waits until it is gone.
///
/// # Errors
/// [`Error::NoStack`] and its kin, or [`Error::StillRunning`].
pub fn down(dir: Option<&Path>) -> Result<StackFile, Error> {
    let stack = StackFile::find(dir)?;
    let pid = stack.supervisor.pid;
    let Some(handle) = open_process(pid)? else {
        return Ok(stack);
    };
    // Between reading the file and opening the process it may have ended, and its number may
    // have been given to another.
    if !stack.supervisor.is_alive() {
        return Ok(stack);
    }
    pidfd_send_signal(&handle, Signal::TERM).doing(|| format!("stopping the supervisor {pid}"))?;
    let limit = Timespec {
        tv_sec: i64::try_from(STOP_WAIT.as_secs()).unwrap_or(30),
        tv_nsec: 0,
    };
    let mut fds = [PollFd::from_borrowed_fd(handle.as_fd(), PollFlags::IN)];
    let ready = poll(&mut fds, Some(&limit)).doing(|| format!("waiting for {pid}"))?;
    if ready == 0 {
        return Err(Error::StillRunning {
            pid,
            waited_s: STOP_WAIT.as_secs(),
        });
    }
    Ok(stack)
}

fn open_process(pid: u32) -> Result<Option<OwnedFd>, Error> {
    let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Ok(None);
    };
    match pidfd_open(raw, PidfdFlags::empty()) {
        Ok(handle) => Ok(Some(handle)),
        Err(rustix::io::Errno::SRCH) => Ok(None),
        Err(error) => Err(error).doing(|| format!("opening process {pid}")),
    }
}
