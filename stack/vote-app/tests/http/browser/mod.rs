//! The pages in a real browser.

mod driver;
mod gateway;
mod live;
mod looks;
mod repeats;

use fantoccini::key::Key;
use serde_json::Value;
use std::time::Duration;

use crate::TestResult;
use crate::stack::{Stack, queued};
use driver::{PHONE, Settings, in_browser};

const CATS: &str = "input[value=cats]";
const DOGS: &str = "input[value=dogs]";

/// A stack whose results are counted at each look.
async fn eager_stack() -> Result<Stack, Box<dyn std::error::Error>> {
    Stack::start(|config| config.results_ttl = Duration::from_millis(50)).await
}

#[tokio::test]
async fn a_vote_by_mouse_can_be_changed() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&stack.url("/")).await?;
        browser.click("label:nth-of-type(1)").await?;
        browser.click("button").await?;
        browser.wait_for_text("h1", "Vote received").await?;
        browser.click("nav a").await?;
        browser.wait_for_text(".note strong", "Cats").await?;
        assert!(browser.find(CATS).await?.is_selected().await?);
        browser.click(DOGS).await?;
        browser.click("button").await?;
        browser.wait_for_text("h1", "Vote received").await?;
        browser.wait_for_text("main p strong", "Dogs").await?;
        let votes = stack.enqueued().await?;
        let choices: Vec<_> = votes.iter().map(|vote| &*vote.choice).collect();
        assert_eq!(choices, ["cats", "dogs"]);
        assert_eq!(votes[0].voter, votes[1].voter);
        browser.click("a.button").await?;
        browser.wait_for_text(".own", "your vote").await
    })
    .await
}

#[tokio::test]
async fn a_vote_by_keyboard_alone() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&stack.url("/")).await?;
        for key in [Key::Tab, Key::Down, Key::Enter] {
            browser.press(key.into()).await?;
        }
        browser.wait_for_text("h1", "Vote received").await?;
        assert_eq!(stack.enqueued().await?[0].choice, "dogs");
        // From there to the results, by their link.
        browser.press(Key::Tab.into()).await?;
        browser.press(Key::Enter.into()).await?;
        browser.wait_for_text("#live", "Live").await
    })
    .await
}

#[tokio::test]
async fn nothing_is_sent_before_something_is_chosen() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&stack.url("/")).await?;
        browser.click("button").await?;
        let invalid = browser.run("return document.querySelectorAll('input:invalid').length");
        assert_eq!(invalid.await?, 2);
        assert_eq!(stack.enqueued().await?.len(), 0);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn results_change_without_being_loaded_again_and_say_when_they_cannot() -> TestResult {
    let stack = eager_stack().await?;
    in_browser(PHONE, async |browser| {
        browser.open(&stack.url("/results")).await?;
        browser.wait_for_text("#live", "Live").await?;
        browser.run("window.loaded = 'once'").await?;
        for (voter, total, share) in [("ann", "1 vote", "100.0%"), ("bob", "2 votes", "100.0%")] {
            stack.ledger.record(&[queued(voter, "dogs")?]).await?;
            browser.wait_for_text("#total", total).await?;
            browser
                .wait_for_text("[data-choice=dogs] .share", share)
                .await?;
        }
        stack.ledger.record(&[queued("eve", "cats")?]).await?;
        browser
            .wait_for_text("[data-choice=dogs] .share", "66.7%")
            .await?;
        let width =
            "return document.querySelector('[data-choice=cats] .fill').getAttribute('width')";
        assert_eq!(browser.run(width).await?, "33.3%");
        assert_eq!(browser.run("return window.loaded").await?, "once");
        stack.shutdown.cancel();
        let lost = "Connection lost. Trying again; this is the last count.";
        browser.wait_for_text("#live", lost).await
    })
    .await
}

#[tokio::test]
async fn results_change_without_scripts_too() -> TestResult {
    let stack = eager_stack().await?;
    let plain = Settings {
        scripts: false,
        ..PHONE
    };
    in_browser(plain, async |browser| {
        browser.open(&stack.url("/results")).await?;
        browser.wait_for_text("#total", "0 votes").await?;
        stack.ledger.record(&[queued("ann", "dogs")?]).await?;
        browser.wait_for_text("#total", "1 vote").await
    })
    .await
}

#[tokio::test]
async fn a_vote_that_could_not_be_taken_is_told_and_can_be_cast_later() -> TestResult {
    let mut stack = Stack::start(|_| ()).await?;
    let url = stack.url("/");
    stack.queue.ping().await?;
    stack.redis.kill()?;
    let redis = &mut stack.redis;
    in_browser(PHONE, async |browser| {
        browser.open(&url).await?;
        browser.click(CATS).await?;
        browser.click("button").await?;
        let heading = "Your vote could not be confirmed";
        browser.wait_for_text("[role=alert] h1", heading).await?;
        redis.restart()?;
        loop {
            browser.open(&url).await?;
            let ballot = browser.text("h1").await?;
            browser.click(CATS).await?;
            browser.click("button").await?;
            // The answer's page has to be there before another is opened, which it would take the place of.
            if browser.text_after("h1", &ballot).await? == "Vote received" {
                return Ok(());
            }
        }
    })
    .await
}

#[tokio::test]
async fn nothing_is_asked_of_other_hosts_and_all_is_under_20_kb() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    in_browser(PHONE, async |browser| {
        let mut bytes = 0;
        for path in ["/", "/results"] {
            browser.open(&stack.url(path)).await?;
            browser.find("h1").await?;
            let loaded = browser
                .run(
                    "return ['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))
                     .map(({ name, transferSize }) => ({ name, transferSize }))",
                )
                .await?;
            for entry in loaded.as_array().ok_or("entries")? {
                let name = entry["name"].as_str().unwrap_or_default();
                assert!(name.starts_with(&stack.url("/")), "{name}");
                bytes += entry["transferSize"].as_u64().unwrap_or_default();
            }
        }
        println!("{bytes} bytes with their headers");
        assert!((1..20_000).contains(&bytes), "{bytes}");
        let styled = browser.run("return getComputedStyle(document.querySelector('main')).maxWidth");
        assert_ne!(styled.await?, Value::from("none"));
        Ok(())
    })
    .await
}
