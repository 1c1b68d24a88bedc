//! What PromQL does to label sets.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Element, EvalError};
use crate::prometheus::Labels;

/// The label that holds a metric's name.
pub(super) const NAME: &str = "__name__";

/// Some labels of a set, in their order: what elements are grouped and matched by.
pub(super) type Key<'a> = Vec<(&'a str, &'a str)>;

/// The labels that are named.
pub(super) fn only<'a>(labels: &'a Labels, names: &[String]) -> Key<'a> {
    pairs(labels)
        .filter(|(name, _)| names.iter().any(|kept| kept == name))
        .collect()
}

/// The labels that are not named; a metric's name is none of them.
pub(super) fn all_but<'a>(labels: &'a Labels, names: &[String]) -> Key<'a> {
    pairs(labels)
        .filter(|(name, _)| *name != NAME && !names.iter().any(|dropped| dropped == name))
        .collect()
}

/// All labels of a set.
pub(super) fn all(labels: &Labels) -> Key<'_> {
    pairs(labels).collect()
}

fn pairs(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    let pairs = labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    // PromQL does not tell an empty label from a missing one.
    pairs.filter(|(_, value)| !value.is_empty())
}

/// A set of its own from a key.
pub(super) fn owned(key: &[(&str, &str)]) -> Labels {
    key.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The set without the metric's name.
pub(in crate::replay) fn unnamed(labels: &Arc<Labels>) -> Arc<Labels> {
    if !labels.contains_key(NAME) {
        return Arc::clone(labels);
    }
    let mut unnamed = Labels::clone(labels);
    unnamed.remove(NAME);
    Arc::new(unnamed)
}

/// The elements without their metrics' names.
///
/// # Errors
/// When two of them differed in their names only.
pub(super) fn all_unnamed(mut elements: Vec<Element>) -> Result<Vec<Element>, EvalError> {
    let mut changed = false;
    for element in &mut elements {
        if element.labels.contains_key(NAME) {
            element.labels = unnamed(&element.labels);
            changed = true;
        }
    }
    if changed {
        distinct(&elements)?;
    }
    Ok(elements)
}

/// Whether all elements can be told apart.
///
/// # Errors
/// The first labels that are there twice.
pub(super) fn distinct(elements: &[Element]) -> Result<(), EvalError> {
    if elements.len() < 2 {
        return Ok(());
    }
    let mut known = BTreeSet::new();
    match elements
        .iter()
        .find(|element| !known.insert(&element.labels))
    {
        Some(twice) => Err(EvalError::same_labels(&twice.labels)),
        None => Ok(()),
    }
}

/// Labels as PromQL writes them.
pub(super) fn text(key: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = key
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{{{}}}", pairs.join(","))
}
