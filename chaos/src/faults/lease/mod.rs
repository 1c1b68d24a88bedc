//! Faults inside a service, injected through its admin listener ([`client`]).
//!
//! Such a fault is a lease: the service itself ends one that is not renewed. The runner renews it
//! every few seconds, so that a fault whose runner and guardian have both been killed lasts for no
//! longer than [`LEASE`](super::LEASE).

pub mod client;

use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Map, Value};

pub use client::{AdminClient, AdminError, Leased};

use crate::Error;
use crate::catalogue::Entry;
use crate::experiment::Experiment;
use crate::faults::{Hold, Injected, LEASE, RENEWAL};
use crate::guardian::Launcher;
use crate::record::{Fault, Record, Target, Terms};
use crate::undo::{Outcome, TargetOutcome};

/// How long a service may take to answer. It does so at once unless it hangs.
const PATIENCE: Duration = Duration::from_secs(3);

/// A fault inside services that has been checked and not yet injected.
#[derive(Clone, Debug)]
pub struct Lease {
    fault: &'static Entry,
    targets: Vec<Target>,
    terms: Terms,
}

impl Lease {
    /// Plans to put `targets` under a fault of the catalogue, which services know by the same
    /// name, and touches nothing. `parameters` are those of the kind; `token_file` opens the
    /// targets' listeners.
    ///
    /// # Errors
    /// [`Error::NoTarget`], [`Error::NoAdmin`] for a target without a listener,
    /// [`Error::TargetGone`], [`Error::Admin`] when a listener does not answer or does not take
    /// the token, [`Error::UnknownFault`] when it has no such fault, and
    /// [`Error::AlreadyFaulty`] when somebody else has injected the same fault.
    pub fn plan(
        fault: &'static Entry,
        targets: Vec<Target>,
        parameters: Map<String, Value>,
        token_file: &Path,
    ) -> Result<Self, Error> {
        if targets.is_empty() {
            return Err(Error::NoTarget);
        }
        for target in &targets {
            let name = target.name.clone();
            if target.admin_url.is_none() {
                return Err(Error::NoAdmin { name });
            }
            if !target.is_alive() {
                let pid = target.process.pid;
                return Err(Error::TargetGone { name, pid });
            }
        }
        let listed = ask_each(&targets, token_file, async |client| client.listing().await);
        for (target, listing) in targets.iter().zip(listed) {
            let (name, listing) = (target.name.clone(), listing?);
            let fault = fault.name;
            if !listing.kinds.iter().any(|kind| kind == fault) {
                let kinds = listing.kinds.join(", ");
                return Err(Error::UnknownFault { name, fault, kinds });
            }
            if listing.faults.iter().any(|leased| leased.kind == fault) {
                return Err(Error::AlreadyFaulty { name, fault });
            }
        }
        let terms = Terms {
            parameters,
            token_file: token_file.to_owned(),
        };
        Ok(Self {
            fault,
            targets,
            terms,
        })
    }

    /// The fault.
    #[must_use]
    pub fn fault(&self) -> &'static Entry {
        self.fault
    }

    /// What the services are given with it.
    #[must_use]
    pub fn parameters(&self) -> &Map<String, Value> {
        &self.terms.parameters
    }

    /// The fault with its parameters, such as `slow-votes (latency_ms 600, share 1.0)`.
    #[must_use]
    pub fn told(&self) -> String {
        let parameters = self.terms.parameters.iter();
        let parameters: Vec<_> = parameters
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        format!("{} ({})", self.fault.name, parameters.join(", "))
    }

    /// Whom the fault will touch.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Puts the targets under the fault, for `ttl` at the longest: writes the record, starts the
    /// guardian, asks every service, and renews the lease from then on. Blocks for some
    /// milliseconds, up to seconds when a service is slow to answer.
    ///
    /// # Errors
    /// [`Error::Ttl`], [`Error::Store`] and [`Error::Guardian`], with nothing touched;
    /// [`Error::NotInjected`] when a service refused and everything has been undone;
    /// [`Error::NotUndone`] when it has not.
    pub fn inject(
        self,
        experiment: &Experiment,
        ttl: Duration,
        launcher: &Launcher,
    ) -> Result<Injected, Error> {
        let terms = self.terms;
        let fault = Fault::Lease(terms.clone());
        let record = Record::new(self.fault.name, fault, self.targets, ttl)?;
        let asked = record.clone();
        let mut injected = Injected::inject(experiment, record, launcher, |_| put(&asked, &terms))?;
        injected.renew_every(RENEWAL)?;
        Ok(injected)
    }
}

