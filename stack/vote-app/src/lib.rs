//! Takes votes over HTTP and puts them in the queue.
//!
//! | route | answer |
//! |---|---|
//! | `GET /` | the ballot, a page that works without JavaScript |
//! | `POST /vote` | 202 once Redis has the vote, as a form or as JSON |
//! | `GET /results` | the tally, cached in Redis for a short time, as a page or as JSON |
//! | `GET /results/live` | the tally whenever it changes, as server-sent events |
//! | `GET /static/VERSION/FILE` | what the pages are made of, to be kept for ever |
//! | `GET /openapi.json` | what programs can ask |
//! | `GET /metrics`, `/healthz`, `/readyz` | for Prometheus and whoever starts the process |
//!
//! A vote is either in the stream, and the voter is told so, or it is refused with a reason. When
//! Redis is away or full that is a 503 with `Retry-After`, within the request timeout; and it is one
//! before Redis is full, or at a length of the queue that can be set (`pressure`). A vote that is sent
//! again with the header `Idempotency-Key` is the same vote, for a time (`window`). Connections, heads, bodies and, if asked
//! for, the votes of one client (`limiter`) are bounded.
//!
//! With an admin listener ([`voteops_service::admin`]) it can be told to be slow (`slow-votes`) or to
//! fail (`fail-votes`); only `POST /vote` is struck.

mod assets;
mod ballot;
mod cli;
mod config;
mod cookies;
mod counting;
mod faults;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod lang;
mod limiter;
mod live;
mod measure;
mod metrics;
mod noop;
mod openapi;
mod origin;
mod pages;
mod pressure;
mod proxies;
mod public_url;
mod quality;
mod refusals;
mod reply;
mod results;
mod routes;
mod vote;
mod window;

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use voteops_ledger::Ledger;
use voteops_queue::Queue;
use voteops_service::admin::Admin;
use voteops_service::logs::Throttle;
use voteops_service::{http, logs, shutdown};

pub use cli::Cli;
pub use config::{Choice, Config};
pub use limiter::ClientRate;
pub use noop::run_noop;
pub use pressure::Limits as PressureLimits;
pub use proxies::{Forwarding, Proxies};
pub use public_url::PublicUrl;

use counting::Counting;
use faults::VoteFaults;
use limiter::Limiter;
use live::Live;
use metrics::Metrics;
use pressure::Pressure;
use refusals::Refusals;

/// Why the vote app could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is not usable, the address is taken, or the like.
    #[error(transparent)]
    Service(#[from] voteops_service::Error),
    /// The ledger cannot be used.
    #[error("{0}; correct --ledger-url")]
    Ledger(#[from] voteops_ledger::Error),
    /// The queue cannot be used.
    #[error(transparent)]
    Queue(#[from] voteops_queue::Error),
    /// Where Redis is, is not told as it should be.
    #[error("{0}; correct the settings that begin with redis")]
    Access(#[from] voteops_queue::AccessError),
}

impl Error {
    /// The process's exit code: 2 when the way it was called is wrong, 1 for anything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Service(error) => error.exit_code(),
            Self::Ledger(_) | Self::Queue(_) | Self::Access(_) => 1,
        }
    }
}

/// What every request handler shares.
struct App {
    config: Config,
    queue: Queue,
    ledger: Ledger,
    metrics: Metrics,
    faults: Option<VoteFaults>,
    backend_warnings: Throttle,
    refusals: Refusals,
    live: Live,
    counting: Counting,
    pressure: Pressure,
    limiter: Option<Arc<Limiter>>,
    /// Cancelled when no more requests should be sent here.
    leaving: CancellationToken,
}

/// The threads that serve votes: as many as half of the machine's cores. Redis and whoever sends votes have
/// work to do meanwhile, and one Redis has enough of a few threads; those that wake each other cost more
/// than they serve. `TOKIO_WORKER_THREADS` sets another number.
///
/// # Errors
/// When the system has no threads to give.
pub fn runtime() -> std::io::Result<Runtime> {
    let mut runtime = Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        runtime.worker_threads((cores / 2).max(1));
    }
    runtime.enable_all().build()
}

