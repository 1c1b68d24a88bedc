//! Log lines, whoever holds them: Loki, or the log files of a stack on this machine.

mod feed;
mod files;
mod line;
mod live;
mod loki;
mod query;
mod tail;

pub use feed::Feed;
pub use files::{LogFile, LogFiles};
pub use line::{Level, LogLine};
pub use live::{Live, News, Way};
pub use loki::Loki;
pub use query::LogQuery;

use crate::backend::BackendError;

/// Lines that Loki gives at most for one question
/// (<https://grafana.com/docs/loki/latest/configure/#limits_config>, `max_entries_limit_per_query`).
pub const MAX_LINES: usize = 5000;

/// Lines that are asked for at once by whoever follows: fewer, so that an answer and what is read of
/// it take little memory together.
const PAGE_LINES: usize = 2000;

/// The newest lines of a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// In Unix nanoseconds since when these are all; `None` when they are all of the time. What was
    /// before was not read, which is not the same as no lines.
    pub cut_ns: Option<i64>,
}

/// All lines of a time.
impl From<Vec<LogLine>> for Excerpt {
    fn from(lines: Vec<LogLine>) -> Self {
        Self {
            lines,
            cut_ns: None,
        }
    }
}

/// Where log lines come from.
#[derive(Debug, Clone)]
pub enum LogSource {
    /// A Loki server.
    Loki(Loki),
    /// Files on this machine.
    Files(LogFiles),
}

impl LogSource {
    /// Its name, `loki` for instance.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Loki(_) => "loki",
            Self::Files(_) => "log files",
        }
    }

    /// The newest lines of a time, at most `limit` of them. Both ends are Unix nanoseconds and
    /// inside.
    ///
    /// # Errors
    /// Any [`BackendError`]; a query that is refused is [`BackendError::Refused`] in the words of
    /// who refused it.
    pub async fn newest(
        &self,
        query: &LogQuery,
        from_ns: i64,
        to_ns: i64,
        limit: usize,
    ) -> Result<Excerpt, BackendError> {
        match self {
            Self::Loki(loki) => loki.newest(query, from_ns, to_ns, limit).await,
            Self::Files(files) => files.newest(query, from_ns, to_ns, limit).await,
        }
    }

    /// The oldest lines of a time, a page of them at the most, oldest first. As
    /// [`LogSource::newest`] otherwise.
    ///
    /// # Errors
    /// As [`LogSource::newest`].
    pub async fn oldest(
        &self,
        query: &LogQuery,
        from_ns: i64,
        to_ns: i64,
    ) -> Result<Vec<LogLine>, BackendError> {
        match self {
            Self::Loki(loki) => loki.oldest(query, from_ns, to_ns).await,
            Self::Files(files) => {
                let all = files.newest(query, from_ns, to_ns, usize::MAX).await?;
                Ok(all.lines)
            }
        }
    }
}

/// Now, in Unix nanoseconds.
#[must_use]
pub fn now_ns() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}
