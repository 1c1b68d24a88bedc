//! What the console is started with, and how it ends.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedReceiver;
use voteops_observability::logs::LogSource;
use voteops_observability::signals::Component;
use voteops_observability::slo::Slo;
use voteops_observability::snapshot::Sources;

use crate::keys::Keys;

/// What the console shows, and how.
#[derive(Debug)]
pub struct Settings {
    /// The backends and signals to read.
    pub sources: Sources,
    /// Time between two readings.
    pub refresh: Duration,
    /// What is looked at, "local stack" for instance.
    pub title: String,
    /// By how much the stack's durations are divided; shortens the history that is kept.
    pub time_scale: f64,
    /// How many instances of a component should be up.
    pub expected: Vec<(Component, usize)>,
    /// News from whoever runs the stack, shown among the events.
    pub events: Option<UnboundedReceiver<Event>>,
    /// How much time charts and logs show at the start; `None` for what suits the time scale.
    pub range: Option<Duration>,
    /// What it looks like.
    pub look: Look,
    /// The keys that the user chose.
    pub keys: Keys,
    /// Whether the console takes the mouse; without it the terminal selects text.
    pub mouse: bool,
    /// Who makes silences, as it is proposed.
    pub user: String,
    /// Whether nothing may be changed from here: silences, faults.
    pub read_only: bool,
    /// Where log lines come from.
    pub logs: Option<LogSource>,
    /// The service level objectives to read.
    pub slos: Vec<Slo>,
    /// Experiments, newest first, from whoever can read of them.
    pub experiments: Option<UnboundedReceiver<Vec<Experiment>>>,
    /// When set, quitting asks this first.
    pub quit_prompt: Option<String>,
    /// Panics in the draw loop after this time, so that a test of the binary can see that the
    /// terminal is given back.
    #[doc(hidden)]
    pub panic_after: Option<Duration>,
}

impl Settings {
    /// Settings with a refresh of one second, an unscaled stack and nothing expected.
    #[must_use]
    pub fn new(sources: Sources, title: impl Into<String>) -> Self {
        Self {
            sources,
            refresh: Duration::from_secs(1),
            title: title.into(),
            time_scale: 1.0,
            expected: Vec::new(),
            events: None,
            range: None,
            look: Look::default(),
            keys: Keys::default(),
            mouse: true,
            user: String::new(),
            read_only: false,
            logs: None,
            slos: Vec::new(),
            experiments: None,
            quit_prompt: None,
            panic_after: None,
        }
    }
}

/// What the console looks like, where that is not left to the terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// One of [`Look::THEMES`]; the default suits the terminal.
    pub theme: Option<String>,
    /// Whether nothing but ASCII is drawn; it is anyway where the terminal shows nothing else.
    pub ascii: bool,
}

impl Look {
    /// The names of the themes; `none` is without colours.
    pub const THEMES: [&str; 5] = crate::theme::NAMES;
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What, in one line.
    pub text: String,
    /// How much it matters.
    pub severity: Severity,
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something is well again.
    Good,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Somebody has to act.
    Critical,
}

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

/// How the console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The user quit.
    Quit,
    /// The process was sent this signal (its number: 15 is SIGTERM).
    Signal(i32),
}

/// Why the console could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The terminal cannot be taken, read or written.
    #[error("terminal: {0}; run it in an interactive terminal, or ask for one frame as text")]
    Terminal(#[from] std::io::Error),
    /// Another part of the program panicked, which gave the terminal back.
    #[error("another part of the program panicked; its message is above")]
    Panicked,
}
