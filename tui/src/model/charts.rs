//! What range queries answered: the material of every chart.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use voteops_observability::prometheus::{Answer, Series};

use crate::message::Refusal;
use crate::model::Setup;
use crate::model::window::Range;

/// Series of one query that are kept.
pub(crate) const MAX_SERIES: usize = 10_000;
/// Series of one query whose samples are kept; the others keep their last one, until they are
/// looked at.
pub(crate) const WHOLE_SERIES: usize = 200;

/// The query behind the alerts' history, by which it is known whatever its step is: see [`asked`].
pub(crate) const ALERTS_QUERY: &str = "max by (alertname, alertstate) (ALERTS{severity!=\"none\"})";
/// Time between two evaluations of most rules on an unscaled stack, in seconds.
const EVALUATED_S: f64 = 15.0;

/// What is sent to the server for a query. An instant of each step says nothing of an alert that came
/// and went between two, so over long steps the alerts' history looks back for a whole one. Rules
/// that are evaluated less often than that have samples outside of some steps, but go on at instants.
pub(crate) fn asked(expr: &str, step: Duration, looks_back: bool) -> Cow<'_, str> {
    if !looks_back || expr != ALERTS_QUERY {
        return expr.into();
    }
    let alerts = "ALERTS{severity!=\"none\"}";
    let step = step.as_millis();
    let told = format!("last_over_time({alerts}[{step}ms]) or {alerts}");
    format!("max by (alertname, alertstate) ({told})").into()
}

impl Setup {
    /// Whether a sample of the alerts' history stands for the step before it, rather than for its
    /// instant: when rules are evaluated more than once in a step.
    pub(crate) fn looks_back(&self, step_s: f64) -> bool {
        step_s * self.time_scale > EVALUATED_S
    }
}

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
    /// What a good answer that came at `at` says of a time, with points `step_s` apart: of its
    /// series those that can be looked at, which begin with the number `first`.
    pub(crate) fn new(
        answer: Answer<Vec<Series>>,
        range: Option<Range>,
        step_s: f64,
        at: Timestamp,
        first: usize,
    ) -> Self {
        let mut charted = Self {
            found: answer.data.len(),
            series: answer.data,
            range,
            step_s,
            at: Some(at),
            refusal: None,
            warnings: answer.warnings,
        };
        charted.shrink(first);
        charted
    }

    /// Forgets what nobody can look at: series beyond the most that are kept, and the samples of
    /// those that are not among the [`WHOLE_SERIES`] from `first` on.
    pub(crate) fn shrink(&mut self, first: usize) {
        self.series.truncate(MAX_SERIES);
        self.series.shrink_to_fit();
        let whole = first..first + WHOLE_SERIES;
        for (index, series) in self.series.iter_mut().enumerate() {
            if !whole.contains(&index) {
                let last = series.samples.last().copied();
                series.samples = last.into_iter().collect();
            }
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
