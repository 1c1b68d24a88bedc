//! The shapes of Prometheus's answers.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// Label names and values, sorted by name.
pub type Labels = BTreeMap<String, String>;

/// An answer's data with the warnings and notes that came beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    /// What was asked for.
    pub data: T,
    /// The server's warnings: the data may be incomplete.
    pub warnings: Vec<String>,
}

impl<T> Answer<T> {
    /// The same answer around other data.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Answer<U> {
        Answer {
            data: f(self.data),
            warnings: self.warnings,
        }
    }

    pub(super) fn try_map<U, E>(self, f: impl FnOnce(T) -> Result<U, E>) -> Result<Answer<U>, E> {
        Ok(Answer {
            data: f(self.data)?,
            warnings: self.warnings,
        })
    }
}

/// One value at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Unix seconds.
    pub at_s: f64,
    /// The value; NaN is a gap, not a number.
    pub value: f64,
}

/// The samples of one combination of labels, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawSeries", into = "RawSeries")]
pub struct Series {
    /// The labels, `__name__` included where there is one.
    pub labels: Labels,
    /// The samples, oldest first.
    pub samples: Vec<Sample>,
}

/// A rule group as the server evaluates it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleGroup {
    /// The group's name.
    pub name: String,
    /// The file it was read from.
    #[serde(default)]
    pub file: String,
    /// Seconds between evaluations.
    #[serde(default, rename = "interval")]
    pub interval_s: f64,
    /// Its rules.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// What a rule makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    /// Alerts.
    Alerting,
    /// A recorded series.
    Recording,
}

/// How far an alert is. The order is that of urgency, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// The condition has held for `for`.
    Firing,
    /// The condition holds, but not yet for as long as `for` asks.
    Pending,
    /// The condition does not hold.
    Inactive,
    /// The server has not evaluated the rule yet, or said a state this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A rule with its state.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// The alert's or the recorded series' name.
    pub name: String,
    /// The expression.
    #[serde(default)]
    pub query: String,
    /// `for`, in seconds.
    #[serde(default, rename = "duration")]
    pub for_s: f64,
    /// `keep_firing_for`, in seconds.
    #[serde(default, rename = "keepFiringFor")]
    pub keep_firing_for_s: f64,
    /// What the rule makes.
    #[serde(rename = "type")]
    pub kind: RuleKind,
    /// The worst state of its alerts.
    #[serde(default)]
    pub state: AlertState,
    /// The rule's own labels.
    #[serde(default)]
    pub labels: Labels,
    /// The rule's annotations, as templates.
    #[serde(default)]
    pub annotations: Labels,
    /// Its alerts that are pending or firing.
    #[serde(default)]
    pub alerts: Vec<ActiveAlert>,
    /// `ok`, `err` or `unknown`.
    #[serde(default)]
    pub health: String,
    /// Why the last evaluation failed.
    #[serde(default)]
    pub last_error: Option<String>,
    /// When it was last evaluated.
    #[serde(default)]
    pub last_evaluation: Option<Timestamp>,
}

/// An alert that is pending or firing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActiveAlert {
    /// All its labels.
    #[serde(default)]
    pub labels: Labels,
    /// Its annotations, rendered.
    #[serde(default)]
    pub annotations: Labels,
    /// Pending or firing.
    pub state: AlertState,
    /// The evaluation at which the condition began to hold; it keeps this when it fires.
    #[serde(default)]
    pub active_at: Option<Timestamp>,
    /// The expression's value at the last evaluation.
    #[serde(default = "nan", deserialize_with = "number")]
    pub value: f64,
}

/// Whether the last scrape of a target worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetHealth {
    /// It did.
    Up,
    /// It did not.
    Down,
    /// It was not scraped yet, or the server said a word this version does not know.
    #[serde(other)]
    Unknown,
}

/// A scrape target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its labels after relabelling, `job` and `instance` among them.
    #[serde(default)]
    pub labels: Labels,
    /// The address that is scraped.
    #[serde(default)]
    pub scrape_url: String,
    /// Whether the last scrape worked.
    pub health: TargetHealth,
    /// Why it did not.
    #[serde(default)]
    pub last_error: String,
    /// When it was last scraped.
    #[serde(default)]
    pub last_scrape: Option<Timestamp>,
    /// How long the last scrape took, in seconds.
    #[serde(default, rename = "lastScrapeDuration")]
    pub last_scrape_duration_s: f64,
    /// The scrape interval, as Prometheus writes it.
    #[serde(default)]
    pub scrape_interval: String,
    /// How long a scrape may take, as Prometheus writes it.
    #[serde(default)]
    pub scrape_timeout: String,
    /// The job of the configuration that it is of, whatever its labels say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scrape_pool: String,
}

