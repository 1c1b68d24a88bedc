//! Refuses votes before Redis has to, and takes them again by itself; before that, remembers votes for a
//! shorter time.
//!
//! A task looks at the queue and at Redis's memory a few times a second; a vote asks only what was
//! seen last. A limit that was reached holds until the queue or the memory is clearly below it, so
//! that the answer does not change from one vote to the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use voteops_queue::{Error, Fill};
use voteops_service::logs::Throttle;

use crate::App;
use crate::window::window;

/// How often to look. What comes in between two looks has to find room above the limit: of 256 MB, 3
/// per cent hold 50,000 votes.
const INTERVAL: Duration = Duration::from_millis(200);

/// How often to warn that Redis may not be asked.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// Votes are taken again below this share of a limit, in per cent.
const RELEASE_PERCENT: u64 = 95;

/// When votes are refused before Redis has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Votes that may wait; 0 sets no limit.
    pub length: u64,
    /// How full Redis may be, in per cent of its `maxmemory`, if it has one.
    pub memory_percent: u64,
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    QueueLength,
    RedisMemory,
}

/// What was seen last.
#[derive(Debug)]
pub(crate) struct Pressure {
    cause: AtomicU8,
    window_ms: AtomicU64,
}

impl Cause {
    pub(crate) const ALL: [Self; 2] = [Self::QueueLength, Self::RedisMemory];

    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::QueueLength => "queue_length",
            Self::RedisMemory => "redis_memory",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::QueueLength => 1,
            Self::RedisMemory => 2,
        }
    }
}

impl Limits {
    /// The memory at which votes are refused.
    fn memory_bytes(&self, fill: &Fill) -> Option<u64> {
        let share = |limit: u64| limit / 100 * self.memory_percent;
        fill.limit_bytes.map(share)
    }

    /// Which limit is reached, when `before` was.
    fn judge(&self, before: Option<Cause>, fill: &Fill) -> Option<Cause> {
        Cause::ALL.into_iter().find(|cause| {
            let (now, limit) = match cause {
                Cause::QueueLength => (fill.length, Some(self.length).filter(|limit| *limit > 0)),
                Cause::RedisMemory => (fill.used_bytes, self.memory_bytes(fill)),
            };
            let percent = if before == Some(*cause) {
                RELEASE_PERCENT
            } else {
                100
            };
            limit.is_some_and(|limit| now >= limit.saturating_mul(percent) / 100)
        })
    }
}

impl Pressure {
    /// None, as long as nothing was seen: votes are remembered for all of `window`.
    pub(crate) fn none(window: Duration) -> Self {
        let pressure = Self {
            cause: AtomicU8::new(0),
            window_ms: AtomicU64::new(0),
        };
        pressure.set_window(window);
        pressure
    }

    /// How long votes that may be sent again are to be remembered.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_millis(self.window_ms.load(Ordering::Relaxed))
    }

    fn set_window(&self, window: Duration) {
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        self.window_ms.store(window_ms, Ordering::Relaxed);
    }

    /// Which limit is reached, if any.
    pub(crate) fn cause(&self) -> Option<Cause> {
        let code = self.cause.load(Ordering::Relaxed);
        Cause::ALL.into_iter().find(|cause| cause.code() == code)
    }

    fn set(&self, cause: Option<Cause>) {
        self.cause
            .store(cause.map_or(0, Cause::code), Ordering::Relaxed);
    }
}

/// Looks until `shutdown`. While Redis does not tell how full it is, what was seen last stays.
pub(crate) async fn watch(app: Arc<App>, shutdown: CancellationToken) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let warnings = Throttle::new(WARNING_INTERVAL);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let Some(looked) = shutdown.run_until_cancelled(app.queue.fill()).await else {
            return;
        };
        match looked {
            Ok(fill) => look(&app, &fill),
            Err(error) => {
                let is_away = matches!(error, Error::Away(_));
                if !is_away && warnings.pass().is_some() {
                    tracing::warn!(%error, "it is not known how full Redis is, and no limit holds");
                } else {
                    tracing::debug!(%error, "it is not known how full Redis is");
                }
            }
        }
    }
}

fn look(app: &App, fill: &Fill) {
    let (asked, limit) = (
        app.config.idempotency_window,
        app.config.pressure.memory_bytes(fill),
    );
    let window = limit.map_or(asked, |limit| window(asked, fill.used_bytes, limit));
    app.pressure.set_window(window);
    app.metrics.show_window(window);
    let before = app.pressure.cause();
    let now = app.config.pressure.judge(before, fill);
    if now == before {
        return;
    }
    app.pressure.set(now);
    for cause in Cause::ALL {
        let gauge = app.metrics.backpressure.with_label_values(&[cause.slug()]);
        gauge.set(i64::from(now == Some(cause)));
    }
    if let Some(cause) = now {
        tracing::warn!(cause = cause.slug(), ?fill, "votes are refused for now");
    } else {
        tracing::info!(?fill, "votes are taken again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        length: 1000,
        memory_percent: 90,
    };

    fn judge(before: Option<Cause>, length: u64, used_bytes: u64) -> Option<Cause> {
        let fill = Fill {
            length,
            used_bytes,
            limit_bytes: Some(100_000),
        };
        LIMITS.judge(before, &fill)
    }

    #[test]
    fn a_limit_holds_until_it_is_clearly_not_reached() {
        use Cause::{QueueLength, RedisMemory};
        assert_eq!(judge(None, 999, 0), None);
        assert_eq!(judge(None, 1000, 0), Some(QueueLength));
        assert_eq!(judge(Some(QueueLength), 950, 0), Some(QueueLength));
        assert_eq!(judge(Some(QueueLength), 949, 0), None);
        assert_eq!(judge(None, 0, 89_999), None);
        assert_eq!(judge(None, 0, 90_000), Some(RedisMemory));
        assert_eq!(judge(Some(RedisMemory), 0, 85_500), Some(RedisMemory));
        assert_eq!(judge(Some(RedisMemory), 0, 85_499), None);
        assert_eq!(judge(Some(RedisMemory), 1000, 0), Some(QueueLength));
    }

    #[test]
    fn without_limits_nothing_is_reached() {
        let none = Limits {
            length: 0,
            memory_percent: 97,
        };
        let fill = Fill {
            length: u64::MAX,
            used_bytes: u64::MAX,
            limit_bytes: None,
        };
        assert_eq!(none.judge(None, &fill), None);
    }
}
