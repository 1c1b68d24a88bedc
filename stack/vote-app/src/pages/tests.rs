use std::collections::BTreeSet;

use axum::body::to_bytes;
use axum::http::StatusCode;
use uuid::Uuid;

use super::*;
use crate::Cli;
use crate::results::Line;

fn config() -> Config {
    Config::load(Cli::default()).unwrap()
}

fn some_results() -> Results {
    let line = |id: &str, votes| Line {
        id: id.to_owned(),
        label: id.to_owned(),
        votes,
    };
    Results {
        total: 1_234_568,
        choices: vec![line("cats", 1_234_567), line("dogs", 1)],
        as_of_ms: 0,
    }
}

/// Every page in `lang`, with everything that it can have on it.
fn all(lang: Lang) -> Vec<Response> {
    let config = config();
    let own = config.choices.first();
    let vote = Vote::cast("ann", "cats").unwrap();
    let mut pages = vec![
        ballot(lang, &config, own),
        accepted(lang, &config, &vote),
        results(lang, &config.title, &some_results(), own),
    ];
    pages.extend(reasons().map(|reason| refusal(lang, reason)));
    pages
}

/// Every reason for which a request can be refused.
fn reasons() -> impl Iterator<Item = Reason> {
    let others = [
        Reason::LedgerAway,
        Reason::LiveFull,
        Reason::NotFound,
        Reason::MethodNotAllowed,
        Reason::Fault(StatusCode::SERVICE_UNAVAILABLE),
    ];
    Reason::OF_VOTES.into_iter().chain(others)
}

async fn text(page: Response) -> String {
    let body = to_bytes(page.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn all_that_a_voter_loads_is_under_20_kb() {
    for lang in [Lang::En, Lang::Id] {
        let mut total = assets::total_bytes();
        for page in all(lang).into_iter().take(4) {
            total += text(page).await.len();
        }
        println!("{lang:?}: {total} bytes");
        assert!(total < 20_000, "{lang:?}: {total} bytes");
    }
}

#[tokio::test]
async fn no_page_has_a_script_or_style_in_it_or_asks_another_host() {
    for page in all(Lang::En) {
        let text = text(page).await;
        for bad in [
            "<style",
            "style=",
            "<script>",
            "javascript:",
            " onclick",
            "http://",
            "https://",
        ] {
            assert!(!text.contains(bad), "{bad} is in {text}");
        }
    }
}

#[tokio::test]
async fn titles_and_choices_are_texts_whatever_is_in_them() {
    let evil = "</title><script>alert(1)</script>\" onclick=\"x";
    let choice = Choice {
        id: evil.to_owned(),
        label: evil.to_owned(),
    };
    let mut config = config();
    config.title = evil.to_owned();
    config.choices = vec![choice.clone()];
    let vote = Vote::new(Uuid::now_v7(), evil, evil).unwrap();
    let mut counted = some_results();
    counted.choices[0].id = evil.to_owned();
    counted.choices[0].label = evil.to_owned();
    for page in [
        ballot(Lang::En, &config, Some(&choice)),
        accepted(Lang::En, &config, &vote),
        results(Lang::En, evil, &counted, Some(&choice)),
    ] {
        let text = text(page).await;
        assert!(text.contains("&lt;script&gt;"), "{text}");
        assert!(
            !text.contains("<script>") && !text.contains("\" onclick"),
            "{text}"
        );
    }
}

/// A text that both have would be one that nobody translated.
#[tokio::test]
async fn refusals_are_told_in_both_languages() {
    for reason in reasons() {
        let [en, id] = [Lang::En, Lang::Id].map(|lang| texts::refused(lang, reason));
        assert_ne!(en.heading, id.heading, "{reason:?}");
        assert_ne!(en.advice, id.advice, "{reason:?}");
    }
}

/// Another vote of the same voter, or the same one sent before, may be in the queue all the same.
#[tokio::test]
async fn no_refusal_says_that_a_voter_has_no_vote() {
    for (lang, untrue, stands) in [
        (Lang::En, "counted", "it still stands"),
        (Lang::Id, "dihitung", "tetap berlaku"),
    ] {
        for reason in Reason::OF_VOTES {
            let told = texts::refused(lang, reason);
            assert!(!told.heading.contains(untrue), "{reason:?}");
        }
        for reason in [
            Reason::Backpressure,
            Reason::QueueFull,
            Reason::RateLimited,
            Reason::Fault(StatusCode::INTERNAL_SERVER_ERROR),
        ] {
            let told = texts::refused(lang, reason);
            assert!(told.advice.contains(stands), "{reason:?}");
        }
    }
}

/// Nothing waits when the memory is full of something else, and the votes can be counted however many
/// follow them.
#[tokio::test]
async fn refusals_are_told_by_what_they_are_for() {
    for lang in [Lang::En, Lang::Id] {
        let advice = |reason| texts::refused(lang, reason).advice;
        assert_ne!(advice(Reason::RateLimited), advice(Reason::Backpressure));
        assert_ne!(advice(Reason::LiveFull), advice(Reason::LedgerAway));
        let full = text(refusal(lang, Reason::LiveFull)).await;
        assert!(full.contains("href=\"/results\""), "{full}");
    }
    let advice = texts::refused(Lang::En, Reason::Backpressure).advice;
    assert!(!advice.contains("waiting"), "{advice}");
}

/// Without scripts nothing else would have it give way to the results.
#[tokio::test]
async fn only_what_stands_in_the_place_of_the_results_loads_itself_again() {
    for reason in reasons() {
        let page = text(refusal(Lang::En, reason)).await;
        let loads = page.contains("http-equiv=\"refresh\"");
        assert_eq!(loads, reason == Reason::LedgerAway, "{page}");
    }
}

#[tokio::test]
async fn headings_are_one_for_each_page_and_languages_are_told() {
    for lang in [Lang::En, Lang::Id] {
        let mut titles = BTreeSet::new();
        for page in all(lang) {
            assert_eq!(page.headers()[header::CONTENT_LANGUAGE], lang.code());
            let text = text(page).await;
            assert!(
                text.contains(&format!("<html lang=\"{}\">", lang.code())),
                "{text}"
            );
            assert_eq!(text.matches("<h1").count(), 1, "{text}");
            titles.insert(text.split("title>").nth(1).map(str::to_owned));
        }
        assert!(titles.len() >= 4, "{titles:?}");
    }
}
