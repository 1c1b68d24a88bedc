//! Faults, their undoing, load, and the proof of an alert end to end.
//!
//! The protocol that keeps a fault from being left behind, in the order of a run:
//!
//! 1. [`Experiment::open`](experiment::Experiment::open) takes the lock: one experiment at a time.
//! 2. A [`Record`](record::Record) of the fault is written, durably, before anything is touched.
//! 3. A [`guardian`] is started and has said that it is ready.
//! 4. The fault is injected ([`faults`]), and seen to hold.
//! 5. The fault is undone, the undoing is seen to hold, and only then is the record removed.
//!
//! Whatever dies on the way, something is left that undoes the fault: the runner when the guardian
//! dies, the guardian when the runner dies, and [`recover`] from the record when both have died.

pub mod abort;
pub mod audit;
mod blocking;
pub mod catalogue;
pub mod engine;
pub mod error;
pub mod experiment;
pub mod experiments;
pub mod faults;
pub mod guardian;
pub mod identity;
pub mod listeners;
pub mod load;
pub mod process;
pub mod record;
pub mod recover;
pub mod report;
pub mod undo;
pub mod units;
pub mod verify;

pub use error::Error;
