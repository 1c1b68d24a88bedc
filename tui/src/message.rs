//! Everything that can happen to the console.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use voteops_observability::alertmanager::HeldAlert;
use voteops_observability::alertmanager::silences::Silence;
use voteops_observability::prometheus::{Sample, Target};
use voteops_observability::signals::Threshold;
use voteops_observability::slo::SloReading;
use voteops_observability::snapshot::AlertStatus;

use crate::deeds::Deed;
use crate::done::{Done, Silenced};
use crate::experiments::{Experiment, Plan};
use crate::model::Feed;
use crate::model::charts::Charted;
use crate::model::logs::{LogNews, LogQuestion};
use crate::settings::{Event, Outcome};

/// Something that the model has to know.
#[derive(Debug)]
pub(crate) enum Message {
    /// It is this time now; sent before every frame and whatever else happens.
    Now(Timestamp),
    /// The user did something.
    Input(crossterm::event::Event),
    /// A backend answered, or did not.
    Answered(Answered),
    /// What the signals were before the console started, in the catalogue's order.
    Filled(Vec<Vec<Sample>>),
    /// A range query was answered, or was not.
    Charted(String, Box<Result<Charted, Refusal>>),
    /// Log lines came, or did not.
    Logs(LogQuestion, LogNews),
    /// The experiments, newest first.
    Experiments(Vec<Experiment>),
    /// Somebody else has news.
    News(Event),
    /// What came of a silence that was to be made or expired, and when; or why nothing did.
    Silenced(Timestamp, Result<Silenced, String>),
    /// What came of another deed, and when.
    Done(Timestamp, Done),
    /// An experiment was planned, or why it cannot be.
    Planned(Result<Plan, String>),
    /// So many experiments that were begun here run now.
    Running(usize),
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
    /// How the objectives stand.
    Slos(Vec<SloReading>),
    /// The scrape targets.
    Targets(Vec<Target>),
    /// Log lines can be asked for.
    Logs,
    /// The silences.
    Silences(Vec<Silence>),
    /// The alert rules that Grafana evaluates, most urgent first.
    GrafanaRules(Vec<AlertStatus>),
}

/// Why there is no answer. What the console itself says of it is translated where it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// In a word or two, for a badge.
    pub(crate) short: String,
    /// In one line.
    pub(crate) full: String,
}

/// What the loop does after an update.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Draw with the next frame, together with what else arrives until then.
    Redraw,
    /// Draw at once: somebody is waiting for the key's effect.
    RedrawNow,
    /// Have something done, without waiting for it.
    Do(Deed),
    /// Give the terminal back until the process is continued.
    Suspend,
    /// Leave.
    Quit(Outcome),
}
