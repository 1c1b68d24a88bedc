//! Results as they change.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::Value;

use crate::stack::{Stack, queued};
use crate::{JSON, TestResult};

/// Reads events until one is as wanted.
async fn until(events: &mut Response, wanted: impl Fn(&str) -> bool) -> TestResult {
    let mut text = String::new();
    while let Some(chunk) = events.chunk().await? {
        text.push_str(str::from_utf8(&chunk)?);
        while let Some((event, rest)) = text.split_once("\n\n") {
            if wanted(event) {
                return Ok(());
            }
            text = rest.to_owned();
        }
    }
    Err(format!("the events ended with {text:?}").into())
}

fn has_total(event: &str, total: u64) -> bool {
    let data = event.lines().find_map(|line| line.strip_prefix("data: "));
    let results: Option<Value> = data.and_then(|data| serde_json::from_str(data).ok());
    results.is_some_and(|results| results["total"] == total)
}

#[tokio::test]
async fn all_listeners_hear_of_each_count() -> TestResult {
    let ttl = Duration::from_millis(100);
    let stack = Stack::start(|config| config.results_ttl = ttl).await?;
    let mut early = stack.get("/results/live", "text/event-stream").await?;
    assert_eq!(early.headers()[CONTENT_TYPE], "text/event-stream");
    assert_eq!(early.headers()["x-accel-buffering"], "no");
    until(&mut early, |event| has_total(event, 0)).await?;
    stack.ledger.record(&[queued("ann", "cats")?]).await?;
    until(&mut early, |event| has_total(event, 1)).await?;

    // Whoever comes later hears at once what is known.
    let mut late = stack.get("/results/live", "text/event-stream").await?;
    until(&mut late, |event| has_total(event, 1)).await?;
    stack.ledger.record(&[queued("bob", "cats")?]).await?;
    until(&mut early, |event| has_total(event, 2)).await?;
    until(&mut late, |event| has_total(event, 2)).await?;
    // And when nothing changes, that it is still so.
    until(&mut late, |event| event == "event: still\ndata: still").await
}

#[tokio::test]
async fn places_are_bounded_and_free_again_when_a_listener_leaves() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    let mut listeners = Vec::new();
    let refused = loop {
        let answer = stack.get("/results/live", "text/event-stream").await?;
        if answer.status() != 200 {
            break answer;
        }
        listeners.push(answer);
        assert!(listeners.len() <= 512, "{}", listeners.len());
    };
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key(RETRY_AFTER));
    assert_eq!(refused.json::<Value>().await?["error"], "live_full");
    // The results themselves are there for everyone.
    assert_eq!(stack.get("/results", JSON).await?.status(), 200);
    drop(listeners);
    while stack.get("/results/live", "*/*").await?.status() != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// An event without data is none to a browser.
#[tokio::test]
async fn listeners_hear_that_votes_cannot_be_counted() -> TestResult {
    let stack = Stack::start(|config| {
        // Nobody is on this port.
        config.ledger_url = "postgres://votes@127.0.0.1:1/votes".into();
    })
    .await?;
    let mut events = stack.get("/results/live", "text/event-stream").await?;
    until(&mut events, |event| event == "event: away\ndata: away").await
}

#[tokio::test]
async fn listeners_are_let_go_at_shutdown() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    let mut events = stack.get("/results/live", "text/event-stream").await?;
    until(&mut events, |event| has_total(event, 0)).await?;
    stack.shutdown.cancel();
    while events.chunk().await?.is_some() {}
    stack.app.await??;
    Ok(())
}
