//! `POST /vote`.

use std::error::Error;
use std::future::poll_fn;
use std::iter::successors;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use serde::Serialize;
use tokio::time::timeout;
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
    let (head, body) = request.into_parts();
    let encoding = Encoding::of(&head.headers);
    let wanted = Wanted::of(
        &head.headers,
        if matches!(encoding, Ok(Encoding::Form)) {
            Format::Html
        } else {
            Format::Json
        },
    );
    match strike_or_take(&app, encoding, &head, body).await {
        Ok(vote) => accepted(&app, &vote, wanted),
        Err(refusal) => {
            app.metrics
                .rejected
                .with_label_values(&[refusal.reason.slug()])
                .inc();
            app.refuse(&refusal, wanted)
        }
    }
}

/// A fault strikes before anything is done with the vote.
async fn strike_or_take(
    app: &App,
    encoding: Result<Encoding, Refusal>,
    head: &Parts,
    body: Body,
) -> Result<Vote, Refusal> {
    if let Some(faults) = &app.faults {
        // In a place of its own: every vote would carry the room for it.
        Box::pin(faults.strike()).await?;
    }
    admit(app, head)?;
    let encoding = encoding?;
    origin::check(&head.headers, app.config.public_url.as_ref())?;
    let body = read_body(app, body).await?;
    let (cookies, choices) = (app.config.cookies(), &app.config.choices);
    let sent = ballot::read(encoding, &body, &head.headers, cookies, choices)?;
    take(app, sent).await
}

/// Before anything of the body is read: whether a vote of this client can be taken now.
fn admit(app: &App, head: &Parts) -> Result<(), Refusal> {
    if let (Some(limiter), Some(Peer(peer))) = (&app.limiter, head.extensions.get())
        && !limiter.allows(app.config.proxies.client(*peer, &head.headers))
    {
        let message = "Too many votes came from your network. Please vote again soon.";
        return Err(Refusal::new(Reason::RateLimited, message));
    }
    let what = match app.pressure.cause() {
        None => return Ok(()),
        Some(Cause::QueueLength) => "too many votes wait to be counted",
        Some(Cause::RedisMemory) => "the memory of the queue is almost full",
    };
    let message = format!("The vote could not be taken: {what}. Please vote again soon.");
    Err(Refusal::new(Reason::Backpressure, message))
}

/// Takes half of the request's time at most; the other half is for Redis.
async fn read_body(app: &App, body: Body) -> Result<Bytes, Refusal> {
    let most = app.config.max_body_bytes;
    let mut read = pin!(to_bytes(body, most));
    // Most bodies have come with their head: a timer would cost more than reading them.
    let at_once = poll_fn(|context| Poll::Ready(read.as_mut().poll(context))).await;
    let read = match at_once {
        Poll::Ready(read) => Ok(read),
        Poll::Pending => timeout(app.config.patience(), read).await,
    };
    match read {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_too_large(&error) => {
            let message = format!("The request's body is larger than {most} bytes.");
            Err(Refusal::new(Reason::BodyTooLarge, message))
        }
        Ok(Err(_)) => {
            let message = "The request's body could not be read.";
            Err(Refusal::new(Reason::BodyUnreadable, message))
        }
        Err(_) => {
            let message = "The request's body did not arrive in time.";
            Err(Refusal::new(Reason::BodyTimeout, message))
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut causes = successors(Some(error as &dyn Error), |&error| error.source());
    causes.any(<dyn Error>::is::<LengthLimitError>)
}

async fn take(app: &App, Sent { mut vote, sameness }: Sent) -> Result<Vote, Refusal> {
    match enqueue(app, &mut vote, sameness).await {
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

/// Takes as long as the queue's patience at most. A vote that its page sent before gets the id of that one.
async fn enqueue(app: &App, vote: &mut Vote, sameness: Sameness) -> Result<Once, QueueError> {
    let (patience, window) = (app.config.patience(), app.pressure.window());
    let in_time = match sameness {
        Sameness::Unknown => return app.queue.enqueue(vote).await.map(|_| Once::Taken),
        // Each in a place of its own, as above.
        Sameness::Key => {
            let enqueued = app.queue.enqueue_once(vote, window);
            timeout(patience, Box::pin(enqueued)).await
        }
        Sameness::Page(page) => {
            let enqueued = app.queue.enqueue_from_page(vote, page, window);
            let before = timeout(patience, Box::pin(enqueued)).await;
            before.map(|before| {
                Ok(before?.map_or(Once::Taken, |id| {
                    vote.id = id;
                    Once::Repeated
                }))
            })
        }
    };
    in_time.unwrap_or_else(|_| Err(QueueError::Away("no answer in time".to_owned())))
}

fn not_enqueued(app: &App, error: &QueueError) -> Refusal {
    if let Some(held_back) = app.backend_warnings.pass() {
        let request_id = request_id::current();
        tracing::warn!(%error, held_back, request_id, "a vote could not be put in the queue");
    }
    let unknown = "It is not known whether the vote was taken";
    let (reason, outcome, what) = match error {
        QueueError::Full(_) => (Reason::QueueFull, "The vote could not be taken", "is full"),
        QueueError::Away(_) | QueueError::Elsewhere => {
            (Reason::QueueAway, unknown, "cannot be reached")
        }
        QueueError::Url(_) | QueueError::Setup(_) | QueueError::Other(_) => {
            (Reason::QueueError, unknown, "has a problem")
        }
    };
    let message = format!("{outcome}: the queue {what}. Please vote again soon.");
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
