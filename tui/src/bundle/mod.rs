//! An incident in a directory: what the console knew at one instant and over a time before it, to
//! be looked at later and elsewhere.
//!
//! `bundle.json` holds the answers (`schemas/bundle.schema.json`), `charts.json` the range queries
//! in Prometheus's own form, `logs.jsonl` the log lines; the `.txt` files are the screens as they
//! looked.

mod export;
mod files;
mod replay;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use voteops_observability::alertmanager::HeldAlert;
use voteops_observability::logs::LogLine;
use voteops_observability::prometheus::{Sample, Series, Target};
use voteops_observability::signals::{Component, Signal, Threshold};
use voteops_observability::slo::{Slo, SloReading};
use voteops_observability::snapshot::AlertStatus;

use crate::experiments::Experiment;
use crate::message::{Answered, Facts, Message, Refusal};
use crate::model::Feed;
use crate::model::charts::Charted;
use crate::model::window::Range;
use crate::settings::Event;

pub use export::export;

/// The form of the bundles that this version writes and reads.
const VERSION: u32 = 1;

/// What the console knew.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    known: Known,
    charts: BTreeMap<String, Charted>,
    logs: Vec<LogLine>,
}

/// Why a bundle cannot be written or read. Each message names the file and the way out.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Something is in the way.
    #[error("{} is there already; name a directory that is not there yet", dir.display())]
    InTheWay {
        /// The directory.
        dir: PathBuf,
    },
    /// A file cannot be written or read.
    #[error("{}: {error}; name a directory that `voteops-tui --export` wrote, or can write", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The operating system's reason.
        error: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{}: {reason}; it is not as `voteops-tui --export` wrote it", file.display())]
    Garbage {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A bundle of a later version.
    #[error("{}: a bundle of form {found}, and this version reads form {VERSION}; use the voteops that wrote it", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// The form that was found.
        found: u32,
    },
}

/// Everything but charts and log lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    version: u32,
    program: String,
    taken_at: Timestamp,
    title: String,
    time_scale: f64,
    span_s: f64,
    refresh_s: f64,
    expected: Vec<Expected>,
    backends: Vec<Named>,
    log_source: Option<String>,
    logs_refused: Option<Refused>,
    signals: Vec<Signal>,
    slos: Vec<Slo>,
    past: Vec<Vec<Point>>,
    read: Option<Told<Vec<Option<f64>>>>,
    rules: Option<Told<Rules>>,
    grafana_rules: Option<Told<Vec<AlertStatus>>>,
    held: Option<Told<Vec<HeldAlert>>>,
    objectives: Option<Told<Vec<SloReading>>>,
    targets: Option<Told<Vec<Target>>>,
    experiments: Option<Vec<Experiment>>,
    events: Vec<Event>,
}

/// How many instances should be up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Expected {
    component: Component,
    instances: usize,
}

/// A backend and where it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Named {
    name: String,
    url: String,
}

/// A value of a signal and its time in Unix seconds; `null` where there was none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Point(f64, Option<f64>);

/// What a backend answered, or why it did not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Told<T> {
    at: Timestamp,
    latency_ms: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    answer: Option<T>,
    refused: Option<Refused>,
}

/// Why something was not answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Refused {
    short: String,
    full: String,
}

/// The alert rules, and the thresholds in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rules {
    alerts: Vec<AlertStatus>,
    thresholds: BTreeMap<String, Threshold>,
}

/// A range query and what it gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Chart {
    expr: String,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    step_s: f64,
    found: usize,
    result: Vec<Series>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    refused: Option<Refused>,
}

/// A log line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    at: Timestamp,
    labels: BTreeMap<String, String>,
    text: String,
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        Self {
            short: refusal.short.clone(),
            full: refusal.full.clone(),
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self {
            short: refused.short,
            full: refused.full,
        }
    }
}

impl<T> Told<T> {
    fn new(answered: &Answered, answer: Option<T>) -> Self {
        Self {
            at: answered.at,
            latency_ms: answered.latency.as_secs_f64() * 1e3,
            warnings: Vec::new(),
            answer,
            refused: answered.result.as_ref().err().map(Into::into),
        }
    }

    /// The message that told it; `None` for an answer that is neither good nor bad.
    fn message(self, feed: Feed, facts: impl FnOnce(T, Vec<String>) -> Facts) -> Option<Message> {
        let result = match (self.answer, self.refused) {
            (Some(answer), _) => Ok(facts(answer, self.warnings)),
            (None, Some(refused)) => Err(refused.into()),
            (None, None) => return None,
        };
        let latency = Duration::try_from_secs_f64(self.latency_ms / 1e3).unwrap_or_default();
        Some(Message::Answered(Answered {
            feed,
            at: self.at,
            latency,
            next_try: None,
            result,
        }))
    }
}

