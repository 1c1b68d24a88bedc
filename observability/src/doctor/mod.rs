//! `voteops doctor`: whether what watches the service can be relied on. Each check asks the servers
//! and judges what they said; the judging is a function of the answers alone.
//!
//! All checks run at once, and each question has a time limit, so that a server that hangs costs
//! one limit and not one for each check. A check that lacks its server's answer is told as unknown:
//! only the server's own line tells why.

mod alert_route;
mod backends;
mod clocks;
mod configuration;
mod exposition;
mod finding;
mod logs;
mod metrics;
mod place;
pub mod probe;
mod rules;
mod services;
mod storage;
mod targets;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{LocalBoxFuture, join_all};
use jiff::Timestamp;
use url::Url;

use crate::backend::{BackendError, bare};
use crate::logs::{LogFiles, LogSource};
use crate::snapshot::Sources;

pub use finding::{Check, Finding, Verdict};
pub use place::Place;

/// What is examined.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Prometheus, and what there is besides.
    pub sources: Sources,
    /// Where log lines come from.
    pub logs: Option<LogSource>,
    /// The log files that a Loki's lines come from, where they are on this machine.
    pub log_files: Option<LogFiles>,
    /// The services that run as containers of this machine, with when the newest of each was made: each writes of its start.
    pub started: BTreeMap<String, Timestamp>,
    /// The receiver of notifications, when it is one of voteops.
    pub receiver: Option<Url>,
    /// Promtail or Alloy.
    pub shipper: Option<Url>,
    /// Whether it is the voting service, so that the jobs and rules that are shipped have to be there.
    pub voting: bool,
    /// What every duration is divided by.
    pub time_scale: f64,
    /// Where the servers run, which the ways out depend on.
    pub place: Place,
    /// How long each question may take.
    pub limit: Duration,
}

/// Runs every check of servers, and tells what was found, in the order of [`Check`].
pub async fn examine(subject: &Subject) -> Vec<Finding> {
    let checks: [LocalBoxFuture<'_, Vec<Finding>>; 10] = [
        Box::pin(backends::examine(subject)),
        Box::pin(targets::examine(subject)),
        Box::pin(configuration::examine(subject)),
        Box::pin(rules::examine(subject)),
        Box::pin(metrics::examine(subject)),
        Box::pin(services::examine(subject)),
        Box::pin(clocks::examine(subject)),
        Box::pin(logs::examine(subject)),
        Box::pin(alert_route::examine(subject)),
        Box::pin(storage::examine(subject)),
    ];
    join_all(checks).await.concat()
}

impl Subject {
    /// An answer, or that there was none within the limit.
    async fn within<T>(
        &self,
        url: &Url,
        asking: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let answer = tokio::time::timeout(self.limit, asking).await;
        answer.unwrap_or_else(|_| {
            Err(BackendError::Timeout {
                url: bare(url),
                timeout_s: u64::try_from(self.limit.as_millis().div_ceil(1000)).unwrap_or(u64::MAX),
            })
        })
    }

    /// What Prometheus answers, or that it did not within the limit.
    async fn prometheus<T>(
        &self,
        asking: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        self.within(self.sources.prometheus.base(), asking).await
    }
}

/// The finding of a check whose server did not answer.
fn not_asked(check: Check, server: &str, error: &BackendError) -> Finding {
    // Why a server that cannot be reached at all is told by its own line.
    let reason = match error {
        BackendError::Unreachable { .. } | BackendError::Timeout { .. } => {
            format!("{server} does not answer")
        }
        other => format!("{server}: {other}"),
    };
    Finding::unknown(check, reason)
}
