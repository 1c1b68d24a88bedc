//! Which process is meant: its id together with its start time, so that a recycled id is never
//! taken for the process that once had it.

use std::fmt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use procfs::ProcError;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, test_kill_process};
use serde::{Deserialize, Serialize};

/// The pause between two looks at `/proc`; doubled up to [`LONGEST_LOOK_INTERVAL`].
const FIRST_LOOK_INTERVAL: Duration = Duration::from_micros(50);

/// The longest pause between two looks at `/proc`.
const LONGEST_LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// One process, for as long as it lives and never another: process ids are reused, start times
/// within one boot are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Process {
    /// The process id.
    pub pid: i32,
    /// When it started, in clock ticks since boot: field 22 of `/proc/PID/stat`, see proc(5).
    pub start_ticks: u64,
}

/// What a process is doing, as far as faults are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Running, or waiting for something.
    Running,
    /// Stopped by a signal (`T`) or by a debugger (`t`).
    Stopped,
    /// Ended but not yet reaped by its parent (`Z`).
    Zombie,
    /// There is no such process any more; its id may be free or another's.
    Gone,
}

impl State {
    /// Whether the process still exists and can run again.
    #[must_use]
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Stopped)
    }
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The very process that was meant got it.
    Sent,
    /// The process is gone; nobody got it.
    Gone,
}

/// Why a process could not be looked at or signalled.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// No process has this id.
    #[error("no process has the id {0}; list the running ones with `voteops status`")]
    NotFound(i32),
    /// The process belongs to somebody else.
    #[error("no permission to signal process {0}; run as its owner or as root")]
    Denied(i32),
    /// The kernel refused for another reason, such as a lack of file descriptors.
    #[error("cannot signal process {pid}: {source}; pidfds need Linux 5.3 or later")]
    Signal {
        /// The process that was meant.
        pid: i32,
        /// What the kernel said.
        source: Errno,
    },
    /// `/proc` could not be read.
    #[error("cannot read /proc/{pid}/stat: {source}; is /proc mounted and readable?")]
    Look {
        /// The process that was meant.
        pid: i32,
        /// What went wrong.
        source: ProcError,
    },
}

impl Process {
    /// The process that has the id `pid` now.
    ///
    /// # Errors
    /// [`ProcessError::NotFound`] when there is none, [`ProcessError::Look`] when `/proc` cannot be
    /// read.
    pub fn find(pid: i32) -> Result<Self, ProcessError> {
        let (start_ticks, _) = stat(pid)?.ok_or(ProcessError::NotFound(pid))?;
        Ok(Self { pid, start_ticks })
    }

    /// The calling process.
    ///
    /// # Errors
    /// [`ProcessError::Look`] when `/proc` cannot be read.
    pub fn current() -> Result<Self, ProcessError> {
        Self::find(rustix::process::getpid().as_raw_nonzero().get())
    }

    /// What the process is doing now; [`State::Gone`] when its id is free or has been given to
    /// another process.
    ///
    /// # Errors
    /// [`ProcessError::Look`] when `/proc` cannot be read.
    pub fn state(&self) -> Result<State, ProcessError> {
        Ok(match stat(self.pid)? {
            Some((start_ticks, state)) if start_ticks == self.start_ticks => state,
            _ => State::Gone,
        })
    }

    /// Whether this very process still exists, as a zombie at least.
    ///
    /// # Errors
    /// [`ProcessError::Look`] when `/proc` cannot be read.
    pub fn still_same(&self) -> Result<bool, ProcessError> {
        Ok(self.state()? != State::Gone)
    }

    /// Sends `signal` to this very process and to no other: the start time is checked once the
    /// pidfd is open, and a pidfd keeps meaning the process for which it was opened.
    ///
    /// # Errors
    /// [`ProcessError::Denied`] without permission, [`ProcessError::Signal`] and
    /// [`ProcessError::Look`] when the kernel refuses.
    pub fn signal(&self, signal: Signal) -> Result<Delivery, ProcessError> {
        let Some(pid) = (self.pid > 0).then(|| Pid::from_raw(self.pid)).flatten() else {
            return Ok(Delivery::Gone);
        };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH) => return Ok(Delivery::Gone),
            Err(source) => {
                return Err(ProcessError::Signal {
                    pid: self.pid,
                    source,
                });
            }
        };
        if !self.still_same()? {
            return Ok(Delivery::Gone);
        }
        match pidfd_send_signal(&pidfd, signal) {
            Ok(()) => Ok(Delivery::Sent),
            Err(Errno::SRCH) => Ok(Delivery::Gone),
            Err(Errno::PERM) => Err(ProcessError::Denied(self.pid)),
            Err(source) => Err(ProcessError::Signal {
                pid: self.pid,
                source,
            }),
        }
    }

    /// Sees that this process may be signalled, without signalling it.
    ///
    /// # Errors
    /// [`ProcessError::Denied`] when it may not. One that is gone is told as such by its state.
    pub fn require_permission(&self) -> Result<(), ProcessError> {
        let pid = (self.pid > 0).then(|| Pid::from_raw(self.pid)).flatten();
        match pid.map(test_kill_process) {
            Some(Err(Errno::PERM)) => Err(ProcessError::Denied(self.pid)),
            _ => Ok(()),
        }
    }

    /// Looks until `wanted` holds of the state, for at most `patience`. Returns the last state seen.
    ///
    /// # Errors
    /// [`ProcessError::Look`] when `/proc` cannot be read.
    pub fn wait_for(
        &self,
        patience: Duration,
        wanted: impl Fn(State) -> bool,
    ) -> Result<State, ProcessError> {
        let give_up_at = Instant::now() + patience;
        let mut interval = FIRST_LOOK_INTERVAL;
        loop {
            let state = self.state()?;
            if wanted(state) || Instant::now() >= give_up_at {
                return Ok(state);
            }
            sleep(interval);
            interval = (interval * 2).min(LONGEST_LOOK_INTERVAL);
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)
    }
}

/// Start time and state of whatever process has the id `pid`, if one has.
fn stat(pid: i32) -> Result<Option<(u64, State)>, ProcessError> {
    let read = procfs::process::Process::new(pid).and_then(|process| process.stat());
    match read {
        Ok(stat) => {
            let state = match stat.state {
                'T' | 't' => State::Stopped,
                'Z' | 'X' | 'x' => State::Zombie,
                _ => State::Running,
            };
            Ok(Some((stat.starttime, state)))
        }
        Err(ProcError::NotFound(_)) => Ok(None),
        Err(source) => Err(ProcessError::Look { pid, source }),
    }
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
