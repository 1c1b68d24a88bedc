//! A fault that has been checked and not yet injected, of whichever way.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Map, Value};
use voteops_observability::backend::bare;

use super::lease::PATIENCE_INSIDE;
use super::{Injected, RENEWAL};
use crate::Error;
use crate::catalogue::Entry;
use crate::experiment::Experiment;
use crate::guardian::Launcher;
use crate::record::{Fault, Record, Target};

/// A fault that has been checked and not yet injected. Those of each kind are made by `plan` of its
/// module.
#[derive(Clone, Debug)]
pub struct Plan {
    fault: &'static Entry,
    targets: Vec<Target>,
    way: Fault,
    /// The share of Redis's memory limit that is filled, if it is.
    fills: Option<f64>,
}

impl Plan {
    /// A plan of a fault on `targets`, which have been checked.
    pub(super) fn new(fault: &'static Entry, targets: Vec<Target>, way: Fault) -> Self {
        Self {
            fault,
            targets,
            way,
            fills: None,
        }
    }

    /// The same that fills a share of Redis's memory limit.
    pub(super) fn filling(self, share: f64) -> Self {
        let fills = Some(share);
        Self { fills, ..self }
    }

    /// The fault.
    #[must_use]
    pub fn fault(&self) -> &'static Entry {
        self.fault
    }

    /// Whom it will touch.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// How long injecting it may take at the most.
    #[must_use]
    pub fn injection(&self) -> Duration {
        let mut targets = self.targets.iter();
        let is_inside = targets.any(|target| target.identity.container().is_some());
        match self.way {
            // Their engine is asked several things, or what is in them.
            Fault::Stall {} | Fault::Kill(_) | Fault::Lease(_) if is_inside => PATIENCE_INSIDE,
            Fault::Stall {} | Fault::Kill(_) | Fault::Lease(_) => Duration::from_secs(5),
            // Hundreds of megabytes, each on disk before the next.
            Fault::Fill(_) => Duration::from_mins(2),
        }
    }

    /// Whether its targets are still there once it is undone, to be touched again.
    #[must_use]
    pub fn spares_targets(&self) -> bool {
        !matches!(self.way, Fault::Kill(_))
    }

    /// What services are given with it, if they are asked for it.
    #[must_use]
    pub fn parameters(&self) -> Option<&Map<String, Value>> {
        match &self.way {
            Fault::Lease(terms) => Some(&terms.parameters),
            Fault::Stall {} | Fault::Kill(_) | Fault::Fill(_) => None,
        }
    }

    /// The share of Redis's memory limit that it fills, if it does.
    #[must_use]
    pub fn fills(&self) -> Option<f64> {
        self.fills
    }

    /// What it will do, a line for each target.
    #[must_use]
    pub fn steps(&self) -> Vec<String> {
        self.targets
            .iter()
            .map(|target| self.step(target))
            .collect()
    }

    fn step(&self, target: &Target) -> String {
        let (name, who) = (&target.name, &target.identity);
        let is_container = who.container().is_some();
        match &self.way {
            Fault::Stall {} if is_container => format!("pauses {name} ({who})"),
            Fault::Stall {} => format!("stops {name} ({who}, SIGSTOP)"),
            Fault::Kill(_) => format!("kills {name} ({who}, SIGKILL)"),
            Fault::Lease(terms) => {
                let asked = told(self.fault.name, &terms.parameters);
                format!("asks {name} ({who}) for {asked}")
            }
            Fault::Fill(filling) => format!(
                "{name} ({who}) at {}: writes about {} keys of 1 MiB, until it uses {:.0} % of its memory \
                 limit; its append-only file grows by as much",
                bare(&filling.url),
                filling.keys,
                self.fills.unwrap_or_default() * 100.0
            ),
        }
    }

    /// Injects it, for `ttl` at the longest: writes the record, starts the guardian, acts on every
    /// target and sees that it holds; from then on renews what would end by itself. Blocks for some
    /// milliseconds, up to seconds when a target is slow, longer for a fill.
    ///
    /// # Errors
    /// Those of planning, when the targets have changed since; [`Error::Ttl`], [`Error::Store`] and
    /// [`Error::Guardian`], with nothing touched; [`Error::NotInjected`] when a target refused and
    /// everything has been undone; [`Error::NotUndone`] when it has not.
    pub fn inject(
        self,
        experiment: &Experiment,
        ttl: Duration,
        launcher: &Launcher,
    ) -> Result<Injected, Error> {
        if let Fault::Stall {} | Fault::Kill(_) = self.way {
            super::require_running(&self.targets)?;
        }
        let is_leased = !matches!(self.way, Fault::Stall {});
        let record = Record::new(self.fault.name, self.way, self.targets, ttl)?;
        let mut injected = Injected::inject(experiment, record, launcher)?;
        if is_leased {
            injected.renew_every(RENEWAL)?;
        }
        Ok(injected)
    }
}

/// A fault with its parameters, such as `slow-votes (latency_ms 600, share 1.0)`.
fn told(fault: &str, parameters: &Map<String, Value>) -> String {
    let parameters = parameters.iter();
    let parameters: Vec<_> = parameters
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    format!("{fault} ({})", parameters.join(", "))
}

/// Refuses to touch nobody, somebody twice, or voteops itself.
pub(super) fn require_distinct(targets: &[Target]) -> Result<(), Error> {
    if targets.is_empty() {
        return Err(Error::NoTarget);
    }
    let own = crate::process::Process::current()?;
    let mut seen = HashSet::new();
    for target in targets {
        let is_own = target.identity.process() == Some(own) || crate::engine::is_own(target);
        if is_own {
            return Err(Error::OwnProcess {
                target: target.told(),
            });
        }
        if !seen.insert(target.identity.place()) {
            return Err(Error::DuplicateTarget {
                target: target.told(),
            });
        }
    }
    Ok(())
}
