//! Votes at a constant rate, whatever becomes of them.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Client;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::patience::PATIENCE;
use crate::sent::{Sent, Voter};
use crate::voters::Voters;

/// Voters who change their vote again and again, in each round: of each of two kinds.
const CHANGERS: usize = 2;

/// What was answered so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Votes answered 202.
    pub accepted: u64,
    /// Those of them that were cast at another time, as their ids have it.
    pub odd_clocks: u64,
}

/// A load that is under way.
#[derive(Debug)]
pub struct Load {
    stop: CancellationToken,
    at_rate: JoinHandle<Vec<Voter>>,
    changers: JoinSet<Voter>,
    seen: watch::Receiver<Seen>,
}

impl Load {
    /// Begins to send `rate_per_s` votes a second, in turn to each of `vote_apps`, of voters whose
    /// names begin with `prefix`.
    #[must_use]
    pub fn begin(client: &Client, vote_apps: &[SocketAddr], prefix: &str, rate_per_s: u32) -> Self {
        let stop = CancellationToken::new();
        let (told, seen) = watch::channel(Seen::default());
        let voters = Voters::new(client, vote_apps, prefix, told);
        let mut changers = JoinSet::new();
        for number in 0..CHANGERS {
            changers.spawn(voters.clone().change(number, stop.clone()));
            changers.spawn(voters.clone().change_surely(number, stop.clone()));
        }
        let at_rate =
            tokio::spawn(voters.at_rate(Duration::from_secs(1) / rate_per_s, stop.clone()));
        Self {
            stop,
            at_rate,
            changers,
            seen,
        }
    }

    /// What was answered so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    /// Waits until enough was answered.
    ///
    /// # Errors
    /// When it is not within five minutes; `what` tells what is missing then.
    pub async fn until(&self, what: &str, is_enough: impl Fn(&Seen) -> bool) -> Result<()> {
        let mut seen = self.seen.clone();
        match timeout(PATIENCE, seen.wait_for(is_enough)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::other(format!("{what}: {:?}", self.seen()))),
        }
    }

    /// Sends no more, and waits for every answer.
    ///
    /// # Errors
    /// When a task of it panicked.
    pub async fn end(self) -> Result<Sent> {
        self.stop.cancel();
        let mut voters = self.changers.join_all().await;
        voters.extend(self.at_rate.await.map_err(Error::other)?);
        Ok(Sent { voters })
    }
}
