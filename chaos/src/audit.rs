//! The audit log: who did what to whom, and when it was undone; JSON lines, only ever appended.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Error;
use crate::record::{Record, Target};

/// What happened to the targets of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The fault was injected and seen to hold.
    Injected,
    /// The fault was undone, and that was seen to hold.
    Undone,
    /// The fault could not be undone; the entry says why.
    UndoFailed,
    /// The targets were gone, so that there was nothing to undo.
    TargetGone,
}

/// Which part of voteops did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The process that ran the experiment.
    Runner,
    /// The process that watched over it.
    Guardian,
    /// `voteops chaos recover`.
    Recover,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it happened.
    pub at: Timestamp,
    /// The user who ran the experiment.
    pub who: String,
    /// The fault's name, such as `stall-worker`.
    pub what: String,
    /// The fault's id.
    pub fault_id: Uuid,
    /// To whom it happened.
    pub targets: Vec<Target>,
    /// What happened.
    pub event: Event,
    /// Which part of voteops did it.
    pub by: By,
    /// Why an undoing failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

impl Entry {
    /// An entry of now, about `targets` of the fault in `record`.
    #[must_use]
    pub fn new(record: &Record, targets: Vec<Target>, event: Event, by: By) -> Self {
        Self {
            at: Timestamp::now(),
            who: record.who.clone(),
            what: record.name.clone(),
            fault_id: record.id,
            targets,
            event,
            by,
            reason: None,
        }
    }
}

/// An append-only file of [`Entry`] lines.
#[derive(Clone, Debug)]
pub struct Audit {
    path: PathBuf,
}

impl Audit {
    /// The log at `path`; created by the first entry.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Appends `entry` as one line and returns once it is durable. Runner, guardian and `recover`
    /// may append at the same time: one write in append mode is not torn by another.
    ///
    /// # Errors
    /// [`Error::Store`] when the disk is full or does not take it.
    pub fn append(&self, entry: &Entry) -> Result<(), Error> {
        let appended = serde_json::to_vec(entry)
            .map_err(std::io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                let mut file = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&self.path)?;
                file.write_all(&line)?;
                file.sync_data()
            });
        appended.map_err(Error::store("append to", &self.path))
    }

    /// Every entry, oldest first. A line that is no entry, such as one that a full disk cut short,
    /// is left out.
    ///
    /// # Errors
    /// [`Error::Store`] when the log is there but cannot be read.
    pub fn read(&self) -> Result<Vec<Entry>, Error> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::store("read", &self.path)(error)),
        };
        Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
    }
}
