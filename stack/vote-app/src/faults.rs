//! The faults that a vote app can be put under through its admin listener.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use voteops_service::Error;
use voteops_service::admin::{Admin, FailureStatus, Fault, Faults, Kind, LatencyMs, Share};

use crate::metrics::Metrics;
use crate::reply::{Reason, Refusal};

/// Delays a share of the votes, before anything is done with them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlowVotes {
    latency_ms: LatencyMs,
    share: Share,
}

/// Refuses a share of the votes, which are then surely not counted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailVotes {
    status: FailureStatus,
    share: Share,
}

/// Has the results never found in their cache.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColdCache {}

impl Kind for ColdCache {
    const NAME: &'static str = "cold-cache";
}

impl Kind for SlowVotes {
    const NAME: &'static str = "slow-votes";

    fn share(&self) -> Share {
        self.share
    }
}

impl Kind for FailVotes {
    const NAME: &'static str = "fail-votes";

    fn share(&self) -> Share {
        self.share
    }
}

/// What `POST /vote` asks before anything else, and `GET /results` before it looks in the cache.
pub(crate) struct VoteFaults {
    slow: Fault<SlowVotes>,
    fail: Fault<FailVotes>,
    cold: Fault<ColdCache>,
}

impl VoteFaults {
    /// Serves the admin listener until `shutdown`, in a task of its own.
    pub(crate) fn serve(
        admin: Admin,
        metrics: &Metrics,
        shutdown: &CancellationToken,
    ) -> Result<(Self, JoinHandle<()>), Error> {
        let mut faults = Faults::new(&metrics.registry, shutdown.clone())?;
        let kinds = Self {
            slow: faults.kind(),
            fail: faults.kind(),
            cold: faults.kind(),
        };
        // There from the start, as the other reasons are; but only where it can happen.
        let reason = Reason::Fault(StatusCode::INTERNAL_SERVER_ERROR);
        metrics.rejected.with_label_values(&[reason.slug()]);
        Ok((kinds, tokio::spawn(admin.serve(faults, shutdown.clone()))))
    }

    /// Whether the results are not to be found in their cache.
    pub(crate) fn is_cold(&self) -> bool {
        self.cold.strikes().is_some()
    }

    /// Strikes a vote of which nothing is done yet: holds it up, or refuses it, or neither.
    pub(crate) async fn strike(&self) -> Result<(), Refusal> {
        if let Some(strike) = self.slow.strikes() {
            strike.hold(strike.parameters.latency_ms.duration()).await;
        }
        match self.fail.strikes() {
            Some(strike) => Err(refusal(strike.parameters.status.code())),
            None => Ok(()),
        }
    }
}

fn refusal(status: StatusCode) -> Refusal {
    let message = "The vote was not taken: this server is failing on purpose, for a test. \
                   Please vote again soon.";
    Refusal::new(Reason::Fault(status), message)
}
