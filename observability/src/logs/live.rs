//! Lines of a Loki as they are written: by its tail where there is one, by asking again and again
//! where there is none, and by asking for what the tail may have left out.

use std::time::Duration;

use tokio::time::Instant;

use super::tail::Tail;
use super::{Feed, LogLine, LogQuery, Loki, now_ns};
use crate::backend::BackendError;

/// So often it is asked for lines that a tail left out without telling.
const RECONCILE: Duration = Duration::from_secs(15);
/// Waits before a tail is tried again, in seconds; the last one repeats.
const RETRIES_S: [u64; 4] = [2, 5, 15, 60];

/// How lines come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By the tail, as they are written.
    Tail,
    /// By asking again and again: why there is no tail.
    Polling(String),
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Lines that were not told before, oldest first.
    pub lines: Vec<LogLine>,
    /// How they came.
    pub way: Way,
}

/// Lines as they come. Dropping a call of [`Live::next`] loses none.
#[derive(Debug)]
pub struct Live {
    loki: Loki,
    query: LogQuery,
    feed: Feed,
    tail: Option<Tail>,
    why: String,
    failures: usize,
    retry_at: Instant,
    reconcile_every: Duration,
    reconcile_at: Instant,
    /// When the tail gave lines last.
    lines_at: Instant,
}

impl Live {
    /// Goes on where `feed` is.
    #[must_use]
    pub fn new(loki: Loki, query: LogQuery, feed: Feed) -> Self {
        let now = Instant::now();
        Self {
            loki,
            query,
            feed,
            tail: None,
            why: String::new(),
            failures: 0,
            retry_at: now,
            reconcile_every: RECONCILE,
            reconcile_at: now,
            lines_at: now,
        }
    }

    /// The next lines; none when `patience` passes without any. While there is no tail, Loki is
    /// asked once in a `patience`.
    ///
    /// # Errors
    /// Any [`BackendError`] of a question; a tail that breaks is not one, it is followed by a
    /// question.
    pub async fn next(&mut self, patience: Duration) -> Result<News, BackendError> {
        if self.feed.has_more() {
            return self.ask().await;
        }
        let now = Instant::now();
        if self.tail.is_none() && now >= self.retry_at {
            self.open().await;
            return self.ask().await;
        }
        let Some(tail) = &mut self.tail else {
            tokio::time::sleep(patience).await;
            return self.ask().await;
        };
        // While very many lines come, Loki itself tells which of them it left out; when none come
        // any more, that they were many is no reason to wait for the next one.
        let is_quiet = now >= self.lines_at + self.reconcile_every;
        if now >= self.reconcile_at && (self.feed.is_cheap() || is_quiet) {
            return self.ask().await;
        }
        let lines = match tokio::time::timeout(patience, tail.next()).await {
            Ok(Ok(batch)) => {
                if !batch.lines.is_empty() {
                    self.lines_at = Instant::now();
                }
                let lines = self.feed.admit(batch.lines);
                if let Some(at_ns) = batch.dropped_ns {
                    self.feed.rewind(at_ns);
                }
                lines
            }
            Ok(Err(error)) => {
                self.lose(&error);
                return self.ask().await;
            }
            Err(_) => Vec::new(),
        };
        Ok(self.told(lines))
    }

    /// Asks for lines that a tail left out so often.
    #[cfg(test)]
    pub(super) fn reconciling_every(mut self, every: Duration) -> Self {
        self.reconcile_every = every;
        self
    }

    async fn open(&mut self) {
        match self.loki.tail(&self.query, self.feed.resume_ns()).await {
            Ok(tail) => {
                self.tail = Some(tail);
                self.failures = 0;
            }
            Err(error) => self.lose(&error),
        }
    }

    fn lose(&mut self, error: &BackendError) {
        self.tail = None;
        self.why = error.short();
        let wait = RETRIES_S[self.failures.min(RETRIES_S.len() - 1)];
        self.failures += 1;
        self.retry_at = Instant::now() + Duration::from_secs(wait);
    }

    async fn ask(&mut self) -> Result<News, BackendError> {
        let lines = self.feed.next(now_ns()).await?;
        self.reconcile_at = Instant::now() + self.reconcile_every;
        Ok(self.told(lines))
    }

    fn told(&self, lines: Vec<LogLine>) -> News {
        let way = match self.tail {
            Some(_) => Way::Tail,
            None => Way::Polling(self.why.clone()),
        };
        News { lines, way }
    }
}
