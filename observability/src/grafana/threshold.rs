//! The thresholds of Grafana's rules (`ThresholdConditionJSON` in Grafana's `pkg/expr/threshold.go`).

use serde::Deserialize;
use serde_json::Value;

use super::definition::Query;
use super::unfit::Unfit;
use crate::promql::Comparison;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bound {
    evaluator: Evaluator,
    #[serde(default)]
    unload_evaluator: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Evaluator {
    #[serde(default)]
    params: Vec<f64>,
    #[serde(rename = "type")]
    kind: String,
}

/// What a threshold asks of a number: that all comparisons hold, or any.
pub(super) struct Predicate {
    comparisons: Vec<(Comparison, f64)>,
    is_any: bool,
}

impl Predicate {
    /// That of a threshold.
    pub(super) fn read(step: &Query) -> Result<Self, Unfit> {
        let refused = |reason: String| Unfit::Threshold {
            ref_id: step.ref_id.clone(),
            reason,
        };
        let conditions = step.model.get("conditions").cloned().unwrap_or_default();
        let conditions: Vec<Bound> = serde_json::from_value(conditions)
            .map_err(|error| refused(format!("its conditions cannot be read: {error}")))?;
        let [bound] = &conditions[..] else {
            let count = conditions.len();
            return Err(refused(format!("it has {count} conditions instead of one")));
        };
        if bound
            .unload_evaluator
            .as_ref()
            .is_some_and(|it| !it.is_null())
        {
            return Err(Unfit::Recovery {
                ref_id: step.ref_id.clone(),
            });
        }
        predicate(&bound.evaluator).map_err(refused)
    }

    pub(super) fn holds(&self, value: f64) -> bool {
        let mut comparisons = self.comparisons.iter();
        let holds = |(comparison, number): &(Comparison, f64)| comparison.holds(value, *number);
        if self.is_any {
            comparisons.any(holds)
        } else {
            comparisons.all(holds)
        }
    }

    /// The series of an expression for whose numbers it holds.
    pub(super) fn of(&self, expr: &str) -> String {
        let compare =
            |(comparison, number): &(Comparison, f64)| format!("{} {number}", comparison.symbol());
        let comparisons = self.comparisons.iter().map(compare);
        if self.is_any {
            let each = comparisons.map(|compare| format!("({expr}) {compare}"));
            each.collect::<Vec<_>>().join(" or ")
        } else {
            let all = comparisons.collect::<Vec<_>>().join(" ");
            format!("({expr}) {all}")
        }
    }
}

fn predicate(evaluator: &Evaluator) -> Result<Predicate, String> {
    use Comparison::{Above, AtLeast, AtMost, Below, Equal, NotEqual};
    let kind = evaluator.kind.as_str();
    let (comparisons, is_any) = match kind {
        "gt" => (&[Above][..], false),
        "lt" => (&[Below][..], false),
        "eq" => (&[Equal][..], false),
        "ne" => (&[NotEqual][..], false),
        "gte" => (&[AtLeast][..], false),
        "lte" => (&[AtMost][..], false),
        "within_range" => (&[Above, Below][..], false),
        "within_range_included" => (&[AtLeast, AtMost][..], false),
        "outside_range" => (&[Below, Above][..], true),
        "outside_range_included" => (&[AtMost, AtLeast][..], true),
        _ => return Err(format!("it compares by {kind:?}, which is not known")),
    };
    let numbers = &evaluator.params;
    if numbers.len() < comparisons.len() {
        return Err(format!(
            "{kind} takes {} numbers, and has {}",
            comparisons.len(),
            numbers.len()
        ));
    }
    let comparisons = comparisons.iter().copied().zip(numbers.iter().copied());
    Ok(Predicate {
        comparisons: comparisons.collect(),
        is_any,
    })
}
