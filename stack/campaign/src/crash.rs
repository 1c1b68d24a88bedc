//! What can be done to a stack.

use std::fmt;
use std::io::{Error, Result};
use std::time::{Duration, Instant};

use crate::proxy::{Direction, Proxy, Weather};
use crate::stack::Stack;

/// How long Redis may take to give up on a full disk.
const DISK_PATIENCE: Duration = Duration::from_secs(20);

/// A process of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// One of the vote apps.
    VoteApp(usize),
    /// One of the workers.
    Worker(usize),
    /// Redis.
    Redis,
    /// The server of the ledger.
    Postgres,
    /// One of the processes in which that server serves its clients.
    Backend,
}

/// A connection of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Vote apps to Redis.
    Votes,
    /// Workers to Redis.
    Workers,
    /// Both services to PostgreSQL.
    Ledger,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Crash {
    /// `kill -9`, and started again after a while.
    Kill(Vec<Victim>),
    /// `SIGSTOP`, and `SIGCONT` after a while.
    Stall(Victim),
    /// Bad weather on a link.
    Weather(Link, Weather),
    /// No more room for Redis's file.
    FullDisk,
    /// A vote app or worker that starts again with a wrong clock, and later with the right one.
    Skew(Victim, i64),
}

impl Crash {
    /// Whether a process is killed by it.
    #[must_use]
    pub fn is_kill(&self) -> bool {
        matches!(self, Self::Kill(_))
    }

    /// Whether it has the server of the ledger say nothing, while its connections stay.
    #[must_use]
    pub fn silences_ledger(&self) -> bool {
        matches!(
            self,
            Self::Stall(Victim::Postgres) | Self::Weather(Link::Ledger, Weather::Hole)
        )
    }

    /// The row of the summary that it belongs to.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Kill(victims) if victims.len() > 1 => "kill two at once".to_owned(),
            Self::Kill(victims) => {
                let name = victims.first().map_or("nothing", |victim| victim.kind());
                format!("kill {name}")
            }
            Self::Stall(victim) => format!("stop {}", victim.kind()),
            Self::Weather(_, weather) => format!("connections {}", told(*weather)),
            Self::FullDisk => "disk full for Redis".to_owned(),
            Self::Skew(victim, _) => format!("clock of {} off", victim.kind()),
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn inject(&self, stack: &mut Stack) -> Result<()> {
        match self {
            Self::Kill(victims) => victims.iter().try_for_each(|victim| kill(*victim, stack)),
            Self::Stall(Victim::VoteApp(n)) => stack.vote_apps[*n].pause(),
            Self::Stall(Victim::Worker(n)) => stack.workers[*n].pause(),
            Self::Stall(Victim::Redis) => stack.redis.pause(),
            Self::Stall(Victim::Postgres | Victim::Backend) => postgres(stack)?.pause(),
            Self::Weather(link, weather) => proxy(*link, stack).map(|proxy| proxy.set(*weather)),
            Self::FullDisk => fill_disk(stack).await,
            Self::Skew(victim, skew_s) => restart(*victim, *skew_s, stack),
        }
    }

    /// Ends it: what was killed is started again, without waiting until it is ready.
    ///
    /// # Errors
    /// When that fails.
    pub fn undo(&self, stack: &mut Stack) -> Result<()> {
        match self {
            Self::Kill(victims) => victims
                .iter()
                .try_for_each(|victim| start(*victim, 0, stack)),
            Self::Stall(Victim::VoteApp(n)) => stack.vote_apps[*n].resume(),
            Self::Stall(Victim::Worker(n)) => stack.workers[*n].resume(),
            Self::Stall(Victim::Redis) => stack.redis.resume(),
            Self::Stall(Victim::Postgres | Victim::Backend) => postgres(stack)?.resume(),
            Self::Weather(link, _) => proxy(*link, stack).map(|proxy| proxy.set(Weather::Clear)),
            Self::FullDisk => stack.redis.restart(),
            Self::Skew(victim, _) => restart(*victim, 0, stack),
        }
    }
}

