//! The stall: a process is stopped with SIGSTOP and set going again with SIGCONT. It keeps its
//! sockets and whatever it has in hand, as a process does that hangs.

use std::collections::HashSet;
use std::time::Duration;

use rustix::process::Signal;

use crate::Error;
use crate::catalogue::Entry;
use crate::experiment::Experiment;
use crate::faults::{Hold, Injected};
use crate::guardian::Launcher;
use crate::process::{Delivery, Process, State};
use crate::record::{Fault, Record, Target};
use crate::undo::{Outcome, TargetOutcome};

/// How long a process may take to stop or to go on. It does so at once unless it is in an
/// uninterruptible wait, such as for a disk.
const SIGNAL_PATIENCE: Duration = Duration::from_secs(5);

/// A stall that has been checked and not yet injected.
#[derive(Clone, Debug)]
pub struct Stall {
    fault: &'static Entry,
    targets: Vec<Target>,
}

impl Stall {
    /// Plans to stall `targets`, under the name of a fault of the catalogue, and touches nothing.
    ///
    /// # Errors
    /// [`Error::NoTarget`], [`Error::DuplicateTarget`], [`Error::OwnProcess`],
    /// [`Error::TargetGone`] or [`Error::AlreadyStopped`] when the targets cannot be stalled and
    /// let go again with certainty.
    pub fn plan(fault: &'static Entry, targets: Vec<Target>) -> Result<Self, Error> {
        if targets.is_empty() {
            return Err(Error::NoTarget);
        }
        let own = Process::current()?;
        let mut seen = HashSet::new();
        for target in &targets {
            let (name, pid) = (target.name.clone(), target.process.pid);
            if target.process == own {
                return Err(Error::OwnProcess { name, pid });
            }
            if !seen.insert(pid) {
                return Err(Error::DuplicateTarget { name, pid });
            }
        }
        require_running(&targets)?;
        Ok(Self { fault, targets })
    }

    /// The fault.
    #[must_use]
    pub fn fault(&self) -> &'static Entry {
        self.fault
    }

    /// Whom the stall will touch.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Stalls the targets, for `ttl` at the longest: writes the record, starts the guardian, stops
    /// every target and sees that it has stopped. Blocks for some milliseconds, up to seconds when
    /// a target is slow to stop.
    ///
    /// # Errors
    /// Those of [`Stall::plan`], when the targets have changed since; [`Error::Ttl`],
    /// [`Error::Store`] and [`Error::Guardian`], with nothing touched; [`Error::NotInjected`] when
    /// a target refused and everything has been undone; [`Error::NotUndone`] when it has not.
    pub fn inject(
        self,
        experiment: &Experiment,
        ttl: Duration,
        launcher: &Launcher,
    ) -> Result<Injected, Error> {
        require_running(&self.targets)?;
        let record = Record::new(self.fault.name, Fault::Stall {}, self.targets, ttl)?;
        Injected::inject(experiment, record, launcher, stop)
    }
}

/// Refuses targets that are gone, or that our undoing would set going against somebody's will.
fn require_running(targets: &[Target]) -> Result<(), Error> {
    for target in targets {
        let (name, pid) = (target.name.clone(), target.process.pid);
        match target.process.state()? {
            State::Running => {}
            State::Stopped => return Err(Error::AlreadyStopped { name, pid }),
            State::Zombie | State::Gone => return Err(Error::TargetGone { name, pid }),
        }
    }
    Ok(())
}

/// Stops every target and sees that it has stopped. Gives up at the first that does not.
fn stop(targets: &[Target]) -> Result<(), String> {
    for target in targets {
        match target.process.signal(Signal::STOP) {
            Ok(Delivery::Sent) => {}
            Ok(Delivery::Gone) => return Err(told(target, "it is gone or was restarted")),
            Err(error) => return Err(told(target, error)),
        }
    }
    for target in targets {
        let seen = target
            .process
            .wait_for(SIGNAL_PATIENCE, |state| state != State::Running);
        match seen {
            Ok(State::Stopped) => {}
            Ok(State::Running) => return Err(told(target, "it did not stop within 5 s")),
            Ok(State::Zombie | State::Gone) => return Err(told(target, "it died meanwhile")),
            Err(error) => return Err(told(target, error)),
        }
    }
    Ok(())
}

/// Sets every target going again and sees that it goes. Does no harm to one that was not stopped.
pub(crate) fn resume(targets: &[Target]) -> Vec<TargetOutcome> {
    // All are signalled before any is waited for, so that one that is slow delays no other.
    let sent: Vec<_> = targets
        .iter()
        .map(|target| target.process.signal(Signal::CONT))
        .collect();
    targets
        .iter()
        .zip(sent)
        .map(|(target, sent)| {
            let seen = sent.and_then(|_| {
                target
                    .process
                    .wait_for(SIGNAL_PATIENCE, |state| state != State::Stopped)
            });
            let outcome = match seen {
                Ok(State::Running) => Outcome::Undone,
                Ok(State::Zombie | State::Gone) => Outcome::Gone,
                Ok(State::Stopped) => Outcome::Failed {
                    reason: told(target, "it stays stopped; is it debugged?"),
                },
                Err(error) => Outcome::Failed {
                    reason: told(target, error),
                },
            };
            TargetOutcome {
                target: target.clone(),
                outcome,
            }
        })
        .collect()
}

/// Whether `target` is stopped.
pub(crate) fn hold(target: &Target) -> Hold {
    match target.process.state() {
        Ok(State::Stopped) => Hold::Held,
        Ok(State::Running) => Hold::Lifted,
        Ok(State::Zombie | State::Gone) => Hold::Gone,
        Err(_) => Hold::Unknown,
    }
}

fn told(target: &Target, reason: impl std::fmt::Display) -> String {
    format!("{} (process {}): {reason}", target.name, target.process.pid)
}
