//! One kind of fault: in force while its lease lasts, asked by the service's own code.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus::IntGauge;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::parameters::{Lease, Share};
use super::spread::Spread;

/// A kind of fault: the parameters of one, as JSON has them.
pub trait Kind: Debug + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it is called in the API, in metrics and in logs.
    const NAME: &'static str;

    /// Which share of the events it strikes.
    fn share(&self) -> Share {
        Share::ALL
    }
}

/// Whether a fault of one kind is in force, for the code that it strikes.
#[derive(Debug)]
pub struct Fault<K: Kind>(pub(super) Arc<Switch<K>>);

/// One event that a fault strikes.
#[derive(Debug)]
pub struct Strike<K> {
    /// The fault's parameters.
    pub parameters: K,
    over: CancellationToken,
}

/// A fault in force, as the API tells it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct InForce {
    pub(super) kind: &'static str,
    pub(super) id: Uuid,
    pub(super) expires_at: Timestamp,
    pub(super) parameters: Value,
}

/// What a request for a fault came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Begun,
    Renewed,
}

/// Why a fault was not put in force.
#[derive(Debug)]
pub(super) enum Unput {
    /// What is wrong with the parameters.
    Parameters(String),
    /// Another one is in force, of this id.
    Other(Uuid),
}

/// A kind of fault, whatever its parameters are.
pub(super) trait AnyKind: Debug + Send + Sync {
    fn name(&self) -> &'static str;

    /// Injects the fault, or renews it with these parameters. With an `id` it is begun under that, and no other
    /// than that is renewed.
    fn put(
        self: Arc<Self>,
        id: Option<Uuid>,
        lease: Lease,
        parameters: Value,
    ) -> Result<(Put, InForce), Unput>;

    /// Ends the fault, if it is in force and has this id, where one is meant.
    fn end(&self, id: Option<Uuid>);

    fn in_force(&self) -> Option<InForce>;
}

/// The state of one kind of fault.
#[derive(Debug)]
pub(super) struct Switch<K: Kind> {
    state: Mutex<State<K>>,
    gauge: IntGauge,
    shutdown: CancellationToken,
}

#[derive(Debug)]
struct State<K> {
    held: Option<Held<K>>,
    spread: Spread,
}

/// A fault in force. Dropping it lets those go on whom it holds up.
#[derive(Debug)]
struct Held<K> {
    id: Uuid,
    over: CancellationToken,
    term: Term<K>,
}

/// What a renewal replaces.
#[derive(Debug)]
struct Term<K> {
    parameters: K,
    until: Instant,
    expires_at: Timestamp,
    _timer: Timer,
}

/// Ends the fault when its lease does; dropping it stops that.
#[derive(Debug)]
struct Timer(AbortHandle);

impl<K: Kind> Fault<K> {
    /// Whether the fault strikes the event that begins now: it is in force, and the event belongs
    /// to its share. To be asked once for each event.
    #[must_use]
    pub fn strikes(&self) -> Option<Strike<K>> {
        let mut state = self.0.lock();
        let State { held, spread } = &mut *state;
        let held = held.as_ref().filter(|held| !held.over.is_cancelled())?;
        let parameters = &held.term.parameters;
        spread.strikes(parameters.share()).then(|| Strike {
            parameters: parameters.clone(),
            over: held.over.clone(),
        })
    }
}

impl<K> Strike<K> {
    /// Waits for `time`, or until the fault is over or the service shuts down.
    pub async fn hold(&self, time: Duration) {
        tokio::select! {
            () = sleep(time) => {}
            () = self.over.cancelled() => {}
        }
    }
}

impl<K: Kind> Switch<K> {
    /// `shutdown` ends whatever is in force.
    pub(super) fn new(gauge: IntGauge, shutdown: CancellationToken) -> Self {
        let (held, spread) = (None, Spread::default());
        Self {
            state: Mutex::new(State { held, spread }),
            gauge,
            shutdown,
        }
    }

    /// The state, without a lease that has expired: that is seen here too, in case the timer is
    /// late.
    fn lock(&self) -> MutexGuard<'_, State<K>> {
        // Every change under the lock is whole in itself, so a panic leaves nothing half done.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = state.held.take_if(|held| held.term.until <= Instant::now()) {
            self.gauge.set(0);
            tracing::info!(fault = K::NAME, id = %held.id, "a fault has expired");
        }
        state
    }

    fn begin(&self, id: Option<Uuid>, term: Term<K>) -> Held<K> {
        self.gauge.set(1);
        Held {
            id: id.unwrap_or_else(Uuid::new_v4),
            over: self.shutdown.child_token(),
            term,
        }
    }
}

impl<K: Kind> AnyKind for Switch<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn put(
        self: Arc<Self>,
        id: Option<Uuid>,
        lease: Lease,
        parameters: Value,
    ) -> Result<(Put, InForce), Unput> {
        let parameters: K = serde_json::from_value(parameters)
            .map_err(|error| Unput::Parameters(error.to_string()))?;
        // The timer is started under the lock, so that it cannot ring before there is a lease.
        let mut state = self.lock();
        let held = state.held.as_ref();
        if let Some(other) = held.filter(|held| id.is_some_and(|id| id != held.id)) {
            return Err(Unput::Other(other.id));
        }
        let until = Instant::now() + lease.duration();
        let term = Term {
            parameters,
            until,
            expires_at: Timestamp::now() + lease.duration(),
            _timer: Timer::start(Arc::clone(&self), until),
        };
        let (put, held) = match &mut state.held {
            Some(held) => {
                held.term = term;
                (Put::Renewed, held)
            }
            none => (Put::Begun, none.insert(self.begin(id, term))),
        };
        let in_force = held.told();
        drop(state);
        in_force.log(put);
        Ok((put, in_force))
    }

    fn end(&self, id: Option<Uuid>) {
        let is_meant = |held: &mut Held<K>| id.is_none_or(|id| id == held.id);
        if let Some(held) = self.lock().held.take_if(is_meant) {
            self.gauge.set(0);
            tracing::info!(fault = K::NAME, id = %held.id, "a fault was ended");
        }
    }

    fn in_force(&self) -> Option<InForce> {
        self.lock().held.as_ref().map(Held::told)
    }
}

impl<K: Kind> Held<K> {
    fn told(&self) -> InForce {
        InForce {
            kind: K::NAME,
            id: self.id,
            expires_at: self.term.expires_at,
            // Parameters were read from JSON, so JSON can hold them.
            parameters: serde_json::to_value(&self.term.parameters).unwrap_or_default(),
        }
    }
}

impl InForce {
    fn log(&self, put: Put) {
        let Self { kind, id, .. } = self;
        let (expires_at, parameters) = (self.expires_at, &self.parameters);
        match put {
            Put::Begun => {
                tracing::warn!(fault = kind, %id, %expires_at, %parameters, "a fault begins");
            }
            Put::Renewed => {
                tracing::info!(fault = kind, %id, %expires_at, %parameters, "a fault is renewed");
            }
        }
    }
}

impl<K> Drop for Held<K> {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

impl Timer {
    fn start<K: Kind>(switch: Arc<Switch<K>>, until: Instant) -> Self {
        let expires = tokio::spawn(async move {
            sleep_until(until).await;
            drop(switch.lock());
        });
        Self(expires.abort_handle())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
