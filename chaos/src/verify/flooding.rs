//! The load of a verification.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Setup;
use super::forecast::Load;
use crate::load;

/// How many votes are sent at the same time, at the most.
const CONNECTIONS: usize = 32;
/// The load on its way; it ends by itself, or when its token is cancelled.
#[derive(Debug)]
pub(super) struct Flooding {
    pub(super) plan: load::Plan,
    pub(super) task: JoinHandle<Result<load::Report, load::LoadError>>,
    pub(super) stop: CancellationToken,
}

pub(super) fn start(setup: &Setup, load: Load) -> Flooding {
    let plan = load::Plan {
        urls: setup.vote_apps.clone(),
        rate_per_s: load.rate_per_s,
        extent: load::Extent::Duration(Duration::from_secs_f64(load.length_s)),
        connections: CONNECTIONS.max(setup.vote_apps.len()),
        run_id: format!("verify-{}", Uuid::now_v7().simple()),
        seed: 0,
        choices: setup.choices.clone(),
        timeout: Duration::from_secs(10),
    };
    let stop = CancellationToken::new();
    let (planned, cancel) = (plan.clone(), stop.clone());
    let task = tokio::spawn(async move {
        // Nobody listens to the load's own progress here.
        let (progress, _) = watch::channel(load::Progress::default());
        load::flood(&planned, &progress, &cancel).await
    });
    Flooding { plan, task, stop }
}
