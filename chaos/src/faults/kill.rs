//! The kill: a process or a container is ended with SIGKILL, and nothing starts it again until the
//! fault is undone.
//!
//! A process is started again by its supervisor, which is kept from it by a file with the target's
//! name: for as long as that was written to within [`LEASE`], it starts none. A fault of which runner
//! and guardian have both been killed ends with it. An engine does not start a container again that
//! was killed through it, whatever its restart policy; it is started at the end.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::plan::{Plan, require_distinct};
use super::stall::told;
use super::{Hold, LEASE};
use crate::Error;
use crate::catalogue::Entry;
use crate::engine::{self, Client, ContainerId, EngineError, Life};
use crate::identity::Identity;
use crate::process::{Delivery, State};
use crate::record::{Fault, Holding, Target};
use crate::undo::{Outcome, TargetOutcome};

/// How long a process may take to end.
const END_PATIENCE: Duration = Duration::from_secs(5);
/// For how long a container that runs may still be about to end: its engine may have been told to kill it just
/// before whoever told it died, or gave up waiting.
const KILL_ON_ITS_WAY: Duration = Duration::from_secs(10);
/// The pause between two looks at it.
const LOOK: Duration = Duration::from_millis(100);

const UNHELD: &str = "nobody is known who would start it again at the end; stall it instead";
const REMOVED: &str = "its engine removes it when it ends (--rm), so it could not be started again";

/// Plans to kill `targets`, under the name of a fault of the catalogue, and touches nothing.
/// `holds_dir` is where the supervisor of those that are processes looks.
///
/// # Errors
/// As [`super::stall::plan`]; [`Error::Unfit`] for a process without a supervisor, and for a
/// container that is removed when it ends.
pub fn plan(
    fault: &'static Entry,
    targets: Vec<Target>,
    holds_dir: Option<&Path>,
) -> Result<Plan, Error> {
    require_distinct(&targets)?;
    let unfit = |target: &Target, reason| Error::Unfit {
        fault: fault.name,
        target: target.told(),
        reason,
    };
    for target in &targets {
        match &target.identity {
            Identity::Process(process) if holds_dir.is_some() => process.require_permission()?,
            Identity::Container(_) => {}
            Identity::Process(_) | Identity::Listener(_) => return Err(unfit(target, UNHELD)),
        }
    }
    super::require_running(&targets)?;
    let seen = engine::ask_each(&targets, async |client, container| {
        client.seen(&container.id).await
    });
    for (target, seen) in targets.iter().zip(seen) {
        if seen.transpose()?.is_some_and(|seen| seen.is_removed_at_end) {
            return Err(unfit(target, REMOVED));
        }
    }
    let holding = Holding {
        holds_dir: holds_dir.map(Path::to_owned),
    };
    Ok(Plan::new(fault, targets, Fault::Kill(holding)))
}

/// Kills every target and sees that it has ended. Gives up at the first that does not.
pub(super) fn kill(targets: &[Target], holding: &Holding) -> Result<(), String> {
    for (target, hold) in holds_of(targets, holding) {
        write_hold(&hold).map_err(|error| told(target, error))?;
    }
    for target in targets {
        let Identity::Process(process) = &target.identity else {
            continue;
        };
        match process.signal(Signal::KILL) {
            Ok(Delivery::Sent) => {}
            Ok(Delivery::Gone) => return Err(told(target, "it is gone or was restarted")),
            Err(error) => return Err(told(target, error)),
        }
        match process.wait_for(END_PATIENCE, |state| !state.is_alive()) {
            Ok(State::Zombie | State::Gone) => {}
            Ok(State::Running | State::Stopped) => {
                return Err(told(target, "it did not end within 5 s"));
            }
            Err(error) => return Err(told(target, error)),
        }
    }
    let killed = engine::ask_each(targets, async |client, container| {
        let runs = client.life(container).await? == Life::Running;
        if runs {
            client.kill(container).await?;
        }
        Ok(runs)
    });
    for (target, killed) in targets.iter().zip(killed) {
        let killed = killed.transpose().map_err(|error| told(target, error))?;
        if killed == Some(false) {
            return Err(told(target, "it is paused, or has ended meanwhile"));
        }
    }
    Ok(())
}

