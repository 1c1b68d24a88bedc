//! What can go wrong with an experiment, told to whoever runs it.

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::engine::EngineError;
use crate::faults::lease::AdminError;
use crate::process::ProcessError;

/// Why an experiment was refused, stopped, or could not be undone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No target was named; nothing is ever chosen by default.
    #[error("no target is left to touch, so nothing was done; name at least one")]
    NoTarget,
    /// The same target was named twice.
    #[error("{target} is named twice; name each target once")]
    DuplicateTarget {
        /// The second of the two, with who it is.
        target: String,
    },
    /// The target would have to undo the fault.
    #[error("{target} is voteops itself, which has to undo the fault; leave it out")]
    OwnProcess {
        /// The target, with who it is.
        target: String,
    },
    /// The target has ended, or its id now belongs to another.
    #[error("{target} is gone or was restarted; see `voteops status`, then try again")]
    TargetGone {
        /// The target, with who it is.
        target: String,
    },
    /// Somebody else has stopped the target, and undoing the fault would set it going again.
    #[error(
        "{target} is already stopped by somebody else; let it run again with \
         `voteops chaos recover` or `{way_out}` first"
    )]
    AlreadyStopped {
        /// The target, with who it is.
        target: String,
        /// The command that lets it go on.
        way_out: String,
    },
    /// The fault cannot be done to such a target, or could not be undone.
    #[error("{fault} cannot be done to {target}: {reason}")]
    Unfit {
        /// The fault.
        fault: &'static str,
        /// The target, with who it is.
        target: String,
        /// Why.
        reason: &'static str,
    },
    /// A container engine could not be asked.
    #[error("{0}")]
    Engine(#[from] EngineError),
    /// The target takes no faults.
    #[error(
        "{name} has no admin listener to ask for the fault; start the stack with a `voteops up` of \
         this version, or the service with --admin-listen and --admin-token-file"
    )]
    NoAdmin {
        /// The target's name.
        name: String,
    },
    /// The target does not know the fault.
    #[error(
        "{name} has no fault {fault} (it has {kinds}); start the stack anew with this version of voteops"
    )]
    UnknownFault {
        /// The target's name.
        name: String,
        /// The fault.
        fault: &'static str,
        /// What it has instead.
        kinds: String,
    },
    /// Somebody else has injected the same fault, and undoing ours would end theirs.
    #[error(
        "{name} is under {fault} already; wait for its end, or undo it with `voteops chaos recover`"
    )]
    AlreadyFaulty {
        /// The target's name.
        name: String,
        /// The fault.
        fault: &'static str,
    },
    /// Redis could not be asked.
    #[error("Redis at {url} does not do as it is asked: {reason}; does it run?")]
    Redis {
        /// Its address.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// There is nothing to fill.
    #[error("Redis cannot be filled: {reason}")]
    NoFill {
        /// Why.
        reason: String,
    },
    /// A service could not be asked for the fault.
    #[error("{0}")]
    Admin(#[from] AdminError),
    /// The fault's longest duration is zero or absurd.
    #[error("the fault's longest duration must be above zero and at most {} h", .longest_h)]
    Ttl {
        /// The longest that is allowed, in hours.
        longest_h: u64,
    },
    /// Another experiment is running on this stack.
    #[error(
        "another experiment is running here ({holder}); wait for its end or stop it \
         (lock file {})", .path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as far as the file tells.
        holder: String,
    },
    /// An earlier fault has not been undone.
    #[error("fault {id} on {targets} is still on record; undo it with `voteops chaos recover`")]
    Leftover {
        /// The fault's id.
        id: Uuid,
        /// The names of its targets.
        targets: String,
    },
    /// The state directory cannot be read or written.
    #[error("cannot {action} {}: {source}; check the directory's owner and free space", .path.display())]
    Store {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A record is not one that this version can read.
    #[error(
        "{} is not a fault record that this voteops can read: {reason}; undo it with the version \
         that wrote it, or let its targets run again with `kill -CONT` and remove it", .path.display()
    )]
    Unreadable {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The guardian did not start; nothing was injected.
    #[error("the guardian did not start: {reason}; nothing was injected")]
    Guardian {
        /// What went wrong.
        reason: String,
    },
    /// A process could not be looked at or signalled.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The fault did not hold on every target; what had been injected was undone.
    #[error("{reason}; nothing is left of the fault")]
    NotInjected {
        /// Which target refused, and why.
        reason: String,
    },
    /// The fault could not be undone; its record remains.
    #[error("{reason}; fault {id} stays on record: remove the cause, then `voteops chaos recover`")]
    NotUndone {
        /// The fault's id.
        id: Uuid,
        /// Which target refused, and why.
        reason: String,
    },
    /// The plan of a load cannot be carried out.
    #[error("{0}")]
    Load(#[from] crate::load::LoadError),
}

impl Error {
    /// Turns an I/O error into one that names what was tried on which path.
    pub(crate) fn store(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Store {
            action,
            path,
            source,
        }
    }
}
