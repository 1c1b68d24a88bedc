//! The Redis stream of votes that the vote app fills and the worker drains.
//!
//! A vote answered 202 is in the stream `votes`; it leaves the stream only after the worker has
//! committed its row and [acknowledged](Queue::acknowledge) it. Acknowledging also deletes, so the
//! stream's length is exactly the work not yet done: undelivered plus in flight.
//!
//! - [`Queue`] sends commands; many tasks share its one pipelined connection.
//! - [`Reader`] is one worker's place in the consumer group, on a connection of its own.
//! - [`Entry`] is what a reader gets: a [`Vote`], or poison to [bury](Queue::bury).
//!
//! Where Redis is says an [`Access`]: one server, the primary that Sentinels name, or the node of a cluster
//! that has the queue; over TLS or not. A connection that is lost is opened anew, after looking again who
//! has the queue.
//!
//! The stream is never trimmed: a full Redis refuses votes ([`Error::Full`]) rather than lose one.

mod access;
mod bury;
mod connect;
mod entry;
mod error;
mod fill;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gather;
mod link;
mod once;
mod page;
mod pauses;
mod position;
mod queue;
mod reader;
mod replicas;
#[cfg(feature = "test-support")]
pub mod test_support;
mod tls;
mod url;
mod vote;

pub use access::{Access, AccessError, AccessPart};
pub use entry::{Content, DeadReason, Entry};
pub use error::Error;
pub use fill::Fill;
pub use once::{ONCE_PREFIX, Once};
pub use page::Page;
pub use pauses::Pauses;
pub use position::{Position, Queued};
pub use queue::{DEAD_STREAM, GROUP, Queue, RESULTS_KEY, STREAM};
pub use reader::{BLOCK, Reader};
pub use tls::tls_reason;
pub use vote::{
    InvalidVote, MAX_CHOICE_CHARS, MAX_KEY_CHARS, MAX_VOTER_CHARS, Vote, check_choice, check_voter,
};
