//! What the evaluation of an expression consists of: its syntax tree, narrowed to the supported
//! subset, so that evaluating it cannot meet anything unknown.

use std::sync::Arc;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{
    AggregateExpr, BinModifier, BinaryExpr, Call, Expr, LabelModifier, MatrixSelector,
    VectorMatchCardinality, VectorMatchFillValues, VectorSelector,
};

use super::QueryError;
use super::aggregate::{Aggregator, Grouping};
use super::binary::{Many, Matching, Operator};
use super::labels::NAME;
use super::over_time::Function;
use crate::prometheus::Labels;

/// Levels of nesting that are followed.
const MOST_LEVELS: usize = 100;

/// A part of an expression.
#[derive(Debug)]
pub(super) enum Node {
    Number(f64),
    Time,
    /// An instant selector, by its number.
    Instant(usize),
    OverTime {
        function: Function,
        range: Range,
        parameter: Option<Box<Node>>,
    },
    AbsentOverTime {
        range: Range,
        labels: Arc<Labels>,
    },
    Absent {
        of: Box<Node>,
        labels: Arc<Labels>,
    },
    Scalar(Box<Node>),
    Vector(Box<Node>),
    Clamp {
        of: Box<Node>,
        limit: Box<Node>,
        at_least: bool,
    },
    HistogramQuantile {
        quantile: Box<Node>,
        of: Box<Node>,
    },
    Aggregate {
        aggregator: Aggregator,
        grouping: Grouping,
        of: Box<Node>,
    },
    Negative(Box<Node>),
    Binary(Box<Binary>),
}

/// A range selector: its number and its length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) selector: usize,
    pub(super) range_ms: i64,
}

#[derive(Debug)]
pub(super) struct Binary {
    pub(super) operator: Operator,
    pub(super) matching: Matching,
    pub(super) left: Node,
    pub(super) right: Node,
}

/// Which series are selected.
#[derive(Debug)]
pub(super) struct Selector(Vec<Matcher>);

impl Selector {
    pub(super) fn selects(&self, labels: &Labels) -> bool {
        self.0.iter().all(|matcher| {
            let value = labels.get(&matcher.name).map_or("", String::as_str);
            matcher.is_match(value)
        })
    }

    /// The labels that the selector asks for, which `absent` answers with.
    fn asked_for(&self) -> Labels {
        let mut labels = Labels::new();
        for matcher in self.0.iter().filter(|matcher| matcher.name != NAME) {
            let others = self.0.iter().filter(|other| other.name == matcher.name);
            if matches!(matcher.op, MatchOp::Equal) && others.count() == 1 {
                labels.insert(matcher.name.clone(), matcher.value.clone());
            }
        }
        labels.retain(|_, value| !value.is_empty());
        labels
    }
}

/// Narrows an expression, and gathers its selectors.
#[derive(Debug, Default)]
pub(super) struct Planner {
    pub(super) selectors: Vec<Selector>,
    pub(super) ranges_ms: Vec<i64>,
    level: usize,
}

fn unsupported<T>(what: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Unsupported(what.into()))
}

impl Planner {
    pub(super) fn plan(&mut self, expr: &Expr) -> Result<Node, QueryError> {
        self.level += 1;
        if self.level > MOST_LEVELS {
            return Err(QueryError::TooDeep {
                most_levels: MOST_LEVELS,
            });
        }
        let node = self.node(expr);
        self.level -= 1;
        node
    }

    fn node(&mut self, expr: &Expr) -> Result<Node, QueryError> {
        match expr {
            Expr::Paren(inner) => self.plan(&inner.expr),
            Expr::NumberLiteral(number) => Ok(Node::Number(number.val)),
            Expr::VectorSelector(vector) => self.select(vector).map(Node::Instant),
            Expr::Unary(unary) => Ok(Node::Negative(self.boxed(&unary.expr)?)),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Call(call) => self.call(call),
            Expr::MatrixSelector(_) => unsupported("a range that no function takes"),
            Expr::Subquery(_) => unsupported("subqueries"),
            Expr::StringLiteral(_) => unsupported("strings"),
            Expr::Extension(_) => unsupported("extensions of PromQL"),
        }
    }

    fn boxed(&mut self, expr: &Expr) -> Result<Box<Node>, QueryError> {
        self.plan(expr).map(Box::new)
    }

    fn select(&mut self, vector: &VectorSelector) -> Result<usize, QueryError> {
        if vector.offset.is_some() {
            return unsupported("offset");
        }
        if vector.at.is_some() {
            return unsupported("the @ modifier");
        }
        if !vector.matchers.or_matchers.is_empty() {
            return unsupported("`or` between matchers");
        }
        let name = vector.name.as_deref();
        let name = name.map(|name| Matcher::new(MatchOp::Equal, NAME, name));
        let matchers = vector.matchers.matchers.iter().cloned();
        let matchers = name.into_iter().chain(matchers).collect();
        self.selectors.push(Selector(matchers));
        Ok(self.selectors.len() - 1)
    }

