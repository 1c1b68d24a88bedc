//! Takes votes in the plainest way: a handler that adds each to the stream with a command of its own, on
//! the multiplexed connection of the `redis` crate, and checks nothing. Without a Redis each is answered
//! just so, and forgotten. A peer in `scripts/bench accept`.
//!
//! `naive_server HOST:PORT [REDIS_URL]`

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use redis::aio::MultiplexedConnection;
use redis::cmd;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;
use voteops_queue::STREAM;

#[derive(Deserialize)]
struct Fields {
    choice: String,
    voter: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let Some(address) = args.next() else {
        return Err("usage: naive_server HOST:PORT [REDIS_URL]".into());
    };
    let router = match args.next() {
        Some(redis_url) => {
            let client = redis::Client::open(redis_url)?;
            let redis = client.get_multiplexed_async_connection().await?;
            Router::new().route("/vote", post(cast)).with_state(redis)
        }
        None => Router::new().route("/vote", post(forget)),
    };
    axum::serve(TcpListener::bind(address).await?, router).await?;
    Ok(())
}

async fn cast(
    State(mut redis): State<MultiplexedConnection>,
    Json(Fields { choice, voter }): Json<Fields>,
) -> (StatusCode, Json<Value>) {
    let id = Uuid::now_v7();
    let mut add = cmd("XADD");
    add.arg(STREAM).arg("*").arg("id").arg(id.to_string());
    add.arg("voter").arg(&voter).arg("choice").arg(&choice);
    match add.query_async::<String>(&mut redis).await {
        Ok(_) => accepted(id, &voter, &choice),
        Err(error) => {
            let told = json!({ "error": error.to_string() });
            (StatusCode::SERVICE_UNAVAILABLE, Json(told))
        }
    }
}

async fn forget(Json(Fields { choice, voter }): Json<Fields>) -> (StatusCode, Json<Value>) {
    accepted(Uuid::now_v7(), &voter, &choice)
}

fn accepted(id: Uuid, voter: &str, choice: &str) -> (StatusCode, Json<Value>) {
    let told = json!({ "vote_id": id, "voter": voter, "choice": choice });
    (StatusCode::ACCEPTED, Json(told))
}
