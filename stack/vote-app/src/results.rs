//! `GET /results`: from the cache, else from the ledger.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::counting::{Tally, now_ms, tally};
use crate::reply::{Format, Refusal, Wanted};
use crate::{App, Choice, pages};

/// The results as they are shown.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Results {
    pub(crate) total: u64,
    pub(crate) choices: Vec<Line>,
    /// When the votes were counted, in milliseconds since the Unix epoch.
    pub(crate) as_of_ms: u64,
}

/// One choice and its votes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) votes: u64,
}

impl Results {
    /// Every configured choice, also without votes; then choices no longer configured that have
    /// some.
    fn new(tally: &Tally, choices: &[Choice]) -> Self {
        let votes_of = |id: &str| {
            tally
                .votes
                .iter()
                .find(|(choice, _)| choice == id)
                .map_or(0, |(_, votes)| *votes)
        };
        let configured = choices.iter().map(|choice| Line {
            id: choice.id.clone(),
            label: choice.label.clone(),
            votes: votes_of(&choice.id),
        });
        let former = tally
            .votes
            .iter()
            .filter(|(id, _)| !choices.iter().any(|choice| choice.id == *id))
            .map(|(id, votes)| Line {
                id: id.clone(),
                label: id.clone(),
                votes: *votes,
            });
        Self {
            total: tally.votes.iter().map(|(_, votes)| votes).sum(),
            choices: configured.chain(former).collect(),
            as_of_ms: tally.as_of_ms,
        }
    }

    /// How long ago the votes were counted, in seconds.
    pub(crate) fn age_seconds(&self) -> u64 {
        now_ms().saturating_sub(self.as_of_ms) / 1000
    }
}

/// The results as they are now, or as old as the cache allows.
///
/// # Errors
/// [`Reason::LedgerAway`] when they are not cached and cannot be counted.
pub(crate) async fn current(app: &Arc<App>) -> Result<Results, Refusal> {
    Ok(Results::new(&tally(app).await?, &app.config.choices))
}

pub(crate) async fn show(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let wanted = Wanted::of(&headers, Format::Json);
    let results = match current(&app).await {
        Ok(results) => results,
        Err(refusal) => return app.refuse(&refusal, wanted),
    };
    match wanted.format {
        Format::Json => Json(results).into_response(),
        Format::Html => {
            let cookies = app.config.cookies();
            let own = cookies.last_choice(&headers, &app.config.choices);
            pages::results(wanted.lang, &app.config.title, &results, own)
        }
    }
}
