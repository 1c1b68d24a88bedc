//! The expression of Prometheus that says the same as the queries and expressions of a Grafana rule.
//!
//! What is known is the chain that Grafana's editor makes: an instant query of Prometheus, reduced, compared with a number;
//! and the steps by which it imports rules of Prometheus. An instant query gives one number a series, of which every reducer
//! gives the same (`ReduceCommand.Execute` in Grafana's `pkg/expr/commands.go`). A condition alerts for each series whose number is
//! not 0, NaN among them (`evaluateExecutionResult` in `pkg/services/ngalert/eval/eval.go`).

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::definition::{Definition, Query};
use super::threshold::Predicate;
use super::unfit::Unfit;
use crate::promql::{self, Comparison, Condition};

/// The only data source whose queries are expressions of Prometheus.
const PROMETHEUS: &str = "prometheus";
/// Steps from the condition to its query; more make a circle.
const MOST_STEPS: usize = 16;

/// A variable of a math expression: `$A` or `${A}`.
const VARIABLE: &str = r"\$(?:\{([^{}]+)\}|(\w+))";
#[expect(clippy::expect_used, reason = "a pattern that is written here")]
static ANY_VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(VARIABLE).expect("a valid pattern"));
#[expect(clippy::expect_used, reason = "a pattern that is written here")]
static MATH: LazyLock<Regex> = LazyLock::new(|| {
    const NUMBER: &str = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?";
    const OPERATOR: &str = "==|!=|>=|<=|>|<";
    let pattern = format!(
        r"^\s*(?:{VARIABLE}\s*(?:({OPERATOR})\s*({NUMBER}))?|({NUMBER})\s*({OPERATOR})\s*{VARIABLE})\s*$"
    );
    Regex::new(&pattern).expect("a valid pattern")
});
/// What Grafana makes of a rule of Prometheus: 1 for every number (`pkg/services/ngalert/prom/query.go`).
#[expect(clippy::expect_used, reason = "a pattern that is written here")]
static ANY_NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(
        r"^\s*is_number\({VARIABLE}\)\s*\|\|\s*is_nan\({VARIABLE}\)\s*\|\|\s*is_inf\({VARIABLE}\)\s*$"
    );
    Regex::new(&pattern).expect("a valid pattern")
});

/// A rule as Prometheus would have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Composed {
    /// Its expression.
    pub expr: String,
    /// What it compares with which number, if it does.
    pub condition: Option<Condition>,
    /// Whether its series are there only while it alerts, so that it ends by their absence.
    pub vanishes: bool,
}

/// A step of the chain: numbers of series, by expressions of Prometheus.
#[derive(Debug, Clone)]
enum Node {
    /// The values of an expression.
    Numbers(String),
    /// Marks: 1, 0, or NaN where what was compared is none.
    Marks(Marks),
}

#[derive(Debug, Clone)]
struct Marks {
    /// The series whose mark is 1,
    one: String,
    /// and those whose mark is not 0.
    not_zero: String,
}

impl Marks {
    /// Marks that are never NaN.
    fn plain(one: String) -> Self {
        Self {
            not_zero: one.clone(),
            one,
        }
    }
}

impl Definition {
    /// The expression of Prometheus that says the same.
    ///
    /// # Errors
    /// [`Unfit`] when there is none, or none is known.
    pub fn compose(&self) -> Result<Composed, Unfit> {
        if matches!(self.no_data_state.as_str(), "Alerting" | "KeepLast") {
            return Err(Unfit::NoData(self.no_data_state.clone()));
        }
        let (query, node) = self.node(&self.condition, 0)?;
        let marks = match node {
            Node::Numbers(expr) => Marks::plain(format!("({expr}) != 0")),
            Node::Marks(marks) => marks,
        };
        Ok(Composed {
            condition: promql::condition(&marks.one).ok().flatten(),
            vanishes: promql::is_filter(&query),
            expr: marks.not_zero,
        })
    }

