//! The faults: what each does to a process, how it is undone, and how it is seen to hold.

pub mod injected;
pub mod lease;
pub mod stall;

pub use injected::{Breach, Injected};

use serde::Serialize;

use crate::record::{Fault, Record, Target};
use crate::undo::TargetOutcome;

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
    /// `/proc` does not tell.
    Unknown,
}

impl Hold {
    /// What that means, in words.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::Held => "the fault is in force",
            Self::Lifted => "somebody let it go on",
            Self::Gone => "it was restarted or has ended; its successor is not touched",
            Self::Unknown => "its state cannot be read",
        }
    }
}

/// Undoes the fault in `record` and waits, for a bounded time, until that is seen to hold.
#[must_use]
pub fn undo(record: &Record) -> Vec<TargetOutcome> {
    match record.fault {
        Fault::Stall {} => stall::resume(&record.targets),
    }
}

/// Looks whether the fault in `record` still holds on each of its targets.
#[must_use]
pub fn check(record: &Record) -> Vec<(Target, Hold)> {
    let look = match record.fault {
        Fault::Stall {} => stall::hold,
    };
    record
        .targets
        .iter()
        .map(|target| (target.clone(), look(target)))
        .collect()
}
