//! When any alert rule turns pending, fires and resolves, found by replaying a scenario through a
//! model of Prometheus: scrape, evaluate, hold for.
//!
//! [`eval`] evaluates a subset of PromQL over series in memory. [`scenario`] says how the series
//! behave and turns them into the samples that scrapes would store. [`machine`] is the life of
//! alerts from pending to resolved. [`forecast`] runs all of it over every phase of scrapes and
//! evaluations that is not known.
//!
//! Times are milliseconds from the onset of whatever the scenario tells of, negative for before;
//! results are told in seconds.

pub mod eval;
pub mod forecast;
pub mod machine;
pub mod scenario;
mod window;

pub use forecast::ReplayError;
pub use window::Window;

/// Milliseconds as seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of centuries fit into 53 bits"
)]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// A number of things, as PromQL counts them.
#[expect(
    clippy::cast_precision_loss,
    reason = "nobody holds 2^53 samples in memory"
)]
fn count(things: usize) -> f64 {
    things as f64
}

#[cfg(test)]
mod tests;
