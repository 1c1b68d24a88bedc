//! What only PostgreSQL does to a ledger: it falls silent, and other transactions come in between.

mod crossed;
mod given_up;
mod proxy;

use std::sync::atomic::{AtomicU64, Ordering};

use voteops_queue::{InvalidVote, Position, Queued, Vote};

type TestResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// A vote that Redis took after all those before it.
fn vote(voter: &str) -> Result<Queued, InvalidVote> {
    static TAKEN: AtomicU64 = AtomicU64::new(1);
    Ok(Queued {
        vote: Vote::cast(voter, "parrots")?,
        position: Position::new(1_700_000_000_000, TAKEN.fetch_add(1, Ordering::Relaxed)),
    })
}

/// One vote of each of `count` voters.
fn votes(prefix: &str, count: usize) -> Result<Vec<Queued>, InvalidVote> {
    (0..count).map(|n| vote(&format!("{prefix}{n}"))).collect()
}
