//! The main database of votes: SQLite embedded, or PostgreSQL.
//!
//! One row per voter: of all votes of one voter the one that Redis took last stands, in whatever
//! order and however often they are [recorded](Ledger::record). That makes it safe to record a batch
//! again whenever it is not certain that it was recorded, which is all the worker needs to lose
//! nothing and to count nothing twice.

mod checkout;
mod copy;
mod error;
mod ledger;
mod postgres;
mod postgres_url;
mod sqlite;
mod sqlite_writer;
#[cfg(feature = "test-support")]
pub mod test_support;

pub use error::Error;
pub use ledger::{Ledger, Recorded, Standing};
