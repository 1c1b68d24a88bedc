//! The fill: Redis is given keys until it uses a share of its memory limit. They are called after
//! the fault, are removed by those names and no others, and expire by themselves when nobody renews
//! them.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use redis::{Commands, Connection, RedisResult};
use url::Url;
use uuid::Uuid;

use super::plan::Plan;
use super::{Hold, LEASE, RENEWAL};
use crate::Error;
use crate::catalogue::Entry;
use crate::record::{Fault, Filling, Record, Target};
use crate::undo::{Outcome, TargetOutcome};

/// Bytes of a value. With what Redis adds it takes just 1 MiB of its allocator.
const VALUE_BYTES: usize = (1 << 20) - 64;
/// Bytes that a key with its value is counted as.
const KEY_BYTES: u64 = 1 << 20;
/// How long Redis may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long Redis may take to let go of what a closed connection took.
const CLOSING: Duration = Duration::from_millis(100);
/// Keys in one command.
const CHUNK: usize = 64;
/// The greatest share of the limit: above it the fill itself would make Redis refuse votes.
const MOST_SHARE: f64 = 0.95;

/// What Redis says of its memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory {
    used: u64,
    limit: u64,
}

/// Plans to fill the Redis at `url`, which `target` is, up to `share` of its memory limit, and touches
/// nothing. Blocks for some milliseconds, up to seconds when Redis is slow.
///
/// # Errors
/// [`Error::NoTarget`], [`Error::Redis`] when it cannot be asked, [`Error::NoFill`] for several targets, and when it
/// has no limit, is as full as that already, or the share is above 95 %.
pub fn plan(
    fault: &'static Entry,
    targets: Vec<Target>,
    url: &Url,
    share: f64,
) -> Result<Plan, Error> {
    if targets.is_empty() {
        return Err(Error::NoTarget);
    }
    let unfit = |reason: String| Error::NoFill { reason };
    if targets.len() > 1 {
        let names: Vec<_> = targets.iter().map(|target| target.name.as_str()).collect();
        let names = names.join(", ");
        return Err(unfit(format!(
            "one is filled at a time, and {names} are meant; name one"
        )));
    }
    if share > MOST_SHARE {
        return Err(unfit(format!(
            "{:.0} % is too much, Redis would refuse votes; give at most {:.0} %",
            share * 100.0,
            MOST_SHARE * 100.0
        )));
    }
    let memory = connect(url)
        .and_then(|mut redis| memory(&mut redis))
        .map_err(|error| redis_error(url, &error))?;
    if memory.limit == 0 {
        let told = "it has no memory limit (maxmemory 0), so it is never full; set one";
        return Err(unfit(told.into()));
    }
    let to_bytes = share_of(memory.limit, share);
    let lacking = to_bytes.saturating_sub(memory.used);
    if lacking == 0 {
        let used = memory.used >> 20;
        let told = format!("it uses {used} MiB already; give a greater share");
        return Err(unfit(told));
    }
    let filling = Filling {
        prefix: format!("voteops:fill:{}", Uuid::now_v7().simple()),
        url: url.clone(),
        // Some more, since what Redis uses besides may shrink meanwhile.
        keys: u32::try_from(lacking.div_ceil(KEY_BYTES) + 4).unwrap_or(u32::MAX),
        to_bytes,
    };
    Ok(Plan::new(fault, targets, Fault::Fill(filling)).filling(share))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes of a machine's memory are far below 2^52"
)]
fn share_of(limit: u64, share: f64) -> u64 {
    (limit as f64 * share) as u64
}

fn connect(url: &Url) -> RedisResult<Connection> {
    let redis = redis::Client::open(url.as_str())?.get_connection_with_timeout(PATIENCE)?;
    redis.set_read_timeout(Some(PATIENCE))?;
    redis.set_write_timeout(Some(PATIENCE))?;
    Ok(redis)
}

fn memory(redis: &mut Connection) -> RedisResult<Memory> {
    let info: String = redis::cmd("INFO").arg("memory").query(redis)?;
    let field = |name: &str| -> Option<u64> {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(field, _)| *field == name);
        found.and_then(|(_, value)| value.trim().parse().ok())
    };
    match (field("used_memory"), field("maxmemory")) {
        (Some(used), Some(limit)) => Ok(Memory { used, limit }),
        _ => Err((
            redis::ErrorKind::UnexpectedReturnType,
            "INFO does not tell of its memory",
        )
            .into()),
    }
}

/// Says what went wrong, without the address's password.
fn redis_error(url: &Url, error: &redis::RedisError) -> Error {
    Error::Redis {
        url: voteops_observability::backend::bare(url),
        reason: error.to_string(),
    }
}

fn key(filling: &Filling, number: u32) -> String {
    format!("{}:{number}", filling.prefix)
}

