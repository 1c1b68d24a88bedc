//! Faults inside a service, injected through its admin listener ([`client`]).
//!
//! Such a fault is a lease: the service itself ends one that is not renewed. The runner renews it
//! every few seconds, so that a fault whose runner and guardian have both been killed lasts for no
//! longer than [`LEASE`](super::LEASE).

pub mod client;
mod inside;

use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

pub use client::{AdminClient, AdminError, Leased};
use inside::Inside;

use super::plan::Plan;
use crate::Error;
use crate::blocking::on_own_thread;
use crate::catalogue::Entry;
use crate::faults::{Hold, LEASE};
use crate::identity::{Identity, Instance};
use crate::record::{Fault, Record, Target, Terms};
use crate::undo::{Outcome, TargetOutcome};

/// How long a service may take to answer. It does so at once unless it hangs.
const PATIENCE: Duration = Duration::from_secs(3);
/// And one in a container, of which the engine is asked first, and in which up to two programs are run: each of that has
/// a time of its own, which is told.
pub(super) const PATIENCE_INSIDE: Duration = Duration::from_secs(20);

/// Plans to put `targets` under a fault of the catalogue, which services know by the same name, and
/// touches nothing. `parameters` are those of the kind; `token_file` opens the targets' listeners, but for
/// those of containers, which are asked from inside.
///
/// # Errors
/// [`Error::NoTarget`], [`Error::NoAdmin`] for a target without a listener, [`Error::TargetGone`],
/// [`Error::Admin`] when a listener does not answer or does not take the token,
/// [`Error::UnknownFault`] when it has no such fault, and [`Error::AlreadyFaulty`] when somebody else
/// has injected the same fault.
pub fn plan(
    fault: &'static Entry,
    targets: Vec<Target>,
    parameters: Map<String, Value>,
    token_file: Option<&Path>,
) -> Result<Plan, Error> {
    if targets.is_empty() {
        return Err(Error::NoTarget);
    }
    for target in &targets {
        if target.admin_url.is_none() && target.identity.container().is_none() {
            let name = target.name.clone();
            return Err(Error::NoAdmin { name });
        }
        if !target.is_alive() {
            let target = target.told();
            return Err(Error::TargetGone { target });
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
        token_file: token_file.map(Path::to_owned),
    };
    Ok(Plan::new(fault, targets, Fault::Lease(terms)))
}

/// The service whose admin listener is at `url`, in its present life. `token_file` opens it.
///
/// # Errors
/// [`Error::Admin`] when it does not answer, does not take the token, or does not tell its lives
/// apart.
pub fn at(url: &Url, token_file: &Path) -> Result<Target, Error> {
    let told = |target: &Target| {
        let target = std::slice::from_ref(target);
        ask_each(target, Some(token_file), async |client| {
            client.listing().await
        })
    };
    let name = voteops_observability::backend::bare(url);
    let asked = Target {
        name,
        identity: Identity::Listener(Instance {
            instance: Uuid::nil(),
        }),
        admin_url: Some(url.clone()),
    };
    let mut listings = told(&asked).into_iter();
    let listing = listings.next().ok_or(Error::NoTarget)??;
    let instance = listing.instance.ok_or_else(|| AdminError::Foreign {
        url: url.to_string(),
        told: "it does not tell its lives apart".to_owned(),
    })?;
    Ok(Target {
        identity: Identity::Listener(Instance { instance }),
        ..asked
    })
}

/// Asks every target for the fault in `record`, until the record's deadline at the longest. A
/// target that was restarted is left alone.
pub(super) fn put(record: &Record, terms: &Terms) -> Result<(), String> {
    let Some(lease) = lease(record) else {
        return Ok(());
    };
    let answers = ask_each(
        &record.targets,
        terms.token_file.as_deref(),
        async |client| {
            let put = client.put_as(record.id, &record.name, lease, &terms.parameters);
            put.await.map(drop)
        },
    );
    let refused = record.targets.iter().zip(answers);
    let refused = refused.filter_map(|(target, answer)| Some((target, answer.err()?)));
    let refused = refused.filter(|(_, error)| *error != AdminError::Gone);
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
    let answers = ask_each(
        &record.targets,
        terms.token_file.as_deref(),
        async |client| {
            if is_in_force(client, record).await? {
                let renewed = client.put_as(record.id, &record.name, lease, &terms.parameters);
                renewed.await?;
            }
            Ok(())
        },
    );
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
    let answers = ask_each(
        &record.targets,
        terms.token_file.as_deref(),
        async |client| client.delete_one(&record.name, record.id).await,
    );
    let outcomes = gone_where(super::over, record, answers);
    let outcomes = outcomes.map(|(target, answer)| TargetOutcome {
        target: target.clone(),
        outcome: match answer {
            Ok(()) => Outcome::Undone,
            Err(AdminError::Gone) => Outcome::Gone,
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

/// Whether a service is under this very fault.
async fn is_in_force(client: &AdminClient, record: &Record) -> Result<bool, AdminError> {
    let leased = client.list().await?;
    let mut leased = leased.iter();
    Ok(leased.any(|leased| leased.kind == record.name && leased.id == record.id))
}

/// Whether each target is under the fault.
pub(crate) fn holds(record: &Record, terms: &Terms) -> Vec<Hold> {
    let answers = ask_each(
        &record.targets,
        terms.token_file.as_deref(),
        async |client| is_in_force(client, record).await,
    );
    let holds = gone_where(super::ended, record, answers);
    let holds = holds.map(|(_, answer)| match answer {
        Ok(true) => Hold::Held,
        Ok(false) => Hold::Lifted,
        Err(AdminError::Gone) => Hold::Gone,
        Err(_) => Hold::Unknown,
    });
    holds.collect()
}

/// The targets with their answers; instead of none, [`AdminError::Gone`] of those of which `is_gone` says so.
fn gone_where<T>(
    is_gone: fn(&Record) -> Vec<bool>,
    record: &Record,
    answers: Vec<Result<T, AdminError>>,
) -> impl Iterator<Item = (&Target, Result<T, AdminError>)> {
    let gone = if answers.iter().any(Result::is_err) {
        is_gone(record)
    } else {
        vec![false; answers.len()]
    };
    let targets = record.targets.iter().zip(answers).zip(gone);
    targets.map(|((target, answer), is_gone)| match answer {
        Err(_) if is_gone => (target, Err(AdminError::Gone)),
        answer => (target, answer),
    })
}

/// Asks every target that still lives, all at the same time, and gives the answers in their order:
/// [`AdminError::Gone`] for one that is known to have ended or to have been restarted.
fn ask_each<T: Send>(
    targets: &[Target],
    token_file: Option<&Path>,
    question: impl AsyncFn(&AdminClient) -> Result<T, AdminError> + Sync,
) -> Vec<Result<T, AdminError>> {
    let ask = async |target: &Target| {
        let asked = async {
            let client = client(target, token_file).await?;
            still_same(target, &client).await?;
            question(&client).await
        };
        let patience = if target.identity.container().is_some() {
            PATIENCE_INSIDE
        } else {
            PATIENCE
        };
        let answer = tokio::time::timeout(patience, asked).await;
        answer.unwrap_or_else(|_| {
            let url = target.admin_url.as_ref();
            Err(AdminError::Slow {
                url: url.map_or_else(|| target.told(), Url::to_string),
                patience_s: patience.as_secs(),
            })
        })
    };
    let asked = on_own_thread(async || join_all(targets.iter().map(&ask)).await);
    asked.unwrap_or_else(|error| {
        let told = |_| Err(AdminError::NoRuntime(error.to_string()));
        targets.iter().map(told).collect()
    })
}

/// What asks a target that lives, in the same life still if it is a container.
async fn client(target: &Target, token_file: Option<&Path>) -> Result<AdminClient, AdminError> {
    if let Some(container) = target.identity.container() {
        let inside = Inside::open(container).await?;
        inside.still_same().await?;
        return Ok(AdminClient::inside(inside));
    }
    let url = target.admin_url.as_ref().filter(|_| target.is_alive());
    let url = url.ok_or(AdminError::Gone)?;
    let token_file = token_file.ok_or(AdminError::TokenUnknown)?;
    AdminClient::new(url, token_file)
}

/// Sees that a service that is known by its listener only is in the same life still. Which life is
/// meant is not known yet while it is being looked for.
async fn still_same(target: &Target, client: &AdminClient) -> Result<(), AdminError> {
    let Identity::Listener(meant) = target.identity else {
        return Ok(());
    };
    if meant.instance.is_nil() || client.listing().await?.instance == Some(meant.instance) {
        Ok(())
    } else {
        Err(AdminError::Gone)
    }
}
