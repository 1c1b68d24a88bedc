//! What the console is started with, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedReceiver;
use voteops_observability::logs::LogSource;
use voteops_observability::signals::Component;
use voteops_observability::slo::Slo;
use voteops_observability::snapshot::Sources;

use crate::experiments::{Experiment, Experimenter};
use crate::kept::Kept;
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
    /// Who can begin experiments, when that is allowed from here.
    pub experimenter: Option<Arc<dyn Experimenter>>,
    /// The contexts that `:context` can go to.
    pub contexts: Vec<String>,
    /// What is kept of the console that was left for this context.
    pub kept: Option<Kept>,
    /// What is told first, where the keys are told.
    pub notice: Option<String>,
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
            experimenter: None,
            contexts: Vec::new(),
            kept: None,
            notice: None,
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
    /// One of [`Look::LANGS`]; the default is that of the locale.
    pub lang: Option<String>,
}

impl Look {
    /// The names of the themes; `none` is without colours.
    pub const THEMES: [&str; 5] = crate::theme::NAMES;
    /// The languages: ISO 639-1 codes.
    pub const LANGS: [&str; 2] = crate::lang::NAMES;
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

/// How the console ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The user quit.
    Quit,
    /// The user goes on with another context.
    Context {
        /// Its name.
        name: String,
        /// What is kept of this console.
        kept: Box<Kept>,
    },
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
