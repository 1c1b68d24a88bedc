//! What a worker does with what is in the queue.

use std::time::Duration;

use voteops_ledger::test_support::PostgresServer;
use voteops_queue::{Queued, Vote};

use crate::TestResult;
use crate::stack::{Stack, eventually};

async fn two_workers_record_every_vote_once(stack: &Stack) -> TestResult {
    let votes = stack.enqueue(1000).await?;
    let first = stack.worker("w1", |config| config.batch_size = 10).await?;
    let second = stack.worker("w2", |config| config.batch_size = 10).await?;
    stack.drained(&votes).await?;
    let counts = "vote_processing_duration_seconds_count";
    eventually("every vote is measured", || async {
        let measured = (first.metric(counts).await, second.metric(counts).await);
        matches!(measured, (Ok(first), Ok(second)) if first + second == 1000)
    })
    .await?;
    let written = "votes_processed_total{outcome=\"written\"}";
    assert_eq!(
        first.metric(written).await? + second.metric(written).await?,
        1000
    );
    assert_eq!(first.get("/readyz").await?.status(), 200);
    assert_eq!(first.get("/healthz").await?.status(), 200);
    first.stop().await?;
    second.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_a_queue_into_sqlite() -> TestResult {
    two_workers_record_every_vote_once(&Stack::start()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_a_queue_into_postgres() -> TestResult {
    let server = PostgresServer::start()?;
    two_workers_record_every_vote_once(&Stack::with_ledger(server.url())?).await
}

#[tokio::test]
async fn poison_goes_to_the_dead_and_blocks_nothing() -> TestResult {
    let stack = Stack::start()?;
    stack
        .redis
        .command(&[b"XADD", b"votes", b"*", b"not", b"a vote"])?;
    stack.redis.command(&[
        b"XADD", b"votes", b"*", b"id", b"7", b"voter", b"v", b"choice", b"cats",
    ])?;
    let votes = stack.enqueue(10).await?;
    let worker = stack.worker("w1", |_| ()).await?;
    stack.drained(&votes).await?;
    assert_eq!(stack.queue.dead_length().await?, 2);
    assert_eq!(
        worker.metric("votes_dead_total{reason=\"fields\"}").await?,
        1
    );
    assert_eq!(
        worker
            .metric("votes_dead_total{reason=\"invalid_id\"}")
            .await?,
        1
    );
    assert_eq!(
        worker
            .metric("votes_dead_total{reason=\"not_text\"}")
            .await?,
        0
    );
    worker.stop().await
}

#[tokio::test]
async fn a_vote_the_ledger_can_never_hold_is_found_in_its_batch_and_buried() -> TestResult {
    let stack = Stack::start()?;
    let votes = stack.enqueue(20).await?;
    stack
        .queue
        .enqueue(&Vote::new(votes[7].id, "thief", "dogs")?)
        .await?;
    let worker = stack.worker("w1", |_| ()).await?;
    stack.drained(&votes).await?;
    assert_eq!(stack.queue.dead_length().await?, 1);
    assert_eq!(
        worker
            .metric("votes_dead_total{reason=\"ledger_refused\"}")
            .await?,
        1
    );
    worker.stop().await
}

#[tokio::test]
async fn what_a_dead_worker_left_is_taken_over() -> TestResult {
    let stack = Stack::start()?;
    let votes = stack.enqueue(50).await?;
    let abandoned = stack.queue.reader("dead").read(30).await?;
    assert_eq!(abandoned.len(), 30);
    let adjust = |config: &mut voteops_worker::Config| {
        config.reclaim_idle = Duration::from_millis(200);
        config.batch_size = 7;
    };
    let worker = stack.worker("alive", adjust).await?;
    stack.drained(&votes).await?;
    assert_eq!(worker.metric("votes_reclaimed_total").await?, 30);
    worker.stop().await
}

#[tokio::test]
async fn a_worker_that_comes_back_goes_on_with_its_own() -> TestResult {
    let stack = Stack::start()?;
    let votes = stack.enqueue(50).await?;
    // Recorded, but killed before the acknowledgement.
    let entries = stack.queue.reader("w1").read(30).await?;
    let places = entries.into_iter().map(|entry| entry.position);
    let queued = votes.iter().cloned().zip(places);
    let queued: Vec<_> = queued
        .map(|(vote, position)| Queued { vote, position })
        .collect();
    stack.ledger.record(&queued).await?;
    let worker = stack
        .worker("w1", |config| config.reclaim_idle = Duration::from_hours(1))
        .await?;
    stack.drained(&votes).await?;
    assert_eq!(
        worker
            .metric("votes_processed_total{outcome=\"unchanged\"}")
            .await?,
        30
    );
    assert_eq!(
        worker
            .metric("votes_processed_total{outcome=\"written\"}")
            .await?,
        20
    );
    worker.stop().await
}

#[tokio::test]
async fn shutdown_leaves_nothing_half_done() -> TestResult {
    let stack = Stack::start()?;
    stack.enqueue(2000).await?;
    let worker = stack.worker("w1", |config| config.batch_size = 10).await?;
    worker
        .reaches("votes_processed_total{outcome=\"written\"}", 1)
        .await?;
    worker.stop().await?;
    let recorded = stack.ledger.recorded("v").await?.len() as u64;
    assert_eq!(recorded + stack.queue.length().await?, 2000);
    assert_eq!(stack.redis.pending()?, 0);
    Ok(())
}
