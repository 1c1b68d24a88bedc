//! How the pages look to eyes and to screen readers: on a telephone, in the dark, in each language.

use std::io::Write;
use std::path::Path;

use fantoccini::key::Key;
use serde_json::Value;

use super::driver::{Browser, PHONE, Settings, in_browser};
use super::gateway::{Gateway, Way};
use crate::TestResult;
use crate::stack::{Stack, queued};

/// Where `scripts/fetch-axe` puts axe-core.
const AXE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../axe-core/axe.min.js");

/// The page of a gateway without any vote app.
const UNAVAILABLE: &str = "unavailable";

const FIRST_VIOLATIONS: &str = "
    const done = arguments[0];
    axe.run().then(
      ({ violations }) => done(violations.map(({ id, help, nodes }) => ({ id, help, html: nodes.map(n => n.html) }))),
      (error) => done(String(error)));";

/// Looks at every page, with long names and with many votes on them.
async fn look(settings: Settings, look: impl AsyncFn(&Browser, &str) -> TestResult) -> TestResult {
    let mut stack = Stack::start(|config| {
        config.title = "Which of these unbelievably extraordinary animals do you prefer?".into();
        config.choices[0].label = "Donaudampfschifffahrtsgesellschaftskapitänskatzen".into();
    })
    .await?;
    stack.ledger.record(&[queued("ann", "dogs")?]).await?;
    let away = Stack::start(|config| {
        // Nobody is on this port.
        config.ledger_url = "postgres://votes@127.0.0.1:1/votes".into();
    })
    .await?;
    let (results, ballot, missing) = (stack.url("/results"), stack.url("/"), stack.url("/nope"));
    let redis = &mut stack.redis;
    in_browser(settings, async |browser| {
        browser.open(&results).await?;
        browser.find("#live[data-state=live]").await?;
        look(browser, "results").await?;
        browser.open(&ballot).await?;
        look(browser, "ballot").await?;
        browser.click("label").await?;
        look(browser, "choice").await?;
        browser.click("button").await?;
        browser.find(".good").await?;
        look(browser, "accepted").await?;
        browser.open(&ballot).await?;
        look(browser, "change").await?;
        redis.kill()?;
        browser.click("button").await?;
        browser.find("[role=alert]").await?;
        look(browser, "refused").await?;
        browser.open(&missing).await?;
        look(browser, "missing").await?;
        browser.open(&away.url("/results")).await?;
        browser.find("[role=alert]").await?;
        look(browser, "no results").await?;
        let gateway = Gateway::before(&away, &[]).await?;
        gateway.be(Way::Down);
        browser.open(&gateway.url("/")).await?;
        browser.find("section[lang=id]").await?;
        look(browser, UNAVAILABLE).await
    })
    .await
}

#[tokio::test]
async fn nothing_is_wider_than_a_telephone() -> TestResult {
    for languages in ["en", "id"] {
        let settings = Settings { languages, ..PHONE };
        look(settings, async |browser, page| {
            let wide = browser.run("return [document.documentElement.scrollWidth, innerWidth, document.documentElement.lang]");
            let wide = wide.await?;
            assert_eq!((&wide[0], &wide[1]), (&360.into(), &360.into()), "{page}");
            // That page speaks both.
            assert!(wide[2] == languages || page == UNAVAILABLE, "{page}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Takes away what a browser passes over that does not know `:has()`.
const WITHOUT_HAS: &str = "
    const [sheet] = document.styleSheets;
    [...sheet.cssRules].forEach((rule) => rule.cssText.includes(':has(') && sheet.deleteRule([...sheet.cssRules].indexOf(rule)));
    return [...sheet.cssRules].some((rule) => rule.cssText.includes(':has('));";

const RINGS: &str = "
    const ring = (element) => getComputedStyle(element).outlineStyle;
    return [document.activeElement, document.activeElement.parentElement].map(ring).join();";

#[tokio::test]
async fn focus_is_seen_on_every_choice_button_and_link() -> TestResult {
    let stack = Stack::start(|_| ()).await?;
    for (has, rings) in [(true, "none,solid"), (false, "solid,none")] {
        in_browser(PHONE, async |browser| {
            browser.open(&stack.url("/")).await?;
            browser.find("button").await?;
            if !has {
                assert_eq!(browser.run(WITHOUT_HAS).await?, false);
            }
            for rings in [rings, "solid,none", "solid,none"] {
                browser.press(Key::Tab.into()).await?;
                assert_eq!(browser.run(RINGS).await?, rings);
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn axe_finds_no_violation() -> TestResult {
    if !Path::new(AXE).exists() {
        writeln!(
            std::io::stderr(),
            "SKIPPED: no axe-core here; scripts/fetch-axe gets it"
        )?;
        return Ok(());
    }
    let axe = std::fs::read_to_string(AXE)?;
    for (dark, width_px) in [(false, 360), (true, 360), (false, 1280)] {
        let settings = Settings {
            width_px,
            dark,
            ..PHONE
        };
        look(settings, async |browser, page| {
            let is_dark = browser.run("return matchMedia('(prefers-color-scheme: dark)').matches");
            assert_eq!(is_dark.await?, dark);
            browser.run(&format!("{axe}; window.axe = axe;")).await?;
            let violations = browser.run_async(FIRST_VIOLATIONS).await?;
            assert_eq!(violations, Value::Array(Vec::new()), "{page}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}
