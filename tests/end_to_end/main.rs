//! Whole stacks on real servers, as a user runs them: `up`, `status`, the console, `chaos`, `down`,
//! and what `kill -9` leaves behind. Each test has a stack, a directory and ports of its own.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; clippy's exception knows only the test functions"
)]

mod cli;
mod conservation;
mod console;
mod dashboards;
mod doctor;
mod elsewhere;
mod ends;
mod experiments;
mod faults;
mod flood;
mod grafana;
mod proof;
mod reach;
mod service_faults;
mod support;
mod up;
