//! Drains the vote queue into the ledger.
//!
//! A worker reads a batch from the stream, records it in one transaction, and only then acknowledges
//! and deletes it; meanwhile it reads the next one. So a vote may be recorded twice, which the ledger does not mind, but is never
//! lost: what a dead worker left is taken over by the others, or by its successor of the same name.
//!
//! - what is no vote, or no ledger can hold, is buried in `{votes}:dead` with its reason;
//! - when Redis or the ledger is away, the worker waits and tries again, with growing pauses;
//! - on shutdown it finishes the batches in hand.
//!
//! With an admin listener ([`voteops_service::admin`]) it can be told to be slow (`slow-worker`).

mod backoff;
mod cli;
mod config;
mod drain;
mod faults;
mod intake;
mod metrics;
mod recorder;
mod routes;
mod troubles;

use std::sync::OnceLock;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use voteops_ledger::Ledger;
use voteops_queue::Queue;
use voteops_service::admin::Admin;
use voteops_service::{http, logs, shutdown};

pub use cli::Cli;
pub use config::Config;

use drain::drain;
use faults::WorkerFaults;
use intake::Intake;
use metrics::Metrics;
use recorder::Recorder;
use troubles::Troubles;

/// Why the worker could not start or go on.
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

/// Runs the worker as its command line asks, until SIGTERM or SIGINT.
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

/// Drains the queue until `shutdown`, then finishes the batch in hand. Serves metrics and health on
/// `listener` meanwhile, and takes faults on `admin`, if there is one.
///
/// # Errors
/// [`Error`] when it cannot start. Redis and the ledger may be away at start and come later.
pub async fn run(
    config: Config,
    listener: TcpListener,
    admin: Option<Admin>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let queue = Queue::open(&config.redis)?;
    match queue.ping().await {
        Err(error @ (voteops_queue::Error::Setup(_) | voteops_queue::Error::Url(_))) => {
            return Err(error.into());
        }
        Err(error) => tracing::warn!(%error, "starting without Redis; waiting for it"),
        Ok(()) => {}
    }
    let ledger = Ledger::connect(&config.ledger_url)?;
    match ledger.prepare().await {
        Err(error @ voteops_ledger::Error::Away(_)) => {
            tracing::warn!(%error, "starting without the ledger; votes wait in the queue");
        }
        prepared => prepared?,
    }
    let metrics = Metrics::new(&config.instance)?;
    let (faults, admin) = admin
        .map(|admin| WorkerFaults::serve(admin, &metrics, &shutdown))
        .transpose()?
        .unzip();
    let troubles = Troubles::default();
    let router = routes::router(
        queue.clone(),
        ledger.clone(),
        troubles.clone(),
        metrics.registry.clone(),
    );
    let drained = CancellationToken::new();
    let served = tokio::spawn(http::serve(listener, router, drained.clone()));
    tracing::info!(instance = config.instance, "draining the queue");
    let intake = Intake::new(
        &queue,
        metrics.clone(),
        troubles.clone(),
        &config,
        shutdown.clone(),
    );
    let recorder = Recorder {
        queue,
        ledger: ledger.clone(),
        metrics,
        troubles,
        faults,
        shutdown: shutdown.clone(),
        grace_end: OnceLock::new(),
    };
    // In a place of its own: it takes more room than all that waits for it.
    Box::pin(drain(intake, recorder, shutdown)).await;
    drained.cancel();
    // A panic there was reported when it happened; there is nothing left to serve.
    let _ = served.await;
    if let Some(admin) = admin {
        let _ = admin.await;
    }
    ledger.close().await;
    tracing::info!("stopped");
    Ok(())
}
