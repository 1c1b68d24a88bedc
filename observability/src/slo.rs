//! Service level objectives: how much of the error budget is left, and how fast it burns.
//!
//! Budget and burn rate as in the Google SRE Workbook, chapter 5: with the objective *o* the
//! budget is 1 − *o*; the burn rate over a window is the share of errors in it divided by the
//! budget, so that a burn rate of 1 spends the whole budget in the objective's window.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backend::BackendError;
use crate::combined::{self, Part, Question};
use crate::prometheus::{Prometheus, Series};
use crate::promql;
use crate::units;

const SHIPPED: &str = include_str!("slos.toml");
/// The windows that burn rates are told over: the long ones of the page alerts, and a short one.
const BURN_WINDOWS: [&str; 3] = ["5m", "1h", "6h"];

/// An objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// Its identity.
    pub id: String,
    /// The name that a person reads.
    pub title: String,
    /// The share of answers that has to be good, between 0 and 1.
    pub objective: f64,
    /// Over how long, as Prometheus writes durations.
    pub window: String,
    /// PromQL for the share of bad answers over `$window`.
    pub errors: String,
    /// By how much every window is divided.
    #[serde(skip, default = "unscaled")]
    pub time_scale: f64,
}

fn unscaled() -> f64 {
    1.0
}

/// How an objective stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SloReading {
    /// The objective's identity.
    pub id: String,
    /// The name that a person reads.
    pub title: String,
    /// The share of answers that has to be good.
    pub objective: f64,
    /// Over how long.
    pub window: String,
    /// The share of the budget that is left; negative when more was spent. `None` is not known.
    pub budget_left: Option<f64>,
    /// Burn rates by their windows, the shortest first. `None` is not known.
    pub burns: Vec<(String, Option<f64>)>,
}

/// Why the objectives cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SloError {
    /// Not a list of objectives.
    #[error("objectives: {0}")]
    Toml(String),
    /// A window is no duration.
    #[error("objective {id}: window {window:?} is no duration such as 30d")]
    Window {
        /// The objective's identity.
        id: String,
        /// What was given.
        window: String,
    },
    /// An objective that leaves no budget, or is all budget.
    #[error("objective {id}: {objective} is not between 0 and 1")]
    Objective {
        /// The objective's identity.
        id: String,
        /// What was given.
        objective: String,
    },
}

/// The objectives that the project ships, their windows divided by `time_scale`.
///
/// # Errors
/// [`SloError`]; the project's tests hold that the shipped ones are readable.
pub fn shipped(time_scale: f64) -> Result<Vec<Slo>, SloError> {
    #[derive(Deserialize)]
    struct Objectives {
        slo: Vec<Slo>,
    }
    let objectives: Objectives =
        toml::from_str(SHIPPED).map_err(|error| SloError::Toml(error.to_string()))?;
    objectives
        .slo
        .into_iter()
        .map(|slo| {
            if units::parse_duration(&slo.window).is_err() {
                return Err(SloError::Window {
                    id: slo.id,
                    window: slo.window,
                });
            }
            if !(slo.objective > 0.0 && slo.objective < 1.0) {
                return Err(SloError::Objective {
                    objective: slo.objective.to_string(),
                    id: slo.id,
                });
            }
            Ok(Slo { time_scale, ..slo })
        })
        .collect()
}

impl Slo {
    /// The windows that are asked for: those of the burn rates, and the objective's own.
    fn windows(&self) -> impl Iterator<Item = &str> {
        let own = std::iter::once(self.window.as_str());
        BURN_WINDOWS.into_iter().chain(own)
    }

    /// PromQL for the share of errors over a window, which is divided by the time scale.
    ///
    /// # Errors
    /// The parser's message when the expression is not PromQL.
    pub fn expr(&self, window: &str) -> Result<String, String> {
        promql::scale(&self.errors.replace("$window", window), self.time_scale)
    }

    fn reading(&self, ratio: impl Fn(&str) -> Option<f64>) -> SloReading {
        let budget = 1.0 - self.objective;
        let burns = BURN_WINDOWS.map(|window| {
            let burn = ratio(window).map(|errors| errors.max(0.0) / budget);
            (window.to_owned(), burn)
        });
        SloReading {
            id: self.id.clone(),
            title: self.title.clone(),
            objective: self.objective,
            window: self.window.clone(),
            budget_left: ratio(&self.window).map(|errors| 1.0 - errors.max(0.0) / budget),
            burns: burns.into(),
        }
    }
}

/// The one query behind [`read`].
#[must_use]
pub fn question(slos: &[Slo]) -> Question {
    let parts = slos
        .iter()
        .flat_map(|slo| slo.windows().filter_map(|window| part(slo, window)));
    Question::new(parts.collect())
}