    fn range(&mut self, function: &str, expr: Option<&Expr>) -> Result<Range, QueryError> {
        match expr {
            Some(Expr::Paren(inner)) => self.range(function, Some(&inner.expr)),
            Some(Expr::MatrixSelector(MatrixSelector { vs, range })) => {
                let range_ms = i64::try_from(range.as_millis()).unwrap_or(i64::MAX);
                self.ranges_ms.push(range_ms);
                Ok(Range {
                    selector: self.select(vs)?,
                    range_ms,
                })
            }
            Some(Expr::Subquery(_)) => unsupported("subqueries"),
            _ => unsupported(format!("{function} of anything but a range")),
        }
    }

    fn call(&mut self, call: &Call) -> Result<Node, QueryError> {
        let name = call.func.name;
        let args: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
        if let Some(function) = Function::named(name) {
            return self.over_time(function, name, &args);
        }
        match (name, args.as_slice()) {
            ("time", []) => Ok(Node::Time),
            ("scalar", [of]) => Ok(Node::Scalar(self.boxed(of)?)),
            ("vector", [of]) => Ok(Node::Vector(self.boxed(of)?)),
            ("absent", [of]) => self.absent(of),
            ("absent_over_time", [of]) => {
                let range = self.range(name, Some(of))?;
                let labels = Arc::new(self.selectors[range.selector].asked_for());
                Ok(Node::AbsentOverTime { range, labels })
            }
            ("clamp_min" | "clamp_max", [of, limit]) => Ok(Node::Clamp {
                of: self.boxed(of)?,
                limit: self.boxed(limit)?,
                at_least: name == "clamp_min",
            }),
            ("histogram_quantile", [quantile, of]) => Ok(Node::HistogramQuantile {
                quantile: self.boxed(quantile)?,
                of: self.boxed(of)?,
            }),
            _ => unsupported(format!("the function {name}")),
        }
    }

    fn over_time(
        &mut self,
        function: Function,
        name: &str,
        args: &[&Expr],
    ) -> Result<Node, QueryError> {
        let (parameter, range) = match args {
            [parameter, range] => (Some(self.boxed(parameter)?), Some(*range)),
            args => (None, args.first().copied()),
        };
        Ok(Node::OverTime {
            function,
            range: self.range(name, range)?,
            parameter,
        })
    }

    fn absent(&mut self, of: &Expr) -> Result<Node, QueryError> {
        let of = self.boxed(of)?;
        let labels = match &*of {
            Node::Instant(selector) => self.selectors[*selector].asked_for(),
            _ => Labels::new(),
        };
        let labels = Arc::new(labels);
        Ok(Node::Absent { of, labels })
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> Result<Node, QueryError> {
        let name = aggregate.op.to_string();
        let Some(aggregator) = Aggregator::named(&name) else {
            return unsupported(format!("the aggregation {name}"));
        };
        let grouping = match &aggregate.modifier {
            None => Grouping::By(Vec::new()),
            Some(LabelModifier::Include(names)) => Grouping::By(names.labels.clone()),
            Some(LabelModifier::Exclude(names)) => Grouping::Without(names.labels.clone()),
        };
        Ok(Node::Aggregate {
            aggregator,
            grouping,
            of: self.boxed(&aggregate.expr)?,
        })
    }

    fn binary(&mut self, binary: &BinaryExpr) -> Result<Node, QueryError> {
        let written = binary.op.to_string();
        let Some(operator) = Operator::written(&written, binary.return_bool()) else {
            return unsupported(format!("the operator {written}"));
        };
        Ok(Node::Binary(Box::new(Binary {
            operator,
            matching: matching(binary.modifier.as_ref())?,
            left: self.plan(&binary.lhs)?,
            right: self.plan(&binary.rhs)?,
        })))
    }
}

fn matching(modifier: Option<&BinModifier>) -> Result<Matching, QueryError> {
    let mut matching = Matching {
        on: false,
        labels: Vec::new(),
        many: Many::Neither,
        include: Vec::new(),
    };
    let Some(modifier) = modifier else {
        return Ok(matching);
    };
    if modifier.fill_values != VectorMatchFillValues::default() {
        return unsupported("fill");
    }
    if let Some(labels) = &modifier.matching {
        matching.on = labels.is_include();
        matching.labels.clone_from(&labels.labels().labels);
    }
    match &modifier.card {
        VectorMatchCardinality::ManyToOne(include) => {
            matching.many = Many::Left;
            matching.include.clone_from(&include.labels);
        }
        VectorMatchCardinality::OneToMany(include) => {
            matching.many = Many::Right;
            matching.include.clone_from(&include.labels);
        }
        VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => {}
    }
    Ok(matching)
}
