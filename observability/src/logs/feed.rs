//! Lines as they come: asked for again and again from a little before the last one, so that lines
//! that arrive late are seen, and told once.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{LogLine, LogQuery, LogSource, MAX_LINES};
use crate::backend::BackendError;

/// Lines may arrive at their store so much later than they were written, in nanoseconds.
const LATE_NS: i64 = 5_000_000_000;

/// So many identities are kept without a look at their age.
const FEW: usize = 10_000;

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
    /// How many of them there were when the old ones were last forgotten.
    kept: usize,
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
            kept: FEW,
        }
    }

    /// Marks lines as told already.
    pub fn know(&mut self, lines: &[LogLine]) {
        self.told.extend(lines.iter().map(identity));
    }

    /// Where whoever goes on from here should begin, in Unix nanoseconds.
    #[must_use]
    pub(super) fn resume_ns(&self) -> i64 {
        self.next_ns.saturating_sub(LATE_NS).max(self.begin_ns)
    }

    /// Of lines that came by another way those that were not told yet, oldest first.
    pub(super) fn admit(&mut self, lines: Vec<LogLine>) -> Vec<LogLine> {
        let fresh = lines.into_iter();
        let fresh =
            fresh.filter(|line| line.at_ns >= self.begin_ns && self.told.insert(identity(line)));
        let mut fresh: Vec<_> = fresh.collect();
        fresh.sort_by_key(|line| line.at_ns);
        if let Some(last) = fresh.last() {
            self.next_ns = self.next_ns.max(last.at_ns);
        }
        self.forget();
        fresh
    }

    /// Forgets the identities of lines that are not asked for again.
    fn forget(&mut self) {
        let keep_ns = self.next_ns.saturating_sub(LATE_NS);
        // Looking through all of them costs more than keeping some.
        if self.told.len() > 2 * self.kept {
            self.told.retain(|(at_ns, _)| *at_ns >= keep_ns);
            self.kept = self.told.len().max(FEW);
        }
    }

    /// The lines up to `now_ns` that were not told yet, oldest first, at most one page. When
    /// there may be more, `next` gives them at once.
    ///
    /// # Errors
    /// Any [`BackendError`]; the feed stays where it was, so that nothing is lost.
    pub async fn next(&mut self, now_ns: i64) -> Result<Vec<LogLine>, BackendError> {
        let mut fresh = Vec::new();
        let mut from_ns = self.resume_ns();
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
        self.forget();
        fresh.sort_by_key(|line: &LogLine| line.at_ns);
        Ok(fresh)
    }
}

/// What makes two lines the same. Not all their labels: Loki's queries add some that its tail
/// leaves out.
fn identity(line: &LogLine) -> (i64, u64) {
    let mut hasher = DefaultHasher::new();
    line.service().hash(&mut hasher);
    line.instance().hash(&mut hasher);
    line.text.hash(&mut hasher);
    (line.at_ns, hasher.finish())
}
