//! How long the queue is that a load fills, asked of Redis itself: what Prometheus knows is older by
//! a scrape, in which a flood casts thousands of votes.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;
use voteops_observability::backend::bare;
use voteops_queue::Queue;

use super::LoadError;

/// How often Redis is asked.
const INTERVAL: Duration = Duration::from_millis(100);
/// For how long Redis may be away before nobody can say any more how long the queue is.
const PATIENCE: Duration = Duration::from_secs(5);

/// The queue's length, asked ten times a second until this is dropped.
#[derive(Debug)]
pub struct Backlog {
    redis: String,
    length: watch::Receiver<Asked>,
    _asking: DropGuard,
}

/// The length, or why it is not known.
type Asked = Result<u64, String>;

impl Backlog {
    /// Begins to ask the Redis at `url`.
    ///
    /// # Errors
    /// [`LoadError::Queue`] when that is no address of a Redis.
    pub fn begin(url: &Url) -> Result<Self, LoadError> {
        let redis = bare(url);
        let queue = Queue::connect(url.as_str()).map_err(|error| LoadError::Queue {
            redis: redis.clone(),
            reason: error.to_string(),
        })?;
        let (told, length) = watch::channel(Err("it has not answered yet".to_owned()));
        let asking = CancellationToken::new();
        let over = asking.clone();
        tokio::spawn(async move { over.run_until_cancelled(keep_asking(&queue, &told)).await });
        Ok(Self {
            redis,
            length,
            _asking: asking.drop_guard(),
        })
    }

    /// Waits for the first answer, which takes at most some seconds.
    ///
    /// # Errors
    /// [`LoadError::Queue`] when Redis does not tell.
    pub async fn first(&self) -> Result<u64, LoadError> {
        let mut length = self.length.clone();
        // Ends with the runtime, and this with it.
        let _ = length.changed().await;
        let first = length.borrow().clone();
        first.map_err(|reason| self.refused(reason))
    }

    fn refused(&self, reason: String) -> LoadError {
        LoadError::Queue {
            redis: self.redis.clone(),
            reason,
        }
    }

    /// The length when it was last asked; none while Redis does not tell.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length.borrow().clone().ok()
    }

    /// Waits until the queue is `most` votes long, or longer, and tells how long it is.
    ///
    /// # Errors
    /// [`LoadError::Queue`] when Redis has not told for 5 s.
    pub async fn reached(&self, most: u64) -> Result<u64, LoadError> {
        let mut length = self.length.clone();
        let mut away_since = None;
        loop {
            let now = length.borrow_and_update().clone();
            match now {
                Ok(long) if long >= most => return Ok(long),
                Ok(_) => away_since = None,
                Err(reason) => {
                    let since = away_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= PATIENCE {
                        return Err(self.refused(reason));
                    }
                }
            }
            if length.changed().await.is_err() {
                // The runtime ends, and this with it.
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn keep_asking(queue: &Queue, told: &watch::Sender<Asked>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let asked = queue.length().await.map_err(|error| error.to_string());
        let _ = told.send_replace(asked);
    }
}
