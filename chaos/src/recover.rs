//! Undoing whatever faults are still on record, after both runner and guardian have died.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::Error;
use crate::audit::By;
use crate::process::State;
use crate::record::{Record, Store};
use crate::undo::{UndoReport, settle};

/// What became of one record.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The fault's id; none when the record cannot be read.
    pub id: Option<Uuid>,
    /// What was done about it.
    pub action: Action,
}

/// What was done about a record.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The fault was undone, as far as the report says.
    Undone(UndoReport),
    /// The fault is somebody's running experiment; nothing was done.
    InUse {
        /// The runner's process id.
        runner_pid: i32,
    },
    /// The record cannot be read; nothing was done.
    Unreadable {
        /// Why, with the way out.
        reason: String,
    },
}

impl Outcome {
    /// Why a fault may still be in force against somebody's will, if it may: exit code 4.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        match &self.action {
            Action::Undone(report) => report.failures().next().map(|reason| {
                let id = self.id.unwrap_or_default();
                Error::NotUndone {
                    id,
                    reason: reason.to_owned(),
                }
                .to_string()
            }),
            Action::InUse { .. } => None,
            Action::Unreadable { reason } => Some(reason.clone()),
        }
    }

    /// What could not be written or removed on disk: the record of a fault that is undone may still be there.
    #[must_use]
    pub fn disk_errors(&self) -> &[String] {
        match &self.action {
            Action::Undone(report) => &report.disk_errors,
            Action::InUse { .. } | Action::Unreadable { .. } => &[],
        }
    }
}

/// Undoes the faults on record in `dir` whose runner is dead or whose deadline is before `now`;
/// every one of them with `force`. May be run again, and beside a guardian that does the same.
///
/// # Errors
/// [`Error::Store`] when the records cannot be listed. A record that cannot be read or undone is
/// an [`Outcome`] of its own.
pub fn recover(dir: &Path, now: Timestamp, force: bool) -> Result<Vec<Outcome>, Error> {
    if !dir.join("faults").exists() {
        return Ok(Vec::new());
    }
    let store = Store::open(dir)?;
    Ok(store
        .list()?
        .into_iter()
        .map(|record| recover_one(&store, record, now, force))
        .collect())
}

fn recover_one(
    store: &Store,
    record: Result<Record, Error>,
    now: Timestamp,
    force: bool,
) -> Outcome {
    let record = match record {
        Ok(record) => record,
        Err(error) => {
            return Outcome {
                id: None,
                action: Action::Unreadable {
                    reason: error.to_string(),
                },
            };
        }
    };
    let action = if force || now >= record.deadline_at || !runner_lives(&record) {
        Action::Undone(settle(store, &record, By::Recover))
    } else {
        Action::InUse {
            runner_pid: record.runner.pid,
        }
    };
    Outcome {
        id: Some(record.id),
        action,
    }
}

/// Whether the runner can still undo its fault. When `/proc` does not tell, it is taken for dead:
/// undoing a fault too early does less harm than leaving it.
fn runner_lives(record: &Record) -> bool {
    record.runner.state().is_ok_and(State::is_alive)
}