/// Asks every target for the fault in `record`, until the record's deadline at the longest. A
/// target that was restarted is left alone.
fn put(record: &Record, terms: &Terms) -> Result<(), String> {
    let Some(lease) = lease(record) else {
        return Ok(());
    };
    let answers = ask_each(&record.targets, &terms.token_file, async |client| {
        let put = client.put(&record.name, lease, &terms.parameters);
        put.await.map(drop)
    });
    let refused = record.targets.iter().zip(answers);
    let refused = refused.filter(|(target, _)| target.is_alive());
    let refused = refused.filter_map(|(target, answer)| Some((target, answer.err()?)));
    let told: Vec<_> = refused
        .map(|(target, error)| format!("{}: {error}", target.name))
        .collect();
    if told.is_empty() {
        Ok(())
    } else {
        Err(told.join("; "))
    }
}

/// Has every target that is under the fault in `record` keep it up for another lease. What somebody
/// else has ended stays ended.
pub(crate) fn renew(record: &Record, terms: &Terms) -> Result<(), String> {
    let Some(lease) = lease(record) else {
        return Ok(());
    };
    let answers = ask_each(&record.targets, &terms.token_file, async |client| {
        let listed = client.list().await?;
        if listed.iter().any(|leased| leased.kind == record.name) {
            client.put(&record.name, lease, &terms.parameters).await?;
        }
        Ok(())
    });
    let mut failed = answers.into_iter().filter_map(Result::err);
    failed.next().map_or(Ok(()), |error| Err(error.to_string()))
}

/// How long a service is to keep the fault up now; `None` past the record's deadline.
fn lease(record: &Record) -> Option<Duration> {
    let left = Timestamp::now().duration_until(record.deadline_at);
    let lease = Duration::try_from(left).unwrap_or_default().min(LEASE);
    (!lease.is_zero()).then_some(lease)
}

/// Ends the fault on every target. A service that does not answer ends it by itself, which is
/// said.
pub(crate) fn end(record: &Record, terms: &Terms) -> Vec<TargetOutcome> {
    let answers = ask_each(&record.targets, &terms.token_file, async |client| {
        client.delete(&record.name).await
    });
    let targets = record.targets.iter().zip(answers);
    let outcomes = targets.map(|(target, answer)| TargetOutcome {
        target: target.clone(),
        outcome: match answer {
            _ if !target.is_alive() => Outcome::Gone,
            Ok(()) => Outcome::Undone,
            Err(error) => Outcome::Failed {
                reason: format!(
                    "{}: {error}; unless it is asked again, it ends the fault by itself within {} s",
                    target.name,
                    LEASE.as_secs()
                ),
            },
        },
    });
    outcomes.collect()
}

/// Whether each target is under the fault.
pub(crate) fn holds(record: &Record, terms: &Terms) -> Vec<Hold> {
    let answers = ask_each(&record.targets, &terms.token_file, async |client| {
        let leased = client.list().await?;
        Ok(leased.iter().any(|leased| leased.kind == record.name))
    });
    let targets = record.targets.iter().zip(answers);
    let holds = targets.map(|(target, answer)| match answer {
        _ if !target.is_alive() => Hold::Gone,
        Ok(true) => Hold::Held,
        Ok(false) => Hold::Lifted,
        Err(_) => Hold::Unknown,
    });
    holds.collect()
}

/// Asks every target that still lives, all at the same time, and gives the answers in their order.
///
/// On a thread of its own: a guardian has no runtime, and whoever has one may be inside of it.
fn ask_each<T: Send>(
    targets: &[Target],
    token_file: &Path,
    question: impl AsyncFn(&AdminClient) -> Result<T, AdminError> + Sync,
) -> Vec<Result<T, AdminError>> {
    let ask = async |target: &Target| {
        let Some(url) = target.admin_url.as_ref().filter(|_| target.is_alive()) else {
            return Err(AdminError::Gone);
        };
        let client = AdminClient::new(url, token_file)?;
        let answer = tokio::time::timeout(PATIENCE, question(&client)).await;
        answer.unwrap_or_else(|_| {
            let url = url.to_string();
            Err(AdminError::Slow {
                url,
                patience_s: PATIENCE.as_secs(),
            })
        })
    };
    let ask_all = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(join_all(targets.iter().map(&ask))),
            Err(error) => {
                let told = |_| Err(AdminError::NoRuntime(error.to_string()));
                targets.iter().map(told).collect()
            }
        }
    };
    std::thread::scope(|scope| match scope.spawn(ask_all).join() {
        Ok(answers) => answers,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
