//! Results that are followed in a browser, also when following fails.

use std::time::Duration;

use voteops_ledger::test_support::PostgresServer;
use voteops_vote_app::Choice;

use super::driver::{Browser, PHONE, Settings, in_browser};
use super::eager_stack;
use super::gateway::{Gateway, Way};
use crate::TestResult;
use crate::stack::{Stack, queued};

const LOST: &str = "Connection lost. Trying again; this is the last count.";
const AWAY: &str = "The votes cannot be counted right now. This is the last count.";
const ASKED: &str = "Updated every few seconds";

/// So that the script does sooner what it would do.
const QUICK: (&str, &str) = ("data-pause=\"5000\"", "data-pause=\"100\"");
const IMPATIENT: (&str, &str) = ("data-silence=\"15000\"", "data-silence=\"4000\"");

/// Marks the page that is shown, so that another one in its place is seen.
async fn mark(browser: &Browser) -> TestResult {
    browser.run("window.loaded = 'once'").await?;
    Ok(())
}

async fn is_marked(browser: &Browser) -> Result<bool, Box<dyn std::error::Error>> {
    Ok(browser.run("return window.loaded").await? == "once")
}

#[tokio::test]
async fn no_failure_takes_the_last_count_away() -> TestResult {
    let stack = eager_stack().await?;
    let gateway = Gateway::before(&stack, &[QUICK]).await?;
    gateway.be(Way::NoStream);
    in_browser(PHONE, async |browser| {
        browser.open(&gateway.url("/results")).await?;
        browser.wait_for_text("#live", ASKED).await?;
        mark(browser).await?;
        let again = "return document.getElementById('again') === null";
        assert_eq!(browser.run(again).await?, true);
        stack.ledger.record(&[queued("ann", "dogs")?]).await?;
        browser.wait_for_text("#total", "1 vote").await?;
        gateway.be(Way::Down);
        browser.wait_for_text("#live", LOST).await?;
        gateway.requests(10).await?;
        browser.wait_for_text("#total", "1 vote").await?;
        stack.ledger.record(&[queued("bob", "dogs")?]).await?;
        gateway.be(Way::Open);
        browser.wait_for_text("#live", "Live").await?;
        browser.wait_for_text("#total", "2 votes").await?;
        gateway.be(Way::Down);
        browser.wait_for_text("#live", LOST).await?;
        gateway.be(Way::NoStream);
        browser.wait_for_text("#live", ASKED).await?;
        assert!(is_marked(browser).await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn who_finds_no_place_to_listen_asks_until_there_is_one() -> TestResult {
    let stack = eager_stack().await?;
    let mut listeners = Vec::new();
    loop {
        let answer = stack.get("/results/live", "text/event-stream").await?;
        if answer.status() != 200 {
            break;
        }
        listeners.push(answer);
    }
    in_browser(PHONE, async |browser| {
        browser.open(&stack.url("/results")).await?;
        browser.wait_for_text("#live", ASKED).await?;
        listeners.clear();
        browser.wait_for_text("#live", "Live").await
    })
    .await
}

#[tokio::test]
async fn a_browser_without_streams_asks() -> TestResult {
    const WITHOUT: (&str, &str) = (
        "\"use strict\";",
        "\"use strict\"; delete window.EventSource;",
    );
    let stack = eager_stack().await?;
    let gateway = Gateway::before(&stack, &[QUICK, WITHOUT]).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&gateway.url("/results")).await?;
        browser.wait_for_text("#live", ASKED).await?;
        stack.ledger.record(&[queued("ann", "dogs")?]).await?;
        browser.wait_for_text("#total", "1 vote").await
    })
    .await
}

/// The elements for browsers without scripts do nothing in one whose script went missing.
#[tokio::test]
async fn a_page_whose_script_is_missing_has_a_link() -> TestResult {
    let stack = eager_stack().await?;
    let gateway = Gateway::before(&stack, &[("live.js", "gone.js")]).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&gateway.url("/results")).await?;
        browser.wait_for_text("#total", "0 votes").await?;
        stack.ledger.record(&[queued("ann", "dogs")?]).await?;
        browser.click("#again").await?;
        browser.wait_for_text("#total", "1 vote").await
    })
    .await
}

