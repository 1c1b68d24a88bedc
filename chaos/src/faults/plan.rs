//! A fault that has been checked and not yet injected, of whichever way.

use std::time::Duration;

use super::Injected;
use super::lease::Lease;
use super::stall::Stall;
use crate::Error;
use crate::catalogue::Entry;
use crate::experiment::Experiment;
use crate::guardian::Launcher;
use crate::record::Target;

/// A fault that has been checked and not yet injected.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Processes are stopped.
    Stall(Stall),
    /// Services are asked to misbehave.
    Lease(Lease),
}

impl Plan {
    /// The fault.
    #[must_use]
    pub fn fault(&self) -> &'static Entry {
        match self {
            Self::Stall(stall) => stall.fault(),
            Self::Lease(lease) => lease.fault(),
        }
    }

    /// Whom it will touch.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        match self {
            Self::Stall(stall) => stall.targets(),
            Self::Lease(lease) => lease.targets(),
        }
    }

    /// What it will do, a line for each target.
    #[must_use]
    pub fn steps(&self) -> Vec<String> {
        let step = |target: &Target| {
            let (name, pid) = (&target.name, target.process.pid);
            match self {
                Self::Stall(_) => format!("stops {name} (process {pid}, SIGSTOP)"),
                Self::Lease(lease) => {
                    format!("asks {name} (process {pid}) for {}", lease.told())
                }
            }
        };
        self.targets().iter().map(step).collect()
    }

    /// Injects it, for `ttl` at the longest. Blocks for some milliseconds, up to seconds when a
    /// target is slow.
    ///
    /// # Errors
    /// Those of [`Stall::inject`] or [`Lease::inject`].
    pub fn inject(
        self,
        experiment: &Experiment,
        ttl: Duration,
        launcher: &Launcher,
    ) -> Result<Injected, Error> {
        match self {
            Self::Stall(stall) => stall.inject(experiment, ttl, launcher),
            Self::Lease(lease) => lease.inject(experiment, ttl, launcher),
        }
    }
}
