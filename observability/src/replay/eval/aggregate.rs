//! Aggregations over groups of elements.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::labels::{self, Key};
use super::over_time::extreme;
use super::{Element, Semantics, mean};
use crate::prometheus::Labels;
use crate::replay::count;

/// What is made of the values of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregator {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
}

impl Aggregator {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "count" => Self::Count,
            "group" => Self::Group,
            _ => return None,
        })
    }

    fn of(self, semantics: Semantics, values: &[f64]) -> f64 {
        let all = || values.iter().copied();
        match self {
            Self::Sum if semantics == Semantics::V3 => mean::sum(all()),
            Self::Sum => all().sum(),
            Self::Avg => mean::of_group(semantics, values),
            Self::Min => extreme(all(), |value, least| value < least),
            Self::Max => extreme(all(), |value, greatest| value > greatest),
            Self::Count => count(values.len()),
            Self::Group => 1.0,
        }
    }
}

/// Which elements are one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grouping {
    By(Vec<String>),
    Without(Vec<String>),
}

impl Grouping {
    fn key<'a>(&self, labels: &'a Labels) -> Key<'a> {
        match self {
            Self::By(names) if names.is_empty() => Key::new(),
            Self::By(names) => labels::only(labels, names),
            Self::Without(names) => labels::all_but(labels, names),
        }
    }
}

/// One element for each group.
pub(super) fn aggregate(
    aggregator: Aggregator,
    grouping: &Grouping,
    semantics: Semantics,
    elements: &[Element],
) -> Vec<Element> {
    let mut groups: BTreeMap<Key, Vec<f64>> = BTreeMap::new();
    for element in elements {
        let key = grouping.key(&element.labels);
        groups.entry(key).or_default().push(element.value);
    }
    groups
        .into_iter()
        .map(|(key, values)| Element {
            labels: Arc::new(labels::owned(&key)),
            value: aggregator.of(semantics, &values),
        })
        .collect()
}
