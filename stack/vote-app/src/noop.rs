//! The same server with votes that cost nothing: what `scripts/bench accept` holds real ones against.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use voteops_ledger::Ledger;
use voteops_queue::Queue;
use voteops_service::http;
use voteops_service::logs::Throttle;

use crate::counting::Counting;
use crate::live::{self, Live};
use crate::metrics::Metrics;
use crate::pressure::Pressure;
use crate::refusals::Refusals;
use crate::{App, Config, Error, routes};

/// As long as the answer to a vote of `scripts/bench accept`.
const ACCEPTED: &str = r#"{"choice":"cats","vote_id":"01890a5d-ac96-774b-bcce-b302099a8057","voter":"noops-1-000000000000"}"#;

/// Serves what [`run`](crate::run) does, through the same layers, until `shutdown`; but a vote is
/// answered 202 as soon as its body is there, whatever it says, and nobody is asked.
///
/// # Errors
/// [`Error`] when a setting is not usable.
pub async fn run_noop(
    config: Config,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let limits = config.http;
    let app = Arc::new(App {
        queue: Queue::open(&config.redis)?,
        ledger: Ledger::connect(&config.ledger_url)?,
        metrics: Metrics::new(&config)?,
        faults: None,
        backend_warnings: Throttle::new(Duration::from_secs(1)),
        refusals: Refusals::default(),
        live: Live::new(live::MAX_LISTENERS, shutdown.clone()),
        counting: Counting::new(config.request_timeout / 2),
        pressure: Pressure::none(config.idempotency_window),
        limiter: None,
        leaving: shutdown.clone(),
        config,
    });
    let answerer = routes::answerer(&app, accept);
    http::serve_within(limits, listener, answerer, shutdown).await;
    Ok(())
}

async fn accept(State(app): State<Arc<App>>, request: Request) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    match to_bytes(request.into_body(), app.config.max_body_bytes).await {
        Ok(_) => (StatusCode::ACCEPTED, headers, ACCEPTED).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
