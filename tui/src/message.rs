//! Everything that can happen to the console.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use voteops_observability::alertmanager::HeldAlert;
use voteops_observability::prometheus::Sample;
use voteops_observability::signals::Threshold;
use voteops_observability::snapshot::AlertStatus;

use crate::model::Feed;
use crate::settings::{Event, Outcome};

/// Something that the model has to know.
#[derive(Debug)]
pub(crate) enum Message {
    /// It is this time now; sent before every frame.
    Now(Timestamp),
    /// The user did something.
    Input(crossterm::event::Event),
    /// A backend answered, or did not.
    Answered(Answered),
    /// What the signals were before the console started, in the catalogue's order.
    Filled(Vec<Vec<Sample>>),
    /// Somebody else has news.
    News(Event),
    /// The process was sent a signal.
    Signal(i32),
}

/// The end of one question.
#[derive(Debug)]
pub(crate) struct Answered {
    /// What was asked.
    pub(crate) feed: Feed,
    /// When the answer came.
    pub(crate) at: Timestamp,
    /// How long it took.
    pub(crate) latency: Duration,
    /// When it is asked again, if it is.
    pub(crate) next_try: Option<Timestamp>,
    /// What it said.
    pub(crate) result: Result<Facts, Refusal>,
}

/// What a good answer says.
#[derive(Debug)]
pub(crate) enum Facts {
    /// The signals' values in the catalogue's order, and the server's warnings.
    Signals(Vec<Option<f64>>, Vec<String>),
    /// The alert rules, most urgent first, and their thresholds by name.
    Rules(Vec<AlertStatus>, BTreeMap<String, Threshold>),
    /// The alerts that Alertmanager holds.
    Held(Vec<HeldAlert>),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// In a word or two, for a badge.
    pub(crate) short: String,
    /// In one line.
    pub(crate) full: String,
}

/// What the loop does after an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Draw with the next frame, together with what else arrives until then.
    Redraw,
    /// Draw at once: somebody is waiting for the key's effect.
    RedrawNow,
    /// Leave.
    Quit(Outcome),
}
