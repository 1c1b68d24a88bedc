//! The votes by choice: from the cache, else by reading the whole ledger.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::App;
use crate::faults::VoteFaults;
use crate::reply::{Reason, Refusal};

/// How long the cache may take. It is there to save time.
const CACHE_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a count may take before the last one is shown in its place, if that is good enough yet.
const OLD_AFTER: Duration = Duration::from_secs(1);

/// The whole ledger is read to count it. So many times as long as that took it is then left alone, by all vote
/// apps together.
const REST: u32 = 3;

/// So many times as long as the last count the next one may take, before it is taken for lost.
const MARGIN: u32 = 4;

/// How long the ledger may take to show that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// No count may take longer.
const LONGEST: Duration = Duration::from_mins(1);

/// A count of the ledger, as it is cached: without labels, which belong to the configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) as_of_ms: u64,
    pub(crate) votes: Vec<(String, u64)>,
}

/// What was counted last, and the count that is going on: all wait for it who ask meanwhile, so that however
/// many do, the ledger counts once.
pub(crate) struct Counting(Mutex<Counts>);

struct Counts {
    last: Option<Counted>,
    running: Option<Running>,
    /// How long the next count may take.
    limit: Duration,
}

/// A count that succeeded.
struct Counted {
    tally: Tally,
    /// Until when it is shown while the next one takes its time.
    good_until: Instant,
}

type Running = watch::Receiver<Option<Result<Tally, Refusal>>>;

impl Counting {
    /// With nothing counted. A count that takes longer than `limit` is tried again with more time.
    pub(crate) fn new(limit: Duration) -> Self {
        Self(Mutex::new(Counts {
            last: None,
            running: None,
            limit,
        }))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Every change of it is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The votes as they are now, or as old as the cache allows.
///
/// # Errors
/// [`Reason::LedgerAway`] when they are not cached and cannot be counted.
pub(crate) async fn tally(app: &Arc<App>) -> Result<Tally, Refusal> {
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
    let may_be_cached = !is_cold && matches!(cached, Ok(Ok(_)));
    let (mut running, last) = join(app, may_be_cached);
    let patience = patience(app);
    let patience = last.as_ref().map_or(patience, |_| patience.min(OLD_AFTER));
    match tokio::time::timeout(patience, running.wait_for(Option::is_some)).await {
        Ok(Ok(outcome)) => outcome.clone().unwrap_or_else(|| Err(away())),
        _ => last.ok_or_else(away),
    }
}

/// The count that is going on, begun if there was none, and what was counted last if it is good enough yet.
fn join(app: &Arc<App>, may_be_cached: bool) -> (Running, Option<Tally>) {
    let mut counts = app.counting.counts();
    let now = Instant::now();
    let last = counts.last.as_ref().filter(|last| now < last.good_until);
    let last = last.map(|last| last.tally.clone());
    // One whose task is gone will not end.
    let running = counts.running.as_ref();
    if let Some(running) = running.filter(|running| running.has_changed().is_ok()) {
        return (running.clone(), last);
    }
    let (done, running) = watch::channel(None);
    counts.running = Some(running.clone());
    // It goes on when whoever asked has given up: the next one has it.
    tokio::spawn(run(app.clone(), counts.limit, may_be_cached, done));
    (running, last)
}

/// Counts, and tells all who wait.
async fn run(
    app: Arc<App>,
    limit: Duration,
    may_be_cached: bool,
    done: watch::Sender<Option<Result<Tally, Refusal>>>,
) {
    let (as_of_ms, begun) = (now_ms(), Instant::now());
    let counted = app.ledger.tally_within(limit).await;
    let took = begun.elapsed();
    let (outcome, limit) = match counted {
        Ok(votes) => {
            let tally = Tally { as_of_ms, votes };
            if may_be_cached {
                store(&app, &tally, app.config.results_ttl.max(took * REST)).await;
            }
            (Ok(tally), patience(&app).max(took * MARGIN))
        }
        Err(error) => {
            warn(&app, &error);
            // A ledger that is there and did not come to an end has more to count.
            let is_there = took >= limit && is_there(&app).await;
            let limit = if is_there { limit * 2 } else { patience(&app) };
            (Err(away()), limit)
        }
    };
    {
        let mut counts = app.counting.counts();
        counts.limit = limit.min(LONGEST);
        counts.running = None;
        if let Ok(tally) = &outcome {
            counts.last = Some(Counted {
                tally: tally.clone(),
                good_until: Instant::now() + took * (REST + 2),
            });
        }
    }
    // Only now: whoever asks from here on finds it in the cache.
    done.send_replace(Some(outcome));
}

async fn is_there(app: &App) -> bool {
    let ping = tokio::time::timeout(PING_TIMEOUT, app.ledger.ping()).await;
    matches!(ping, Ok(Ok(())))
}

/// How long whoever asks waits for a count.
fn patience(app: &App) -> Duration {
    app.config.request_timeout / 2
}

/// Puts a count in the cache, if that goes fast.
async fn store(app: &App, tally: &Tally, ttl: Duration) {
    let Ok(text) = serde_json::to_string(tally) else {
        return;
    };
    let store = app.queue.cache_results(&text, ttl);
    if !matches!(tokio::time::timeout(CACHE_TIMEOUT, store).await, Ok(Ok(()))) {
        tracing::debug!("the results could not be cached");
    }
}

fn warn(app: &App, error: &voteops_ledger::Error) {
    if let Some(held_back) = app.backend_warnings.pass() {
        tracing::warn!(%error, held_back, "the votes could not be counted");
    }
}

fn away() -> Refusal {
    let message =
        "The results are not available: the ledger did not count them in time. Try again soon.";
    Refusal::new(Reason::LedgerAway, message)
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
