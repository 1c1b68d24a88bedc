//! Votes that replicas have.
//!
//! Replication is asynchronous: what Redis has answered may be unknown to the replica that takes its
//! place. `WAIT` (<https://redis.io/docs/latest/commands/wait/>) tells how many replicas have all that
//! its own connection has written. It holds that connection up, so one is sent for all votes that
//! were written since the last: as many as come within a round trip to the replicas.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, cmd};
use tokio::sync::Mutex;

use crate::Error;

/// How long replicas may take. Everything on the connection waits meanwhile.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Waits until replicas have what was written.
#[derive(Debug)]
pub(crate) struct Replicas {
    needed: usize,
    written: AtomicU64,
    last: Mutex<Last>,
}

/// The last `WAIT`.
#[derive(Debug, Default)]
struct Last {
    /// Of which connection it was.
    generation: u64,
    /// How many writes had been answered before it was sent.
    covered: u64,
    /// How many replicas had them all.
    replicas: usize,
}

/// Why it is not known that enough replicas have a write.
pub(crate) enum Shortfall {
    Redis(RedisError),
    Few(Error),
}

impl Replicas {
    pub(crate) fn new(needed: usize) -> Self {
        Self {
            needed,
            written: AtomicU64::new(0),
            last: Mutex::default(),
        }
    }

    pub(crate) fn needed(&self) -> usize {
        self.needed
    }

    /// Whether any replica is needed at all.
    pub(crate) fn are_needed(&self) -> bool {
        self.needed > 0
    }

    /// Waits until enough replicas have everything that was answered on this connection by now.
    pub(crate) async fn wait(
        &self,
        generation: u64,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), Shortfall> {
        if self.needed == 0 {
            return Ok(());
        }
        let ticket = self.written.fetch_add(1, Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if last.generation != generation || last.covered <= ticket {
            let covered = self.written.load(Ordering::SeqCst);
            let mut wait = cmd("WAIT");
            wait.arg(self.needed).arg(TIMEOUT.as_millis().to_string());
            let replicas = wait
                .query_async(connection)
                .await
                .map_err(Shortfall::Redis)?;
            *last = Last {
                generation,
                covered,
                replicas,
            };
        }
        if last.replicas >= self.needed {
            return Ok(());
        }
        Err(Shortfall::Few(Error::Away(format!(
            "{} of {} replicas have what was written",
            last.replicas, self.needed
        ))))
    }
}
