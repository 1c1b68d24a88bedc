//! The worker as a program.

use std::error::Error as StdError;
use std::process::{Child, Command, Stdio};

use crate::TestResult;
use crate::stack::{Stack, eventually};

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
    let child = Command::new(env!("CARGO_BIN_EXE_worker"))
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
        .stdout(Stdio::null())
        .spawn()?;
    Ok(Program(child))
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

#[test]
fn mistakes_are_told_in_one_line_and_exit_with_2() -> TestResult {
    for (args, reason) in [
        (
            ["--batch-size", "0"],
            "batch-size = \"0\" (from --batch-size): expected a whole number",
        ),
        (["--reclaim-idle", "-1s"], "reclaim-idle"),
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
