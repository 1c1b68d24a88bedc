//! What dashboards do to the PromQL of signals: one instance alone, and windows that follow the zoom.

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, Expr, VectorSelector};
use regex::Regex;

/// The variable that holds the chosen instances.
const INSTANCE: &str = "$instance";
/// Grafana's window for rates: at least four scrapes, and never shorter than a step
/// (<https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/>).
pub(crate) const RATE_WINDOW: &str = "$__rate_interval";

/// `expr` with its selectors of `job` narrowed to the chosen instances.
///
/// # Errors
/// The parser's message when `expr` is not PromQL.
pub(super) fn of_instances(expr: &str, job: &str) -> Result<String, String> {
    let any = Regex::new("").map_err(|error| error.to_string())?;
    let mut tree = parser::parse(expr)?;
    each_selector(&mut tree, &mut |selector| {
        let of_job = Matcher::new(MatchOp::Equal, "job", job);
        if selector.matchers.matchers.contains(&of_job) {
            let chosen = Matcher::new(MatchOp::Re(any.clone()), "instance", INSTANCE);
            selector.matchers.matchers.push(chosen);
        }
    });
    Ok(tree.to_string())
}

/// `expr` with ranges of `window` replaced by Grafana's own: at a step of up to a scrape it is the same
/// length, and over days no sample is left out.
pub(super) fn zooming(expr: &str, window: &str) -> String {
    expr.replace(&format!("[{window}]"), &format!("[{RATE_WINDOW}]"))
}

fn each_selector(expr: &mut Expr, change: &mut impl FnMut(&mut VectorSelector)) {
    match expr {
        Expr::VectorSelector(selector) => change(selector),
        Expr::MatrixSelector(matrix) => change(&mut matrix.vs),
        Expr::Subquery(subquery) => each_selector(&mut subquery.expr, change),
        Expr::Aggregate(aggregate) => {
            each_selector(&mut aggregate.expr, change);
            if let Some(parameter) = &mut aggregate.param {
                each_selector(parameter, change);
            }
        }
        Expr::Binary(binary) => {
            each_selector(&mut binary.lhs, change);
            each_selector(&mut binary.rhs, change);
        }
        Expr::Call(call) => {
            for argument in &mut call.args.args {
                each_selector(argument, change);
            }
        }
        Expr::Paren(inner) => each_selector(&mut inner.expr, change),
        Expr::Unary(inner) => each_selector(&mut inner.expr, change),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_selectors_of_the_job_are_narrowed() {
        let expr = "sum(rate(a{job=\"worker\"}[1m])) / max(b) + c{job=\"redis\"}";
        assert_eq!(
            of_instances(expr, "worker").unwrap(),
            "sum(rate(a{instance=~\"$instance\",job=\"worker\"}[1m])) / max(b) + c{job=\"redis\"}"
        );
        assert!(of_instances("sum(", "worker").is_err());
    }

    #[test]
    fn windows_of_one_length_follow_the_zoom() {
        assert_eq!(
            zooming("rate(a[1m]) + rate(b[5m])", "1m"),
            "rate(a[$__rate_interval]) + rate(b[5m])"
        );
    }
}
