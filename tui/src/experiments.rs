//! Experiments as the console shows them, and how one is begun from it.

use std::ffi::OsString;
use std::fmt::Debug;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A fault that was injected, or load that was sent, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// Its identity.
    pub id: String,
    /// What was done, `stall-worker` for instance.
    pub fault: String,
    /// What it was done to.
    pub targets: Vec<String>,
    /// Who did it.
    pub by: String,
    /// When it began.
    pub began: Timestamp,
    /// When it is undone at the latest, or was.
    pub ends: Option<Timestamp>,
    /// How it stands.
    pub stage: Stage,
    /// What happened, oldest first.
    pub timeline: Vec<(Timestamp, String)>,
}

/// How an experiment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Its fault is in force.
    Running,
    /// Its fault was undone.
    Undone,
    /// Its record is left and nobody looks after it: `voteops chaos recover` undoes it.
    LeftBehind,
    /// It was refused, or could not be undone.
    Failed,
}

/// An experiment that can be begun from the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its name, `stall-worker` for instance.
    pub name: String,
    /// What it does, in a few words.
    pub about: String,
    /// The alerts that it makes fire.
    pub alerts: Vec<String>,
    /// How long it lasts unless something else is written; `None` when it ends by itself.
    pub length: Option<Duration>,
}

/// What is going to be done: shown before it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it is called when its end is told, `stall-worker` for instance.
    pub name: String,
    /// What is touched, how it is undone, what should come of it: a line each.
    pub lines: Vec<String>,
    /// The program that does it, and its arguments. It undoes what it did when it is sent SIGINT,
    /// and when the console is killed.
    pub command: Vec<OsString>,
}

/// Who can begin experiments.
pub trait Experimenter: Debug + Send + Sync {
    /// What can be begun.
    fn offers(&self) -> Vec<Offer>;

    /// Plans an experiment of an offer's name, against what runs now. May read files.
    ///
    /// # Errors
    /// Why it cannot be begun, in one line with the way out.
    fn plan(&self, name: &str, length: Option<Duration>) -> Result<Plan, String>;
}
