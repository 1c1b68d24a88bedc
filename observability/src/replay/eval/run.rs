//! One evaluation.

use std::sync::Arc;

use super::aggregate::aggregate;
use super::over_time::{self, Function, Window};
use super::plan::{Binary, Node, Range};
use super::query::{Found, Selected};
use super::series::{self, Point};
use super::{Element, EvalError, Sample, Settings, binary, histogram, labels};
use crate::prometheus::Labels;
use crate::replay::seconds;

/// What a part of an expression evaluates to.
#[derive(Debug)]
pub(super) enum Value {
    Number(f64),
    Elements(Vec<Element>),
}

impl Value {
    pub(super) fn into_elements(self) -> Vec<Element> {
        match self {
            Self::Number(value) => vec![Element {
                labels: Arc::default(),
                value,
            }],
            Self::Elements(elements) => elements,
        }
    }

    /// The number that it is, or of the only element; NaN otherwise.
    fn into_number(self) -> f64 {
        match self {
            Self::Number(value) => value,
            Self::Elements(elements) => match elements.as_slice() {
                [only] => only.value,
                _ => f64::NAN,
            },
        }
    }
}

/// An evaluation at `at_ms` over the samples of the series that were found.
pub(super) struct Run<'r, S> {
    pub(super) selected: &'r [Selected],
    pub(super) settings: &'r Settings,
    pub(super) samples: &'r [S],
    pub(super) at_ms: i64,
}

impl<S: AsRef<[Sample]>> Run<'_, S> {
    pub(super) fn value(&self, node: &Node) -> Result<Value, EvalError> {
        Ok(match node {
            Node::Number(number) => Value::Number(*number),
            Node::Time => Value::Number(seconds(self.at_ms.saturating_add(self.settings.epoch_ms))),
            Node::Scalar(of) => Value::Number(self.value(of)?.into_number()),
            Node::Negative(of) => negative(self.value(of)?)?,
            Node::Binary(binary) => self.binary(binary)?,
            node => Value::Elements(self.elements_of(node)?),
        })
    }

    fn elements(&self, node: &Node) -> Result<Vec<Element>, EvalError> {
        self.value(node).map(Value::into_elements)
    }

    fn number(&self, node: &Node) -> Result<f64, EvalError> {
        self.value(node).map(Value::into_number)
    }

    /// The elements of a part that is always a vector.
    fn elements_of(&self, node: &Node) -> Result<Vec<Element>, EvalError> {
        match node {
            Node::Instant(selector) => Ok(self.instant(*selector)),
            Node::OverTime {
                function,
                range,
                parameter,
            } => self.over_time(*function, *range, parameter.as_deref()),
            Node::AbsentOverTime { range, labels } => {
                let mut series = self.selected[range.selector].series.iter();
                let there = series.any(|found| self.points(found, *range).next().is_some());
                Ok(absence(there, labels))
            }
            Node::Absent { of, labels } => Ok(absence(!self.elements(of)?.is_empty(), labels)),
            Node::Clamp {
                of,
                limit,
                at_least,
            } => self.clamp(of, limit, *at_least),
            Node::HistogramQuantile { quantile, of } => {
                let quantile = self.number(quantile)?;
                histogram::quantiles(self.settings.semantics, quantile, &self.elements(of)?)
            }
            Node::Aggregate {
                aggregator,
                grouping,
                of,
            } => {
                let elements = self.elements(of)?;
                let semantics = self.settings.semantics;
                Ok(aggregate(*aggregator, grouping, semantics, &elements))
            }
            Node::Vector(of) => Ok(Value::Number(self.number(of)?).into_elements()),
            Node::Number(_)
            | Node::Time
            | Node::Scalar(_)
            | Node::Negative(_)
            | Node::Binary(_) => self.elements(node),
        }
    }

    fn samples(&self, found: &Found) -> &[Sample] {
        self.samples.get(found.index).map_or(&[], AsRef::as_ref)
    }

    fn points(&self, found: &Found, range: Range) -> impl Iterator<Item = Point> {
        let semantics = self.settings.semantics;
        series::range(self.samples(found), semantics, range.range_ms, self.at_ms)
    }

    fn instant(&self, selector: usize) -> Vec<Element> {
        let series = self.selected[selector].series.iter();
        let elements = series.filter_map(|found| {
            let value = series::newest(self.samples(found), self.settings, self.at_ms)?;
            Some(Element {
                labels: Arc::clone(&found.labels),
                value,
            })
        });
        elements.collect()
    }

    fn over_time(
        &self,
        function: Function,
        range: Range,
        parameter: Option<&Node>,
    ) -> Result<Vec<Element>, EvalError> {
        let window = Window {
            semantics: self.settings.semantics,
            range_ms: range.range_ms,
            at_ms: self.at_ms,
            parameter: parameter.map_or(Ok(f64::NAN), |node| self.number(node))?,
        };
        // The last value of a series is still that series.
        let named = function == Function::Last;
        let mut points = Vec::new();
        let mut elements = Vec::new();
        let selected = &self.selected[range.selector];
        for found in &selected.series {
            points.clear();
            points.extend(self.points(found, range));
            if let Some(value) = over_time::apply(function, &points, &window) {
                let labels = if named { &found.labels } else { &found.unnamed };
                elements.push(Element {
                    labels: Arc::clone(labels),
                    value,
                });
            }
        }
        if !named && !selected.differ {
            labels::distinct(&elements)?;
        }
        Ok(elements)
    }

    fn clamp(&self, of: &Node, limit: &Node, at_least: bool) -> Result<Vec<Element>, EvalError> {
        let limit = self.number(limit)?;
        let mut elements = self.elements(of)?;
        for element in &mut elements {
            element.value = clamped(element.value, limit, at_least);
        }
        labels::all_unnamed(elements)
    }

    fn binary(&self, binary: &Binary) -> Result<Value, EvalError> {
        let Binary {
            operator, matching, ..
        } = binary;
        let left = self.value(&binary.left)?;
        let right = self.value(&binary.right)?;
        Ok(match (left, right) {
            (Value::Number(left), Value::Number(right)) => {
                Value::Number(binary::numbers(*operator, left, right))
            }
            (Value::Elements(left), Value::Number(right)) => {
                Value::Elements(binary::with_number(*operator, left, right, false)?)
            }
            (Value::Number(left), Value::Elements(right)) => {
                Value::Elements(binary::with_number(*operator, right, left, true)?)
            }
            (Value::Elements(left), Value::Elements(right)) => {
                Value::Elements(binary::vectors(*operator, matching, left, right)?)
            }
        })
    }
}

fn negative(value: Value) -> Result<Value, EvalError> {
    match value {
        Value::Number(value) => Ok(Value::Number(-value)),
        Value::Elements(mut elements) => {
            for element in &mut elements {
                element.value = -element.value;
            }
            labels::all_unnamed(elements).map(Value::Elements)
        }
    }
}

/// NaN on either side is NaN, but for an infinite value or limit that decides by itself.
fn clamped(value: f64, limit: f64, at_least: bool) -> f64 {
    let decides = |side: f64| side.is_infinite() && side.is_sign_positive() == at_least;
    if decides(value) {
        value
    } else if decides(limit) {
        limit
    } else if value.is_nan() || limit.is_nan() {
        f64::NAN
    } else if at_least {
        value.max(limit)
    } else {
        value.min(limit)
    }
}

fn absence(there: bool, labels: &Arc<Labels>) -> Vec<Element> {
    let absence = (!there).then(|| Element {
        labels: Arc::clone(labels),
        value: 1.0,
    });
    absence.into_iter().collect()
}
