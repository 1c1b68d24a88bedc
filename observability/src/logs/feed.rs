//! Lines as they come: asked for again and again from a little before the last one, so that lines
//! that arrive late are seen, and told once.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{LogLine, LogQuery, LogSource, MAX_LINES};
use crate::backend::BackendError;

/// Lines may arrive at their store so much later than they were written, in nanoseconds.
const LATE_NS: i64 = 5_000_000_000;

/// A place in a stream of lines.
#[derive(Debug)]
pub struct Feed {
    source: LogSource,
    query: LogQuery,
    /// Where lines begin that were not asked for, or not yet answered.
    next_ns: i64,
    /// Where the feed began: nothing before it is told.
    begin_ns: i64,
    /// Identities of the lines since `next_ns - LATE_NS` that were told.
    told: HashSet<(i64, u64)>,
}

impl Feed {
    /// A feed of the lines from `from_ns` (Unix nanoseconds) on.
    #[must_use]
    pub fn new(source: LogSource, query: LogQuery, from_ns: i64) -> Self {
        Self {
            source,
            query,
            next_ns: from_ns,
            begin_ns: from_ns,
            told: HashSet::new(),
        }
    }

    /// Marks lines as told already.
    pub fn know(&mut self, lines: &[LogLine]) {
        self.told.extend(lines.iter().map(identity));
    }

    /// The lines up to `now_ns` that were not told yet, oldest first, at most one page. When
    /// there may be more, `next` gives them at once.
    ///
    /// # Errors
    /// Any [`BackendError`]; the feed stays where it was, so that nothing is lost.
    pub async fn next(&mut self, now_ns: i64) -> Result<Vec<LogLine>, BackendError> {
        let mut fresh = Vec::new();
        let mut from_ns = self.next_ns.saturating_sub(LATE_NS).max(self.begin_ns);
        loop {
            let page = self.source.oldest(&self.query, from_ns, now_ns).await?;
            let full = page.len() >= MAX_LINES;
            let last_ns = page.last().map(|line| line.at_ns);
            fresh.extend(
                page.into_iter()
                    .filter(|line| self.told.insert(identity(line))),
            );
            match last_ns {
                // More lines of one nanosecond than fit a page cannot be asked for.
                Some(last_ns) if full && last_ns > from_ns => from_ns = last_ns,
                Some(last_ns) if full => from_ns = last_ns + 1,
                Some(last_ns) => {
                    self.next_ns = self.next_ns.max(last_ns);
                    break;
                }
                None => break,
            }
        }
        let keep_ns = self.next_ns.saturating_sub(LATE_NS);
        self.told.retain(|(at_ns, _)| *at_ns >= keep_ns);
        fresh.sort_by_key(|line: &LogLine| line.at_ns);
        Ok(fresh)
    }
}

fn identity(line: &LogLine) -> (i64, u64) {
    let mut hasher = DefaultHasher::new();
    line.labels.hash(&mut hasher);
    line.text.hash(&mut hasher);
    (line.at_ns, hasher.finish())
}
