//! The fault that a worker is put under through its admin listener.

use std::time::Duration;

use tokio::time::timeout;

use crate::TestResult;
use crate::stack::{Stack, Worker, eventually};

const MEASURED: &str = "vote_processing_duration_seconds_count";

/// Longer than a healthy worker takes for anything, and shorter than a batch that is held up for
/// 30 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many votes were measured at most at `le` seconds.
async fn within(worker: &Worker, le: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let series = format!("vote_processing_duration_seconds_bucket{{le=\"{le}\"}}");
    worker.metric(&series).await
}

/// Waits until the worker has votes in hand.
async fn in_hand(stack: &Stack) -> TestResult {
    eventually("votes are in hand", || async {
        stack.redis.pending().is_ok_and(|pending| pending > 0)
    })
    .await
}

#[tokio::test]
async fn without_an_admin_listener_there_is_no_trace_of_faults() -> TestResult {
    let stack = Stack::start()?;
    let worker = stack
        .worker("w1", |config| assert!(config.admin.is_none()))
        .await?;
    let metrics = worker.get("/metrics").await?.text().await?;
    assert!(!metrics.contains("voteops_fault_active"), "{metrics}");
    worker.stop().await
}

#[tokio::test]
async fn a_slow_worker_takes_longer_for_every_batch_and_records_every_vote_once() -> TestResult {
    let stack = Stack::start()?;
    let worker = stack
        .worker_with_faults("w1", |config| config.batch_size = 10)
        .await?;
    let active = "voteops_fault_active{fault=\"slow-worker\"}";
    assert_eq!(worker.metric(active).await?, 0);
    worker.slow_down(300).await?;
    assert_eq!(worker.metric(active).await?, 1);
    let votes = stack.enqueue(30).await?;
    stack.drained(&votes).await?;
    worker.reaches(MEASURED, 30).await?;
    assert_eq!(within(&worker, "0.25").await?, 0);
    assert_eq!(
        worker
            .metric("votes_processed_total{outcome=\"written\"}")
            .await?,
        30
    );
    worker.end_slowness().await?;
    assert_eq!(worker.metric(active).await?, 0);
    worker.stop().await
}

#[tokio::test]
async fn the_end_of_the_fault_lets_the_batch_in_hand_go_on() -> TestResult {
    let stack = Stack::start()?;
    let worker = stack.worker_with_faults("w1", |_| ()).await?;
    worker.slow_down(30_000).await?;
    let votes = stack.enqueue(10).await?;
    in_hand(&stack).await?;
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(worker.get(path).await?.status(), 200, "{path}");
    }
    assert!(stack.ledger.recorded("v").await?.is_empty());
    worker.end_slowness().await?;
    timeout(PATIENCE, stack.drained(&votes)).await??;
    worker.stop().await
}

#[tokio::test]
async fn shutdown_cuts_the_fault_short_and_finishes_the_batch_in_hand() -> TestResult {
    let stack = Stack::start()?;
    let worker = stack.worker_with_faults("w1", |_| ()).await?;
    worker.slow_down(30_000).await?;
    stack.enqueue(10).await?;
    in_hand(&stack).await?;
    timeout(PATIENCE, worker.stop()).await??;
    let recorded = stack.ledger.recorded("v").await?.len() as u64;
    assert!(recorded > 0);
    assert_eq!(recorded + stack.queue.length().await?, 10);
    assert_eq!(stack.redis.pending()?, 0);
    Ok(())
}

#[tokio::test]
async fn votes_that_are_held_up_too_long_are_taken_over_and_still_count_once() -> TestResult {
    let stack = Stack::start()?;
    let adjust = |config: &mut voteops_worker::Config| {
        config.batch_size = 10;
        config.reclaim_idle = Duration::from_millis(200);
    };
    let slow = stack.worker_with_faults("slow", adjust).await?;
    slow.slow_down(30_000).await?;
    let votes = stack.enqueue(30).await?;
    in_hand(&stack).await?;
    let fast = stack.worker("fast", adjust).await?;
    fast.reaches("votes_reclaimed_total", 1).await?;
    stack.drained(&votes).await?;
    // Those in its hand were recorded by the other: to record them again changes nothing.
    slow.end_slowness().await?;
    slow.reaches("votes_processed_total{outcome=\"unchanged\"}", 1)
        .await?;
    stack.drained(&votes).await?;
    slow.stop().await?;
    fast.stop().await
}
