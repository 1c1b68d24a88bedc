//! The vote app where few files may be open.

use std::error::Error as StdError;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use voteops_queue::test_support::RedisServer;

use crate::running::Program;

type TestResult<T = ()> = Result<T, Box<dyn StdError>>;

/// How long to wait for what must happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// The answer to one request, over a connection that stays open.
async fn asked(client: &mut TcpStream, request: &str) -> TestResult<String> {
    client.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    let length = |head: &str| -> Option<usize> {
        let mut lines = head.lines();
        lines.find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
    };
    loop {
        if let Some((head, body)) = answer.split_once("\r\n\r\n")
            && length(head).is_none_or(|length| body.len() >= length)
        {
            return Ok(answer);
        }
        let mut piece = [0; 4096];
        let read = timeout(PATIENCE, client.read(&mut piece)).await??;
        if read == 0 {
            return Err(format!("closed after {answer:?}").into());
        }
        answer += std::str::from_utf8(&piece[..read])?;
    }
}

/// With a ledger in `dir`, under these limits of open files.
fn vote_app(limits: &str, redis: &str, dir: &Path) -> std::io::Result<Program> {
    let ledger = format!("sqlite://{}", dir.join("votes.db").display());
    Program::start(
        Command::new("prlimit")
            .args([
                &format!("--nofile={limits}"),
                env!("CARGO_BIN_EXE_vote-app"),
            ])
            .args(["--listen", "127.0.0.1:0", "--head-timeout", "1h"])
            .args(["--redis-url", redis, "--ledger-url", &ledger]),
    )
}

const IS_THERE: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn more_connections_than_files_are_told_so_and_redis_is_found_again() -> TestResult {
    let (mut redis, dir) = (RedisServer::start()?, tempfile::tempdir()?);
    let mut program = vote_app("100:600", &redis.url(), dir.path())?;
    let address = program.address()?;
    let mut served = Vec::new();
    for _ in 0..300 {
        let mut client = TcpStream::connect(&address).await?;
        let answer = asked(&mut client, IS_THERE).await?;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        served.push(client);
    }
    for _ in 0..50 {
        let mut late = TcpStream::connect(&address).await?;
        let mut told = String::new();
        timeout(PATIENCE, late.read_to_string(&mut told)).await??;
        assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    }
    let told = program.line_with("open_files")?;
    assert_eq!(
        (&told["wanted"], &told["open_files"]),
        (&4096.into(), &600.into())
    );
    assert_eq!(told["taken"], 300);

    redis.kill()?;
    redis.restart()?;
    let vote = r#"{"choice":"cats","voter":"ann"}"#;
    let head =
        "POST /vote HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 31";
    let sent = format!("{head}\r\n\r\n{vote}");
    let taken = async {
        while !asked(&mut served[0], &sent)
            .await?
            .starts_with("HTTP/1.1 202 ")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        TestResult::Ok(())
    };
    timeout(PATIENCE, taken).await?
}

#[tokio::test]
async fn what_cannot_be_accepted_is_told_seldom_and_accepted_later() -> TestResult {
    let (redis, dir) = (RedisServer::start()?, tempfile::tempdir()?);
    let mut program = vote_app("600:600", &redis.url(), dir.path())?;
    let address = program.address()?;
    let mut client = TcpStream::connect(&address).await?;
    asked(&mut client, IS_THERE).await?;
    program.limit_files("4:600")?;
    let mut late = TcpStream::connect(&address).await?;
    assert_eq!(program.line_with("held_back")?["held_back"], 0);
    // Many have failed until it is told again.
    let told = program.line_with("held_back")?;
    assert!(told["held_back"].as_u64() > Some(1), "{told}");
    program.limit_files("600:600")?;
    asked(&mut late, IS_THERE).await?;
    Ok(())
}
