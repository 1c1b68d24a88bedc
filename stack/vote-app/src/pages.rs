//! The pages voters see. Plain HTML: they work without JavaScript, by keyboard and read aloud.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use uuid::Uuid;

use crate::Choice;
use crate::results::Results;

const STYLE: &str = "
:root { color-scheme: light dark; font: 1.125rem/1.5 system-ui, sans-serif; }
body { max-width: 36rem; margin: 2rem auto; padding: 0 1rem; }
fieldset { border: 2px solid; border-radius: .5rem; padding: 1rem; }
legend { font-size: 1.5rem; font-weight: bold; padding: 0 .5rem; }
label { display: block; padding: .75rem; border-radius: .25rem; cursor: pointer; }
input[type=radio] { width: 1.25rem; height: 1.25rem; margin-right: .75rem; }
button { font: inherit; font-weight: bold; padding: .75rem 2rem; margin-top: 1rem; }
label:focus-within, button:focus-visible, a:focus-visible { outline: 3px solid; outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; }
caption { font-size: 1.5rem; font-weight: bold; text-align: left; padding-bottom: .5rem; }
th, td { text-align: left; padding: .5rem; border-bottom: 1px solid; }
td, th.number { text-align: right; font-variant-numeric: tabular-nums; }
";

/// Nothing is loaded from anywhere, and the form goes nowhere else.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";

fn page(title: &str, main: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (main) } }
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, page.into_string()).into_response()
}

/// The ballot.
pub(crate) fn ballot(title: &str, choices: &[Choice]) -> Response {
    page(
        title,
        &html! {
            form method="post" action="/vote" {
                fieldset {
                    legend { (title) }
                    @for choice in choices {
                        label {
                            input type="radio" name="choice" value=(choice.id) required;
                            (choice.label)
                        }
                    }
                }
                button type="submit" { "Vote" }
            }
            p { a href="/results" { "See the results" } }
        },
    )
}

/// The answer to a vote that was taken.
pub(crate) fn accepted(label: &str, vote_id: &Uuid) -> Response {
    page(
        "Vote received",
        &html! {
            h1 role="status" { "Vote received" }
            p { "You voted for " strong { (label) } ". It will be counted in a moment." }
            p { "The number of your vote is " code { (vote_id) } "." }
            p { a href="/results" { "See the results" } }
            p { a href="/" { "Change your vote" } }
        },
    )
}

/// The answer to a request that was refused.
pub(crate) fn refusal(message: &str) -> Response {
    page(
        "Not possible",
        &html! {
            h1 { "That did not work" }
            p role="alert" { (message) }
            p { a href="/" { "Back to the ballot" } }
        },
    )
}

/// The results.
pub(crate) fn results(title: &str, results: &Results) -> Response {
    page(
        "Results",
        &html! {
            table {
                caption { (title) }
                thead {
                    tr { th scope="col" { "Choice" } th.number scope="col" { "Votes" } th.number scope="col" { "Share" } }
                }
                tbody {
                    @for line in &results.choices {
                        tr {
                            th scope="row" { (line.label) }
                            td { (line.votes) }
                            td { (share(line.votes, results.total)) " %" }
                        }
                    }
                }
            }
            p { (results.total) " votes, counted " (results.age_seconds()) " s ago." }
            p { a href="/" { "Vote" } }
        },
    )
}

/// The share of `votes` in `total` in per cent, rounded to a tenth.
fn share(votes: u64, total: u64) -> String {
    let tenths = (votes * 1000 + total / 2).checked_div(total).unwrap_or(0);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_rounded() {
        assert_eq!(
            (share(302, 599), share(297, 599)),
            ("50.4".into(), "49.6".into())
        );
        assert_eq!((share(0, 0), share(5, 5)), ("0.0".into(), "100.0".into()));
    }
}
