//! The faults that a worker can be put under through its admin listener.

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use voteops_service::Error;
use voteops_service::admin::{Admin, Fault, Faults, Kind, LatencyMs};

use crate::metrics::Metrics;

/// Holds every batch up between its reading and its recording.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlowWorker {
    latency_ms: LatencyMs,
}

impl Kind for SlowWorker {
    const NAME: &'static str = "slow-worker";
}

/// What the worker's loop asks for each batch.
pub(crate) struct WorkerFaults {
    slow: Fault<SlowWorker>,
}

impl WorkerFaults {
    /// Serves the admin listener until `shutdown`, in a task of its own.
    pub(crate) fn serve(
        admin: Admin,
        metrics: &Metrics,
        shutdown: &CancellationToken,
    ) -> Result<(Self, JoinHandle<()>), Error> {
        let mut faults = Faults::new(&metrics.registry, shutdown.clone())?;
        let slow = faults.kind();
        let served = tokio::spawn(admin.serve(faults, shutdown.clone()));
        Ok((Self { slow }, served))
    }

    /// Holds a batch up that was read and not yet recorded. Its votes are pending meanwhile, as
    /// they are while the ledger is slow. Ends at once on shutdown.
    pub(crate) async fn strike(&self) {
        if let Some(strike) = self.slow.strikes() {
            strike.hold(strike.parameters.latency_ms.duration()).await;
        }
    }
}