/// Keeps the supervisor from starting the targets again for another lease. What somebody else has
/// let go stays let go.
pub(super) fn renew(targets: &[Target], holding: &Holding) -> Result<(), String> {
    for (target, hold) in holds_of(targets, holding) {
        let renewed = match File::options().append(true).open(&hold) {
            Ok(file) => file.set_modified(SystemTime::now()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        renewed.map_err(|error| told(target, error))?;
    }
    Ok(())
}

/// Has every target started again: lets its supervisor do so, or asks its engine for it; once more after it has
/// `failed_before`, when a container may have ended as soon as it was started.
pub(super) fn revive(
    targets: &[Target],
    holding: &Holding,
    failed_before: bool,
) -> Vec<TargetOutcome> {
    let started = engine::ask_each(targets, async |client, container| {
        let life = match settled(client, container).await? {
            Life::Restarted if failed_before => client.seen(&container.id).await?.life,
            life => life,
        };
        match life {
            Life::Ended => client.start(container).await?,
            // Somebody else has started it, and perhaps ended it again, or it was never killed.
            life => return Ok(life),
        }
        // Of its life from now on.
        Ok(client.seen(&container.id).await?.life)
    });
    let outcomes = targets.iter().zip(started);
    outcomes
        .map(|(target, started)| TargetOutcome {
            outcome: match (hold_of(target, holding), started) {
                (Some(hold), _) => released(target, &hold),
                (None, Some(life)) => started_outcome(target, life),
                (None, None) => Outcome::Gone,
            },
            target: target.clone(),
        })
        .collect()
}

/// What has become of a container once no kill can be on its way to it any more.
async fn settled(client: &Client, container: &ContainerId) -> Result<Life, EngineError> {
    let deadline = Instant::now() + KILL_ON_ITS_WAY;
    loop {
        match client.life(container).await? {
            Life::Running | Life::Paused if Instant::now() < deadline => sleep(LOOK).await,
            life => return Ok(life),
        }
    }
}

fn released(target: &Target, hold: &Path) -> Outcome {
    match fs::remove_file(hold) {
        Ok(()) => Outcome::Undone,
        Err(error) if error.kind() == ErrorKind::NotFound => Outcome::Undone,
        Err(error) => Outcome::Failed {
            reason: format!(
                "{}: cannot remove {}: {error}; unless it is renewed, it counts for nothing after {} s",
                target.name,
                hold.display(),
                LEASE.as_secs()
            ),
        },
    }
}

fn started_outcome(target: &Target, life: Result<Life, EngineError>) -> Outcome {
    let failed = |reason| Outcome::Failed { reason };
    match life {
        Ok(Life::Running | Life::Restarted | Life::Paused) => Outcome::Undone,
        Ok(Life::Gone) => Outcome::Gone,
        Ok(Life::Ended) => failed(told(target, "it ends as soon as it is started")),
        Err(error) => failed(told(target, error)),
    }
}

/// Whether each target is kept from running.
pub(super) fn holds(targets: &[Target], holding: &Holding) -> Vec<Hold> {
    let lives = engine::lives(targets);
    let holds = targets.iter().zip(lives);
    holds
        .map(|(target, life)| match (hold_of(target, holding), life) {
            (Some(hold), _) => kept(hold.exists()),
            (None, Some(Ok(Life::Gone))) => Hold::Gone,
            (None, Some(Ok(life))) => kept(life == Life::Ended),
            (None, Some(Err(_)) | None) => Hold::Unknown,
        })
        .collect()
}

fn kept(is_kept: bool) -> Hold {
    if is_kept { Hold::Held } else { Hold::Lifted }
}

fn holds_of<'a>(
    targets: &'a [Target],
    holding: &'a Holding,
) -> impl Iterator<Item = (&'a Target, PathBuf)> {
    let targets = targets.iter();
    targets.filter_map(|target| Some((target, hold_of(target, holding)?)))
}

/// The file that keeps the supervisor from starting the target again, if one does.
fn hold_of(target: &Target, holding: &Holding) -> Option<PathBuf> {
    target.identity.process()?;
    Some(holding.holds_dir.as_ref()?.join(&target.name))
}

fn write_hold(hold: &Path) -> std::io::Result<()> {
    if let Some(dir) = hold.parent() {
        fs::create_dir_all(dir)?;
    }
    let file = File::options().create(true).append(true).open(hold)?;
    file.set_modified(SystemTime::now())
}
