//! What voteops reads out of PromQL expressions, and the one change that it makes to them.

mod condition;

use std::collections::BTreeSet;

use promql_parser::label::MatchOp;
use promql_parser::parser::{self, Expr, Offset, VectorSelector};

use crate::units::scaled;

pub use condition::{Comparison, Condition, condition, condition_of, conditions};

/// `expr` as the parser writes it: the same for all ways to write the same expression.
///
/// # Errors
/// The parser's message when `expr` is not PromQL.
pub fn normal(expr: &str) -> Result<String, String> {
    Ok(parser::parse(expr)?.to_string())
}

/// Whether `expr` keeps only what passes a comparison, as the conditions of alerts do, so that its
/// result tells by being there and not by its value. Text that is not PromQL is no filter.
#[must_use]
pub fn is_filter(expr: &str) -> bool {
    parser::parse(expr).is_ok_and(|expr| filters(&expr))
}

fn filters(expr: &Expr) -> bool {
    match expr {
        Expr::Paren(inner) => filters(&inner.expr),
        Expr::Binary(binary) if binary.return_bool() => false,
        Expr::Binary(binary) => match binary.op.to_string().as_str() {
            "and" | "or" | "unless" => filters(&binary.lhs) || filters(&binary.rhs),
            op => Comparison::parse(op).is_some(),
        },
        _ => false,
    }
}

/// The selectors of `expr` without their ranges and offsets, each once, in the order in which they
/// are written.
///
/// # Errors
/// The parser's message when `expr` is not PromQL.
pub fn selectors(expr: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    each_selector(&parser::parse(expr)?, &mut |selector| {
        let bare = VectorSelector {
            offset: None,
            at: None,
            ..selector.clone()
        };
        let text = bare.to_string();
        if !found.contains(&text) {
            found.push(text);
        }
    });
    Ok(found)
}

/// A metric that an expression reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selected {
    /// Its name.
    pub metric: String,
    /// The job of which it is read, when it is of one alone.
    pub job: Option<String>,
}

/// The metrics that `expr` reads; selectors without a name are left out.
///
/// # Errors
/// The parser's message when `expr` is not PromQL.
pub fn selected(expr: &str) -> Result<BTreeSet<Selected>, String> {
    let mut found = BTreeSet::new();
    each_selector(&parser::parse(expr)?, &mut |selector| {
        let matchers = &selector.matchers.matchers;
        let equal = |name: &str| {
            let mut matchers = matchers.iter();
            let equal =
                matchers.find(|matcher| matcher.name == name && matcher.op == MatchOp::Equal);
            equal.map(|matcher| matcher.value.clone())
        };
        if let Some(metric) = selector.name.clone().or_else(|| equal("__name__")) {
            let job = equal("job");
            found.insert(Selected { metric, job });
        }
    });
    Ok(found)
}

