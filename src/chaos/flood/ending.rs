//! Why a flood ends before its last vote.

use std::pin::pin;

use tokio_util::sync::CancellationToken;
use voteops_chaos::abort::{Watched, tripped};
use voteops_chaos::load::{Backlog, LoadError, Report};

/// Why it ended early.
#[derive(Debug)]
pub(super) enum Early {
    /// The user ended it.
    Interrupted,
    /// A condition of `--abort-if` holds.
    Condition(String),
    /// The queue is as long as it was to become.
    Queue {
        /// What `--stop-at-queue` said.
        wanted: u64,
        /// How long it is.
        length: u64,
    },
}

/// What may end a flood.
pub(super) struct Watch<'a> {
    pub(super) conditions: Option<&'a Watched>,
    /// The queue, and how long it is to become.
    pub(super) queue: Option<(&'a Backlog, u64)>,
    /// Stops the flood; a signal cancels it as well.
    pub(super) stop: &'a CancellationToken,
}

impl Watch<'_> {
    /// Waits for the flood, and stops it when something else ends it; also when nobody can say any
    /// more how long the queue is, which is then told as an error.
    pub(super) async fn until_the_end(
        &self,
        flooding: impl Future<Output = Result<Report, LoadError>>,
    ) -> (Result<Report, LoadError>, Result<Option<Early>, LoadError>) {
        let mut flooding = pin!(flooding);
        let early = tokio::select! {
            biased;
            report = &mut flooding => {
                let interrupted = report.as_ref().is_ok_and(|report| report.cancelled);
                return (report, Ok(interrupted.then_some(Early::Interrupted)));
            }
            () = self.stop.cancelled() => Ok(Early::Interrupted),
            reason = tripped(self.conditions) => {
                eprintln!("voteops: {reason}; the load ends");
                Ok(Early::Condition(reason))
            }
            early = self.queue_is_long() => early,
        };
        self.stop.cancel();
        (flooding.await, early.map(Some))
    }

    async fn queue_is_long(&self) -> Result<Early, LoadError> {
        let Some((backlog, wanted)) = self.queue else {
            return std::future::pending().await;
        };
        let length = backlog.reached(wanted).await?;
        Ok(Early::Queue { wanted, length })
    }
}
