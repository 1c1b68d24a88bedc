//! What load is wanted.

use std::io;
use std::time::Duration;

use url::Url;

use super::schedule::Schedule;

/// How long the load goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extent {
    /// As many votes as are due in this time.
    Duration(Duration),
    /// So many votes.
    Votes(u64),
}

/// A flood of votes, each from a voter of its own, so that an audit can tell every one.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The vote apps, which take turns: `http://HOST:PORT`, perhaps with a path before `/vote`.
    pub urls: Vec<Url>,
    /// How many votes are due per second, over all URLs.
    pub rate_per_s: f64,
    /// How long the flood goes on.
    pub extent: Extent,
    /// How many connections are kept open, over all URLs; at least one for each.
    pub connections: usize,
    /// What the voters' names begin with; it should be new in each run.
    pub run_id: String,
    /// Decides who votes for what: equal seeds make equal votes.
    pub seed: u64,
    /// What is voted for, with equal probability.
    pub choices: Vec<String>,
    /// How long to wait for an answer, from the instant of sending.
    pub timeout: Duration,
}

/// Why a load cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is nobody to send votes to.
    #[error("no vote app to send votes to; name one with --url or start a stack with `voteops up`")]
    NoUrl,
    /// Votes cannot be sent to this URL.
    #[error("{url} is not a vote app's address: {reason}; use http://HOST:PORT")]
    Url {
        /// The URL.
        url: Url,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The rate is not one that can be kept.
    #[error(
        "a rate of {0} votes per second cannot be kept; use a number from 0.000001 to 100000000"
    )]
    Rate(f64),
    /// No vote would be sent.
    #[error("not a single vote is due in that time; ask for a longer time or a higher rate")]
    Empty,
    /// There are fewer connections than URLs.
    #[error("{connections} connections are too few for {urls} URLs; use at least one for each")]
    Connections {
        /// How many were asked for.
        connections: usize,
        /// How many are needed.
        urls: usize,
    },
    /// There is nothing to vote for.
    #[error("no choice to vote for; name at least one")]
    NoChoice,
    /// There is nobody to vote.
    #[error("{0} must not be empty or zero")]
    Missing(&'static str),
    /// The system gave no thread.
    #[error("cannot start the thread that times the votes: {0}; is the limit of threads reached?")]
    Thread(io::Error),
}

impl Plan {
    /// How many votes the flood has in all.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the product is not negative, and a cast to u64 saturates"
    )]
    pub fn votes(&self) -> u64 {
        match self.extent {
            Extent::Votes(votes) => votes,
            Extent::Duration(duration) => (duration.as_secs_f64() * self.rate_per_s).round() as u64,
        }
    }

    /// The voter of vote `index`.
    #[must_use]
    pub fn voter(&self, index: u64) -> String {
        format!("{}-{index}", self.run_id)
    }

    /// The schedule of a plan that can be carried out.
    pub(super) fn schedule(&self) -> Result<Schedule, LoadError> {
        let schedule = Schedule::new(self.rate_per_s, self.votes())?;
        require_urls(&self.urls, self.connections)?;
        if self.choices.is_empty() {
            return Err(LoadError::NoChoice);
        }
        if self.run_id.is_empty() {
            return Err(LoadError::Missing("the run id"));
        }
        if self.timeout.is_zero() {
            return Err(LoadError::Missing("the timeout"));
        }
        if schedule.total() == 0 {
            return Err(LoadError::Empty);
        }
        Ok(schedule)
    }
}

/// Refuses URLs that cannot be vote apps, and too few connections.
pub(super) fn require_urls(urls: &[Url], connections: usize) -> Result<(), LoadError> {
    if urls.is_empty() {
        return Err(LoadError::NoUrl);
    }
    for url in urls {
        let refused = |reason| LoadError::Url {
            url: url.clone(),
            reason,
        };
        if url.scheme() != "http" {
            return Err(refused("only plain http is spoken"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it has a query or a fragment"));
        }
    }
    if connections < urls.len() {
        return Err(LoadError::Connections {
            connections,
            urls: urls.len(),
        });
    }
    Ok(())
}
