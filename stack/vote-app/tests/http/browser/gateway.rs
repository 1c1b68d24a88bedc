//! What stands between a browser and a vote app, and does what gateways do on a bad day.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use futures::stream::unfold;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Interval, interval};

use crate::stack::{Stack, eventually};

/// How often a stream that is let through says that it is alive.
const STILL: Duration = Duration::from_millis(100);

/// What the shipped gateway has voters read while there is no vote app.
const UNAVAILABLE: &str = include_str!("../../../../compose/unavailable.html");

/// Its settings.
const SHIPPED: &str = include_str!("../../../../compose/haproxy.cfg");

/// The policy that the shipped gateway gives its own pages.
fn policy() -> &'static str {
    let told = SHIPPED
        .split("set-header content-security-policy \"")
        .nth(1);
    let policy = told.and_then(|told| told.split('"').next());
    policy.unwrap_or_else(|| panic!("the shipped gateway has no policy"))
}

/// What a gateway does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It lets everything through.
    Open,
    /// It lets nothing more through on streams, and does not end them.
    Mute,
    /// It refuses streams.
    NoStream,
    /// It answers by an error page of its own.
    Down,
}

/// A gateway for as long as the test runs.
pub(crate) struct Gateway {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// Texts of pages and scripts, and what takes their place.
type Edits = &'static [(&'static str, &'static str)];

struct Shared {
    client: reqwest::Client,
    /// What it does, and the address of the vote app that it asks.
    way: watch::Sender<(Way, String)>,
    edits: Edits,
    requests: AtomicUsize,
    streams: AtomicUsize,
    stills: AtomicUsize,
}

impl Gateway {
    /// Before a vote app, whose pages and scripts come edited.
    pub(crate) async fn before(stack: &Stack, edits: Edits) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            // Unlike that of the stack it lets streams last.
            client: reqwest::Client::new(),
            way: watch::Sender::new((Way::Open, stack.url(""))),
            edits,
            requests: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            stills: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, shared })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Does something else from now on. Streams end, unless they are to be mute.
    pub(crate) fn be(&self, way: Way) {
        self.shared.way.send_modify(|now| now.0 = way);
    }

    /// Asks another vote app from now on.
    pub(crate) fn ask(&self, stack: &Stack) {
        self.shared.way.send_modify(|now| now.1 = stack.url(""));
    }

    /// Waits until so many streams are open.
    pub(crate) async fn streams(&self, wanted: usize) -> crate::TestResult {
        let open = || async { self.shared.streams.load(Ordering::Relaxed) == wanted };
        eventually("so many streams", open).await
    }

    /// Waits for so many more requests.
    pub(crate) async fn requests(&self, more: usize) -> crate::TestResult {
        rise(&self.shared.requests, more).await
    }

    /// Waits until streams have said so many more times that they are alive.
    pub(crate) async fn stills(&self, more: usize) -> crate::TestResult {
        rise(&self.shared.stills, more).await
    }
}

async fn rise(count: &AtomicUsize, more: usize) -> crate::TestResult {
    let goal = count.load(Ordering::Relaxed) + more;
    eventually("so many", || async {
        count.load(Ordering::Relaxed) >= goal
    })
    .await
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let path = uri.path();
    let is_stream = path == "/results/live";
    // From now on, whatever comes between.
    let way = shared.way.subscribe();
    let (now, app) = way.borrow().clone();
    if now == Way::Down || (now == Way::NoStream && is_stream) {
        let policy = [(header::CONTENT_SECURITY_POLICY, policy())];
        return (StatusCode::BAD_GATEWAY, policy, Html(UNAVAILABLE)).into_response();
    }
    let mut asked = shared.client.get(format!("{app}{path}"));
    if let Some(accept) = headers.get(header::ACCEPT) {
        asked = asked.header(header::ACCEPT, accept);
    }
    match asked.send().await {
        Ok(found) if is_stream && found.status() == 200 => stream(shared, way, found),
        Ok(found) => edited(shared.edits, found).await,
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn edited(edits: Edits, found: reqwest::Response) -> Response {
    let (status, mut headers) = (found.status(), found.headers().clone());
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    let mut text = found.text().await.unwrap_or_default();
    for (old, new) in edits {
        text = text.replace(old, new);
    }
    (status, headers, text).into_response()
}

/// A stream on its way through.
struct Passed {
    shared: Arc<Shared>,
    way: watch::Receiver<(Way, String)>,
    found: reqwest::Response,
    ticks: Interval,
}

impl Drop for Passed {
    fn drop(&mut self) {
        self.shared.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Passed {
    /// What goes through next, until the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let chunk = tokio::select! {
                chunk = self.found.chunk() => chunk.ok()??,
                _ = self.ticks.tick() => Bytes::from_static(b"event: still\ndata: still\n\n"),
                _ = self.way.changed() => {
                    if self.way.borrow_and_update().0 == Way::Mute {
                        continue;
                    }
                    return None;
                }
            };
            if self.way.borrow().0 != Way::Mute {
                self.shared.stills.fetch_add(1, Ordering::Relaxed);
                return Some(chunk);
            }
        }
    }
}

fn stream(
    shared: Arc<Shared>,
    way: watch::Receiver<(Way, String)>,
    found: reqwest::Response,
) -> Response {
    shared.streams.fetch_add(1, Ordering::Relaxed);
    let passed = Passed {
        shared,
        way,
        found,
        ticks: interval(STILL),
    };
    let chunks = unfold(passed, |mut passed| async {
        let chunk = passed.next().await?;
        Some((Ok::<_, Infallible>(chunk), passed))
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    (kind, Body::from_stream(chunks)).into_response()
}
