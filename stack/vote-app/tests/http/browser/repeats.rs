//! What a browser sends again, and what a voter chooses again on a page that was sent before.

use super::driver::{PHONE, in_browser};
use super::{CATS, DOGS};
use crate::TestResult;
use crate::stack::{Stack, eventually};

const REPEATED: &str = "votes_repeated_total";

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

/// The browser sends the ballot twice, and shows the answer to the second.
#[tokio::test]
async fn a_double_click_is_one_vote() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&stack.url("/")).await?;
        browser.click(DOGS).await?;
        browser.double_click("button").await?;
        browser.wait_for_text("h1", "Vote received").await?;
        eventually("it is sent again", || async {
            stack.metric(REPEATED).await.is_ok_and(|count| count == 1)
        })
        .await?;
        assert_eq!(choices(&stack).await?, ["dogs"]);
        Ok(())
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
