//! The worker as a program.

use std::error::Error as StdError;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};
use voteops_queue::test_support::free_port;

use crate::TestResult;
use crate::stack::{Stack, eventually, slow_down};

const FAILED: &str = "worker_errors_total{stage=\"record\"}";

/// A running program, killed when dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn worker(stack: &Stack, name: &str) -> Result<Program, Box<dyn StdError>> {
    launch(stack, name, &[])
}

fn launch(stack: &Stack, name: &str, more: &[String]) -> Result<Program, Box<dyn StdError>> {
    Ok(Program(command(stack, name, more).spawn()?))
}

fn command(stack: &Stack, name: &str, more: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command
        .args([
            "--listen",
            "127.0.0.1:0",
            "--instance",
            name,
            "--batch-size",
            "10",
        ])
        .args([
            "--redis-url",
            &stack.redis.url(),
            "--ledger-url",
            &stack.ledger_url,
        ])
        .args(["--reclaim-idle", "1s"])
        .args(more)
        .stdout(Stdio::null());
    command
}

/// A worker that is told of files that may not grow, not killed for it; and where it listens.
fn worker_that_bears_limits(stack: &Stack) -> Result<(Program, SocketAddr), Box<dyn StdError>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let worker = [
        env!("CARGO_BIN_EXE_worker"),
        "--listen",
        &listen.to_string(),
    ]
    .map(str::to_owned);
    let redis = ["--redis-url", &stack.redis.url()].map(str::to_owned);
    let ledger = ["--ledger-url", &stack.ledger_url].map(str::to_owned);
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .args([&worker[..], &redis, &ledger].concat())
        .stdout(Stdio::null())
        .spawn()?;
    Ok((Program(child), listen))
}

/// A worker with an admin listener.
fn worker_with_faults(
    stack: &Stack,
    name: &str,
) -> Result<(Program, SocketAddr), Box<dyn StdError>> {
    let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let more = [
        format!("--admin-listen={admin}"),
        format!("--admin-token-file={}", stack.token_file.display()),
    ];
    Ok((launch(stack, name, &more)?, admin))
}

/// On how many sockets a program listens.
fn listening(program: &Program) -> Result<usize, Box<dyn StdError>> {
    let process = Process::new(i32::try_from(program.0.id())?)?;
    let listeners: Vec<u64> = process
        .tcp()?
        .into_iter()
        .filter(|entry| entry.state == TcpState::Listen)
        .map(|entry| entry.inode)
        .collect();
    let descriptors = process.fd()?.flatten();
    let own = descriptors
        .filter(|fd| matches!(fd.target, FDTarget::Socket(inode) if listeners.contains(&inode)));
    Ok(own.count())
}

async fn some_are_recorded(stack: &Stack, count: usize) -> TestResult {
    eventually("some votes are recorded", || async {
        stack
            .ledger
            .recorded("v")
            .await
            .is_ok_and(|recorded| recorded.len() >= count)
    })
    .await
}

#[tokio::test]
async fn sigterm_ends_it_with_success_and_nothing_pending() -> TestResult {
    let stack = Stack::start()?;
    stack.enqueue(2000).await?;
    let mut worker = worker(&stack, "w1")?;
    some_are_recorded(&stack, 1).await?;
    let id = worker.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", "TERM", &id])
            .status()?
            .success()
    );
    assert_eq!(worker.0.wait()?.code(), Some(0));
    assert_eq!(stack.redis.pending()?, 0);
    let recorded = stack.ledger.recorded("v").await?.len() as u64;
    assert_eq!(recorded + stack.queue.length().await?, 2000);
    Ok(())
}

#[tokio::test]
async fn killing_one_of_two_in_mid_drain_loses_none() -> TestResult {
    let stack = Stack::start()?;
    let votes = stack.enqueue(5000).await?;
    let mut first = worker(&stack, "w1")?;
    let _second = worker(&stack, "w2")?;
    some_are_recorded(&stack, 200).await?;
    first.0.kill()?;
    stack.drained(&votes).await
}

