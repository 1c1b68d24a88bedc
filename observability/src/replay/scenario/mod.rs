//! How the series of targets behave in time, and what Prometheus stores of them.

mod course;
mod scrape;

use serde::Serialize;

pub use course::{Counter, Course, Knee};

use crate::prometheus::Labels;

/// Where a clock's ticks fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A tick falls on this time, and on every interval before and after it.
    Known(i64),
    /// Not known: anywhere in the interval.
    Unknown,
}

/// How a scrape fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// At once, as when nothing listens.
    Refused,
    /// The target keeps the scrape waiting, as when its process is stopped. When it goes on within
    /// the scrape's time limit, the scrape succeeds late.
    Hangs,
    /// Service discovery takes it out of the list before it is scraped. It is waited for, for two
    /// intervals and a tenth, and only then its series end, at the time of the scrape that was missed
    /// (`endOfRunStaleness` in Prometheus's `scrape/scrape.go`).
    Forgotten,
}

/// A time in which a target cannot be scraped: from `from_ms` until before `to_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// The first millisecond of it.
    pub from_ms: i64,
    /// The first millisecond after it; `i64::MAX` for never.
    pub to_ms: i64,
    /// What scrapes meet.
    pub failure: Failure,
}

impl Outage {
    fn covers(&self, at_ms: i64) -> bool {
        (self.from_ms..self.to_ms).contains(&at_ms)
    }
}

/// A series that a target exposes.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposed {
    /// Its labels, `__name__` among them; those of the target that it lacks are added.
    pub labels: Labels,
    /// Its value in time.
    pub course: Course,
}

/// A target, its scrapes, and what it exposes. It has an `up` besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Labels of all its series: `job`, `instance`.
    pub labels: Labels,
    /// Between two scrapes.
    pub interval_ms: i64,
    /// How long a scrape may take; at most the interval.
    pub timeout_ms: i64,
    /// When scrapes start.
    pub phase: Phase,
    /// When scrapes fail.
    pub outages: Vec<Outage>,
    /// What it exposes.
    pub exposes: Vec<Exposed>,
}

/// What a scenario is founded on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The courses were measured, or are what was ordered.
    Measured,
    /// The courses are an assumption.
    Assumed,
}

/// What happens to all targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The targets.
    pub targets: Vec<Target>,
    /// What it is founded on.
    pub basis: Basis,
}
