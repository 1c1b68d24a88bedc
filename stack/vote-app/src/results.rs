//! `GET /results`: from the cache, else from the ledger.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use voteops_service::request_id;

use crate::faults::VoteFaults;
use crate::reply::{Format, Reason, Refusal, Wanted};
use crate::{App, Choice, pages};

/// How long the cache may take. It is there to save time.
const CACHE_TIMEOUT: Duration = Duration::from_millis(250);

/// A count of the ledger, as it is cached: without labels, which belong to the configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Tally {
    as_of_ms: u64,
    votes: Vec<(String, u64)>,
}

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
pub(crate) async fn current(app: &App) -> Result<Results, Refusal> {
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

/// The last count, which is locked while the next one is made: however many ask at once, the ledger counts
/// once.
#[derive(Default)]
pub(crate) struct Counting(Mutex<Option<Counted>>);

/// A count, or why there is none.
struct Counted {
    outcome: Result<Tally, Refusal>,
    done: Instant,
}

async fn tally(app: &App) -> Result<Tally, Refusal> {
    let asked = Instant::now();
    let is_cold = app.faults.as_ref().is_some_and(VoteFaults::is_cold);
    let look = async {
        if is_cold {
            app.queue.look_in_vain().await.map(|()| None)
        } else {
            app.queue.cached_results().await
        }
    };
    let cached = tokio::time::timeout(CACHE_TIMEOUT, look).await;
    // What is not a tally counts as a miss and is written over.
    if let Ok(Ok(Some(text))) = &cached
        && let Ok(tally) = serde_json::from_str(text)
    {
        return Ok(tally);
    }
    let mut last = app.counting.0.lock().await;
    if let Some(counted) = &*last
        && counted.done >= asked
    {
        return counted.outcome.clone();
    }
    let outcome = count(app).await;
    if let (false, Ok(Ok(_)), Ok(tally)) = (is_cold, &cached, &outcome) {
        store(app, tally).await;
    }
    // Only now: whoever asks from here on finds it in the cache.
    *last = Some(Counted {
        outcome: outcome.clone(),
        done: Instant::now(),
    });
    outcome
}

/// Puts a count in the cache, if that goes fast.
async fn store(app: &App, tally: &Tally) {
    let Ok(text) = serde_json::to_string(tally) else {
        return;
    };
    let store = app.queue.cache_results(&text, app.config.results_ttl);
    if !matches!(tokio::time::timeout(CACHE_TIMEOUT, store).await, Ok(Ok(()))) {
        tracing::debug!("the results could not be cached");
    }
}

async fn count(app: &App) -> Result<Tally, Refusal> {
    let as_of_ms = now_ms();
    let counted = tokio::time::timeout(app.config.request_timeout / 2, app.ledger.tally()).await;
    let error = match counted {
        Ok(Ok(votes)) => return Ok(Tally { as_of_ms, votes }),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    if let Some(held_back) = app.backend_warnings.pass() {
        let request_id = request_id::current();
        tracing::warn!(
            error,
            held_back,
            request_id,
            "the votes could not be counted"
        );
    }
    let message = "The results are not available: the ledger cannot be reached. Try again soon.";
    Err(Refusal::new(Reason::LedgerAway, message))
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
