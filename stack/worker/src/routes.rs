//! The worker's answers to the monitoring.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use voteops_ledger::Ledger;
use voteops_queue::Queue;
use voteops_service::http::readiness;
use voteops_service::metrics::Metrics;

use crate::metrics::Stage;
use crate::troubles::Troubles;

/// How long Redis and the ledger may take to show that they are there.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) fn router(
    queue: Queue,
    ledger: Ledger,
    troubles: Troubles,
    registry: Metrics,
) -> Router {
    Router::new()
        .route("/readyz", get(ready))
        .with_state((queue, ledger, troubles))
        .route("/metrics", get(|| async move { registry.answer() }))
        .route("/healthz", get(|| async { "ok\n" }))
}

/// Both have to answer, and the worker's last attempts not to have failed there.
async fn ready(State((queue, ledger, troubles)): State<(Queue, Ledger, Troubles)>) -> Response {
    let (redis, ledger) = tokio::join!(told(queue.ping()), told(ledger.ping()));
    let redis = redis.and_then(|()| troubles.of(&[Stage::Read, Stage::Acknowledge]));
    let ledger = ledger.and_then(|()| troubles.of(&[Stage::Record]));
    readiness(&[("redis", redis), ("ledger", ledger)])
}

async fn told<E: ToString>(ping: impl Future<Output = Result<(), E>>) -> Result<(), String> {
    match tokio::time::timeout(READY_TIMEOUT, ping).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("no answer within 1 s".to_owned()),
    }
}
