//! The comparisons that decide whether an alert's condition holds.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use promql_parser::parser::{self, BinaryExpr, Expr};
use serde::{Deserialize, Serialize};

/// How an alert's expression compares its subject with its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `>`
    #[serde(rename = ">")]
    Above,
    /// `>=`
    #[serde(rename = ">=")]
    AtLeast,
    /// `<`
    #[serde(rename = "<")]
    Below,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
    /// `==`
    #[serde(rename = "==")]
    Equal,
    /// `!=`
    #[serde(rename = "!=")]
    NotEqual,
}

impl Comparison {
    pub(crate) fn parse(operator: &str) -> Option<Self> {
        Some(match operator {
            ">" => Self::Above,
            ">=" => Self::AtLeast,
            "<" => Self::Below,
            "<=" => Self::AtMost,
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            _ => return None,
        })
    }

    /// Whether the comparison holds; NaN holds for `!=` only, as in PromQL.
    #[must_use]
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Above => value > threshold,
            Self::AtLeast => value >= threshold,
            Self::Below => value < threshold,
            Self::AtMost => value <= threshold,
            #[expect(clippy::float_cmp, reason = "PromQL's == is exact")]
            Self::Equal => value == threshold,
            #[expect(clippy::float_cmp, reason = "PromQL's != is exact")]
            Self::NotEqual => value != threshold,
        }
    }

    /// The operator as PromQL writes it.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }
}

type Found = Result<Arc<[Condition]>, String>;

/// Conditions that are remembered; more expressions than a server has rules.
const MOST_KNOWN: usize = 4096;

/// The comparison that decides whether an alert's condition holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is compared, as PromQL.
    pub subject: String,
    /// How.
    pub comparison: Comparison,
    /// With what.
    pub threshold: f64,
    /// `Some((selector, window))` when the subject is `avg_over_time(selector[window])`.
    pub average: Option<(String, Duration)>,
}

/// Finds the first comparison with a number in `expr`, going down through parentheses and the
/// left sides of `and`, `or` and `unless`. `None` when there is none.
///
/// # Errors
/// The parser's message when `expr` is not PromQL.
pub fn condition(expr: &str) -> Result<Option<Condition>, String> {
    Ok(conditions(expr)?.first().cloned())
}

/// The comparison to show beside `value`, which is what `expr` gave: of several that `or` joins the first that the value passes,
/// since the value of one that does not hold is not given. The first of all where nothing was given.
///
/// A value that passes several may be of any: [`conditions`] tells whether there are.
///
/// # Errors
/// The parser's message when `expr` is not PromQL.
pub fn condition_of(expr: &str, value: Option<f64>) -> Result<Option<Condition>, String> {
    let all = conditions(expr)?;
    let passed = value.and_then(|value| {
        let mut all = all.iter();
        all.find(|one| one.comparison.holds(value, one.threshold))
    });
    Ok(passed.or_else(|| all.first()).cloned())
}

/// The comparisons with a number that `or` joins in `expr`, each as [`condition`] finds one, in the order in which they are
/// written.
///
/// # Errors
/// The parser's message when `expr` is not PromQL.
pub fn conditions(expr: &str) -> Result<Arc<[Condition]>, String> {
    // Rules are read again every second, and parsing would be most of the work.
    static KNOWN: LazyLock<Mutex<HashMap<String, Found>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.get(expr) {
        return found.clone();
    }
    let found: Found = parser::parse(expr).map(|expr| find_conditions(&expr).into());
    if known.len() >= MOST_KNOWN {
        known.clear();
    }
    known.insert(expr.to_owned(), found.clone());
    found
}

fn find_conditions(expr: &Expr) -> Vec<Condition> {
    match expr {
        Expr::Paren(inner) => find_conditions(&inner.expr),
        Expr::Binary(binary) => {
            if let Some(condition) = compared_with_number(binary) {
                return vec![condition];
            }
            let mut found = find_conditions(&binary.lhs);
            if found.is_empty() || binary.op.to_string() == "or" {
                found.extend(find_conditions(&binary.rhs));
            }
            found
        }
        _ => Vec::new(),
    }
}

fn compared_with_number(binary: &BinaryExpr) -> Option<Condition> {
    let comparison = Comparison::parse(&binary.op.to_string())?;
    let Expr::NumberLiteral(number) = strip(&binary.rhs) else {
        return None;
    };
    Some(Condition {
        subject: strip(&binary.lhs).to_string(),
        comparison,
        threshold: number.val,
        average: average_over(strip(&binary.lhs)),
    })
}

fn strip(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(inner) => strip(&inner.expr),
        other => other,
    }
}

fn average_over(expr: &Expr) -> Option<(String, Duration)> {
    let Expr::Call(call) = expr else { return None };
    if call.func.name != "avg_over_time" {
        return None;
    }
    match call.args.args.first().map(|arg| strip(arg)) {
        Some(Expr::MatrixSelector(matrix)) => Some((matrix.vs.to_string(), matrix.range)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deciding_comparison_is_found() {
        let seed = condition("avg_over_time(redis_queue_length[5m]) > 1000")
            .unwrap()
            .unwrap();
        assert_eq!(
            (seed.comparison, seed.threshold),
            (Comparison::Above, 1000.0)
        );
        let window = Duration::from_mins(5);
        assert_eq!(seed.average, Some(("redis_queue_length".into(), window)));

        let down = condition("(redis_up == 0) or absent(redis_up)")
            .unwrap()
            .unwrap();
        assert_eq!((down.subject.as_str(), down.threshold), ("redis_up", 0.0));
        let count = condition("(count(up{job=\"worker\"} == 1) or vector(0)) < 1")
            .unwrap()
            .unwrap();
        assert_eq!(
            (count.comparison, count.threshold),
            (Comparison::Below, 1.0)
        );
        assert_eq!(condition("absent(up)").unwrap(), None);
    }

    #[test]
    fn of_several_the_one_that_the_value_passes_is_shown() {
        let rules = crate::rules::shipped().unwrap();
        let ticket = |name: &str| {
            rules
                .iter()
                .find(|rule| rule.name == name)
                .unwrap()
                .expr
                .clone()
        };
        let expr = ticket("VoteAppErrorBudgetBurnTicket");
        let shown = |value| condition_of(&expr, value).unwrap().unwrap();
        assert_eq!(conditions(&expr).unwrap().len(), 2);
        for (value, threshold, window) in [
            (None, 0.003, "[1d]"),
            (Some(0.004), 0.003, "[1d]"),
            (Some(0.002), 0.001, "[3d]"),
            // Asked of what no longer holds.
            (Some(0.0005), 0.003, "[1d]"),
        ] {
            let shown = shown(value);
            assert!(
                (shown.threshold - threshold).abs() < f64::EPSILON,
                "{value:?}: {shown:?}"
            );
            assert!(shown.subject.contains(window), "{value:?}: {shown:?}");
        }
        // A second one that is only asked where the first holds is none of them.
        assert_eq!(conditions("a > 1 and b > 2").unwrap().len(), 1);
        assert_eq!(
            conditions("(absent(a) or a == 0) or b < 3").unwrap().len(),
            2
        );
    }

    #[test]
    fn nan_is_never_above_or_below() {
        for comparison in [Comparison::Above, Comparison::Below, Comparison::Equal] {
            assert!(!comparison.holds(f64::NAN, 1.0));
        }
    }
}
