//! What range queries answered: the material of every chart.

use std::collections::BTreeMap;

use jiff::Timestamp;
use voteops_observability::prometheus::{Answer, Series};

use crate::message::Refusal;
use crate::model::window::Range;

/// Series of one query that are kept; more would neither be drawn nor read.
pub(crate) const MAX_SERIES: usize = 200;

/// The query behind the alerts' history.
pub(crate) const ALERTS_QUERY: &str = "max by (alertname, alertstate) (ALERTS)";

/// What a query answered last.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Charted {
    /// The series, at most [`MAX_SERIES`].
    pub(crate) series: Vec<Series>,
    /// How many series there were.
    pub(crate) found: usize,
    /// The time that was asked for.
    pub(crate) range: Option<Range>,
    /// The time between two points, in seconds: a longer distance is a gap.
    pub(crate) step_s: f64,
    /// When that was.
    pub(crate) at: Option<Timestamp>,
    /// Why the last question has no answer; the series are those of the one before.
    pub(crate) refusal: Option<Refusal>,
    /// What the server warned of.
    pub(crate) warnings: Vec<String>,
}

/// The charts by their query.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Charts(BTreeMap<String, Charted>);

impl Charted {
    /// What a good answer that came at `at` says of a time, with points `step_s` apart: its first
    /// [`MAX_SERIES`] series.
    pub(crate) fn new(
        answer: Answer<Vec<Series>>,
        range: Option<Range>,
        step_s: f64,
        at: Timestamp,
    ) -> Self {
        let mut series = answer.data;
        let found = series.len();
        series.truncate(MAX_SERIES);
        series.shrink_to_fit();
        Self {
            series,
            found,
            range,
            step_s,
            at: Some(at),
            refusal: None,
            warnings: answer.warnings,
        }
    }
}

impl Charts {
    /// What is known of a query.
    pub(crate) fn get(&self, expr: &str) -> Option<&Charted> {
        self.0.get(expr)
    }

    /// Takes a good answer down.
    pub(crate) fn answered(&mut self, expr: String, charted: Charted) {
        self.0.insert(expr, charted);
    }

    /// Takes a failure down; the series stay.
    pub(crate) fn failed(&mut self, expr: String, refusal: Refusal) {
        self.0.entry(expr).or_default().refusal = Some(refusal);
    }

    /// What is known of every query.
    pub(crate) fn all(&self) -> BTreeMap<String, Charted> {
        self.0.clone()
    }

    /// Forgets what nobody looks at.
    pub(crate) fn keep(&mut self, wanted: &[String]) {
        self.0.retain(|expr, _| wanted.contains(expr));
    }
}