/// How the objectives stand, by their [`question`].
///
/// # Errors
/// Any [`BackendError`].
pub async fn read(
    prometheus: &Prometheus,
    slos: &[Slo],
    question: &Question,
) -> Result<Vec<SloReading>, BackendError> {
    let Some(expr) = question.expr() else {
        return Ok(Vec::new());
    };
    let series = prometheus.query(expr, None).await?.data;
    let readings = slos
        .iter()
        .map(|slo| slo.reading(|window| ratio(&series, &name(slo, window))));
    Ok(readings.collect())
}

/// One part of the combined query. An expression that is not PromQL is left out: its windows
/// are not known.
fn part(slo: &Slo, window: &str) -> Option<Part> {
    Some(Part {
        name: name(slo, window),
        expr: slo.expr(window).ok()?,
    })
}

fn name(slo: &Slo, window: &str) -> String {
    format!("{}/{window}", slo.id)
}

fn ratio(series: &[Series], name: &str) -> Option<f64> {
    let value = combined::part(series, name)?.samples.last()?.value;
    Some(value).filter(|value| value.is_finite())
}

/// How often it is worth asking: burn rates over minutes move slowly, and a month of samples is
/// not read for nothing.
#[must_use]
pub fn refresh(time_scale: f64) -> Duration {
    Duration::from_secs_f64((15.0 / time_scale.max(1.0)).max(2.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;

    #[test]
    fn the_shipped_objectives_are_promql_at_every_window_and_scale() {
        for scale in [1.0, 30.0] {
            for slo in shipped(scale).unwrap() {
                for window in slo.windows() {
                    let expr = slo.expr(window).unwrap();
                    promql_parser::parser::parse(&expr).unwrap();
                }
            }
        }
        let scaled = shipped(30.0).unwrap();
        assert!(scaled[0].expr("30d").unwrap().contains("[1d]"));
    }

    #[test]
    fn budget_and_burn_follow_from_the_share_of_errors() {
        let slo = &shipped(1.0).unwrap()[0];
        let reading = slo.reading(|window| match window {
            "5m" => Some(0.0144),
            "1h" => Some(0.0),
            "30d" => Some(0.000_25),
            _ => None,
        });
        let burns: Vec<_> = reading.burns.iter().map(|(_, burn)| *burn).collect();
        assert!((burns[0].unwrap() - 14.4).abs() < 1e-9);
        assert_eq!(burns[1..], [Some(0.0), None]);
        assert!((reading.budget_left.unwrap() - 0.75).abs() < 1e-9);
        let spent = slo.reading(|_| Some(0.002));
        assert!((spent.budget_left.unwrap() + 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_burn_alerts_follow_from_the_objectives() {
        let alerts = rules::shipped().unwrap();
        for (slo, prefix) in shipped(1.0).unwrap().iter().zip(["Error", "Latency"]) {
            let budget = 1.0 - slo.objective;
            for (speed, factor) in [("Fast", 14.4), ("Slow", 6.0), ("Ticket", 3.0)] {
                let name = format!("VoteApp{prefix}BudgetBurn{speed}");
                let rule = alerts.iter().find(|rule| rule.name == name).unwrap();
                let threshold = rule.condition.as_ref().unwrap().threshold;
                assert!((threshold - factor * budget).abs() < 1e-9, "{name}");
                // Each of its numbers, that of the second pair of a ticket too.
                let numbers = rule.expr.split(") > ").skip(1);
                let numbers = numbers.map(|rest| rest.split_whitespace().next().unwrap());
                for number in numbers {
                    let factors = number.parse::<f64>().unwrap() / budget;
                    let is_known = |known: f64| (factors - known).abs() < 1e-6;
                    assert!(
                        is_known(factor) || speed == "Ticket" && is_known(1.0),
                        "{name}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_recorded_is_what_the_objectives_say() {
        let windows = ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"];
        let text = include_str!("../prometheus/rules/sli.yml");
        let file: serde_norway::Value = serde_norway::from_str(text).unwrap();
        let groups = file["groups"].as_sequence().unwrap();
        let rules = groups
            .iter()
            .flat_map(|group| group["rules"].as_sequence().unwrap());
        let recorded: Vec<_> = rules
            .map(|rule| {
                let told = |of: &serde_norway::Value| of.as_str().unwrap().to_owned();
                let labels = &rule["labels"];
                assert_eq!(told(&labels["job"]), "vote_app");
                let id = format!("vote_app.{}", told(&labels["slo"]));
                (
                    told(&rule["record"]),
                    id,
                    promql::normal(&told(&rule["expr"])).unwrap(),
                )
            })
            .collect();
        let slos = shipped(1.0).unwrap();
        let expected = windows.iter().flat_map(|window| {
            let name = format!("job:slo_errors_per_request:ratio_rate{window}");
            slos.iter().map(move |slo| {
                let expr = promql::normal(&slo.expr(window).unwrap()).unwrap();
                (name.clone(), slo.id.clone(), expr)
            })
        });
        assert_eq!(recorded, expected.collect::<Vec<_>>());
        for slo in &slos {
            assert!(slo.windows().all(|window| windows.contains(&window)));
        }
    }
}
