//! A subset of PromQL, evaluated over series in memory exactly as Prometheus does.
//!
//! The subset: numbers; instant and range selectors with all matchers; `rate`, `increase`, `irate`,
//! `delta`, `{avg,min,max,sum,count,last,present,absent,quantile}_over_time`, `histogram_quantile`
//! over classic buckets, `absent`, `vector`, `scalar`, `clamp_min`, `clamp_max`, `time`; `sum`,
//! `avg`, `min`, `max`, `count`, `group` with `by` and `without`; arithmetic, comparisons and set
//! operators with their matching; the unary minus. Anything else is refused by name.
//!
//! Series hold numbers, not native histograms. A filter of which several series match one is
//! refused only when several pass it, as Prometheus did before 3.9.

mod aggregate;
mod binary;
mod histogram;
mod labels;
mod mean;
mod over_time;
mod plan;
mod quantile;
mod query;
mod run;
mod semantics;
mod series;

use std::sync::Arc;

pub use query::{Bound, Query};
pub use semantics::{Semantics, Settings};
pub use series::{Sample, Series};

pub(super) use labels::unnamed as without_name;

use crate::prometheus::Labels;

/// One element of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// Its labels.
    pub labels: Arc<Labels>,
    /// Its value.
    pub value: f64,
}

/// Why an expression cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The parser's message.
    #[error("not PromQL: {0}")]
    Syntax(String),
    /// What the expression uses that the replay does not know.
    #[error("the replay does not support {0}")]
    Unsupported(String),
    /// Longer than any rule that a person would write.
    #[error("the expression is longer than {most_bytes} bytes")]
    TooLong {
        /// The limit.
        most_bytes: usize,
    },
    /// Nested more deeply than the replay follows.
    #[error("the expression is nested more than {most_levels} levels deep")]
    TooDeep {
        /// The limit.
        most_levels: usize,
    },
}

/// Why an expression has no result, for reasons that lie in the series. Prometheus refuses these
/// too, and leaves the rule's alerts as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// Two results could not be told apart.
    #[error("two results have the labels {0}")]
    SameLabels(String),
    /// Both sides of an operator have several series with these labels.
    #[error("several series match {0} on the side that may have one")]
    ManyToMany(String),
    /// Several series match one, without `group_left` or `group_right`.
    #[error("several series match {0}, which asks for group_left or group_right")]
    ManyToOne(String),
}

impl EvalError {
    pub(super) fn same_labels(labels: &Labels) -> Self {
        Self::SameLabels(labels::text(&labels::all(labels)))
    }
}