#[tokio::test]
async fn killing_a_slow_worker_with_votes_in_hand_loses_none() -> TestResult {
    let stack = Stack::start()?;
    let (mut slow, admin) = worker_with_faults(&stack, "w1")?;
    eventually("the admin listener serves", || async {
        tokio::net::TcpStream::connect(admin).await.is_ok()
    })
    .await?;
    slow_down(admin, 30_000).await?;
    let votes = stack.enqueue(200).await?;
    eventually("it has votes in hand", || async {
        stack.redis.pending().is_ok_and(|pending| pending > 0)
    })
    .await?;
    slow.0.kill()?;
    slow.0.wait()?;
    assert!(stack.redis.pending()? > 0, "it was not killed in mid batch");
    let _successor = worker(&stack, "w2")?;
    stack.drained(&votes).await
}

#[tokio::test]
async fn there_is_no_second_listener_unless_it_is_asked_for() -> TestResult {
    let stack = Stack::start()?;
    let ordinary = worker(&stack, "w1")?;
    let (with_faults, _) = worker_with_faults(&stack, "w2")?;
    let votes = stack.enqueue(1).await?;
    // Both serve by then: they listen before they drain.
    eventually("both are in the group", || async {
        let group = stack
            .redis
            .command(&[b"XINFO", b"CONSUMERS", b"votes", b"workers"]);
        let consumers = group.map(|told| format!("{told:?}"));
        consumers.is_ok_and(|told| told.contains("w1") && told.contains("w2"))
    })
    .await?;
    stack.drained(&votes).await?;
    assert_eq!((listening(&ordinary)?, listening(&with_faults)?), (1, 2));
    Ok(())
}

#[test]
fn mistakes_are_told_in_one_line_and_exit_with_2() -> TestResult {
    for (args, reason) in [
        (
            ["--batch-size", "0"],
            "batch-size = \"0\" (from --batch-size): expected a whole number",
        ),
        (["--reclaim-idle", "-1s"], "reclaim-idle"),
        (
            ["--admin-listen", "8.8.8.8:1"],
            "faults must not be reached from outside",
        ),
        (["--ledger-url", "oracle://x"], "sqlite://PATH"),
        (["--config", "/nowhere/worker.toml"], "/nowhere/worker.toml"),
    ] {
        let [flag, value] = args;
        let output = Command::new(env!("CARGO_BIN_EXE_worker"))
            .arg(format!("{flag}={value}"))
            .output()?;
        let told = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(
            told.starts_with("worker: ") && told.contains(reason),
            "{told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    Ok(())
}

/// Neither to standard output nor to standard error, both of which go to a disk that is full.
#[tokio::test]
async fn a_worker_that_can_tell_nobody_anything_goes_on() -> TestResult {
    let stack = Stack::start()?;
    let nowhere = || std::fs::File::options().write(true).open("/dev/full");
    let log_level = ["--log-level=debug".to_owned()];
    let mut command = command(&stack, "w1", &log_level);
    let _worker = Program(command.stdout(nowhere()?).stderr(nowhere()?).spawn()?);
    stack.drained(&stack.enqueue(100).await?).await
}

/// Its files may not grow, as on a disk that is full. Once they may, the votes that wait are recorded, by the
/// same process.
#[tokio::test]
async fn a_full_disk_holds_votes_up_and_nothing_more() -> TestResult {
    let stack = Stack::start()?;
    let (worker, address) = worker_that_bears_limits(&stack)?;
    stack.drained(&stack.enqueue(1).await?).await?;
    let limit_files = |limit: &str| -> TestResult {
        let pid = worker.0.id().to_string();
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &pid, &format!("--fsize={limit}:")]);
        assert!(prlimit.status()?.success());
        Ok(())
    };
    limit_files("4096")?;
    let votes = stack.enqueue(100).await?;
    eventually("recording has failed twice", || async {
        let metrics = reqwest::get(format!("http://{address}/metrics")).await;
        let Ok(metrics) = metrics else { return false };
        let told = metrics.text().await.unwrap_or_default();
        let mut series = told.lines().filter_map(|line| line.strip_prefix(FAILED));
        series.any(|count| count.trim().parse().is_ok_and(|count: u64| count >= 2))
    })
    .await?;
    limit_files("unlimited")?;
    stack.drained(&votes).await
}
