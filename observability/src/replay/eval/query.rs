//! An expression that can be evaluated again and again.

use std::collections::BTreeSet;
use std::sync::Arc;

use promql_parser::parser::{self, value::ValueType};

use super::plan::{Node, Planner, Selector};
use super::run::Run;
use super::{Element, EvalError, QueryError, Sample, Series, Settings, labels};
use crate::prometheus::Labels;

/// The longest expression that is read: beyond all rules, and short enough for the parser, which
/// recurses.
const MOST_BYTES: usize = 8192;

/// An expression of the supported subset.
#[derive(Debug)]
pub struct Query {
    root: Node,
    selectors: Vec<Selector>,
    ranges_ms: Vec<i64>,
}

impl Query {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`QueryError`] when it is not PromQL, or names what the replay does not support.
    pub fn parse(expr: &str) -> Result<Self, QueryError> {
        if expr.len() > MOST_BYTES {
            return Err(QueryError::TooLong {
                most_bytes: MOST_BYTES,
            });
        }
        let tree = parser::parse(expr).map_err(QueryError::Syntax)?;
        let mut planner = Planner::default();
        let root = planner.plan(&tree)?;
        if !matches!(tree.value_type(), ValueType::Vector | ValueType::Scalar) {
            let result = tree.value_type();
            return Err(QueryError::Unsupported(format!("a {result} as the result")));
        }
        Ok(Self {
            root,
            selectors: planner.selectors,
            ranges_ms: planner.ranges_ms,
        })
    }

    /// The lengths of its ranges, in the order in which they are written.
    #[must_use]
    pub fn ranges_ms(&self) -> &[i64] {
        &self.ranges_ms
    }

    /// Finds the series of each selector among label sets, once for many evaluations.
    #[must_use]
    pub fn bind<'q, 'l>(&'q self, sets: impl IntoIterator<Item = &'l Labels>) -> Bound<'q> {
        let sets: Vec<_> = sets.into_iter().cloned().map(Arc::new).collect();
        let selected = |selector: &Selector| Selected::of(selector, &sets);
        Bound {
            query: self,
            selected: self.selectors.iter().map(selected).collect(),
        }
    }

    /// Evaluates the expression once.
    ///
    /// # Errors
    /// [`EvalError`] when Prometheus would refuse it.
    pub fn evaluate(
        &self,
        settings: &Settings,
        series: &[Series],
        at_ms: i64,
    ) -> Result<Vec<Element>, EvalError> {
        let bound = self.bind(series.iter().map(|series| &series.labels));
        let samples: Vec<_> = series
            .iter()
            .map(|series| series.samples.as_slice())
            .collect();
        bound.evaluate(settings, &samples, at_ms)
    }
}

/// The series that a selector found.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) series: Vec<Found>,
    /// Whether they differ in more than their names. It is known before anything is evaluated,
    /// since comparing labels again and again would be most of the work.
    pub(super) differ: bool,
}

/// A series that a selector found.
#[derive(Debug)]
pub(super) struct Found {
    /// Its place among the samples.
    pub(super) index: usize,
    pub(super) labels: Arc<Labels>,
    pub(super) unnamed: Arc<Labels>,
}

impl Selected {
    fn of(selector: &Selector, sets: &[Arc<Labels>]) -> Self {
        let selected = sets
            .iter()
            .enumerate()
            .filter(|(_, labels)| selector.selects(labels));
        let series = selected.map(|(index, labels)| Found {
            index,
            labels: Arc::clone(labels),
            unnamed: labels::unnamed(labels),
        });
        let series: Vec<_> = series.collect();
        let unnamed: BTreeSet<_> = series.iter().map(|found| &found.unnamed).collect();
        Self {
            differ: unnamed.len() == series.len(),
            series,
        }
    }
}

/// An expression with the series that it reads.
#[derive(Debug)]
pub struct Bound<'q> {
    query: &'q Query,
    selected: Vec<Selected>,
}

impl Bound<'_> {
    /// The places of the series that the expression reads.
    #[must_use]
    pub fn reads(&self) -> BTreeSet<usize> {
        let series = self.selected.iter().flat_map(|selected| &selected.series);
        series.map(|found| found.index).collect()
    }

    /// The result at `at_ms`, over the samples of the label sets that the query was bound to, in
    /// their order. A number is one element without labels, as a rule takes it.
    ///
    /// # Errors
    /// [`EvalError`] when Prometheus would refuse the expression.
    pub fn evaluate<S: AsRef<[Sample]>>(
        &self,
        settings: &Settings,
        samples: &[S],
        at_ms: i64,
    ) -> Result<Vec<Element>, EvalError> {
        let run = Run {
            selected: &self.selected,
            settings,
            samples,
            at_ms,
        };
        Ok(run.value(&self.query.root)?.into_elements())
    }
}