impl Known {
    /// Keeps what a message tells.
    fn note(&mut self, message: &Message) {
        match message {
            Message::Answered(answered) => self.note_answer(answered),
            Message::Filled(past) => {
                let point = |sample: &Sample| {
                    let value = Some(sample.value).filter(|value| value.is_finite());
                    Point(sample.at_s, value)
                };
                let points = past.iter().map(|all| all.iter().map(point).collect());
                self.past = points.collect();
            }
            Message::Experiments(all) => self.experiments = Some(all.clone()),
            _ => {}
        }
    }

    fn note_answer(&mut self, answered: &Answered) {
        let facts = answered.result.as_ref().ok();
        match answered.feed {
            Feed::Signals => {
                let mut warned = Vec::new();
                let values = facts.and_then(|facts| match facts {
                    Facts::Signals(values, warnings) => {
                        warned.clone_from(warnings);
                        Some(values.clone())
                    }
                    _ => None,
                });
                let answer = Told::new(answered, values);
                self.read = Some(Told {
                    warnings: warned,
                    ..answer
                });
            }
            Feed::Rules => {
                let rules = facts.and_then(|facts| match facts {
                    Facts::Rules(alerts, thresholds) => Some(Rules {
                        alerts: alerts.clone(),
                        thresholds: thresholds.clone(),
                    }),
                    _ => None,
                });
                self.rules = Some(Told::new(answered, rules));
            }
            Feed::GrafanaRules => {
                let alerts = facts.and_then(|facts| match facts {
                    Facts::GrafanaRules(alerts) => Some(alerts.clone()),
                    _ => None,
                });
                self.grafana_rules = Some(Told::new(answered, alerts));
            }
            Feed::Held => {
                let held = facts.and_then(|facts| match facts {
                    Facts::Held(held) => Some(held.clone()),
                    _ => None,
                });
                self.held = Some(Told::new(answered, held));
            }
            Feed::Slos => {
                let slos = facts.and_then(|facts| match facts {
                    Facts::Slos(slos) => Some(slos.clone()),
                    _ => None,
                });
                self.objectives = Some(Told::new(answered, slos));
            }
            // Who silences what is not part of an incident; how Loki stands is told with its lines.
            Feed::Silences | Feed::Logs => {}
            Feed::Targets => {
                let targets = facts.and_then(|facts| match facts {
                    Facts::Targets(targets) => Some(targets.clone()),
                    _ => None,
                });
                self.targets = Some(Told::new(answered, targets));
            }
        }
    }

    /// The messages that tell all of it again.
    fn messages(&self) -> Vec<Message> {
        let known = self.clone();
        let sample = |point: Point| Sample {
            at_s: point.0,
            value: point.1.unwrap_or(f64::NAN),
        };
        let samples = known.past.into_iter();
        let past = samples.map(|points| points.into_iter().map(sample).collect());
        let rules = known.rules.and_then(|answer| {
            answer.message(Feed::Rules, |rules, _| {
                Facts::Rules(rules.alerts, rules.thresholds)
            })
        });
        let managed = known.grafana_rules.and_then(|answer| {
            answer.message(Feed::GrafanaRules, |alerts, _| Facts::GrafanaRules(alerts))
        });
        let read = known.read;
        let read = read.and_then(|answer| answer.message(Feed::Signals, Facts::Signals));
        let held = known.held;
        let held = held.and_then(|answer| answer.message(Feed::Held, |held, _| Facts::Held(held)));
        let slos = known.objectives;
        let slos = slos.and_then(|answer| answer.message(Feed::Slos, |slos, _| Facts::Slos(slos)));
        let targets = known
            .targets
            .and_then(|answer| answer.message(Feed::Targets, |targets, _| Facts::Targets(targets)));
        let mut messages = vec![Message::Filled(past.collect())];
        let told = [rules, managed, read, held, slos, targets];
        messages.extend(told.into_iter().flatten());
        messages.extend(known.experiments.map(Message::Experiments));
        messages
    }
}

impl Chart {
    fn of(expr: &str, charted: &Charted) -> Self {
        Self {
            expr: expr.to_owned(),
            from: charted.range.map(|range| range.from),
            to: charted.range.map(|range| range.to),
            step_s: charted.step_s,
            found: charted.found,
            result: charted.series.clone(),
            warnings: charted.warnings.clone(),
            refused: charted.refusal.as_ref().map(Into::into),
        }
    }

    fn charted(self, at: Timestamp) -> (String, Charted) {
        let range = self.from.zip(self.to);
        let charted = Charted {
            series: self.result,
            found: self.found,
            range: range.map(|(from, to)| Range { from, to }),
            step_s: self.step_s,
            at: range.map(|_| at),
            refusal: self.refused.map(Into::into),
            warnings: self.warnings,
        };
        (self.expr, charted)
    }
}

#[cfg(test)]
mod tests;
