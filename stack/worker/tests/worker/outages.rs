//! What a worker does while Redis or the ledger is away.

use sqlx::{Connection, PgConnection};
use voteops_ledger::test_support::PostgresServer;

use crate::TestResult;
use crate::stack::{Stack, Worker, eventually};

/// What a worker that is not ready names as away.
async fn away(worker: &Worker) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let answer = worker.get("/readyz").await?;
    assert_eq!(answer.status(), 503);
    let told: serde_json::Value = answer.json().await?;
    let checks = told["checks"].as_object().ok_or("no checks are told")?;
    let away = checks.iter().filter(|(_, told)| *told != "ok");
    Ok(away.map(|(name, _)| name.clone()).collect())
}

#[tokio::test]
async fn killing_redis_in_mid_drain_loses_none() -> TestResult {
    let mut stack = Stack::start()?;
    let votes = stack.enqueue(3000).await?;
    let worker = stack.worker("w1", |config| config.batch_size = 10).await?;
    worker
        .reaches("votes_processed_total{outcome=\"written\"}", 100)
        .await?;
    stack.redis.kill()?;
    eventually("the worker notices", || async {
        let read = worker
            .metric("worker_errors_total{stage=\"read\"}")
            .await
            .unwrap_or(0);
        let ack = worker
            .metric("worker_errors_total{stage=\"acknowledge\"}")
            .await
            .unwrap_or(0);
        read + ack > 0
    })
    .await?;
    assert_eq!(away(&worker).await?, ["redis"]);
    stack.redis.restart()?;
    stack.drained(&votes).await?;
    worker.stop().await
}

#[tokio::test]
async fn votes_wait_in_the_queue_while_the_ledger_is_away() -> TestResult {
    let mut server = PostgresServer::start()?;
    let stack = Stack::with_ledger(server.url())?;
    stack.ledger.prepare().await?;
    let worker = stack.worker("w1", |_| ()).await?;
    server.stop()?;
    let votes = stack.enqueue(20).await?;
    worker
        .reaches("worker_errors_total{stage=\"record\"}", 1)
        .await?;
    assert_eq!(stack.queue.length().await?, 20);
    assert_eq!(stack.queue.dead_length().await?, 0);
    assert_eq!(away(&worker).await?, ["ledger"]);
    server.restart()?;
    stack.drained(&votes).await?;
    worker.stop().await
}

/// As a standby does, which a worker may still ask after another server has taken over.
#[tokio::test]
async fn a_ledger_that_answers_and_takes_no_votes_is_told() -> TestResult {
    let server = PostgresServer::start()?;
    let stack = Stack::with_ledger(server.url())?;
    stack.ledger.prepare().await?;
    let worker = stack.worker("w1", |_| ()).await?;
    let earlier = stack.enqueue(1).await?;
    stack.drained(&earlier).await?;
    let mut admin = PgConnection::connect(&server.url()).await?;
    let read_only = "ALTER SYSTEM SET default_transaction_read_only = on";
    let reload = "SELECT pg_reload_conf()";
    sqlx::query(read_only).execute(&mut admin).await?;
    sqlx::query(reload).execute(&mut admin).await?;
    eventually("new connections can only read", || async {
        is_read_only(&server).await.is_ok_and(|is_so| is_so)
    })
    .await?;
    // Those that are there hear of it at a time of their own.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
    sqlx::query(end).execute(&mut admin).await?;
    let votes = stack.enqueue(20).await?;
    worker
        .reaches("worker_errors_total{stage=\"record\"}", 1)
        .await?;
    stack.ledger.ping().await?;
    assert_eq!(away(&worker).await?, ["ledger"]);
    let writable = "ALTER SYSTEM RESET default_transaction_read_only";
    sqlx::query(writable).execute(&mut admin).await?;
    sqlx::query(reload).execute(&mut admin).await?;
    stack.drained(&votes).await?;
    assert_eq!(worker.get("/readyz").await?.status(), 200);
    worker.stop().await
}

async fn is_read_only(server: &PostgresServer) -> Result<bool, sqlx::Error> {
    let mut fresh = PgConnection::connect(&server.url()).await?;
    let asked = sqlx::query_scalar("SHOW default_transaction_read_only");
    let told: String = asked.fetch_one(&mut fresh).await?;
    fresh.close().await?;
    Ok(told == "on")
}

#[tokio::test]
async fn a_worker_may_start_before_redis_and_the_ledger() -> TestResult {
    let mut server = PostgresServer::start()?;
    server.stop()?;
    let mut stack = Stack::with_ledger(server.url())?;
    stack.redis.kill()?;
    let worker = stack.worker("w1", |_| ()).await?;
    worker
        .reaches("worker_errors_total{stage=\"read\"}", 1)
        .await?;
    server.restart()?;
    stack.redis.restart()?;
    eventually("Redis is back", || async {
        stack.queue.ping().await.is_ok()
    })
    .await?;
    let votes = stack.enqueue(20).await?;
    stack.drained(&votes).await?;
    worker.stop().await
}

#[tokio::test]
async fn shutdown_does_not_wait_for_redis() -> TestResult {
    let stack = Stack::start()?;
    let worker = stack.worker("w1", |_| ()).await?;
    let votes = stack.enqueue(1).await?;
    stack.drained(&votes).await?;
    stack.redis.pause()?;
    worker.stop().await?;
    stack.redis.resume()?;
    Ok(())
}

#[tokio::test]
async fn a_full_redis_is_drained_and_its_poison_waits_for_room() -> TestResult {
    let stack = Stack::start()?;
    let votes = stack.enqueue(20).await?;
    stack
        .redis
        .command(&[b"XGROUP", b"CREATE", b"votes", b"workers", b"0"])?;
    stack
        .redis
        .command(&[b"XADD", b"votes", b"*", b"not", b"a vote"])?;
    stack.redis.fill()?;
    let adjust = |config: &mut voteops_worker::Config| {
        config.reclaim_idle = std::time::Duration::from_millis(200);
    };
    let worker = stack.worker("w1", adjust).await?;
    worker
        .reaches("worker_errors_total{stage=\"acknowledge\"}", 1)
        .await?;
    eventually("only the poison is left", || async {
        stack.queue.length().await.is_ok_and(|length| length == 1)
    })
    .await?;
    stack
        .redis
        .command(&[b"CONFIG", b"SET", b"maxmemory", b"0"])?;
    stack.drained(&votes).await?;
    assert_eq!(stack.queue.dead_length().await?, 1);
    worker.stop().await
}