/// Runs the vote app as its command line asks, until SIGTERM or SIGINT.
///
/// # Errors
/// [`Error`] when it cannot start.
pub async fn run_cli(cli: Cli) -> Result<(), Error> {
    let config = Config::load(cli).map_err(voteops_service::Error::from)?;
    logs::init(&config.log_filter)?;
    let listener = http::listen(config.listen, "--listen").await?;
    let admin = match &config.admin {
        Some(admin) => Some(admin.listen().await?),
        None => None,
    };
    run(config, listener, admin, shutdown::on_signal()?).await
}

/// Serves on `listener` until `leaving` and the delay that is set for it, then finishes the requests in
/// flight. Takes faults on `admin`, if there is one.
///
/// # Errors
/// [`Error`] when it cannot start. Redis and the ledger may be away at start and come later.
pub async fn run(
    config: Config,
    listener: TcpListener,
    admin: Option<Admin>,
    leaving: CancellationToken,
) -> Result<(), Error> {
    let shutdown = shutdown::after(&leaving, config.shutdown_delay);
    let queue = Queue::open(&config.redis)?.with_patience(config.patience());
    if config.redis.fails_over() && config.redis.replicas == 0 {
        tracing::warn!(
            "votes that were taken may be lost when a replica takes over; --redis-replicas 1 has each wait \
             until a replica has it"
        );
    }
    match queue.ping().await {
        Err(error @ (voteops_queue::Error::Setup(_) | voteops_queue::Error::Url(_))) => {
            return Err(error.into());
        }
        Err(error) => {
            tracing::warn!(%error, "starting without Redis; votes are refused until it is there");
        }
        Ok(()) => {}
    }
    let ledger = Ledger::connect(&config.ledger_url)?;
    match ledger.prepare().await {
        Err(error @ voteops_ledger::Error::Away(_)) => {
            tracing::warn!(%error, "starting without the ledger; votes are taken all the same");
        }
        prepared => prepared?,
    }
    let metrics = Metrics::new(&config)?;
    let (faults, admin) = admin
        .map(|admin| VoteFaults::serve(admin, &metrics, &shutdown))
        .transpose()?
        .unzip();
    let backend_warnings = Throttle::new(Duration::from_secs(1));
    tracing::info!(
        instance = config.instance,
        address = listener
            .local_addr()
            .map(|address| address.to_string())
            .unwrap_or_default(),
        "taking votes"
    );
    let limiter = config.client_rate.map(Limiter::new).map(Arc::new);
    let (limits, mut background) = (config.http, JoinSet::new());
    let pressure = Pressure::none(config.idempotency_window);
    let counting = Counting::new(config.request_timeout / 2);
    if let Some(limiter) = &limiter {
        background.spawn(limiter.clone().forget(shutdown.clone()));
    }
    let app = Arc::new(App {
        config,
        queue,
        ledger,
        metrics,
        faults,
        backend_warnings,
        refusals: Refusals::default(),
        live: Live::new(live::MAX_LISTENERS, shutdown.clone()),
        counting,
        pressure,
        limiter,
        leaving,
    });
    background.spawn(live::poll(app.clone()));
    background.spawn(pressure::watch(app.clone(), shutdown.clone()));
    let answerer = routes::answerer(&app, vote::cast);
    http::serve_within(limits, listener, answerer, shutdown).await;
    // They end at shutdown; a panic there was reported when it happened.
    while background.join_next().await.is_some() {}
    if let Some(admin) = admin {
        // A panic there was reported when it happened; there is nothing left to serve.
        let _ = admin.await;
    }
    app.ledger.close().await;
    tracing::info!("stopped");
    Ok(())
}
