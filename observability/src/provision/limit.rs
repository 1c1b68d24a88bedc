//! Thresholds of rules as Grafana's: steps of colour.

use serde_json::{Value, json};

use super::groups::{Group, Rule};
use crate::promql::{self, Comparison};
use crate::units::{self, Unit};

/// The least rate that is told from none: one vote in a window of a minute is 17 times as much.
const LEAST_RATE: f64 = 0.001;

/// A value that an alert compares with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limit {
    pub(super) comparison: Comparison,
    pub(super) value: f64,
    /// Whether crossing it is critical, or a warning.
    pub(super) critical: bool,
}

impl Limit {
    /// The limit of a rule, if its expression has one.
    pub(super) fn of(rule: &Rule) -> Option<Self> {
        let condition = promql::condition(&rule.expr).ok()??;
        Some(Self {
            comparison: condition.comparison,
            value: condition.threshold,
            critical: rule.labels.get("severity").is_some_and(|s| s == "critical"),
        })
    }

    fn color(&self) -> &'static str {
        if self.critical { "red" } else { "orange" }
    }

    fn high_is_bad(&self) -> bool {
        matches!(
            self.comparison,
            Comparison::Above | Comparison::AtLeast | Comparison::NotEqual
        )
    }
}

/// Steps from the lowest value on; each colour holds from its value up to the next.
pub(super) fn steps(unit: Unit, limits: &[Limit]) -> Value {
    let mut steps = vec![];
    match limits.iter().find(|limit| !limit.high_is_bad()) {
        Some(low) => {
            steps.push(json!({ "color": low.color(), "value": null }));
            let from = match (low.comparison, unit) {
                (Comparison::Equal, Unit::PerSecond) => low.value + LEAST_RATE,
                _ => low.value,
            };
            steps.push(json!({ "color": "green", "value": from }));
        }
        None => steps.push(json!({ "color": "green", "value": null })),
    }
    let mut high: Vec<_> = limits.iter().filter(|limit| limit.high_is_bad()).collect();
    high.sort_by(|a, b| a.value.total_cmp(&b.value));
    steps.extend(
        high.into_iter()
            .map(|limit| json!({ "color": limit.color(), "value": limit.value })),
    );
    Value::Array(steps)
}

/// Alerts in words: what they compare, and for how long it has to hold.
pub(super) fn told(groups: &[Group], names: &[String], unit: Unit) -> String {
    let mut told = String::new();
    for rule in groups.iter().flat_map(|group| &group.rules) {
        if !names.contains(&rule.name) {
            continue;
        }
        let limit = Limit::of(rule).map_or_else(String::new, |limit| {
            if unit == Unit::Up {
                return " down".to_owned();
            }
            let value = unit.format(limit.value);
            format!(" {} {value}", limit.comparison.symbol())
        });
        let held = units::prometheus_duration(rule.held_for);
        told.extend([format!("\n\nAlert {}:{limit} for {held}.", rule.name)]);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(comparison: Comparison, value: f64) -> Limit {
        Limit {
            comparison,
            value,
            critical: true,
        }
    }

    #[test]
    fn colours_change_where_alerts_do() {
        let high = steps(Unit::Count, &[limit(Comparison::Above, 1000.0)]);
        assert_eq!(
            high,
            json!([{ "color": "green", "value": null }, { "color": "red", "value": 1000.0 }])
        );
        let low = steps(Unit::Ratio, &[limit(Comparison::Below, 0.8)]);
        assert_eq!(
            low,
            json!([{ "color": "red", "value": null }, { "color": "green", "value": 0.8 }])
        );
        let none = steps(Unit::PerSecond, &[limit(Comparison::Equal, 0.0)]);
        assert_eq!(none[1]["value"], LEAST_RATE);
        assert_eq!(steps(Unit::Count, &[])[0]["color"], "green");
    }
}