fn each_selector(expr: &Expr, take: &mut impl FnMut(&VectorSelector)) {
    match expr {
        Expr::MatrixSelector(matrix) => take(&matrix.vs),
        Expr::VectorSelector(vector) => take(vector),
        Expr::Subquery(subquery) => each_selector(&subquery.expr, take),
        Expr::Aggregate(aggregate) => {
            each_selector(&aggregate.expr, take);
            if let Some(parameter) = &aggregate.param {
                each_selector(parameter, take);
            }
        }
        Expr::Binary(binary) => {
            each_selector(&binary.lhs, take);
            each_selector(&binary.rhs, take);
        }
        Expr::Call(call) => {
            for argument in &call.args.args {
                each_selector(argument, take);
            }
        }
        Expr::Paren(inner) => each_selector(&inner.expr, take),
        Expr::Unary(inner) => each_selector(&inner.expr, take),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// Divides every range, offset and subquery step in `expr` by `time_scale` and leaves all
/// numbers alone. A scale of 1 gives the text back as it was.
///
/// # Errors
/// The parser's message when `expr` is not PromQL.
pub fn scale(expr: &str, time_scale: f64) -> Result<String, String> {
    #[expect(clippy::float_cmp, reason = "exactly 1 is the unscaled stack")]
    if time_scale == 1.0 {
        return Ok(expr.to_owned());
    }
    let mut tree = parser::parse(expr)?;
    scale_tree(&mut tree, time_scale);
    Ok(tree.to_string())
}

fn scale_tree(expr: &mut Expr, time_scale: f64) {
    match expr {
        Expr::MatrixSelector(matrix) => {
            matrix.range = scaled(matrix.range, time_scale);
            scale_offset(&mut matrix.vs.offset, time_scale);
        }
        Expr::VectorSelector(vector) => scale_offset(&mut vector.offset, time_scale),
        Expr::Subquery(subquery) => {
            subquery.range = scaled(subquery.range, time_scale);
            subquery.step = subquery.step.map(|step| scaled(step, time_scale));
            scale_offset(&mut subquery.offset, time_scale);
            scale_tree(&mut subquery.expr, time_scale);
        }
        Expr::Aggregate(aggregate) => {
            scale_tree(&mut aggregate.expr, time_scale);
            if let Some(parameter) = &mut aggregate.param {
                scale_tree(parameter, time_scale);
            }
        }
        Expr::Binary(binary) => {
            scale_tree(&mut binary.lhs, time_scale);
            scale_tree(&mut binary.rhs, time_scale);
        }
        Expr::Call(call) => {
            for argument in &mut call.args.args {
                scale_tree(argument, time_scale);
            }
        }
        Expr::Paren(inner) => scale_tree(&mut inner.expr, time_scale),
        Expr::Unary(inner) => scale_tree(&mut inner.expr, time_scale),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn scale_offset(offset: &mut Option<Offset>, time_scale: f64) {
    if let Some(Offset::Pos(by) | Offset::Neg(by)) = offset {
        *by = scaled(*by, time_scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_offsets_scale_and_numbers_stay() {
        for (given, scaled) in [
            (
                "avg_over_time(redis_queue_length[5m]) > 1000",
                "avg_over_time(redis_queue_length[10s]) > 1000",
            ),
            (
                "histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m] offset 1h))) > 0.3",
                "histogram_quantile(0.95, sum by (le) (rate(x_bucket[10s] offset 2m))) > 0.3",
            ),
            (
                "max_over_time(rate(x[1m])[30m:1m])",
                "max_over_time(rate(x[2s])[1m:2s])",
            ),
        ] {
            assert_eq!(scale(given, 30.0).unwrap(), scaled);
            assert_eq!(scale(given, 1.0).unwrap(), given);
        }
        assert!(scale("avg_over_time(", 30.0).is_err());
    }

    #[test]
    fn selectors_are_found_once_and_without_ranges() {
        let expr = "(sum(rate(a{x=\"1\"}[5m] offset 1m)) / sum(rate(a{x=\"1\"}[1h])) > 0.1) and on () b == 1";
        assert_eq!(selectors(expr).unwrap(), ["a{x=\"1\"}", "b"]);
        assert!(selectors("sum(").is_err());
        let rules = crate::rules::shipped().unwrap().into_iter();
        for rule in rules.filter(|rule| !crate::rules::is_heartbeat(&rule.labels)) {
            assert!(!selectors(&rule.expr).unwrap().is_empty(), "{}", rule.name);
        }
    }

    #[test]
    fn metrics_are_found_with_the_job_that_they_are_read_of() {
        let expr = "rate(a{job=\"x\"}[5m]) / b > 1 or {__name__=\"c\",job=~\"y|z\"} or {job=\"x\"}";
        let found = selected(expr).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|s| (&*s.metric, s.job.as_deref()))
            .collect();
        assert_eq!(found, [("a", Some("x")), ("b", None), ("c", None)]);
    }

    #[test]
    fn filters_are_told_from_values() {
        for filter in [
            "redis_up == 0",
            "(sum(up) < 1)",
            "up == 0 and on () vector(1)",
            "absent(up) or up == 0",
        ] {
            assert!(is_filter(filter), "{filter}");
        }
        for value in [
            "sum(errors)",
            "up == bool 0",
            "absent(up)",
            "count(up == 0)",
            "1 +",
        ] {
            assert!(!is_filter(value), "{value}");
        }
    }
}
