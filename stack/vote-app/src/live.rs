//! `GET /results/live`: the results as server-sent events (WHATWG HTML, section 9.2).
//!
//! One poller counts for all listeners, and only while there are any. Each listener gets the latest
//! state when it is ready for it, so that a slow one costs no memory and delays nobody.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::reply::{Format, Reason, Refusal, Wanted};
use crate::results::{self, Results};

/// How many may listen at once. Each is a connection; others ask every few seconds.
pub(crate) const MAX_LISTENERS: usize = 512;

/// How long a browser waits before it connects again.
const RETRY: Duration = Duration::from_secs(2);

/// How often something is sent when nothing changes, so that a listener that is gone is noticed, a page
/// notices that the stream is, and no proxy gives up: the gateway does after 10 s.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// How long a stream says nothing before a page takes it for lost.
pub(crate) const SILENCE: Duration = KEEP_ALIVE.saturating_mul(3);

/// What has nginx, and others who learnt it from nginx, pass each event on as it comes.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How many times a cached count is looked at before it expires. With few, the poller's own misses
/// would be the share of misses that its alert is about.
const LOOKS_PER_COUNT: u32 = 8;

/// Bounds of the time between two looks.
const LOOK_INTERVALS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What listeners know of the results.
#[derive(Debug)]
enum Shown {
    /// Nothing was counted yet.
    Unknown,
    /// The results, and what they are as JSON.
    Results(Results, String),
    /// They cannot be counted at present.
    Away,
}

impl Shown {
    /// Whether both look the same; when the votes were counted does not show.
    fn looks_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown, Self::Unknown) | (Self::Away, Self::Away) => true,
            (Self::Results(one, _), Self::Results(other, _)) => one.choices == other.choices,
            _ => false,
        }
    }
}

/// What the poller and its listeners share.
pub(crate) struct Live {
    shown: watch::Sender<Shown>,
    places: Arc<Semaphore>,
    shutdown: CancellationToken,
}

/// One who listens.
struct Listener {
    shown: watch::Receiver<Shown>,
    shutdown: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Live {
    /// For at most `places` listeners, all of whom are let go at `shutdown`.
    pub(crate) fn new(places: usize, shutdown: CancellationToken) -> Self {
        Self {
            shown: watch::Sender::new(Shown::Unknown),
            places: Arc::new(Semaphore::new(places)),
            shutdown,
        }
    }

    /// Whether anyone listens. What was known is forgotten once nobody does: whoever comes later is to hear
    /// what is so then.
    fn is_followed(&self) -> bool {
        let is_followed = self.shown.receiver_count() > 0;
        if !is_followed {
            self.shown.send_if_modified(|last| {
                *last = Shown::Unknown;
                false
            });
        }
        is_followed
    }

    /// One more listener; none when all places are taken.
    fn listener(&self) -> Option<Listener> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let mut shown = self.shown.subscribe();
        // What is known already is the first event.
        shown.mark_changed();
        Some(Listener {
            shown,
            shutdown: self.shutdown.clone(),
            _place: place,
        })
    }
}

/// An event that is all said by its name. It has data, since browsers pass over those that have none.
fn word(name: &str) -> Event {
    Event::default().event(name).data(name)
}

impl Listener {
    /// The next state, if it is not the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                changed = self.shown.changed() => changed.ok()?,
                () = self.shutdown.cancelled() => return None,
            }
            match &*self.shown.borrow_and_update() {
                Shown::Unknown => {}
                Shown::Away => return Some(word("away")),
                Shown::Results(_, json) => return Some(Event::default().retry(RETRY).data(json)),
            }
        }
    }

    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        futures::stream::unfold(self, |mut listener| async {
            let event = listener.next().await?;
            Some((Ok(event), listener))
        })
    }
}

/// Counts for the listeners until shutdown.
pub(crate) async fn poll(app: Arc<App>) {
    let (shortest, longest) = LOOK_INTERVALS;
    let interval = (app.config.results_ttl / LOOKS_PER_COUNT).clamp(shortest, longest);
    let shutdown = app.live.shutdown.clone();
    let look = async {
        loop {
            if app.live.is_followed() {
                let shown = look(&app).await;
                app.live.shown.send_if_modified(|last| {
                    let is_new = !last.looks_like(&shown);
                    *last = shown;
                    is_new
                });
            }
            tokio::time::sleep(interval).await;
        }
    };
    tokio::select! {
        () = look => {}
        () = shutdown.cancelled() => {}
    }
}

async fn look(app: &Arc<App>) -> Shown {
    let Ok(results) = results::current(app).await else {
        return Shown::Away;
    };
    match serde_json::to_string(&results) {
        Ok(json) => Shown::Results(results, json),
        Err(_) => Shown::Away,
    }
}

/// Answers with the stream of results.
pub(crate) async fn listen(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let Some(listener) = app.live.listener() else {
        let message = "Too many follow the results live. Ask for /results every few seconds.";
        let refusal = Refusal::new(Reason::LiveFull, message);
        return app.refuse(&refusal, Wanted::of(&headers, Format::Json));
    };
    // A comment would do for proxies, but no script hears it.
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).event(word("still"));
    let events = Sse::new(listener.events()).keep_alive(keep_alive);
    let headers = [(header::CACHE_CONTROL, "no-store"), (UNBUFFERED, "no")];
    (headers, events).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_after_all_others_have_left_hears_nothing_old() {
        let live = Live::new(2, CancellationToken::new());
        let first = live.listener().unwrap();
        live.shown.send_replace(Shown::Away);
        assert!(live.is_followed());
        let second = live.listener().unwrap();
        assert!(matches!(*second.shown.borrow(), Shown::Away));
        drop((first, second));
        assert!(!live.is_followed());
        let late = live.listener().unwrap();
        assert!(matches!(*late.shown.borrow(), Shown::Unknown));
    }
}
