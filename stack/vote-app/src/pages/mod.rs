//! The pages voters see: plain HTML that works without scripts, by keyboard and read aloud. Only the
//! results have a script, which keeps them current, and the page in their place when there are none.

mod texts;

use std::time::Duration;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use uuid::Uuid;
use voteops_queue::Vote;
use voteops_service::request_id;

use crate::ballot::PAGE_FIELD;
use crate::cookies::Cookie;
use crate::lang::{Lang, tenths_of_percent};
use crate::reply::Reason;
use crate::results::Results;
use crate::{Choice, Config, assets, live};

use texts::Texts;

/// Only the program's own files are loaded, no script or style stands in a page, and the form goes
/// nowhere else (W3C Content Security Policy Level 3).
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'";

/// How often the results load themselves again where there are no scripts, and are asked for by the script
/// where there is no stream.
const PAUSE: Duration = Duration::from_secs(5);

struct Page<'a> {
    lang: Lang,
    title: &'a str,
    /// More for the head.
    head: Option<Markup>,
    main: Markup,
}

impl Page<'_> {
    fn into_response(self) -> Response {
        let page = html! {
            (DOCTYPE)
            html lang=(self.lang.code()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    link rel="icon" href=(assets::path("icon.svg"));
                    link rel="stylesheet" href=(assets::path("page.css"));
                    @if let Some(head) = self.head { (head) }
                }
                body { main { (self.main) } }
            }
        };
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CONTENT_LANGUAGE, self.lang.code()),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (headers, page.into_string()).into_response()
    }
}

/// The ballot. `own` is what this browser's last vote was for.
pub(crate) fn ballot(lang: Lang, config: &Config, own: Option<&Choice>) -> Response {
    let texts = Texts::of(lang);
    let is_own = |choice: &Choice| own.is_some_and(|own| own.id == choice.id);
    let main = html! {
        form method="post" action="/vote" {
            // Sent again by a double click, a reload or the browser, it is the same vote.
            input type="hidden" name=(PAGE_FIELD) value=(Uuid::new_v4().simple());
            fieldset {
                legend { h1 { (config.title) } }
                @if let Some(own) = own {
                    p.note { (texts.voted_for) " " strong { (own.label) } ". " (texts.may_change) }
                }
                @for choice in &config.choices {
                    label.choice {
                        input type="radio" name="choice" value=(choice.id) required checked[is_own(choice)];
                        span { (choice.label) }
                    }
                }
            }
            button type="submit" { (if own.is_some() { texts.change } else { texts.vote }) }
        }
        nav { a href="/results" { (texts.see_results) } }
    };
    let title = &config.title;
    Page {
        lang,
        title,
        head: None,
        main,
    }
    .into_response()
}

/// The answer to a vote that was taken.
pub(crate) fn accepted(lang: Lang, config: &Config, vote: &Vote) -> Response {
    let texts = Texts::of(lang);
    let choice = config
        .choices
        .iter()
        .find(|choice| choice.id == vote.choice);
    let label = choice.map_or(vote.choice.as_str(), |choice| choice.label.as_str());
    let main = html! {
        p.mark.good aria-hidden="true" { "✓" }
        div role="status" {
            h1 { (texts.received) }
            p { (texts.voted_for) " " strong { (label) } ". " (texts.soon_counted) }
        }
        p { a.button href="/results" { (texts.see_results) } }
        nav { a href="/" { (texts.change) } }
        p.reference { (texts.vote_number) " " code { (vote.id) } }
    };
    let page = Page {
        lang,
        title: texts.received,
        head: None,
        main,
    }
    .into_response();
    let set_cookie = config.cookies().set(Cookie::Choice, &vote.choice);
    ([(header::SET_COOKIE, set_cookie)], page).into_response()
}

/// The answer to a request that was refused. In the place of the results it gives way to them once there
/// are some.
pub(crate) fn refusal(lang: Lang, reason: Reason) -> Response {
    let texts = Texts::of(lang);
    let told = texts::refused(lang, reason);
    let head = (reason == Reason::LedgerAway).then(kept_current);
    let results = match reason {
        Reason::LedgerAway => Some(texts.load_again),
        Reason::LiveFull => Some(texts.see_results),
        _ => None,
    };
    let main = html! {
        p.mark.bad aria-hidden="true" { "!" }
        div role="alert" {
            h1 { (told.heading) }
            p { (told.advice) }
        }
        @if let Some(results) = results {
            p { a.button href="/results" { (results) } }
            nav { a href="/" { (texts.back) } }
        } @else {
            p { a.button href="/" { (texts.back) } }
        }
        @if let Some(id) = request_id::current() {
            p.reference { (texts.reference) " " code { (id) } }
        }
    };
    Page {
        lang,
        title: told.heading,
        head,
        main,
    }
    .into_response()
}

/// The results. `own` is what this browser's last vote was for.
pub(crate) fn results(
    lang: Lang,
    title: &str,
    results: &Results,
    own: Option<&Choice>,
) -> Response {
    let texts = Texts::of(lang);
    let main = html! {
        h1 { (title) }
        ul.tally {
            @for line in &results.choices {
                li data-choice=(line.id) {
                    span.label {
                        (line.label)
                        @if own.is_some_and(|own| own.id == line.id) {
                            " " span.own { (texts.your_vote) }
                        }
                    }
                    span.share { (lang.share(line.votes, results.total)) }
                    svg.bar aria-hidden="true" {
                        rect.fill width=(width(line.votes, results.total)) height="100%" {}
                    }
                    span.votes { (votes(lang, line.votes)) }
                }
            }
        }
        p.sum {
            strong #total { (votes(lang, results.total)) }
            span #live role="status"
                data-state="loaded"
                data-live=(texts.live) data-asked=(texts.asked) data-away=(texts.away) data-lost=(texts.lost)
                data-vote=(texts.one_vote) data-votes=(texts.votes) {
                (texts.counted) " " (results.age_seconds()) " " (texts.seconds_ago)
            }
        }
        nav {
            a href="/" { (if own.is_some() { texts.change } else { texts.vote }) }
            // The script takes it away; where it could not be loaded, nothing else would do.
            " " a #again href="/results" { (texts.load_again) }
        }
    };
    let title = format!("{}: {title}", texts.results);
    Page {
        lang,
        title: &title,
        head: Some(kept_current()),
        main,
    }
    .into_response()
}

/// What has a page follow the results, with scripts or without.
fn kept_current() -> Markup {
    html! {
        script src=(assets::path("live.js")) defer
            data-pause=(PAUSE.as_millis()) data-silence=(live::SILENCE.as_millis()) {}
        noscript { meta http-equiv="refresh" content=(PAUSE.as_secs()); }
    }
}

fn votes(lang: Lang, count: u64) -> String {
    let texts = Texts::of(lang);
    let noun = if count == 1 {
        texts.one_vote
    } else {
        texts.votes
    };
    format!("{} {noun}", lang.number(count))
}

/// How long a bar is, for the policy allows no style in a page.
fn width(part: u64, total: u64) -> String {
    let tenths = tenths_of_percent(part, total);
    format!("{}.{}%", tenths / 10, tenths % 10)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
