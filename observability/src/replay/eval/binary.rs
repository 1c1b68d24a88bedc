//! Operators between two operands, and how their elements find each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::labels::{self, Key};
use super::{Element, EvalError};
use crate::prometheus::Labels;
use crate::promql::Comparison;

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Arithmetic(Arithmetic),
    /// With `bool`, the result is 0 or 1; without, elements that do not satisfy it are dropped.
    Comparison {
        comparison: Comparison,
        as_bool: bool,
    },
    Set(SetOperator),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetOperator {
    And,
    Or,
    Unless,
}

impl Operator {
    /// The operator that is written so; `None` for one that the replay does not have.
    pub(super) fn written(operator: &str, as_bool: bool) -> Option<Self> {
        const COMPARISONS: [Comparison; 6] = [
            Comparison::Above,
            Comparison::AtLeast,
            Comparison::Below,
            Comparison::AtMost,
            Comparison::Equal,
            Comparison::NotEqual,
        ];
        Some(match operator {
            "+" => Self::Arithmetic(Arithmetic::Add),
            "-" => Self::Arithmetic(Arithmetic::Subtract),
            "*" => Self::Arithmetic(Arithmetic::Multiply),
            "/" => Self::Arithmetic(Arithmetic::Divide),
            "%" => Self::Arithmetic(Arithmetic::Remainder),
            "^" => Self::Arithmetic(Arithmetic::Power),
            "and" => Self::Set(SetOperator::And),
            "or" => Self::Set(SetOperator::Or),
            "unless" => Self::Set(SetOperator::Unless),
            other => Self::Comparison {
                comparison: COMPARISONS
                    .into_iter()
                    .find(|comparison| comparison.symbol() == other)?,
                as_bool,
            },
        })
    }

    /// The value of the result; `None` when a comparison drops it.
    fn apply(self, left: f64, right: f64) -> Option<f64> {
        match self {
            Self::Arithmetic(arithmetic) => Some(arithmetic.apply(left, right)),
            Self::Comparison {
                comparison,
                as_bool: true,
            } => Some(f64::from(u8::from(comparison.holds(left, right)))),
            Self::Comparison { comparison, .. } => comparison.holds(left, right).then_some(left),
            Self::Set(_) => None,
        }
    }

    /// Whether the result is another quantity than the operands, and so loses its name.
    fn renames(self) -> bool {
        !matches!(self, Self::Comparison { as_bool: false, .. })
    }
}

impl Arithmetic {
    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Remainder => left % right,
            Self::Power => left.powf(right),
        }
    }
}

/// Which side may have several elements for one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Many {
    Neither,
    Left,
    Right,
}

/// Which elements of the two sides belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matching {
    /// Whether `labels` are those that have to be equal, not those that may differ.
    pub(super) on: bool,
    pub(super) labels: Vec<String>,
    pub(super) many: Many,
    /// Labels of the side with one element that the result takes over.
    pub(super) include: Vec<String>,
}

impl Matching {
    fn key<'a>(&self, labels: &'a Labels) -> Key<'a> {
        if self.on {
            labels::only(labels, &self.labels)
        } else {
            labels::all_but(labels, &self.labels)
        }
    }

    fn keys<'a>(&self, elements: &'a [Element]) -> BTreeSet<Key<'a>> {
        let keys = elements.iter().map(|element| self.key(&element.labels));
        keys.collect()
    }

    /// The labels of the result of an element of the side with many and one of the other.
    fn result(&self, many: &Arc<Labels>, one: &Labels, renames: bool) -> Arc<Labels> {
        let mut result = if renames {
            labels::unnamed(many)
        } else {
            Arc::clone(many)
        };
        if self.many == Many::Neither && (self.on || !self.labels.is_empty()) {
            Arc::make_mut(&mut result).retain(|name, _| self.labels.contains(name) == self.on);
        }
        for name in &self.include {
            let result = Arc::make_mut(&mut result);
            match one.get(name).filter(|value| !value.is_empty()) {
                Some(value) => result.insert(name.clone(), value.clone()),
                None => result.remove(name),
            };
        }
        result
    }
}

/// Between two numbers; a comparison is 0 or 1.
pub(super) fn numbers(operator: Operator, left: f64, right: f64) -> f64 {
    match operator {
        Operator::Comparison { comparison, .. } => {
            f64::from(u8::from(comparison.holds(left, right)))
        }
        _ => operator.apply(left, right).unwrap_or(f64::NAN),
    }
}

/// Between elements and a number, which may stand on the left.
pub(super) fn with_number(
    operator: Operator,
    elements: Vec<Element>,
    number: f64,
    number_is_left: bool,
) -> Result<Vec<Element>, EvalError> {
    let result = elements.into_iter().filter_map(|element| {
        let (left, right) = if number_is_left {
            (number, element.value)
        } else {
            (element.value, number)
        };
        let value = operator.apply(left, right)?;
        // A filter keeps the element, on whichever side it stands.
        let value = if operator.renames() {
            value
        } else {
            element.value
        };
        Some(Element { value, ..element })
    });
    if operator.renames() {
        labels::all_unnamed(result.collect())
    } else {
        Ok(result.collect())
    }
}

/// Between two vectors.
pub(super) fn vectors(
    operator: Operator,
    matching: &Matching,
    left: Vec<Element>,
    right: Vec<Element>,
) -> Result<Vec<Element>, EvalError> {
    if let Operator::Set(operator) = operator {
        return Ok(sets(operator, matching, left, right));
    }
    if left.is_empty() || right.is_empty() {
        return Ok(Vec::new());
    }
    let swapped = matching.many == Many::Right;
    let (many, one) = if swapped {
        (right, left)
    } else {
        (left, right)
    };
    let partners = partners(matching, &one)?;
    let mut results = Vec::with_capacity(many.len());
    let mut matched = BTreeSet::new();
    for element in &many {
        let key = matching.key(&element.labels);
        let Some(partner) = partners.get(&key) else {
            continue;
        };
        let (left, right) = if swapped {
            (partner.value, element.value)
        } else {
            (element.value, partner.value)
        };
        let Some(value) = operator.apply(left, right) else {
            continue;
        };
        if matching.many == Many::Neither && !matched.insert(key.clone()) {
            return Err(EvalError::ManyToOne(labels::text(&key)));
        }
        results.push(Element {
            labels: matching.result(&element.labels, &partner.labels, operator.renames()),
            value,
        });
    }
    if matching.many != Many::Neither {
        labels::distinct(&results)?;
    }
    Ok(results)
}

/// The elements of the side that may have one for each key.
fn partners<'a>(
    matching: &Matching,
    elements: &'a [Element],
) -> Result<BTreeMap<Key<'a>, &'a Element>, EvalError> {
    let mut partners = BTreeMap::new();
    for element in elements {
        let key = matching.key(&element.labels);
        if partners.insert(key.clone(), element).is_some() {
            return Err(EvalError::ManyToMany(labels::text(&key)));
        }
    }
    Ok(partners)
}

fn sets(
    operator: SetOperator,
    matching: &Matching,
    mut left: Vec<Element>,
    mut right: Vec<Element>,
) -> Vec<Element> {
    if operator == SetOperator::Or {
        let keys = matching.keys(&left);
        right.retain(|element| !keys.contains(&matching.key(&element.labels)));
        drop(keys);
        left.append(&mut right);
        return left;
    }
    let keys = matching.keys(&right);
    let kept = operator == SetOperator::And;
    left.retain(|element| keys.contains(&matching.key(&element.labels)) == kept);
    left
}
