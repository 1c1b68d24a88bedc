//! What the load generator costs and how well it keeps its schedule.
//!
//! `load_bench serve` answers votes and does nothing else, on a free port that it prints.
//! `load_bench flood URL RATE SECONDS CONNECTIONS` floods it and prints the report, with the
//! processor time that a vote took.

use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use voteops_chaos::load::{Choice, Extent, Plan, Progress, flood};

const ACCEPTED: &str = r#"{"vote_id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("serve") => serve().await,
        Some("flood") => run(args).await,
        _ => Err("usage: load_bench serve | flood URL RATE SECONDS CONNECTIONS".into()),
    }
}

async fn serve() -> Result<(), Failure> {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    let router = Router::new().route(
        "/vote",
        post(move || async move { (StatusCode::ACCEPTED, headers, ACCEPTED) }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn run(mut args: impl Iterator<Item = String>) -> Result<(), Failure> {
    let mut next = || args.next().ok_or("an argument is missing");
    let plan = Plan {
        urls: vec![next()?.parse()?],
        rate: next()?.parse()?,
        extent: Extent::Duration(Duration::from_secs_f64(next()?.parse()?)),
        connections: next()?.parse()?,
        run_id: "bench".to_owned(),
        seed: 1,
        choices: ["cats", "dogs"].map(Choice::plain).into(),
        timeout: Duration::from_secs(10),
    };
    let report = flood(
        &plan,
        &watch::channel(Progress::default()).0,
        &CancellationToken::new(),
    )
    .await?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    let stat = procfs::process::Process::myself()?.stat()?;
    let ticks = stat.utime + stat.stime;
    let cpu_us = ticks * 1_000_000 / procfs::ticks_per_second();
    println!(
        "processor time: {} us per vote",
        cpu_us / report.sent.max(1)
    );
    Ok(())
}
