//! What the vote app warns of when it starts.

use std::error::Error as StdError;
use std::process::Command;

use tempfile::TempDir;
use voteops_queue::test_support::RedisServer;

use crate::running::Program;

const LOSS: &str = "votes that were taken may be lost when a replica takes over";
const UNBOUNDED: &str = "it is not known how full Redis is, and no limit holds";

fn start(dir: &TempDir, redis_url: &str, more: &[&str]) -> Result<Program, Box<dyn StdError>> {
    let ledger = format!("sqlite://{}", dir.path().join("votes.db").display());
    let program = Program::start(
        Command::new(env!("CARGO_BIN_EXE_vote-app"))
            .args(["--listen", "127.0.0.1:0", "--redis-url", redis_url])
            .args(["--ledger-url", &ledger])
            .args(more),
    )?;
    Ok(program)
}

/// The warnings until it takes votes.
fn warned(redis_url: &str, more: &[&str]) -> Result<Vec<String>, Box<dyn StdError>> {
    let dir = tempfile::tempdir()?;
    let mut program = start(&dir, redis_url, more)?;
    let mut warned = Vec::new();
    loop {
        let line = program.line()?;
        let message = line["message"].as_str().unwrap_or_default();
        if message == "taking votes" {
            return Ok(warned);
        }
        if line["level"] == "WARN" {
            warned.push(message.to_owned());
        }
    }
}

/// Nobody is on these ports: what is told does not wait for Redis.
#[test]
fn that_a_takeover_may_lose_votes_is_told_where_there_may_be_one() -> Result<(), Box<dyn StdError>>
{
    let with_one = ["--redis-replicas", "1"];
    for (url, more, is_told) in [
        ("redis+sentinel://127.0.0.1:1/votes", &[][..], true),
        ("redis+sentinel://127.0.0.1:1/votes", &with_one, false),
        ("redis+cluster://127.0.0.1:1", &[], true),
        ("redis+cluster://127.0.0.1:1", &with_one, false),
        ("redis://127.0.0.1:1", &[], false),
    ] {
        let warned = warned(url, more)?;
        let told = warned.iter().any(|warning| warning.starts_with(LOSS));
        assert_eq!(told, is_told, "{url} {more:?}: {warned:?}");
    }
    Ok(())
}

#[test]
fn that_no_limit_holds_is_told_where_redis_may_not_be_asked() -> Result<(), Box<dyn StdError>> {
    let redis = RedisServer::start()?;
    let rules = "ACL SETUSER short on >pw ~* &* +@all -info";
    redis.command(&rules.split(' ').map(str::as_bytes).collect::<Vec<_>>())?;
    let dir = tempfile::tempdir()?;
    let mut program = start(&dir, &redis.url().replace("://", "://short:pw@"), &[])?;
    let line = loop {
        let line = program.line()?;
        if line["message"] == UNBOUNDED {
            break line;
        }
    };
    assert_eq!(line["level"], "WARN");
    let error = line["error"].as_str().unwrap_or_default();
    assert!(error.contains("run the 'info' command"), "{line}");
    Ok(())
}
