//! What can be done to a stack.

use std::fmt;
use std::io::{Error, Result};
use std::time::{Duration, Instant};

use crate::patience::{PATIENCE, POLL_INTERVAL};
use crate::proxy::{Direction, Proxy, Weather};
use crate::stack::Stack;

/// How long Redis may take to give up on a full disk.
const DISK_PATIENCE: Duration = Duration::from_secs(20);

/// The size of a file on a full disk: two pages, which hold no transaction.
const FULL_BYTES: u64 = 8192;

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
    /// Voters to one of the vote apps.
    Voters(usize),
}

/// Whose disk is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// That of Redis's file.
    Redis,
    /// That of the ledger, and of whatever else who writes it has files of.
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
    /// No more room for files.
    FullDisk(Disk),
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

    /// The statuses by which a vote may be refused meanwhile. What comes to a vote app in pieces, or while it
    /// is stopped, may be too late or not to be read.
    #[must_use]
    pub fn may_refuse(&self) -> &'static [u16] {
        match self {
            Self::Weather(Link::Voters(_), _) | Self::Stall(Victim::VoteApp(_)) => &[400, 408, 503],
            _ => &[503],
        }
    }

    /// Whether votes are taken as if nothing were: neither Redis nor a vote app nor the way between them is
    /// struck, nor that of voters.
    #[must_use]
    pub fn spares_votes(&self) -> bool {
        match self {
            Self::Kill(victims) => victims.iter().all(|victim| victim.spares_votes()),
            Self::Stall(victim) | Self::Skew(victim, _) => victim.spares_votes(),
            Self::Weather(link, _) => matches!(link, Link::Workers | Link::Ledger),
            Self::FullDisk(disk) => *disk == Disk::Ledger,
        }
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
            Self::Weather(Link::Voters(_), weather) => format!("voters {}", told(*weather)),
            Self::Weather(_, weather) => format!("connections {}", told(*weather)),
            Self::FullDisk(Disk::Redis) => "disk full for redis".to_owned(),
            Self::FullDisk(Disk::Ledger) => "disk full for the ledger".to_owned(),
            Self::Skew(victim, _) => format!("clock of {} off", victim.kind()),
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn inject(&self, stack: &mut Stack) -> Result<()> {
        match self {
            Self::Kill(victims) => {
                for victim in victims {
                    kill(*victim, stack).await?;
                }
                Ok(())
            }
            Self::Stall(Victim::VoteApp(n)) => stack.vote_apps[*n].pause(),
            Self::Stall(Victim::Worker(n)) => stack.workers[*n].pause(),
            Self::Stall(Victim::Redis) => stack.redis.pause(),
            Self::Stall(Victim::Postgres | Victim::Backend) => postgres(stack)?.pause(),
            Self::Weather(link, weather) => proxy(*link, stack).map(|proxy| proxy.set(*weather)),
            Self::FullDisk(Disk::Redis) => fill_disk_of_redis(stack).await,
            Self::FullDisk(Disk::Ledger) => fill_disk_of_ledger(stack),
            // Nothing is known of its clock before it is there.
            Self::Skew(victim, skew_s) => {
                restart(*victim, *skew_s, stack).await?;
                stack.until_ready().await
            }
        }
    }

    /// Ends it: what was killed is started again, without waiting until it is ready.
    ///
    /// # Errors
    /// When that fails.
    pub async fn undo(&self, stack: &mut Stack) -> Result<()> {
        match self {
            Self::Kill(victims) => victims
                .iter()
                .try_for_each(|victim| start(*victim, 0, stack)),
            Self::Stall(Victim::VoteApp(n)) => stack.vote_apps[*n].resume(),
            Self::Stall(Victim::Worker(n)) => stack.workers[*n].resume(),
            Self::Stall(Victim::Redis) => stack.redis.resume(),
            Self::Stall(Victim::Postgres | Victim::Backend) => postgres(stack)?.resume(),
            Self::Weather(link, _) => proxy(*link, stack).map(|proxy| proxy.set(Weather::Clear)),
            Self::FullDisk(Disk::Redis) => stack.redis.restart(),
            Self::FullDisk(Disk::Ledger) => make_room_for_ledger(stack),
            Self::Skew(victim, _) => restart(*victim, 0, stack).await,
        }
    }
}

async fn kill(victim: Victim, stack: &mut Stack) -> Result<()> {
    let had_ended = || Error::other(format!("{victim} had ended by itself"));
    match victim {
        Victim::VoteApp(n) => stack.vote_apps[n].kill(),
        Victim::Worker(n) => stack.workers[n].kill(),
        Victim::Redis if stack.redis.has_ended()? => Err(had_ended()),
        Victim::Redis => stack.redis.kill(),
        Victim::Postgres if postgres(stack)?.has_ended()? => Err(had_ended()),
        Victim::Postgres => postgres(stack)?.kill(),
        Victim::Backend => kill_backend(stack).await,
    }
}

/// Once there is one: services come back to the server one by one.
async fn kill_backend(stack: &mut Stack) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !postgres(stack)?.kill_backend()? {
        if Instant::now() > deadline {
            return Err(Error::other("nobody comes back to PostgreSQL"));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
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

async fn restart(victim: Victim, skew_s: i64, stack: &mut Stack) -> Result<()> {
    kill(victim, stack).await?;
    start(victim, skew_s, stack)
}

/// Redis ends when it cannot write and every write is to be on disk before its answer.
async fn fill_disk_of_redis(stack: &mut Stack) -> Result<()> {
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

/// Workers write an SQLite file themselves, and their logs beside it; PostgreSQL ends when it cannot write
/// its log.
fn fill_disk_of_ledger(stack: &mut Stack) -> Result<()> {
    match &stack.postgres {
        Some(server) => server.fill_disk(),
        None => limit_workers(stack, Some(FULL_BYTES)),
    }
}

fn make_room_for_ledger(stack: &mut Stack) -> Result<()> {
    let Some(server) = &mut stack.postgres else {
        return limit_workers(stack, None);
    };
    if !server.has_ended()? {
        server.kill()?;
    }
    server.restart()
}

fn limit_workers(stack: &Stack, limit: Option<u64>) -> Result<()> {
    let mut workers = stack.workers.iter();
    workers.try_for_each(|worker| worker.limit_files(limit))
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
        Link::Voters(n) => Ok(&stack.voters_links[n]),
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
    fn spares_votes(self) -> bool {
        matches!(self, Self::Worker(_) | Self::Postgres | Self::Backend)
    }

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
            Self::FullDisk(_) => f.write_str(&self.kind()),
            Self::Skew(victim, skew_s) => write!(f, "clock of {victim} off by {skew_s:+} s"),
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Votes => f.write_str("vote-app to redis"),
            Self::Workers => f.write_str("worker to redis"),
            Self::Ledger => f.write_str("ledger"),
            Self::Voters(n) => write!(f, "voters to {}", Victim::VoteApp(*n)),
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
