//! What happens when Redis, the client or the app itself goes away.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use voteops_ledger::test_support::PostgresServer;

use crate::stack::{Stack, eventually};
use crate::{FORM, JSON, TestResult};

#[tokio::test]
async fn a_full_redis_is_a_503_that_says_when_to_try_again() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    stack.redis.fill()?;
    let answer = stack
        .post(JSON, r#"{"choice":"cats","voter":"ann"}"#)
        .await?;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()[RETRY_AFTER], "2");
    assert_eq!(answer.json::<Value>().await?["error"], "queue_full");
    assert_eq!(
        stack
            .metric("votes_rejected_total{reason=\"queue_full\"}")
            .await?,
        1
    );
    assert_eq!(stack.queue.length().await?, 0);
    Ok(())
}

#[tokio::test]
async fn votes_are_refused_while_redis_is_away_and_taken_when_it_is_back() -> TestResult {
    let mut stack = Stack::start(|_| ()).await?;
    let cats = r#"{"choice":"cats","voter":"ann"}"#;
    assert_eq!(stack.post(JSON, cats).await?.status(), 202);
    stack.redis.kill()?;
    let answer = stack.post(JSON, cats).await?;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key(RETRY_AFTER));
    let told: Value = answer.json().await?;
    assert_eq!(told["error"], "queue_away");
    let message = told["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("It is not known"), "{message}");
    let ready = stack.get("/readyz", "*/*").await?;
    assert_eq!(ready.status(), 503);
    assert_ne!(ready.json::<Value>().await?["checks"]["redis"], "ok");
    assert_eq!(stack.get("/healthz", "*/*").await?.status(), 200);
    // Results need the ledger only.
    assert_eq!(stack.get("/results", JSON).await?.status(), 200);

    stack.redis.restart()?;
    while stack.get("/readyz", "*/*").await?.status() != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stack.post(JSON, cats).await?.status(), 202);
    assert_eq!(stack.enqueued().await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_redis_that_does_not_answer_is_not_waited_for_beyond_the_request_timeout() -> TestResult {
    let stack = Stack::start(|config| config.request_timeout = Duration::from_millis(400)).await?;
    stack.queue.ping().await?;
    stack.redis.pause()?;
    let answer = stack
        .post(JSON, r#"{"choice":"cats","voter":"ann"}"#)
        .await?;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.json::<Value>().await?["error"], "queue_away");
    stack.redis.resume()?;
    Ok(())
}

/// A stack with a ledger on PostgreSQL.
async fn on_postgres(
    request_timeout: Duration,
) -> Result<(PostgresServer, Stack), Box<dyn std::error::Error>> {
    let server = PostgresServer::start()?;
    let url = server.url();
    let stack = Stack::start(|config| {
        config.ledger_url = url;
        config.request_timeout = request_timeout;
    })
    .await?;
    stack.ledger.prepare().await?;
    Ok((server, stack))
}

#[tokio::test]
async fn however_many_ask_for_results_at_once_the_ledger_counts_once() -> TestResult {
    const ASKERS: u64 = 8;
    let (server, stack) = on_postgres(Duration::from_mins(1)).await?;
    assert_eq!(stack.get("/readyz", JSON).await?.status(), 200);
    server.pause()?;
    let ask = |_| tokio::spawn(stack.client.get(stack.url("/results")).send());
    let asked: Vec<_> = (0..ASKERS).map(ask).collect();
    eventually("all have looked in the cache", || async {
        calls(&stack, "get").is_ok_and(|calls| calls >= ASKERS)
    })
    .await?;
    server.resume()?;
    for asked in asked {
        assert_eq!(asked.await??.status(), 200);
    }
    assert_eq!(calls(&stack, "set")?, 1, "each count is put in the cache");
    Ok(())
}

/// Results, and when they were counted.
async fn results(stack: &Stack) -> Result<(u16, u64), Box<dyn std::error::Error>> {
    let answer = stack.get("/results", JSON).await?;
    let status = answer.status().as_u16();
    let counted = answer.json::<Value>().await?["as_of_ms"].as_u64();
    Ok((status, counted.unwrap_or_default()))
}

#[tokio::test]
async fn while_a_long_count_goes_on_the_last_one_is_shown() -> TestResult {
    let (server, stack) = on_postgres(Duration::from_mins(1)).await?;
    let pool = sqlx::PgPool::connect(&server.url()).await?;
    let lock = async || {
        let mut lock = pool.begin().await?;
        sqlx::query("LOCK TABLE votes").execute(&mut *lock).await?;
        Ok::<_, sqlx::Error>(lock)
    };
    // A count that takes some seconds is shown for some more.
    let held = lock().await?;
    let first = tokio::spawn(stack.client.get(stack.url("/results")).send());
    tokio::time::sleep(Duration::from_secs(2)).await;
    held.rollback().await?;
    let first = first.await??.json::<Value>().await?["as_of_ms"].as_u64();
    stack.redis.command(&[b"FLUSHALL"])?;
    let held = lock().await?;
    assert_eq!(results(&stack).await?, (200, first.unwrap_or_default()));
    held.rollback().await?;
    eventually("the next count is shown", || async {
        let shown = results(&stack).await;
        shown.is_ok_and(|(status, counted)| status == 200 && Some(counted) > first)
    })
    .await
}

#[tokio::test]
async fn a_count_that_takes_longer_than_anyone_waits_is_shown_at_last() -> TestResult {
    let (server, stack) = on_postgres(Duration::from_millis(400)).await?;
    let pool = sqlx::PgPool::connect(&server.url()).await?;
    for slow in [
        "ALTER TABLE votes RENAME TO all_votes",
        "CREATE VIEW votes AS SELECT all_votes.* FROM all_votes, (SELECT pg_sleep(0.7)) AS slept",
        "INSERT INTO all_votes (voter, vote_id, choice, cast_at_ms, recorded_at_ms) VALUES ('ann', '1', 'cats', 0, 0)",
    ] {
        sqlx::query(slow).execute(&pool).await?;
    }
    assert_eq!(results(&stack).await?.0, 503);
    eventually("they are counted", || async {
        results(&stack).await.is_ok_and(|(status, _)| status == 200)
    })
    .await
}

/// How many times Redis was given a command.
fn calls(stack: &Stack, command: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let stats = stack.redis.command(&[b"INFO", b"commandstats"])?;
    let stats: String = redis::from_redis_value(stats)?;
    let of_command = format!("cmdstat_{command}:calls=");
    let calls = stats
        .lines()
        .find_map(|line| line.strip_prefix(&of_command));
    let calls = calls.and_then(|calls| calls.split(',').next());
    Ok(calls.map_or(Ok(0), str::parse)?)
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_answered_and_measured() -> TestResult {
    let stack = Stack::start(|config| config.request_timeout = Duration::from_millis(200)).await?;
    let mut client = TcpStream::connect(stack.address).await?;
    let head = format!(
        "POST /vote HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 50\r\n\r\n{{"
    );
    client.write_all(head.as_bytes()).await?;
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert_eq!(
        stack
            .metric("votes_rejected_total{reason=\"body_timeout\"}")
            .await?,
        1
    );
    let timed_out = "{method=\"POST\",route=\"/vote\",status=\"408\"}";
    let series = format!("http_request_duration_seconds_count{timed_out}");
    assert_eq!(stack.metric(&series).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_is_measured_too() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    stack.redis.pause()?;
    let mut client = TcpStream::connect(stack.address).await?;
    let vote = "choice=cats&voter=ann";
    let length = vote.len();
    let request = format!(
        "POST /vote HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\n\r\n{vote}"
    );
    client.write_all(request.as_bytes()).await?;
    drop(client);
    let left = "{method=\"POST\",route=\"/vote\",status=\"499\"}";
    let series = format!("http_request_duration_seconds_count{left}");
    while stack.metric(&series).await.unwrap_or_default() < 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stack.redis.resume()?;
    Ok(())
}

#[tokio::test]
async fn shutdown_ends_the_app() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    assert_eq!(stack.get("/healthz", "*/*").await?.status(), 200);
    stack.shutdown.cancel();
    stack.app.await??;
    assert!(TcpStream::connect(stack.address).await.is_err());
    Ok(())
}

#[tokio::test]
async fn an_app_that_is_to_end_says_so_and_goes_on_for_the_delay() -> TestResult {
    let stack = Stack::start(|config| config.shutdown_delay = Duration::from_hours(1)).await?;
    assert_eq!(stack.get("/readyz", JSON).await?.status(), 200);
    stack.shutdown.cancel();
    let ready = stack.get("/readyz", JSON).await?;
    assert_eq!(ready.status(), 503);
    let told = r#"{"checks":{"process":"shutting down"},"ready":false}"#;
    assert_eq!(ready.text().await?, told);
    for _ in 0..2 {
        // A connection is good for one more vote; a new one is taken.
        let answer = stack
            .post(JSON, r#"{"choice":"cats","voter":"ann"}"#)
            .await?;
        assert_eq!(answer.status(), 202);
        assert_eq!(answer.headers()["connection"], "close");
    }
    assert_eq!(stack.get("/healthz", JSON).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn an_app_ends_after_the_delay() -> TestResult {
    let delay = Duration::from_millis(50);
    let stack = Stack::start(|config| config.shutdown_delay = delay).await?;
    let (address, app) = (stack.address, stack.app);
    assert_eq!(
        reqwest::get(format!("http://{address}/healthz"))
            .await?
            .status(),
        200
    );
    stack.shutdown.cancel();
    app.await??;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    Ok(())
}
