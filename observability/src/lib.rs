//! What voteops knows about observing a service: clients of Prometheus, Alertmanager and Grafana,
//! the webhook receiver, the catalogue of signals, the alert rules, and the prediction of when an
//! alert fires.
//!
//! Nothing here draws, injects or starts anything. The console, `voteops status` and the chaos
//! tool all read the same [`snapshot::Snapshot`], so that they cannot disagree.

pub mod access;
pub mod alertmanager;
pub mod backend;
pub mod combined;
pub mod config;
pub mod doctor;
pub mod folded;
pub mod grafana;
pub mod held;
pub mod logql;
pub mod logs;
pub mod marks;
pub mod prometheus;
pub mod promql;
pub mod provision;
pub mod replay;
pub mod rules;
pub mod signals;
pub mod slo;
pub mod snapshot;
pub mod text;
pub mod units;
pub mod webhook;

pub use backend::{BackendError, Http};
pub use snapshot::Snapshot;
