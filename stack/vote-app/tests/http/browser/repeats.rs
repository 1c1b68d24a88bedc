//! What a browser sends again, and what a voter chooses again on a page that was sent before.

use std::time::Duration;

use super::driver::{Browser, PHONE, in_browser};
use super::{CATS, DOGS};
use crate::TestResult;
use crate::stack::{Stack, eventually};

const REPEATED: &str = "votes_repeated_total";
const GIVEN_UP: &str =
    "http_request_duration_seconds_count{method=\"POST\",route=\"/vote\",status=\"499\"}";

async fn choices(stack: &Stack) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let votes = stack.enqueued().await?;
    Ok(votes.into_iter().map(|vote| vote.choice).collect())
}

#[tokio::test]
async fn an_answer_that_is_loaded_again_is_the_same_vote() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&stack.url("/")).await?;
        browser.click(DOGS).await?;
        browser.click("button").await?;
        browser.wait_for_text("h1", "Vote received").await?;
        let number = browser.text("code").await?;
        browser.reload().await?;
        eventually("it is sent again", || async {
            stack.metric(REPEATED).await.is_ok_and(|count| count == 1)
        })
        .await?;
        browser.wait_for_text("code", &number).await?;
        assert_eq!(choices(&stack).await?, ["dogs"]);
        Ok(())
    })
    .await
}

/// The browser gives up the first answer, and shows the one to the second. The ballot is used through the
/// window that opened it: the driver does nothing in a window while a page is on its way to it.
#[tokio::test]
async fn a_click_while_a_vote_is_being_taken_is_the_same_vote() -> TestResult {
    let stack = Stack::start(|config| config.request_timeout = Duration::from_hours(1)).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&stack.url("/results")).await?;
        browser.run("ballot = open('/')").await?;
        click_in_ballot(browser, DOGS).await?;
        let redis = |words: &[&[u8]]| stack.redis.command(words);
        redis(&[b"CLIENT", b"PAUSE", b"3600000", b"WRITE"])?;
        click_in_ballot(browser, "button").await?;
        eventually("Redis holds the vote", || async {
            let clients = redis(&[b"CLIENT", b"LIST"]).ok();
            let clients = clients.and_then(|list| redis::from_redis_value::<String>(list).ok());
            clients.is_some_and(|list| list.contains("flags=b"))
        })
        .await?;
        click_in_ballot(browser, "button").await?;
        eventually("the browser gives up the first answer", || async {
            stack.metric(GIVEN_UP).await.is_ok_and(|count| count == 1)
        })
        .await?;
        redis(&[b"CLIENT", b"UNPAUSE"])?;
        eventually("it shows the second", || async {
            let heading = "return ballot.document.querySelector('h1')?.textContent";
            browser
                .run(heading)
                .await
                .is_ok_and(|text| text == "Vote received")
        })
        .await?;
        assert_eq!(stack.metric(REPEATED).await?, 1);
        assert_eq!(choices(&stack).await?, ["dogs"]);
        Ok(())
    })
    .await
}

async fn click_in_ballot(browser: &Browser, css: &str) -> TestResult {
    let click = format!(
        "const found = ballot.document.querySelector('{css}'); found?.click(); return found !== null"
    );
    eventually("it is there", || async {
        browser.run(&click).await.is_ok_and(|there| there == true)
    })
    .await
}

/// By the button that leads back, so that the page may be the very one that was sent before.
#[tokio::test]
async fn every_change_after_going_back_is_a_new_vote() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&stack.url("/")).await?;
        for (choice, label) in [(CATS, "Cats"), (DOGS, "Dogs"), (CATS, "Cats")] {
            browser.click(choice).await?;
            browser.click("button").await?;
            browser.wait_for_text("h1", "Vote received").await?;
            browser.wait_for_text("main p strong", label).await?;
            browser.back().await?;
            browser.wait_for_text("h1", "Cats or dogs?").await?;
        }
        assert_eq!(choices(&stack).await?, ["cats", "dogs", "cats"]);
        Ok(())
    })
    .await
}
