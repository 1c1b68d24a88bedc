//! `POST /vote`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use uuid::Uuid;
use voteops_queue::{Error as QueueError, Once, Vote};
use voteops_service::http::Peer;
use voteops_service::request_id;

use crate::ballot::{self, Encoding, Sameness, Sent};
use crate::pressure::Cause;
use crate::reply::{Format, Reason, Refusal, Wanted};
use crate::{App, origin, pages};

/// The answer to a vote that was taken.
#[derive(Serialize)]
struct Accepted<'a> {
    choice: &'a str,
    vote_id: Uuid,
    voter: &'a str,
}

pub(crate) async fn cast(State(app): State<Arc<App>>, request: Request) -> Response {
    let encoding = Encoding::of(request.headers());
    let wanted = Wanted::of(
        request.headers(),
        if matches!(encoding, Ok(Encoding::Form)) {
            Format::Html
        } else {
            Format::Json
        },
    );
    match strike_or_take(&app, encoding, request).await {
        Ok(vote) => accepted(&app, &vote, wanted),
        Err(refusal) => {
            app.metrics
                .rejected
                .with_label_values(&[refusal.reason.slug()])
                .inc();
            refusal.answer(wanted)
        }
    }
}

/// A fault strikes before anything is done with the vote.
async fn strike_or_take(
    app: &App,
    encoding: Result<Encoding, Refusal>,
    request: Request,
) -> Result<Vote, Refusal> {
    if let Some(faults) = &app.faults {
        faults.strike().await?;
    }
    admit(app, &request)?;
    take(app, encoding?, request).await
}

/// Before anything of the body is read: whether a vote of this client can be taken now.
fn admit(app: &App, request: &Request) -> Result<(), Refusal> {
    if let (Some(limiter), Some(Peer(peer))) = (&app.limiter, request.extensions().get())
        && !limiter.allows(app.config.proxies.client(*peer, request.headers()))
    {
        let message = "Too many votes came from your network. Please vote again soon.";
        return Err(Refusal::new(Reason::RateLimited, message));
    }
    let what = match app.pressure.cause() {
        None => return Ok(()),
        Some(Cause::QueueLength) => "too many votes wait to be counted",
        Some(Cause::RedisMemory) => "the queue is almost full",
    };
    let message = format!("The vote could not be taken: {what}. Please vote again soon.");
    Err(Refusal::new(Reason::Backpressure, message))
}

/// Half of the request's time is for its body, half for Redis.
async fn take(app: &App, encoding: Encoding, mut request: Request) -> Result<Vote, Refusal> {
    let patience = app.config.request_timeout / 2;
    let headers = std::mem::take(request.headers_mut());
    origin::check(&headers, app.config.public_url.as_ref())?;
    let body = tokio::time::timeout(patience, read_body(app, request))
        .await
        .map_err(|_| {
            Refusal::new(
                Reason::BodyTimeout,
                "The request's body did not arrive in time.",
            )
        })??;
    let Sent { mut vote, sameness } = ballot::read(encoding, &body, &headers, &app.config.choices)?;
    let enqueued = tokio::time::timeout(patience, enqueue(app, &mut vote, sameness)).await;
    match enqueued.unwrap_or_else(|_| Err(QueueError::Away("no answer in time".to_owned()))) {
        Ok(Once::Taken) => {
            let accepted = &app.metrics.accepted;
            accepted.with_label_values(&[vote.choice.as_str()]).inc();
            Ok(vote)
        }
        Ok(Once::Repeated) => {
            app.metrics.repeated.inc();
            Ok(vote)
        }
        Ok(Once::OtherChoice) => Err(Refusal::new(
            Reason::KeyReused,
            "This idempotency key came with another choice before; a new vote needs a new key.",
        )),
        Err(error) => Err(not_enqueued(app, &error)),
    }
}

/// A vote that its page sent before gets the id of that one.
async fn enqueue(app: &App, vote: &mut Vote, sameness: Sameness) -> Result<Once, QueueError> {
    let window = app.config.idempotency_window;
    match sameness {
        Sameness::Unknown => app.queue.enqueue(vote).await.map(|_| Once::Taken),
        Sameness::Key => app.queue.enqueue_once(vote, window).await,
        Sameness::Page(page) => {
            let before = app.queue.enqueue_from_page(vote, page, window).await?;
            Ok(before.map_or(Once::Taken, |id| {
                vote.id = id;
                Once::Repeated
            }))
        }
    }
}

async fn read_body(app: &App, request: Request) -> Result<Bytes, Refusal> {
    Bytes::from_request(request, &())
        .await
        .map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let message = format!(
                    "The request's body is larger than {} bytes.",
                    app.config.max_body_bytes
                );
                Refusal::new(Reason::BodyTooLarge, message)
            } else {
                Refusal::new(
                    Reason::BodyUnreadable,
                    "The request's body could not be read.",
                )
            }
        })
}

fn not_enqueued(app: &App, error: &QueueError) -> Refusal {
    if let Some(held_back) = app.backend_warnings.pass() {
        let request_id = request_id::current();
        tracing::warn!(%error, held_back, request_id, "a vote could not be put in the queue");
    }
    let (reason, what) = match error {
        QueueError::Full(_) => (Reason::QueueFull, "is full"),
        QueueError::Away(_) => (Reason::QueueAway, "cannot be reached"),
        QueueError::Url(_) | QueueError::Setup(_) | QueueError::Other(_) => {
            (Reason::QueueError, "has a problem")
        }
    };
    let message = format!("The vote could not be taken: the queue {what}. Please vote again soon.");
    Refusal::new(reason, message)
}

fn accepted(app: &App, vote: &Vote, wanted: Wanted) -> Response {
    tracing::debug!(vote_id = %vote.id, choice = vote.choice, "vote accepted");
    match wanted.format {
        Format::Json => {
            let body = Accepted {
                choice: &vote.choice,
                vote_id: vote.id,
                voter: &vote.voter,
            };
            (StatusCode::ACCEPTED, Json(body)).into_response()
        }
        Format::Html => (
            StatusCode::ACCEPTED,
            pages::accepted(wanted.lang, &app.config, vote),
        )
            .into_response(),
    }
}
