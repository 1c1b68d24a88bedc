//! A vote app that remembers what it has accepted, in the test's own process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;
use uuid::Uuid;

/// Long enough for a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How the server behaves, and what it has seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// The accepted votes: voter and choice by vote id.
    pub(crate) accepted: Mutex<BTreeMap<Uuid, (String, String)>>,
    pub(crate) pages: AtomicU64,
    pub(crate) refused: AtomicU64,
    /// The status to refuse votes with; 0 accepts them.
    pub(crate) refuse_with: AtomicU16,
    /// How long a vote takes.
    pub(crate) delay: Duration,
    /// Whether each answer is the last on its connection.
    pub(crate) close: bool,
}

impl Seen {
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }

    pub(crate) fn voters(&self) -> Vec<String> {
        self.accepted
            .lock()
            .unwrap()
            .values()
            .map(|(voter, _)| voter.clone())
            .collect()
    }
}

pub(crate) struct Server {
    pub(crate) url: Url,
    pub(crate) seen: Arc<Seen>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::behaving(Seen::default()).await
    }

    /// Serves until the test's runtime ends.
    pub(crate) async fn behaving(seen: Seen) -> Self {
        let seen = Arc::new(seen);
        let router = Router::new()
            .route("/vote", post(vote))
            .route("/results", get(results))
            .with_state(Arc::clone(&seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }
}

async fn vote(State(seen): State<Arc<Seen>>, Json(ballot): Json<Value>) -> Response {
    tokio::time::sleep(seen.delay).await;
    let refuse_with = seen.refuse_with.load(Ordering::SeqCst);
    if refuse_with != 0 {
        seen.refused.fetch_add(1, Ordering::SeqCst);
        return StatusCode::from_u16(refuse_with).unwrap().into_response();
    }
    let id = Uuid::now_v7();
    let text = |field: &str| ballot[field].as_str().unwrap().to_owned();
    seen.accepted
        .lock()
        .unwrap()
        .insert(id, (text("voter"), text("choice")));
    let connection = if seen.close { "close" } else { "keep-alive" };
    let answer = Json(json!({ "status": "queued", "vote_id": id }));
    (
        StatusCode::ACCEPTED,
        [(header::CONNECTION, connection)],
        answer,
    )
        .into_response()
}

async fn results(State(seen): State<Arc<Seen>>) -> &'static str {
    seen.pages.fetch_add(1, Ordering::SeqCst);
    "cats 1"
}

/// Looks until `done`, and fails the test when that takes too long.
pub(crate) async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let give_up_at = Instant::now() + PATIENCE;
    while !done() {
        assert!(
            Instant::now() < give_up_at,
            "{what}: not within {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
