//! Open-loop load: votes are sent when they are due, however slowly the service answers, and an
//! answer's latency counts from the instant at which the vote was due. A service that stalls thus
//! shows in the latency of every vote that was due meanwhile, not only of those in flight
//! ("coordinated omission", Gil Tene, "How NOT to Measure Latency").
//!
//! - [`Rate`] and [`Schedule`] say when each vote is due, and the `pacer` releases it then, on a
//!   timer finer than the runtime's;
//! - the `engine` has a `shard` for each thread that sends, with a task for each persistent
//!   `connection`; the tasks of one URL take its votes in order, and the URLs take turns strictly;
//! - a `request` is bytes, prepared but for what differs, and an `answer` is read where it was
//!   received;
//! - each shard keeps a `tally`, which the engine collects a few times per second;
//! - [`flood`], [`voters`] and [`readers`] are the kinds of traffic; [`Backlog`] tells how long the
//!   queue is that they fill.

mod answer;
mod backlog;
mod ballots;
mod choice;
mod chunks;
mod connection;
mod engine;
pub mod flood;
mod limits;
mod pacer;
mod plan;
mod rate;
pub mod readers;
mod report;
mod request;
mod schedule;
mod shard;
mod spread;
mod tally;
pub mod voters;

pub use backlog::Backlog;
pub use ballots::draw;
pub use choice::{Choice, NoChoice};
pub use flood::flood;
pub use plan::{Extent, LoadError, Plan};
pub use rate::{NoRate, Rate};
pub use report::{AcceptedVote, Latency, Progress, Report};
pub use schedule::Schedule;
pub use spread::{Bar, Spread};
pub use tally::ErrorKind;
