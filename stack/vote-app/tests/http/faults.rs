//! The faults that a vote app is put under through its admin listener.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::stack::Stack;
use crate::{FORM, JSON, TestResult};

const CATS: &str = r#"{"choice":"cats","voter":"ann"}"#;
const HOUR_MS: u64 = 3_600_000;

/// The name of a request series of votes with a status.
fn votes(part: &str, status: u16) -> String {
    let labels = format!("method=\"POST\",route=\"/vote\",status=\"{status}\"");
    match part {
        "count" => format!("http_request_duration_seconds_count{{{labels}}}"),
        le => format!("http_request_duration_seconds_bucket{{{labels},le=\"{le}\"}}"),
    }
}

/// A vote that is not answered within half a second, and goes on waiting.
async fn held_vote(stack: &Stack) -> JoinHandle<reqwest::Result<Response>> {
    let request = stack.client.post(stack.url("/vote"));
    let request = request.header("content-type", JSON).body(CATS);
    let mut vote = tokio::spawn(request.send());
    let answered = timeout(Duration::from_millis(500), &mut vote).await;
    assert!(answered.is_err(), "the vote was not held up: {answered:?}");
    vote
}

#[tokio::test]
async fn without_an_admin_listener_there_is_no_trace_of_faults() -> TestResult {
    let stack = Stack::start(|config| assert!(config.admin.is_none())).await?;
    let metrics = stack.get("/metrics", "*/*").await?.text().await?;
    assert!(!metrics.contains("voteops_fault_active"), "{metrics}");
    assert!(!metrics.contains("reason=\"fault\""), "{metrics}");
    Ok(())
}

#[tokio::test]
async fn failed_votes_are_their_exact_share_and_none_is_in_the_stream() -> TestResult {
    let stack = Stack::with_faults().await?;
    let active = "voteops_fault_active{fault=\"fail-votes\"}";
    let failed = "votes_rejected_total{reason=\"fault\"}";
    assert_eq!(stack.metric(active).await?, 0);
    assert_eq!(stack.metric(failed).await?, 0);
    let fault = json!({ "lease_ms": HOUR_MS, "status": 503, "share": 0.2 });
    stack.inject("fail-votes", &fault).await?;
    assert_eq!(stack.metric(active).await?, 1);
    for n in 0..100 {
        let answer = stack.post(JSON, CATS).await?;
        let struck = n % 5 == 4;
        assert_eq!(answer.status(), if struck { 503 } else { 202 }, "vote {n}");
        if struck {
            assert_eq!(answer.headers()[RETRY_AFTER], "2");
            assert_eq!(answer.json::<Value>().await?["error"], "fault");
        }
    }
    assert_eq!(stack.queue.length().await?, 80);
    assert_eq!(stack.metric(failed).await?, 20);
    assert_eq!(stack.metric(&votes("count", 503)).await?, 20);
    assert_eq!(stack.metric(&votes("count", 202)).await?, 80);

    stack.end("fail-votes").await?;
    assert_eq!(stack.metric(active).await?, 0);
    for _ in 0..10 {
        assert_eq!(stack.post(JSON, CATS).await?.status(), 202);
    }
    assert_eq!(stack.queue.length().await?, 90);
    Ok(())
}

#[tokio::test]
async fn a_failed_vote_has_the_status_that_was_asked_for_and_is_a_page_for_people() -> TestResult {
    let stack = Stack::with_faults().await?;
    let fault = json!({ "lease_ms": HOUR_MS, "status": 599, "share": 1 });
    stack.inject("fail-votes", &fault).await?;
    let answer = stack.post(FORM, "choice=cats&voter=ann").await?;
    assert_eq!(answer.status(), 599);
    assert!(!answer.headers().contains_key(RETRY_AFTER));
    let page = answer.text().await?;
    assert!(
        page.contains("role=\"alert\"") && page.contains("on purpose"),
        "{page}"
    );
    // Nor is it read what was voted for.
    assert_eq!(stack.post("text/plain", "nonsense").await?.status(), 599);
    assert_eq!(stack.queue.length().await?, 0);
    assert_eq!(stack.metric(&votes("count", 599)).await?, 2);
    Ok(())
}

#[tokio::test]
async fn slow_votes_are_taken_and_measured_as_slow() -> TestResult {
    let stack = Stack::with_faults().await?;
    let fault = json!({ "lease_ms": HOUR_MS, "latency_ms": 500, "share": 0.25 });
    stack.inject("slow-votes", &fault).await?;
    for _ in 0..8 {
        assert_eq!(stack.post(JSON, CATS).await?.status(), 202);
    }
    assert_eq!(stack.queue.length().await?, 8);
    assert_eq!(stack.metric(&votes("count", 202)).await?, 8);
    // At most: a busy machine may make others slow too.
    assert!(stack.metric(&votes("0.4", 202)).await? <= 6);
    Ok(())
}

#[tokio::test]
async fn nothing_but_votes_is_struck_and_the_end_of_the_fault_lets_them_go_on() -> TestResult {
    let stack = Stack::with_faults().await?;
    let slow = json!({ "lease_ms": HOUR_MS, "latency_ms": 30_000, "share": 1 });
    stack.inject("slow-votes", &slow).await?;
    let vote = held_vote(&stack).await;
    let fail = json!({ "lease_ms": HOUR_MS, "status": 500, "share": 1 });
    stack.inject("fail-votes", &fail).await?;
    for path in ["/metrics", "/healthz", "/readyz", "/results", "/"] {
        let answer = timeout(Duration::from_secs(20), stack.get(path, "*/*")).await??;
        assert_eq!(answer.status(), 200, "{path}");
    }
    stack.end("fail-votes").await?;
    assert_eq!(stack.queue.length().await?, 0);
    stack.end("slow-votes").await?;
    assert_eq!(vote.await??.status(), 202);
    assert_eq!(stack.queue.length().await?, 1);
    Ok(())
}

#[tokio::test]
async fn shutdown_does_not_wait_for_slow_votes_and_takes_them() -> TestResult {
    let stack = Stack::with_faults().await?;
    let fault = json!({ "lease_ms": HOUR_MS, "latency_ms": 30_000, "share": 1 });
    stack.inject("slow-votes", &fault).await?;
    let vote = held_vote(&stack).await;
    stack.shutdown.cancel();
    assert_eq!(vote.await??.status(), 202);
    stack.app.await??;
    assert_eq!(stack.queue.length().await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_cold_cache_holds_the_results_and_is_not_asked_for_them() -> TestResult {
    let stack = Stack::with_faults().await?;
    // The vote app looks how long it is, which counts as a miss as long as there is none.
    let make = "XGROUP CREATE votes workers 0 MKSTREAM".split(' ');
    let make: Vec<_> = make.map(str::as_bytes).collect();
    stack.redis.command(&make)?;
    let misses = || stack.redis.info("keyspace_misses");
    stack.get("/results", "application/json").await?;
    let warm = misses()?;
    stack.get("/results", "application/json").await?;
    assert_eq!(misses()?, warm);

    stack
        .inject("cold-cache", &json!({ "lease_ms": HOUR_MS }))
        .await?;
    for n in 1..=3 {
        let answer = stack.get("/results", "application/json").await?;
        assert_eq!(answer.status(), 200);
        assert_eq!(misses()?, warm + n);
    }
    stack.end("cold-cache").await?;
    stack.get("/results", "application/json").await?;
    assert_eq!(misses()?, warm + 3);
    Ok(())
}