    /// The query that a step is made of, and its numbers.
    fn node(&self, ref_id: &str, depth: usize) -> Result<(String, Node), Unfit> {
        if depth > MOST_STEPS {
            return Err(Unfit::Circle(ref_id.into()));
        }
        let step = self.data.iter().find(|step| step.ref_id == ref_id);
        let step = step.ok_or_else(|| Unfit::NoCondition(ref_id.into()))?;
        if !step.is_expression() {
            let expr = asked(step)?;
            return Ok((expr.clone(), Node::Numbers(expr)));
        }
        let read = |ref_id: &str| self.node(ref_id, depth + 1);
        match step.text("type") {
            "reduce" => {
                strict(step)?;
                read(bare(step.text("expression")))
            }
            "math" => math(step, read),
            "threshold" => {
                let (query, node) = read(bare(step.text("expression")))?;
                Ok((query, Node::Marks(threshold(step, node)?)))
            }
            "classic_conditions" => Err(Unfit::Classic {
                ref_id: ref_id.into(),
            }),
            kind => Err(Unfit::OtherExpression {
                ref_id: ref_id.into(),
                kind: kind.into(),
            }),
        }
    }
}

/// The name in `A` or `$A`; reduce takes both.
fn bare(text: &str) -> &str {
    text.trim().trim_start_matches('$')
}

/// The expression that a query asks Prometheus for.
fn asked(query: &Query) -> Result<String, Unfit> {
    let ref_id = || query.ref_id.clone();
    let kind = query.kind().unwrap_or("unknown");
    if kind != PROMETHEUS {
        return Err(Unfit::OtherSource {
            ref_id: ref_id(),
            kind: kind.into(),
        });
    }
    // Without either it is a range (`Parse` in Grafana's pkg/promlib/models/query.go).
    if !query.is_set("instant") || query.is_set("range") {
        return Err(Unfit::NotInstant { ref_id: ref_id() });
    }
    if query.relative_time_range.to > 0 {
        return Err(Unfit::Shifted {
            ref_id: ref_id(),
            ago_s: query.relative_time_range.to,
        });
    }
    let expr = query.text("expr").trim();
    if let Some(variable) = variable(expr) {
        return Err(Unfit::Variable {
            ref_id: ref_id(),
            variable,
        });
    }
    let normal = promql::normal(expr).map_err(|reason| Unfit::NotPromql {
        ref_id: ref_id(),
        reason,
    })?;
    // What follows the expression would be part of a comment.
    Ok(if expr.contains('#') {
        normal
    } else {
        expr.to_owned()
    })
}

/// A variable such as `$__rate_interval`, which the data source replaces. Another `$` may be of a pattern.
fn variable(expr: &str) -> Option<String> {
    let mut found = ANY_VARIABLE.captures_iter(expr).filter_map(|found| {
        let name = found.get(1).or_else(|| found.get(2))?;
        name.as_str().starts_with("__").then(|| found[0].to_owned())
    });
    found.next()
}

fn strict(step: &Query) -> Result<(), Unfit> {
    let mode = step
        .model
        .get("settings")
        .and_then(|settings| settings.get("mode"));
    match mode.and_then(Value::as_str) {
        None | Some("" | "strict") => Ok(()),
        Some(mode) => Err(Unfit::Mode {
            ref_id: step.ref_id.clone(),
            mode: mode.into(),
        }),
    }
}

