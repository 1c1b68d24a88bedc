//! Listening, serving with bounded patience, and shutting down gracefully.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::head_timer::HeadTimer;
use crate::lingering::Lingering;
use crate::logs::Throttle;
use crate::turned_away::TurnedAway;
use crate::{Error, open_files, request_id, strict};

/// What clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a client may take to send a request's head, leave a connection idle, or take nothing of an
    /// answer.
    pub head_timeout: Duration,
    /// Connections at once, or fewer where the limit of open files leaves less room. One more is answered 503
    /// and closed.
    pub max_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(30),
            max_connections: 128,
        }
    }
}

/// The address that a request came from, among its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// What a connection keeps of what came and of what goes out, at most, in bytes. More than any head of a
/// browser; one that is longer is answered 431.
const MAX_BUFFER_BYTES: usize = 32 * 1024;

/// How long requests in flight may take to finish once shutdown has begun.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait after a failed accept, most likely for want of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How often it is told that connections cannot be accepted.
const ACCEPT_WARNINGS: Duration = Duration::from_secs(1);

/// Listens on `address`, which was chosen with `flag`.
///
/// # Errors
/// [`Error::Listen`] when the address is taken or not allowed.
pub async fn listen(address: SocketAddr, flag: &'static str) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|reason| Error::Listen {
            address,
            flag,
            reason,
        })
}

/// Serves HTTP/1 until `shutdown`, then lets requests in flight finish for at most 5 s. A client
/// that does not finish its request's head within 30 s, or takes nothing of an answer for so long, is
/// disconnected, and one beyond 128 at once is answered 503: for listeners that programs ask.
///
/// What answers requests, and that 503, has strict headers and the request's id. What is no request is answered by
/// the HTTP server itself, with a status alone: 400, 414 for an address and 431 for a head that are too long. Before a
/// connection is closed, what its client still sends is read for up to 1 s, so that the last answer is not lost.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    serve_within(Limits::default(), listener, router, shutdown).await;
}

/// Who answers requests: a [`Router`], or what stands before one.
pub trait Answerer:
    Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> Answerer for S where
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Serves as [`serve`] does, within other limits. Raises this process's soft limit of open files to the hard one.
pub async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    answerer: impl Answerer,
    shutdown: CancellationToken,
) {
    let most = open_files::connections(limits.max_connections);
    let (room, too_many) = (Arc::new(Semaphore::new(most)), TurnedAway::beyond(most));
    let warnings = Throttle::new(ACCEPT_WARNINGS);
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => match room.clone().try_acquire_owned() {
                Ok(place) => {
                    let client = Client {
                        peer: Peer(peer.ip()),
                        patience: limits.head_timeout,
                        answerer: answerer.clone(),
                    };
                    let served = connections.watch(client.connection(stream));
                    tokio::spawn(serve_connection(served, place));
                }
                Err(_) => too_many.answer(stream),
            },
            Err(error) => {
                if let Some(held_back) = warnings.pass() {
                    tracing::warn!(%error, held_back, "cannot accept a connection");
                }
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests still in flight were cut off");
    }
}

/// Whoever is at the other end of a connection, and who answers.
struct Client<A> {
    peer: Peer,
    /// How long it may take to send a head.
    patience: Duration,
    answerer: A,
}

impl<A: Answerer> Client<A> {
    fn connection(
        self,
        stream: TcpStream,
    ) -> impl GracefulConnection<Error = hyper::Error> + Send + use<A> {
        // Answers are small: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        // The kernel closes a connection on which nothing is taken for so long. The server itself looks at no
        // clock while it writes.
        let patience_ms = u32::try_from(self.patience.as_millis()).unwrap_or(u32::MAX);
        let _ = sockopt::set_tcp_user_timeout(&stream, patience_ms);
        let mut server = http1::Builder::new();
        server
            .timer(HeadTimer::new(self.patience))
            .header_read_timeout(self.patience)
            .max_buf_size(MAX_BUFFER_BYTES)
            // Nor do they need to be gathered from parts by the kernel.
            .writev(false);
        let service = service_fn(move |request| self.answer(request));
        server.serve_connection(Lingering::new(stream), service)
    }

    /// What is done with every request. Not by layers of a router: each of those costs allocations.
    fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + use<A> {
        request.extensions_mut().insert(self.peer);
        let mut answerer = self.answerer.clone();
        async move {
            let request = request.map(Body::new);
            let mut response = request_id::name(request, |request| answerer.call(request)).await?;
            strict::add(response.headers_mut());
            Ok(response)
        }
    }
}

async fn serve_connection(
    connection: impl Future<Output = Result<(), hyper::Error>>,
    place: OwnedSemaphorePermit,
) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "connection ended early");
    }
    drop(place);
}

/// The answer to `GET /readyz`: 200 when every check passed, else 503. The body is a JSON object
/// `{"ready": bool, "checks": {NAME: "ok" | REASON}}`. Reasons may name hosts: a listener that anyone can
/// reach has to give others.
pub fn readiness<E: std::fmt::Display>(checks: &[(&str, Result<(), E>)]) -> Response {
    let ready = checks.iter().all(|(_, check)| check.is_ok());
    let told: serde_json::Map<_, _> = checks
        .iter()
        .map(|(name, check)| {
            let told = check
                .as_ref()
                .map_or_else(ToString::to_string, |()| "ok".to_owned());
            ((*name).to_owned(), told.into())
        })
        .collect();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        axum::Json(serde_json::json!({ "ready": ready, "checks": told })),
    )
        .into_response()
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