/// How writing has ended.
enum Written {
    Full,
    /// All keys are written, and it is not as full as it is to be.
    Lacking,
    /// Somebody has ended it.
    Over,
}

/// Writes keys until Redis uses what it is to use, unless it is `over` before.
pub(super) fn fill(filling: &Filling, over: &dyn Fn() -> bool) -> Result<(), String> {
    let write = || -> RedisResult<Written> {
        let mut redis = connect(&filling.url)?;
        let value = vec![b'x'; VALUE_BYTES];
        let mut renewed = Instant::now();
        for number in 0..filling.keys {
            if over() {
                return Ok(Written::Over);
            }
            if renewed.elapsed() >= RENEWAL {
                extend(&mut redis, filling, number)?;
                renewed = Instant::now();
            }
            if memory(&mut redis)?.used >= filling.to_bytes {
                // A connection that has carried much is itself counted, until it is closed.
                drop(redis);
                std::thread::sleep(CLOSING);
                redis = connect(&filling.url)?;
                if memory(&mut redis)?.used >= filling.to_bytes {
                    return Ok(Written::Full);
                }
            }
            let _: () = redis.pset_ex(key(filling, number), &value, lease_ms())?;
        }
        Ok(if memory(&mut redis)?.used >= filling.to_bytes {
            Written::Full
        } else {
            Written::Lacking
        })
    };
    match write() {
        Ok(Written::Full) => Ok(()),
        Ok(Written::Over) => Err("it was ended before it was as full as planned".to_owned()),
        Ok(Written::Lacking) => Err(format!(
            "{} keys do not fill it as planned: it uses less besides than it did; try again",
            filling.keys
        )),
        Err(error) => Err(redis_error(&filling.url, &error).to_string()),
    }
}

/// Has the keys live on for another lease, until the record's deadline.
pub(crate) fn renew(record: &Record, filling: &Filling) -> Result<(), String> {
    if Timestamp::now() >= record.deadline_at {
        return Ok(());
    }
    let renew = || extend(&mut connect(&filling.url)?, filling, filling.keys);
    renew().map_err(|error| redis_error(&filling.url, &error).to_string())
}

/// Has the first `keys` of them live on for another lease.
fn extend(redis: &mut Connection, filling: &Filling, keys: u32) -> RedisResult<()> {
    let lease_ms = i64::try_from(lease_ms()).unwrap_or(i64::MAX);
    let mut pipe = redis::pipe();
    for number in 0..keys {
        pipe.pexpire(key(filling, number), lease_ms).ignore();
    }
    pipe.query(redis)
}

/// Removes the keys and sees that none is left. They may have outlived a restart of Redis.
pub(crate) fn drain(record: &Record, filling: &Filling) -> Vec<TargetOutcome> {
    let remove = || -> RedisResult<u64> {
        let mut redis = connect(&filling.url)?;
        let names: Vec<_> = (0..filling.keys)
            .map(|number| key(filling, number))
            .collect();
        let mut left = 0;
        for chunk in names.chunks(CHUNK) {
            let _: u64 = redis.unlink(chunk)?;
            left += redis::cmd("EXISTS").arg(chunk).query::<u64>(&mut redis)?;
        }
        Ok(left)
    };
    let removed = remove().map_err(|error| redis_error(&filling.url, &error).to_string());
    let over = if removed.is_err() {
        super::over(record)
    } else {
        vec![false; record.targets.len()]
    };
    let outcome = |target: &Target, is_over| match &removed {
        Ok(0) => Outcome::Undone,
        Err(_) if is_over => Outcome::Gone,
        Ok(left) => Outcome::Failed {
            reason: format!("{}: {left} of its keys are still there", target.name),
        },
        Err(error) => Outcome::Failed {
            reason: format!(
                "{}: {error}; unless they are renewed, its keys expire within {} s",
                target.name,
                LEASE.as_secs()
            ),
        },
    };
    let targets = record.targets.iter().zip(over);
    targets
        .map(|(target, is_over)| TargetOutcome {
            target: target.clone(),
            outcome: outcome(target, is_over),
        })
        .collect()
}

/// Whether the first of the keys is still there.
pub(crate) fn holds(record: &Record, filling: &Filling) -> Vec<Hold> {
    let look = || connect(&filling.url)?.exists::<_, bool>(key(filling, 0));
    let hold = match look() {
        Ok(true) => return vec![Hold::Held; record.targets.len()],
        Ok(false) => Hold::Lifted,
        Err(_) => Hold::Unknown,
    };
    let ended = super::ended(record).into_iter();
    ended
        .map(|has_ended| if has_ended { Hold::Gone } else { hold })
        .collect()
}

fn lease_ms() -> u64 {
    u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX)
}
