//! What load is wanted.

use std::io;
use std::time::Duration;

use url::Url;

use super::limits::make_room;
use super::schedule::Schedule;
use super::{Choice, Rate};

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
    /// How many votes are due per second, over all URLs; a ramp extends over the whole flood.
    pub rate: Rate,
    /// How long the flood goes on.
    pub extent: Extent,
    /// How many connections are kept open, over all URLs; at least one for each.
    pub connections: usize,
    /// What the voters' names begin with; it should be new in each run.
    pub run_id: String,
    /// Decides who votes for what: equal seeds make equal votes.
    pub seed: u64,
    /// What is voted for, each with the probability of its share of all weights.
    pub choices: Vec<Choice>,
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
        "a rate of {0} votes per second cannot be kept; use a number from 0.000001 to 100000000, or \
         a ramp between two of which one may be 0"
    )]
    Rate(Rate),
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
    /// A choice that is never to be drawn.
    #[error("{0} has the weight 0; give it a weight of at least 1, or leave it out")]
    Weight(String),
    /// A choice has two weights.
    #[error("{0} is named twice; name each choice once, with its weight behind it: {0}=2")]
    Twice(String),
    /// There is nobody to vote.
    #[error("{0} must not be empty or zero")]
    Missing(&'static str),
    /// The system lets no process have so many connections.
    #[error(
        "{connections} connections need {needed} open files, and a process may have {limit}; use \
         fewer, or raise the limit (ulimit -Hn)"
    )]
    Files {
        /// The connections that were asked for.
        connections: usize,
        /// The descriptors that the process needs with them.
        needed: u64,
        /// The most that it may have.
        limit: u64,
    },
    /// The system has not so many ports for connections to one address.
    #[error(
        "{connections} connections to {to} need as many local ports, and there are {ports}; use \
         fewer, more vote apps, or a wider net.ipv4.ip_local_port_range"
    )]
    Ports {
        /// The connections to one address.
        connections: usize,
        /// The address.
        to: String,
        /// How many ports there are.
        ports: usize,
    },
    /// The queue cannot be asked how long it is.
    #[error("cannot ask {redis} how long the queue is: {reason}; is Redis running there?")]
    Queue {
        /// The address of Redis, without its password.
        redis: String,
        /// What went wrong.
        reason: String,
    },
    /// The system gave no thread or no timer.
    #[error("cannot start the thread that sends the votes: {0}; is a limit of the system reached?")]
    Thread(io::Error),
}

impl Plan {
    /// When each vote is due.
    ///
    /// # Errors
    /// [`LoadError::Rate`] when the rate is not one that can be kept.
    pub fn schedule(&self) -> Result<Schedule, LoadError> {
        match self.extent {
            Extent::Votes(votes) => Schedule::of(self.rate, votes),
            Extent::Duration(duration) => Schedule::over(self.rate, duration),
        }
    }

    /// The voter of vote `index`.
    #[must_use]
    pub fn voter(&self, index: u64) -> String {
        format!("{}-{index}", self.run_id)
    }

    /// Whether it can be carried out, without sending anything.
    ///
    /// # Errors
    /// [`LoadError`] when it cannot.
    pub fn check(&self) -> Result<(), LoadError> {
        self.checked()?;
        make_room(&self.urls, self.connections)
    }

    /// The schedule of a plan that can be carried out.
    pub(super) fn checked(&self) -> Result<Schedule, LoadError> {
        let schedule = self.schedule()?;
        require_urls(&self.urls, self.connections)?;
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
        if url.scheme() != "http" {
            return Err(refuse_url(url, "only plain http is spoken"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse_url(url, "it has a query or a fragment"));
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

pub(super) fn refuse_url(url: &Url, reason: &'static str) -> LoadError {
    LoadError::Url {
        url: url.clone(),
        reason,
    }
}
