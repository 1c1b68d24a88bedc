//! What the worker measures.

use prometheus::{Histogram, IntCounter, IntCounterVec};
use voteops_queue::DeadReason;
use voteops_service::Error;
use voteops_service::metrics::Metrics as Registry;

/// Upper bounds in seconds. Close together around 1 s, the threshold of the processing alert.
const BOUNDS_SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 10.0,
];

/// Where the worker's work can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Read,
    Record,
    Acknowledge,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Read, Self::Record, Self::Acknowledge];

    fn slug(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Record => "record",
            Self::Acknowledge => "acknowledge",
        }
    }
}

/// What the worker measures. Every series is there from the start, at zero.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) registry: Registry,
    /// `vote_processing_duration_seconds`
    pub(crate) processing: Histogram,
    /// `votes_processed_total{outcome="written"}`
    pub(crate) written: IntCounter,
    /// `votes_processed_total{outcome="unchanged"}`
    pub(crate) unchanged: IntCounter,
    /// `votes_reclaimed_total`
    pub(crate) reclaimed: IntCounter,
    dead: IntCounterVec,
    errors: IntCounterVec,
}

impl Metrics {
    pub(crate) fn new(instance: &str) -> Result<Self, Error> {
        let registry = Registry::new("worker", instance, env!("CARGO_PKG_VERSION"))?;
        let processing = registry.histogram(
            "vote_processing_duration_seconds",
            "Per vote: time from its batch's arrival at the worker to its acknowledgement.",
            &[],
            &BOUNDS_SECONDS,
        )?;
        let processed = registry.counter(
            "votes_processed_total",
            "Votes recorded; unchanged: they were recorded before or superseded.",
            &["outcome"],
        )?;
        let reclaimed = registry.counter(
            "votes_reclaimed_total",
            "Entries taken over from a worker that held them too long.",
            &[],
        )?;
        let dead = registry.counter(
            "votes_dead_total",
            "Entries moved to the stream {votes}:dead.",
            &["reason"],
        )?;
        let errors = registry.counter(
            "worker_errors_total",
            "Failed attempts; each is repeated.",
            &["stage"],
        )?;
        for reason in DeadReason::ALL {
            dead.with_label_values(&[reason.slug()]);
        }
        for stage in Stage::ALL {
            errors.with_label_values(&[stage.slug()]);
        }
        let none: &[&str] = &[];
        Ok(Self {
            registry,
            processing: processing.with_label_values(none),
            written: processed.with_label_values(&["written"]),
            unchanged: processed.with_label_values(&["unchanged"]),
            reclaimed: reclaimed.with_label_values(none),
            dead,
            errors,
        })
    }

    pub(crate) fn count_dead(&self, reason: DeadReason) {
        self.dead.with_label_values(&[reason.slug()]).inc();
    }

    pub(crate) fn count_error(&self, stage: Stage) {
        self.errors.with_label_values(&[stage.slug()]).inc();
    }
}
