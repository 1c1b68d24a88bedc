//! Experiments that are written in files: a steady-state hypothesis, a method, and what alerts are
//! expected to do meanwhile. Nothing has to be written for the way back: every fault is undone at
//! the end of its step, and whatever ends the run ends them all.
//!
//! - `check` reads a file into a [`Script`] (`format`), by `probes`, `steps`, `loads` and `values`,
//!   which go on after what is wrong (`table`), so that every [`Problem`] is told at once;
//! - `scale` fits it to a stack whose time is scaled;
//! - [`run()`] carries it out: `hypothesis` says whether the steady state is there, `method` takes the
//!   steps, `casting` sends and counts the votes, `seen` watches the alerts;
//! - `judge` says what was not as the file says, [`Report`] is the whole finding, and [`tell`] writes
//!   it down.

mod casting;
mod check;
pub mod format;
mod hypothesis;
mod judge;
mod loads;
mod method;
mod probes;
mod problem;
mod report;
mod run;
mod scale;
mod seen;
mod steps;
mod table;
pub mod tell;
mod told;
mod values;

pub use casting::Polls;
pub use check::parse;
pub use format::Script;
pub use hypothesis::Measured;
pub use problem::Problem;
pub use report::{Alert, Course, Expected, Load, Outcome, Report, Taken, Verdict};
pub use run::{Error, Progress, Setup, run};
pub use told::seconds;

#[cfg(test)]
mod tests;
