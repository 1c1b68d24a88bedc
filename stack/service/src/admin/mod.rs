//! Faults inside a service, injected and ended through an HTTP listener of its own.
//!
//! | request | answer |
//! |---|---|
//! | `GET /faults` | 200, the faults in force, the kinds there are, and an id of the service's life |
//! | `PUT /faults/{kind}` | 201 when it begins, 200 when it is renewed: its id and `expires_at` |
//! | `DELETE /faults/{kind}` | 204, also when it was not in force |
//! | `DELETE /faults/{kind}/{id}` | 204; ends the fault only if it has this id |
//!
//! The body of a `PUT` is `{"lease_ms": N, …}` with the parameters of the kind. A fault is a lease:
//! one that is not renewed expires by itself, whatever becomes of whoever asked for it, and a
//! service that is restarted has none. With `"id"`, a UUID, the fault is begun under that id, and only a fault
//! of that id is renewed: 409 while another is in force.
//!
//! The listener is off unless configured ([`AdminConfig`]), takes only addresses that cannot be
//! reached from outside, and opens only to its token. What a service can do to itself it says by a
//! [`Kind`] for each fault; its code asks the [`Fault`] that [`Faults::kind`] gives for it. Without a
//! listener there is no `Fault` to ask, and no metric.

mod api;
mod config;
mod fault;
mod parameters;
mod spread;
mod token;

use std::sync::Arc;

use prometheus::IntGaugeVec;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Error;
use crate::metrics::Metrics;
use fault::{AnyKind, Switch};

pub use config::{Admin, AdminConfig};
pub use fault::{Fault, Kind, Strike};
pub use parameters::{BadParameter, FailureStatus, LatencyMs, Share};

/// Every kind of fault that a service can put itself under.
#[derive(Debug)]
pub struct Faults {
    kinds: Vec<Arc<dyn AnyKind>>,
    /// `voteops_fault_active{fault}`
    active: IntGaugeVec,
    shutdown: CancellationToken,
    /// Another after each start of the service, by which its lives are told apart.
    instance: Uuid,
}

impl Faults {
    /// No kinds yet; `shutdown` ends whatever is in force.
    ///
    /// # Errors
    /// [`Error::Metrics`] when the metric cannot be registered.
    pub fn new(metrics: &Metrics, shutdown: CancellationToken) -> Result<Self, Error> {
        let active = metrics.gauge(
            "voteops_fault_active",
            "Whether a fault that was injected on purpose is in force.",
            &["fault"],
        )?;
        Ok(Self {
            kinds: Vec::new(),
            instance: Uuid::now_v7(),
            active,
            shutdown,
        })
    }

    /// Adds a kind, and gives what the service's code asks for it.
    pub fn kind<K: Kind>(&mut self) -> Fault<K> {
        let active = self.active.with_label_values(&[K::NAME]);
        let switch = Arc::new(Switch::<K>::new(active, self.shutdown.clone()));
        self.kinds.push(Arc::clone(&switch) as Arc<dyn AnyKind>);
        Fault(switch)
    }

    fn find(&self, name: &str) -> Option<&Arc<dyn AnyKind>> {
        self.kinds.iter().find(|kind| kind.name() == name)
    }

    fn names(&self) -> Vec<&'static str> {
        self.kinds.iter().map(|kind| kind.name()).collect()
    }
}
