//! Lines as they come: asked for again and again from a little before the last one, so that lines
//! that arrive late are seen, and told once.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{LogLine, LogQuery, LogSource, PAGE_LINES};
use crate::backend::BackendError;

/// Lines may arrive at their store so much later than they were written, in nanoseconds.
const LATE_NS: i64 = 5_000_000_000;
/// Identities of one generation at most, so that no rate of lines takes more memory than this: when
/// they come faster, a late one is waited for less long.
const MOST_TOLD: usize = 20_000;

/// A place in a stream of lines.
#[derive(Debug)]
pub struct Feed {
    source: LogSource,
    query: LogQuery,
    /// The newest line that was told.
    next_ns: i64,
    /// Where the feed began: nothing before it is told.
    begin_ns: i64,
    /// Where the next page begins, when the last answer did not hold all.
    page_ns: Option<i64>,
    told: Told,
}

/// Identities of the lines that were told: all of those since `since_ns`. They are kept in two
/// generations, each as long as a line may be late or [`MOST_TOLD`], so that forgetting costs nothing.
#[derive(Debug)]
struct Told {
    now: HashSet<u64>,
    before: HashSet<u64>,
    since_ns: i64,
    turned_ns: i64,
}

impl Told {
    fn new(from_ns: i64) -> Self {
        Self {
            now: HashSet::new(),
            before: HashSet::new(),
            since_ns: from_ns,
            turned_ns: from_ns,
        }
    }

    /// Whether the line was not told before; from now on it is.
    fn insert(&mut self, line: &LogLine) -> bool {
        let identity = identity(line);
        !self.before.contains(&identity) && self.now.insert(identity)
    }

    /// Forgets what is not asked for again, now that lines up to `newest_ns` were told.
    fn forget(&mut self, newest_ns: i64) {
        let full = self.now.len() >= MOST_TOLD && newest_ns > self.turned_ns;
        if full || newest_ns >= self.turned_ns.saturating_add(LATE_NS) {
            self.before = std::mem::take(&mut self.now);
            // The newest line of then is among those that are forgotten now.
            self.since_ns = self.turned_ns.saturating_add(1);
            self.turned_ns = newest_ns;
        }
    }

    fn len(&self) -> usize {
        self.now.len() + self.before.len()
    }
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
            page_ns: None,
            told: Told::new(from_ns),
        }
    }

    /// Marks lines as told already.
    pub fn know(&mut self, lines: &[LogLine]) {
        for line in lines {
            self.told.insert(line);
        }
    }

    /// Where whoever goes on from here should begin, in Unix nanoseconds.
    #[must_use]
    pub(super) fn resume_ns(&self) -> i64 {
        let from_ns = self.next_ns.saturating_sub(LATE_NS);
        from_ns.max(self.begin_ns).max(self.told.since_ns)
    }

    /// Whether one question holds all that [`Feed::next`] asks for again.
    pub(super) fn is_cheap(&self) -> bool {
        self.told.len() < PAGE_LINES
    }

    /// Asks next from `from_ns` on, as far back as it is known what was told since.
    pub(super) fn rewind(&mut self, from_ns: i64) {
        let from_ns = from_ns.max(self.told.since_ns).min(self.resume_ns());
        self.page_ns = Some(self.page_ns.map_or(from_ns, |page_ns| page_ns.min(from_ns)));
    }

    /// Of lines that came by another way those that were not told yet, oldest first.
    pub(super) fn admit(&mut self, mut lines: Vec<LogLine>) -> Vec<LogLine> {
        lines.retain(|line| line.at_ns >= self.begin_ns && self.told.insert(line));
        lines.sort_by_key(|line| line.at_ns);
        if let Some(last) = lines.last() {
            self.next_ns = self.next_ns.max(last.at_ns);
        }
        self.told.forget(self.next_ns);
        lines
    }

    /// Whether there may be more lines already: [`Feed::next`] gives them at once.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.page_ns.is_some()
    }

    /// The lines up to `now_ns` that were not told yet, oldest first, at most one page.
    ///
    /// # Errors
    /// Any [`BackendError`]; the feed stays where it was, so that nothing is lost.
    pub async fn next(&mut self, now_ns: i64) -> Result<Vec<LogLine>, BackendError> {
        let from_ns = self.page_ns.unwrap_or_else(|| self.resume_ns());
        let page = self.source.oldest(&self.query, from_ns, now_ns).await?;
        let last_ns = page.last().map(|line| line.at_ns);
        self.page_ns = last_ns
            .filter(|_| page.len() >= PAGE_LINES)
            // More lines of one nanosecond than fit a page cannot be asked for.
            .map(|last_ns| {
                if last_ns > from_ns {
                    last_ns
                } else {
                    last_ns + 1
                }
            });
        Ok(self.admit(page))
    }
}

/// What makes two lines the same. Not all their labels: Loki's queries add some that its tail
/// leaves out.
fn identity(line: &LogLine) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.at_ns.hash(&mut hasher);
    line.service().hash(&mut hasher);
    line.instance().hash(&mut hasher);
    line.text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::logs::LogFiles;

    #[test]
    fn however_fast_lines_come_what_is_kept_of_them_is_bounded_and_what_is_asked_again_is_known() {
        let labels = Arc::new(BTreeMap::new());
        let source = LogSource::Files(LogFiles::new(Vec::new()));
        let mut feed = Feed::new(source, LogQuery::default(), 0);
        for second in 0..10 {
            // A line in a microsecond, in an order of their own inside of a second.
            let lines = (0..100_000_i64).map(|number| {
                let at_ns = second * 1_000_000_000 + number * 7_919 % 100_000 * 1_000;
                LogLine::new(at_ns, Arc::clone(&labels), String::new())
            });
            let lines: Vec<_> = lines.collect();
            for page in lines.chunks(5_000) {
                assert_eq!(feed.admit(page.to_vec()).len(), page.len());
                assert!(feed.told.len() <= 2 * MOST_TOLD + page.len());
            }
            // Whoever asks again from there on hears nothing twice.
            let again = lines
                .into_iter()
                .filter(|line| line.at_ns >= feed.resume_ns());
            let again: Vec<_> = again.collect();
            assert!(!again.is_empty());
            assert_eq!(feed.admit(again), []);
        }
    }
}