/// A math expression. Of NaN every comparison gives NaN (`binaryOp` in Grafana's `pkg/expr/mathexp/exp.go`).
fn math(
    step: &Query,
    read: impl Fn(&str) -> Result<(String, Node), Unfit>,
) -> Result<(String, Node), Unfit> {
    let expression = step.text("expression");
    let name = |found: &regex::Captures, group: usize| {
        let name = found.get(group).or_else(|| found.get(group + 1));
        name.map(|name| name.as_str().to_owned())
    };
    let refused = || Unfit::Math {
        ref_id: step.ref_id.clone(),
        expression: expression.into(),
    };
    let names: Vec<_> = ANY_VARIABLE.captures_iter(expression).collect();
    let mut names: Vec<_> = names.iter().filter_map(|found| name(found, 1)).collect();
    names.dedup();
    if names.len() > 1 {
        return Err(Unfit::SeveralQueries {
            ref_id: step.ref_id.clone(),
            read: names.join(", "),
        });
    }
    if ANY_NUMBER.is_match(expression) {
        let (query, node) = read(&names[0])?;
        let Node::Numbers(expr) = node else {
            return Err(refused());
        };
        return Ok((query, Node::Marks(Marks::plain(expr))));
    }
    let found = MATH.captures(expression).ok_or_else(refused)?;
    let (query, node) = read(names.first().ok_or_else(refused)?)?;
    let compared = match (found.get(3), found.get(4), found.get(5), found.get(6)) {
        (Some(operator), Some(number), ..) => Some((operator.as_str(), number.as_str(), false)),
        (_, _, Some(number), Some(operator)) => Some((operator.as_str(), number.as_str(), true)),
        _ => None,
    };
    let Some((operator, number, turned)) = compared else {
        return Ok((query, node));
    };
    let comparison = Comparison::parse(operator).ok_or_else(refused)?;
    let comparison = if turned {
        mirrored(comparison)
    } else {
        comparison
    };
    let number: f64 = number.parse().map_err(|_| refused())?;
    let node = match node {
        Node::Numbers(expr) => Node::Marks(compared_numbers(&expr, comparison, number)),
        // What is not marked stays so, and NaN stays NaN.
        Node::Marks(marks) if comparison.holds(1.0, number) && !comparison.holds(0.0, number) => {
            Node::Marks(marks)
        }
        Node::Marks(_) => return Err(refused()),
    };
    Ok((query, node))
}

/// Numbers of which each is compared: 1 or 0, and NaN of NaN.
fn compared_numbers(expr: &str, comparison: Comparison, number: f64) -> Marks {
    let compare = |comparison: Comparison| format!("({expr}) {} {number}", comparison.symbol());
    let apart = format!(
        "{} or {}",
        compare(Comparison::Above),
        compare(Comparison::Below)
    );
    let unless = |fails: &str| format!("({expr}) unless ({fails})");
    match comparison {
        Comparison::Above => Marks {
            one: compare(comparison),
            not_zero: unless(&compare(Comparison::AtMost)),
        },
        Comparison::AtLeast => Marks {
            one: compare(comparison),
            not_zero: unless(&compare(Comparison::Below)),
        },
        Comparison::Below => Marks {
            one: compare(comparison),
            not_zero: unless(&compare(Comparison::AtLeast)),
        },
        Comparison::AtMost => Marks {
            one: compare(comparison),
            not_zero: unless(&compare(Comparison::Above)),
        },
        Comparison::Equal => Marks {
            one: compare(comparison),
            not_zero: unless(&apart),
        },
        // To Prometheus NaN is unequal to every number.
        Comparison::NotEqual => Marks {
            one: apart,
            not_zero: compare(comparison),
        },
    }
}

/// The comparison with its sides exchanged.
fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Above => Comparison::Below,
        Comparison::AtLeast => Comparison::AtMost,
        Comparison::Below => Comparison::Above,
        Comparison::AtMost => Comparison::AtLeast,
        same => same,
    }
}

/// A comparison with a number, or with two.
fn threshold(step: &Query, node: Node) -> Result<Marks, Unfit> {
    let predicate = Predicate::read(step)?;
    match node {
        Node::Numbers(expr) => Ok(Marks::plain(predicate.of(&expr))),
        Node::Marks(marks) if predicate.holds(1.0) && !predicate.holds(0.0) => {
            Ok(Marks::plain(if predicate.holds(f64::NAN) {
                marks.not_zero
            } else {
                marks.one
            }))
        }
        Node::Marks(_) => Err(Unfit::Threshold {
            ref_id: step.ref_id.clone(),
            reason: "it reads a comparison, and does not tell 1 (it holds) from 0 (it does not)"
                .into(),
        }),
    }
}
