//! The faults: what each does to its targets, how it is undone, and how it is seen to hold.

pub mod fill;
pub mod injected;
pub mod kill;
pub mod lease;
pub mod plan;
pub mod stall;

pub use injected::{Breach, Injected};
pub use plan::Plan;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::Error;
use crate::engine::{self, Life};
use crate::identity::Identity;
use crate::process::State;
use crate::record::{Fault, Record, Target};
use crate::undo::TargetOutcome;

/// How long a fault that ends by itself lasts when nobody renews it.
pub const LEASE: Duration = Duration::from_secs(15);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(4);

/// Whether a target is still under its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// The fault is in force.
    Held,
    /// The same process is there, but somebody has undone the fault.
    Lifted,
    /// The target has ended or was restarted; its successor is not touched.
    Gone,
    /// `/proc`, the engine or the service does not tell.
    Unknown,
}

impl Hold {
    /// What that means, in words.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Held => "the fault is in force",
            Self::Lifted => "somebody has undone the fault",
            Self::Gone => "it was restarted or has ended; its successor is not touched",
            Self::Unknown => "its state cannot be read",
        }
    }
}

/// Puts every target under the fault in `record`, and sees that it holds.
///
/// # Errors
/// Which target refused, and why.
pub(crate) fn act(record: &Record, over: &dyn Fn() -> bool) -> Result<(), String> {
    match &record.fault {
        Fault::Stall {} => stall::stop(&record.targets),
        Fault::Kill(holding) => kill::kill(&record.targets, holding),
        Fault::Lease(terms) => lease::put(record, terms),
        Fault::Fill(filling) => fill::fill(filling, over),
    }
}

/// Undoes the fault in `record` and waits, for a bounded time, until that is seen to hold; once more after it has
/// `failed_before`.
#[must_use]
pub fn undo(record: &Record, failed_before: bool) -> Vec<TargetOutcome> {
    match &record.fault {
        Fault::Stall {} => stall::resume(&record.targets),
        Fault::Kill(holding) => kill::revive(&record.targets, holding, failed_before),
        Fault::Lease(terms) => lease::end(record, terms),
        Fault::Fill(filling) => fill::drain(record, filling),
    }
}

/// Has a fault that would end by itself last for another lease.
///
/// # Errors
/// What the target said.
pub(crate) fn renew(record: &Record) -> Result<(), String> {
    match &record.fault {
        Fault::Stall {} => Ok(()),
        Fault::Kill(holding) => kill::renew(&record.targets, holding),
        Fault::Lease(terms) => lease::renew(record, terms),
        Fault::Fill(filling) => fill::renew(record, filling),
    }
}

/// Looks whether the fault in `record` still holds on each of its targets. Blocks for some
/// milliseconds, up to seconds when a service or an engine has to be asked and is slow to answer.
#[must_use]
pub fn check(record: &Record) -> Vec<(Target, Hold)> {
    let holds = match &record.fault {
        Fault::Stall {} => stall::holds(&record.targets),
        Fault::Kill(holding) => kill::holds(&record.targets, holding),
        Fault::Lease(terms) => lease::holds(record, terms),
        Fault::Fill(filling) => fill::holds(record, filling),
    };
    record.targets.iter().cloned().zip(holds).collect()
}

/// Whether each target is known to have ended or to have been restarted.
fn ended(record: &Record) -> Vec<bool> {
    let lives = engine::lives(&record.targets);
    let targets = record.targets.iter().zip(lives);
    targets
        .map(|(target, life)| match life {
            Some(Ok(Life::Ended | Life::Restarted | Life::Gone)) => true,
            Some(_) => false,
            None => !target.is_alive(),
        })
        .collect()
}

/// Whether each target of a fault that ends by itself is not under it any more although it cannot be asked: it has
/// ended, or all that it was given has run out.
fn over(record: &Record) -> Vec<bool> {
    if has_run_out(record) {
        return vec![true; record.targets.len()];
    }
    ended(record)
}

/// Whether the last lease has ended: none is begun or renewed past the deadline.
fn has_run_out(record: &Record) -> bool {
    let since = Timestamp::now().duration_since(record.deadline_at);
    Duration::try_from(since).is_ok_and(|since| since > LEASE)
}

/// Refuses targets that do not run: those that are gone, and those that our undoing would set going
/// against somebody's will.
fn require_running(targets: &[Target]) -> Result<(), Error> {
    for (target, life) in targets.iter().zip(engine::lives(targets)) {
        let life = match (&target.identity, life) {
            (Identity::Process(process), _) => match process.state()? {
                State::Running => Life::Running,
                State::Stopped => Life::Paused,
                State::Zombie | State::Gone => Life::Gone,
            },
            (Identity::Container(_), Some(life)) => life?,
            (Identity::Container(_) | Identity::Listener(_), _) => Life::Running,
        };
        let (target, way_out) = (target.told(), target.identity.continuing());
        match life {
            Life::Running => {}
            Life::Paused => return Err(Error::AlreadyStopped { target, way_out }),
            Life::Ended | Life::Restarted | Life::Gone => {
                return Err(Error::TargetGone { target });
            }
        }
    }
    Ok(())
}
