//! The stall: a process is stopped with SIGSTOP and set going again with SIGCONT; a container is
//! paused, which stops all its processes in its control group, and unpaused. It keeps its sockets and
//! whatever it has in hand, as a process does that hangs.

use std::time::Duration;

use rustix::process::Signal;

use super::Hold;
use super::plan::{Plan, require_distinct};
use crate::Error;
use crate::catalogue::Entry;
use crate::engine::{self, EngineError, Life};
use crate::identity::Identity;
use crate::process::{Delivery, Process, State};
use crate::record::{Fault, Target};
use crate::undo::{Outcome, TargetOutcome};

/// How long a process may take to stop or to go on. It does so at once unless it is in an
/// uninterruptible wait, such as for a disk.
const SIGNAL_PATIENCE: Duration = Duration::from_secs(5);

const LISTENER: &str =
    "of a service that is known by its admin listener only, nothing can be stopped";

/// Plans to stall `targets`, under the name of a fault of the catalogue, and touches nothing.
///
/// # Errors
/// [`Error::NoTarget`], [`Error::DuplicateTarget`], [`Error::OwnProcess`], [`Error::TargetGone`],
/// [`Error::AlreadyStopped`], [`Error::Unfit`], [`Error::Engine`], or [`Error::Process`] without
/// permission, when the targets cannot be stalled and let go again with certainty.
pub fn plan(fault: &'static Entry, targets: Vec<Target>) -> Result<Plan, Error> {
    require_distinct(&targets)?;
    for target in &targets {
        match &target.identity {
            Identity::Process(process) => process.require_permission()?,
            Identity::Container(_) => {}
            Identity::Listener(_) => {
                return Err(Error::Unfit {
                    fault: fault.name,
                    target: target.told(),
                    reason: LISTENER,
                });
            }
        }
    }
    super::require_running(&targets)?;
    Ok(Plan::new(fault, targets, Fault::Stall {}))
}

/// Stops every target and sees that it has stopped. Gives up at the first that does not.
pub(super) fn stop(targets: &[Target]) -> Result<(), String> {
    for (target, process) in processes(targets) {
        match process.signal(Signal::STOP) {
            Ok(Delivery::Sent) => {}
            Ok(Delivery::Gone) => return Err(told(target, "it is gone or was restarted")),
            Err(error) => return Err(told(target, error)),
        }
    }
    for (target, process) in processes(targets) {
        match process.wait_for(SIGNAL_PATIENCE, |state| state != State::Running) {
            Ok(State::Stopped) => {}
            Ok(State::Running) => return Err(told(target, "it did not stop within 5 s")),
            Ok(State::Zombie | State::Gone) => return Err(told(target, "it died meanwhile")),
            Err(error) => return Err(told(target, error)),
        }
    }
    let paused = engine::ask_each(targets, async |client, container| {
        match client.life(container).await? {
            Life::Running => client.pause(container).await?,
            // It is still there to be told of below.
            _ => return Ok(Life::Gone),
        }
        client.life(container).await
    });
    for (target, paused) in targets.iter().zip(paused) {
        match paused {
            None | Some(Ok(Life::Paused)) => {}
            Some(Ok(_)) => return Err(told(target, "it is gone, was restarted, or stays running")),
            Some(Err(error)) => return Err(told(target, error)),
        }
    }
    Ok(())
}

/// Sets every target going again and sees that it goes. Does no harm to one that was not stopped.
pub(super) fn resume(targets: &[Target]) -> Vec<TargetOutcome> {
    // All are signalled before any is waited for, so that one that is slow delays no other.
    let sent: Vec<_> = targets
        .iter()
        .map(|target| Some(target.identity.process()?.signal(Signal::CONT)))
        .collect();
    let unpaused = engine::ask_each(targets, async |client, container| {
        match client.life(container).await? {
            Life::Paused => client.unpause(container).await?,
            life => return Ok(life),
        }
        client.life(container).await
    });
    let outcomes = targets.iter().zip(sent).zip(unpaused);
    outcomes
        .map(|((target, sent), unpaused)| {
            let outcome = match (target.identity.process().zip(sent), unpaused) {
                (Some((process, sent)), _) => resumed(target, process, sent.err()),
                (None, Some(life)) => unpaused_outcome(target, life),
                (None, None) => Outcome::Gone,
            };
            TargetOutcome {
                target: target.clone(),
                outcome,
            }
        })
        .collect()
}

/// What became of a process that was told to go on.
fn resumed(
    target: &Target,
    process: Process,
    refused: Option<crate::process::ProcessError>,
) -> Outcome {
    let seen = match refused {
        Some(error) => Err(error),
        None => process.wait_for(SIGNAL_PATIENCE, |state| state != State::Stopped),
    };
    let failed = |reason| Outcome::Failed { reason };
    match seen {
        Ok(State::Running) => Outcome::Undone,
        Ok(State::Zombie | State::Gone) => Outcome::Gone,
        Ok(State::Stopped) => failed(told(target, "it stays stopped; is it debugged?")),
        Err(error) => failed(told(target, error)),
    }
}

fn unpaused_outcome(target: &Target, life: Result<Life, EngineError>) -> Outcome {
    let failed = |reason| Outcome::Failed { reason };
    match life {
        Ok(Life::Running) => Outcome::Undone,
        Ok(Life::Ended | Life::Restarted | Life::Gone) => Outcome::Gone,
        Ok(Life::Paused) => failed(told(target, "it stays paused; does somebody pause it?")),
        Err(error) => failed(told(target, error)),
    }
}

/// Whether each target is stopped.
pub(super) fn holds(targets: &[Target]) -> Vec<Hold> {
    let lives = engine::lives(targets);
    let holds = targets.iter().zip(lives);
    holds
        .map(|(target, life)| match (&target.identity, life) {
            (Identity::Process(process), _) => match process.state() {
                Ok(State::Stopped) => Hold::Held,
                Ok(State::Running) => Hold::Lifted,
                Ok(State::Zombie | State::Gone) => Hold::Gone,
                Err(_) => Hold::Unknown,
            },
            (_, Some(Ok(Life::Paused))) => Hold::Held,
            (_, Some(Ok(Life::Running))) => Hold::Lifted,
            (_, Some(Ok(Life::Ended | Life::Restarted | Life::Gone))) => Hold::Gone,
            (_, Some(Err(_)) | None) => Hold::Unknown,
        })
        .collect()
}

fn processes(targets: &[Target]) -> impl Iterator<Item = (&Target, Process)> {
    let processes = targets.iter();
    processes.filter_map(|target| Some((target, target.identity.process()?)))
}

pub(super) fn told(target: &Target, reason: impl std::fmt::Display) -> String {
    format!("{}: {reason}", target.told())
}
