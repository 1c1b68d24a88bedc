//! Open-loop load: votes are sent when they are due, however slowly the service answers, and an
//! answer's latency counts from the instant at which the vote was due. A service that stalls thus
//! shows in the latency of every vote that was due meanwhile, not only of those in flight
//! ("coordinated omission", Gil Tene, "How NOT to Measure Latency").
//!
//! - [`schedule`] says when each vote is due, and the `pacer` releases it then, on a timer finer
//!   than the runtime's;
//! - the `engine` has one task for each persistent `connection`; the tasks of one URL take its
//!   votes in order, and the URLs take turns strictly;
//! - each task keeps a `tally`, which the engine collects a few times per second;
//! - [`flood`] and [`voters`] are the two kinds of traffic.

mod connection;
mod engine;
pub mod flood;
mod pacer;
mod plan;
pub mod readers;
mod report;
pub mod schedule;
mod tally;
pub mod voters;

pub use flood::{draw, flood};
pub use plan::{Extent, LoadError, Plan};
pub use report::{AcceptedVote, Latency, Progress, Report};
pub use tally::ErrorKind;