/// How a server fares.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Runtime {
    /// Whether the configuration that it was last given is in force.
    #[serde(default = "yes")]
    pub reload_config_success: bool,
    /// When the configuration that is in force was given.
    #[serde(default)]
    pub last_config_time: Option<Timestamp>,
    /// How often its log of samples was found broken.
    #[serde(default)]
    pub corruption_count: u64,
    /// How long it keeps samples, as it writes it.
    #[serde(default)]
    pub storage_retention: String,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
pub(super) struct Alertmanagers {
    #[serde(default, rename = "activeAlertmanagers")]
    pub(super) active: Vec<AlertmanagerUrl>,
}

#[derive(Deserialize)]
pub(super) struct AlertmanagerUrl {
    pub(super) url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope<T> {
    pub(super) status: String,
    pub(super) data: Option<T>,
    pub(super) error_type: Option<String>,
    pub(super) error: Option<String>,
    #[serde(default = "Vec::new")]
    pub(super) warnings: Vec<String>,
    #[serde(default = "Vec::new")]
    pub(super) infos: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct BuildInfo {
    pub(super) version: String,
}

#[derive(Deserialize)]
pub(super) struct RuleGroups {
    #[serde(default)]
    pub(super) groups: Vec<RuleGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActiveTargets {
    #[serde(default)]
    pub(super) active_targets: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum QueryData {
    Vector(Vec<RawSeries>),
    Matrix(Vec<RawSeries>),
    Scalar(RawSample),
    String(serde::de::IgnoredAny),
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RawSeries {
    #[serde(default)]
    metric: Labels,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<RawSample>,
    #[serde(default)]
    values: Vec<RawSample>,
}

/// `[seconds, "value"]`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RawSample(f64, String);

impl QueryData {
    pub(super) fn into_series(self) -> Result<Vec<Series>, String> {
        match self {
            Self::Vector(all) | Self::Matrix(all) => {
                all.into_iter().map(RawSeries::into_series).collect()
            }
            Self::Scalar(sample) => Ok(vec![Series {
                labels: Labels::new(),
                samples: vec![sample.parse()?],
            }]),
            Self::String(_) => Err("the expression gives a string, not numbers".into()),
        }
    }
}

impl RawSeries {
    fn into_series(self) -> Result<Series, String> {
        let samples = self
            .value
            .into_iter()
            .chain(self.values)
            .map(|sample| sample.parse());
        Ok(Series {
            samples: samples.collect::<Result<_, _>>()?,
            labels: self.metric,
        })
    }
}

impl TryFrom<RawSeries> for Series {
    type Error = String;

    fn try_from(raw: RawSeries) -> Result<Self, String> {
        raw.into_series()
    }
}

impl From<Series> for RawSeries {
    fn from(series: Series) -> Self {
        let samples = series.samples.iter();
        let values = samples.map(|sample| RawSample(sample.at_s, told(sample.value)));
        Self {
            metric: series.labels,
            value: None,
            values: values.collect(),
        }
    }
}

/// A value as Prometheus writes it.
fn told(value: f64) -> String {
    if value.is_infinite() {
        let sign = if value > 0.0 { '+' } else { '-' };
        return format!("{sign}Inf");
    }
    value.to_string()
}

impl RawSample {
    fn parse(&self) -> Result<Sample, String> {
        Ok(Sample {
            at_s: self.0,
            value: parse_value(&self.1)?,
        })
    }
}

fn parse_value(text: &str) -> Result<f64, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a sample value"))
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_value(&text).map_err(serde::de::Error::custom)
}

fn nan() -> f64 {
    f64::NAN
}

impl ActiveAlert {
    /// When a pending alert fires if its condition goes on to hold: at the first evaluation at
    /// least `for` after `active_at`. `None` when it is not pending.
    #[must_use]
    pub fn fires_at(&self, for_s: f64, interval_s: f64) -> Option<Timestamp> {
        (self.state == AlertState::Pending)
            .then(|| self.held_until(for_s, interval_s))
            .flatten()
    }

    /// When a firing alert began to fire, derived from `active_at` and the rule's `for`.
    #[must_use]
    pub fn firing_since(&self, for_s: f64, interval_s: f64) -> Option<Timestamp> {
        (self.state == AlertState::Firing)
            .then(|| self.held_until(for_s, interval_s))
            .flatten()
    }

    fn held_until(&self, for_s: f64, interval_s: f64) -> Option<Timestamp> {
        let held_s = held_s(for_s, interval_s).clamp(0.0, 1e9);
        self.active_at?
            .checked_add(Duration::from_secs_f64(held_s))
            .ok()
    }
}

/// Seconds from pending to firing: `for` rounded up to whole evaluations.
#[must_use]
pub fn held_s(for_s: f64, interval_s: f64) -> f64 {
    if interval_s > 0.0 {
        (for_s / interval_s).ceil() * interval_s
    } else {
        for_s
    }
}
