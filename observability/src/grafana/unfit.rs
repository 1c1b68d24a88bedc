//! Why a rule of Grafana has no equivalent in Prometheus.

/// Why a rule of Grafana is none that Prometheus could have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// It names a condition that it does not have.
    #[error("its condition {0:?} is none of its queries and expressions")]
    NoCondition(String),
    /// Its expressions read each other.
    #[error("its expressions read each other in a circle, {0} among them")]
    Circle(String),
    /// It reads several queries.
    #[error(
        "{ref_id} reads several queries ({read}); write them as one query, which Prometheus can join by itself"
    )]
    SeveralQueries {
        /// The expression.
        ref_id: String,
        /// What it reads.
        read: String,
    },
    /// It asks another data source.
    #[error(
        "query {ref_id} asks a data source of type {kind}; only queries of Prometheus can be replayed"
    )]
    OtherSource {
        /// The query.
        ref_id: String,
        /// The kind of the data source.
        kind: String,
    },
    /// It asks for a range.
    #[error(
        "query {ref_id} asks for a range, of which Grafana makes one number by points that depend on its step; make it an \
         instant query (\"instant\": true, \"range\": false), with the range in the expression"
    )]
    NotInstant {
        /// The query.
        ref_id: String,
    },
    /// It asks for another time than now.
    #[error(
        "query {ref_id} ends {ago_s} s ago; end it at now, and write `offset` in its expression"
    )]
    Shifted {
        /// The query.
        ref_id: String,
        /// How long ago, in seconds.
        ago_s: u64,
    },
    /// It holds what Grafana puts in.
    #[error(
        "query {ref_id} holds {variable}, which Grafana fills in by its own measure; write the duration itself"
    )]
    Variable {
        /// The query.
        ref_id: String,
        /// The variable.
        variable: String,
    },
    /// It is none of Prometheus's expressions.
    #[error("query {ref_id} is no expression of Prometheus: {reason}")]
    NotPromql {
        /// The query.
        ref_id: String,
        /// Why.
        reason: String,
    },
    /// It has conditions of the old kind.
    #[error(
        "{ref_id} is a classic condition, which makes one alert of all series; make it a reduce and a threshold"
    )]
    Classic {
        /// The expression.
        ref_id: String,
    },
    /// It has an expression of another kind.
    #[error(
        "{ref_id} is an expression of type {kind:?}; only reduce, math and threshold have an equivalent"
    )]
    OtherExpression {
        /// The expression.
        ref_id: String,
        /// Its type.
        kind: String,
    },
    /// It calculates.
    #[error(
        "{ref_id} calculates ({expression}); only a comparison of one query with a number has an equivalent: \
         calculate in the query"
    )]
    Math {
        /// The expression.
        ref_id: String,
        /// What it says.
        expression: String,
    },
    /// Its threshold is none.
    #[error("threshold {ref_id}: {reason}")]
    Threshold {
        /// The expression.
        ref_id: String,
        /// Why.
        reason: String,
    },
    /// It recovers at another threshold than that at which it alerts.
    #[error(
        "threshold {ref_id} has a recovery threshold, so that it depends on what it was before; Prometheus has no such rules"
    )]
    Recovery {
        /// The expression.
        ref_id: String,
    },
    /// It leaves numbers out, or puts others in.
    #[error(
        "reduce {ref_id} is in mode {mode:?}, which changes numbers that are none; take the mode strict"
    )]
    Mode {
        /// The expression.
        ref_id: String,
        /// The mode.
        mode: String,
    },
    /// It alerts without data.
    #[error(
        "with its no-data state {0:?} it fires, or goes on to, without data, which no expression says; take OK or NoData"
    )]
    NoData(String),
}