#[tokio::test]
async fn a_stream_that_says_nothing_is_lost_and_the_results_are_asked_for() -> TestResult {
    let stack = eager_stack().await?;
    let gateway = Gateway::before(&stack, &[QUICK, IMPATIENT]).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&gateway.url("/results")).await?;
        browser.wait_for_text("#live", "Live").await?;
        browser
            .run(
                "const live = document.getElementById('live');
                 window.states = [];
                 new MutationObserver(() => states.push(live.dataset.state)).observe(live, { attributes: true });",
            )
            .await?;
        // Longer than it is patient, though nothing changes.
        gateway.stills(60).await?;
        assert_eq!(browser.run("return states.join()").await?, "");
        gateway.be(Way::Mute);
        browser.wait_for_text("#live", ASKED).await?;
        assert_eq!(browser.run("return states[0]").await?, "lost");
        stack.ledger.record(&[queued("ann", "dogs")?]).await?;
        browser.wait_for_text("#total", "1 vote").await?;
        gateway.be(Way::Open);
        browser.wait_for_text("#live", "Live").await
    })
    .await
}

#[tokio::test]
async fn a_page_that_nobody_looks_at_has_no_stream() -> TestResult {
    const HIDE: &str = "Object.defineProperty(document, 'hidden', { get: () => window.isHidden });
        window.isHidden = true;
        document.dispatchEvent(new Event('visibilitychange'));";
    let stack = eager_stack().await?;
    let gateway = Gateway::before(&stack, &[]).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&gateway.url("/results")).await?;
        browser.wait_for_text("#live", "Live").await?;
        gateway.streams(1).await?;
        browser.run(HIDE).await?;
        gateway.streams(0).await?;
        stack.ledger.record(&[queued("ann", "dogs")?]).await?;
        browser
            .run("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
            .await?;
        gateway.streams(1).await?;
        browser.wait_for_text("#total", "1 vote").await
    })
    .await
}

/// As while vote apps with other choices take the place of those that were there.
#[tokio::test]
async fn choices_come_and_go_without_the_page_being_loaded_again() -> TestResult {
    let eager = Duration::from_millis(50);
    let stack = eager_stack().await?;
    let other = Stack::start(|config| {
        config.results_ttl = eager;
        config.choices[0] = Choice {
            id: "owls".to_owned(),
            label: "Owls".to_owned(),
        };
    })
    .await?;
    other.ledger.record(&[queued("ann", "owls")?]).await?;
    let gateway = Gateway::before(&stack, &[QUICK]).await?;
    in_browser(PHONE, async |browser| {
        browser.open(&gateway.url("/results")).await?;
        browser.wait_for_text("#live", "Live").await?;
        mark(browser).await?;
        let labels = "return [...document.querySelectorAll('.label')].map(label => label.textContent).join()";
        assert_eq!(browser.run(labels).await?, "Cats,Dogs");
        gateway.ask(&other);
        browser.wait_for_text("[data-choice=owls] .votes", "1 vote").await?;
        assert_eq!(browser.run(labels).await?, "Owls,Dogs");
        gateway.ask(&stack);
        browser.wait_for_text("[data-choice=cats] .votes", "0 votes").await?;
        assert_eq!(browser.run(labels).await?, "Cats,Dogs");
        assert!(is_marked(browser).await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn who_follows_is_told_that_votes_cannot_be_counted_and_who_comes_then_gets_them_later()
-> TestResult {
    for scripts in [true, false] {
        let server = PostgresServer::start()?;
        let url = server.url();
        let stack = Stack::start(|config| {
            config.results_ttl = Duration::from_millis(50);
            config.request_timeout = Duration::from_secs(2);
            config.ledger_url = url;
        })
        .await?;
        in_browser(Settings { scripts, ..PHONE }, async |browser| {
            browser.open(&stack.url("/results")).await?;
            browser.wait_for_text("#total", "0 votes").await?;
            server.pause()?;
            if scripts {
                browser.wait_for_text("#live", AWAY).await?;
            }
            browser.open(&stack.url("/results")).await?;
            let heading = "There are no results right now";
            browser.wait_for_text("h1", heading).await?;
            server.resume()?;
            browser.wait_for_text("h1", "Cats or dogs?").await?;
            browser.wait_for_text("#total", "0 votes").await
        })
        .await?;
    }
    Ok(())
}
