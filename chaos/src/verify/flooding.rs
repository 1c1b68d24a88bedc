//! The votes that a verification casts.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::forecast::Load;
use super::{Setup, Voting};
use crate::catalogue::{COLD_CACHE, Entry, MUTE_TRAFFIC};
use crate::load;

/// How many votes are sent at the same time, at the most.
const CONNECTIONS: usize = 32;
/// The votes that are cast and counted when the alert needs none: a few a second,
const WITNESSES: Load = Load {
    rate_per_s: 20.0,
    // for longer than any verification lasts.
    length_s: 24.0 * 3600.0,
};

/// The load on its way; it ends by itself, or when its token is cancelled.
#[derive(Debug)]
pub(super) struct Flooding {
    pub(super) plan: load::Plan,
    pub(super) task: JoinHandle<Result<load::Report, load::LoadError>>,
    pub(super) stop: CancellationToken,
}

impl Drop for Flooding {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Begins to read the results when the fault is one of reading them; until what is returned is
/// dropped.
pub(super) fn readers(setup: &Setup, fault: &Entry) -> Option<DropGuard> {
    let voting = setup.voting.as_ref().filter(|_| *fault == COLD_CACHE)?;
    let stop = CancellationToken::new();
    let (urls, reads_per_s) = (voting.vote_apps.clone(), setup.reads_per_s);
    let over = stop.clone();
    tokio::spawn(async move {
        // When it cannot be carried out, the alert does not fire, and that is told.
        let _ = load::readers::run(&urls, reads_per_s, &over).await;
    });
    Some(stop.drop_guard())
}

/// Begins to cast the few votes that tell whether any is lost; none when nobody is to vote.
pub(super) fn witnesses(setup: &Setup, fault: &Entry) -> Option<Flooding> {
    let voting = setup.voting.as_ref().filter(|_| *fault != MUTE_TRAFFIC)?;
    Some(start(voting, WITNESSES))
}

/// Whether the votes and readings that a proof by this fault takes can be sent, without sending any.
///
/// # Errors
/// [`load::LoadError`] when they cannot.
pub(super) fn check(
    setup: &Setup,
    fault: &Entry,
    drive: Option<Load>,
) -> Result<(), load::LoadError> {
    let Some(voting) = &setup.voting else {
        return Ok(());
    };
    if *fault == COLD_CACHE {
        load::readers::check(&voting.vote_apps, setup.reads_per_s)?;
    }
    plan(voting, drive.unwrap_or(WITNESSES)).check()
}

fn plan(voting: &Voting, load: Load) -> load::Plan {
    load::Plan {
        urls: voting.vote_apps.clone(),
        rate: load::Rate::constant(load.rate_per_s),
        extent: load::Extent::Duration(Duration::from_secs_f64(load.length_s)),
        connections: CONNECTIONS.max(voting.vote_apps.len()),
        run_id: format!("verify-{}", Uuid::now_v7().simple()),
        seed: 0,
        choices: voting.choices.iter().map(load::Choice::plain).collect(),
        timeout: Duration::from_secs(10),
    }
}

pub(super) fn start(voting: &Voting, load: Load) -> Flooding {
    let plan = plan(voting, load);
    let stop = CancellationToken::new();
    let (planned, cancel) = (plan.clone(), stop.clone());
    let task = tokio::spawn(async move {
        // Nobody listens to the load's own progress here.
        let (progress, _) = watch::channel(load::Progress::default());
        load::flood(&planned, &progress, &cancel).await
    });
    Flooding { plan, task, stop }
}
