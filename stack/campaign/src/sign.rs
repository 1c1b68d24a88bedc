//! How one sees that a crash does something: a clock that was to be wrong is, a disk that was to be full
//! takes nothing.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use jiff::fmt::rfc2822;

use crate::crash::{Crash, Disk, Victim};
use crate::load::Load;
use crate::patience::{PATIENCE, POLL_INTERVAL};
use crate::stack::Stack;

/// Clocks that are closer are the same.
const SAME_TIME: Duration = Duration::from_secs(30);

/// So many votes wait only while none is recorded: otherwise there are a few.
const BACKLOG: u64 = 100;

/// What is to be seen while a crash lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Votes that are cast at another time.
    OddVotes,
    /// A worker whose answers are of another time.
    OddAnswers(usize),
    /// Votes that wait.
    Backlog,
}

impl Sign {
    /// What a crash is told by, of those that would go unnoticed otherwise.
    pub(crate) fn of(crash: &Crash) -> Option<Self> {
        match crash {
            Crash::Skew(Victim::VoteApp(_), _) => Some(Self::OddVotes),
            Crash::Skew(Victim::Worker(n), _) => Some(Self::OddAnswers(*n)),
            Crash::FullDisk(Disk::Ledger) => Some(Self::Backlog),
            _ => None,
        }
    }

    /// Waits until it is seen.
    ///
    /// # Errors
    /// When it is not within five minutes.
    pub(crate) async fn wait(self, load: &Load, stack: &Stack) -> Result<()> {
        match self {
            Self::OddVotes => {
                let what = "no vote was cast at another time";
                load.until(what, |seen| seen.odd_clocks > 0).await
            }
            Self::OddAnswers(n) => {
                let worker = stack.workers[n].address;
                until("the worker's clock is right", async || {
                    Some(is_another_time(stack.time_at(worker).await?))
                })
                .await
            }
            Self::Backlog => {
                until("votes are recorded on a full disk", async || {
                    Some(stack.queue.length().await.ok()? >= BACKLOG)
                })
                .await
            }
        }
    }
}

impl Stack {
    /// What time it is for a service, by the date of an answer of its.
    async fn time_at(&self, service: SocketAddr) -> Option<SystemTime> {
        let answer = self.client.get(format!("http://{service}/healthz"));
        let answer = answer.send().await.ok()?;
        let date = answer.headers().get("date")?.to_str().ok()?;
        // What RFC 9110 has servers write is a date of RFC 2822 in an older form.
        let date = rfc2822::parse(date).ok()?;
        Some(date.timestamp().into())
    }
}

/// Whether a time is so far from now that some clock is wrong.
pub(crate) fn is_another_time(time: SystemTime) -> bool {
    let now = SystemTime::now();
    let apart = now
        .duration_since(time)
        .or_else(|_| time.duration_since(now));
    apart.is_ok_and(|apart| apart > SAME_TIME)
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> Option<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while is_so().await != Some(true) {
        if Instant::now() > deadline {
            return Err(Error::other(what));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_a_little() {
        let now = SystemTime::now();
        let minute = Duration::from_mins(1);
        assert!(!is_another_time(now));
        assert!(is_another_time(now + minute));
        assert!(is_another_time(now - minute));
    }
}
