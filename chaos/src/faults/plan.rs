//! A fault that has been checked and not yet injected, of whichever way.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Injected;
use super::fill::Fill;
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
    /// Redis is filled.
    Fill(Fill),
}

impl Plan {
    /// The fault.
    #[must_use]
    pub fn fault(&self) -> &'static Entry {
        match self {
            Self::Stall(stall) => stall.fault(),
            Self::Lease(lease) => lease.fault(),
            Self::Fill(fill) => fill.fault(),
        }
    }

    /// Whom it will touch.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        match self {
            Self::Stall(stall) => stall.targets(),
            Self::Lease(lease) => lease.targets(),
            Self::Fill(fill) => fill.targets(),
        }
    }

    /// How long injecting it may take at the most.
    #[must_use]
    pub fn injection(&self) -> Duration {
        match self {
            Self::Stall(_) | Self::Lease(_) => Duration::from_secs(5),
            // Hundreds of megabytes, each on disk before the next.
            Self::Fill(_) => Duration::from_mins(2),
        }
    }

    /// What services are given with it, if they are asked for it.
    #[must_use]
    pub fn parameters(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::Lease(lease) => Some(lease.parameters()),
            Self::Stall(_) | Self::Fill(_) => None,
        }
    }

    /// The share of Redis's memory limit that it fills, if it does.
    #[must_use]
    pub fn fills(&self) -> Option<f64> {
        match self {
            Self::Fill(fill) => Some(fill.share()),
            Self::Stall(_) | Self::Lease(_) => None,
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
                Self::Fill(fill) => format!("{name} (process {pid}): {}", fill.told()),
            }
        };
        self.targets().iter().map(step).collect()
    }

    /// Injects it, for `ttl` at the longest. Blocks for some milliseconds, up to seconds when a
    /// target is slow.
    ///
    /// # Errors
    /// Those of [`Stall::inject`], [`Lease::inject`] or [`Fill::inject`].
    pub fn inject(
        self,
        experiment: &Experiment,
        ttl: Duration,
        launcher: &Launcher,
    ) -> Result<Injected, Error> {
        match self {
            Self::Stall(stall) => stall.inject(experiment, ttl, launcher),
            Self::Lease(lease) => lease.inject(experiment, ttl, launcher),
            Self::Fill(fill) => fill.inject(experiment, ttl, launcher),
        }
    }
}