fn kill(victim: Victim, stack: &mut Stack) -> Result<()> {
    match victim {
        Victim::VoteApp(n) => stack.vote_apps[n].kill(),
        Victim::Worker(n) => stack.workers[n].kill(),
        Victim::Redis => stack.redis.kill(),
        Victim::Postgres => postgres(stack)?.kill(),
        Victim::Backend => postgres(stack)?.kill_backend().map(drop),
    }
}

fn start(victim: Victim, skew_s: i64, stack: &mut Stack) -> Result<()> {
    match victim {
        Victim::VoteApp(n) => stack.vote_apps[n].start(skew_s),
        Victim::Worker(n) => stack.workers[n].start(skew_s),
        Victim::Redis => stack.redis.restart(),
        Victim::Postgres => postgres(stack)?.restart(),
        // The server starts its own processes again.
        Victim::Backend => Ok(()),
    }
}

fn restart(victim: Victim, skew_s: i64, stack: &mut Stack) -> Result<()> {
    kill(victim, stack)?;
    start(victim, skew_s, stack)
}

/// Redis ends when it cannot write and every write is to be on disk before its answer.
async fn fill_disk(stack: &mut Stack) -> Result<()> {
    stack.redis.fill_disk()?;
    let deadline = Instant::now() + DISK_PATIENCE;
    while !stack.redis.has_ended()? {
        if Instant::now() > deadline {
            return Err(Error::other("Redis goes on although its disk is full"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

fn postgres(stack: &mut Stack) -> Result<&mut voteops_ledger::test_support::PostgresServer> {
    stack
        .postgres
        .as_mut()
        .ok_or_else(|| Error::other("the ledger has no server"))
}

fn proxy(link: Link, stack: &Stack) -> Result<&Proxy> {
    match link {
        Link::Votes => Ok(&stack.votes_link),
        Link::Workers => Ok(&stack.workers_link),
        Link::Ledger => stack
            .ledger_link
            .as_ref()
            .ok_or_else(|| Error::other("the ledger has no connections")),
    }
}

fn told(weather: Weather) -> &'static str {
    match weather {
        Weather::Clear => "clear",
        Weather::Cut => "cut",
        Weather::Delay(_) => "delayed",
        Weather::Hole => "silent",
        Weather::HalfClosed(_) => "half closed",
        Weather::Truncated(..) => "truncated",
    }
}

impl Victim {
    fn kind(self) -> &'static str {
        match self {
            Self::VoteApp(_) => "vote-app",
            Self::Worker(_) => "worker",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Backend => "postgres backend",
        }
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VoteApp(n) | Self::Worker(n) => write!(f, "{}-{}", self.kind(), n + 1),
            other => f.write_str(other.kind()),
        }
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(victims) => {
                let names: Vec<String> = victims.iter().map(ToString::to_string).collect();
                write!(f, "kill {}", names.join(" + "))
            }
            Self::Stall(victim) => write!(f, "stop {victim}"),
            Self::Weather(link, weather) => {
                let link = match link {
                    Link::Votes => "vote-app to redis",
                    Link::Workers => "worker to redis",
                    Link::Ledger => "ledger",
                };
                write!(f, "{link} {}", told(*weather))?;
                match weather {
                    Weather::Delay(delay) => write!(f, " by {} ms", delay.as_millis()),
                    Weather::HalfClosed(direction) => write!(f, ", {direction}"),
                    Weather::Truncated(direction, bytes) => {
                        write!(f, " after {bytes} B of {direction}")
                    }
                    Weather::Clear | Weather::Cut | Weather::Hole => Ok(()),
                }
            }
            Self::FullDisk => f.write_str("disk full for redis"),
            Self::Skew(victim, skew_s) => write!(f, "clock of {victim} off by {skew_s:+} s"),
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commands => "commands",
            Self::Replies => "replies",
        })
    }
}
