//! The log lines that are kept, those that the filter keeps, and those that are searched for.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use voteops_observability::logs::{Excerpt, LogLine, LogQuery, Way};

use crate::message::Refusal;
use crate::model::prompt::Filter;

/// Lines that are kept at most.
pub(crate) const MAX_LINES: usize = 10_000;
/// Bytes of text that are kept at most.
const MAX_BYTES: usize = 4 << 20;
/// Lines that are asked for at first.
pub(crate) const FIRST_LINES: usize = 2000;

/// What lines are asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogQuestion {
    /// Which lines.
    pub(crate) query: LogQuery,
    /// The length of their time.
    pub(crate) span: Duration,
    /// The end of their time; `None` follows what is written.
    pub(crate) end: Option<Timestamp>,
}

/// What is told of a question.
#[derive(Debug)]
pub(crate) enum LogNews {
    /// The lines that there are.
    Begin(Excerpt),
    /// Lines that came since, oldest first.
    More(Vec<LogLine>),
    /// Why there is no answer, and when it is asked again, if it is.
    Failed(Refusal, Option<Timestamp>),
    /// How lines come.
    By(Way),
}

/// Lines by their number: lines get the next one when they come, and keep it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matches {
    filter: Option<Filter>,
    numbers: VecDeque<u64>,
}

/// The lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Logs {
    lines: VecDeque<LogLine>,
    /// The number of the first line.
    base: u64,
    bytes: usize,
    /// Lines that had to go since the question was asked.
    pub(crate) dropped: u64,
    /// The lines that the filter keeps.
    kept: Matches,
    /// Those of the kept lines that are searched for.
    found: Matches,
    /// Whether the question was answered.
    pub(crate) loaded: bool,
    /// Since when the lines of the time were read, in Unix nanoseconds, if not since its beginning.
    cut_ns: Option<i64>,
    /// How lines come, where that makes a difference.
    pub(crate) way: Option<Way>,
    /// When the last good answer came.
    pub(crate) answered: Option<Timestamp>,
    /// Why the last answer failed, and when it is asked again.
    pub(crate) failure: Option<(Refusal, Option<Timestamp>)>,
}

impl Matches {
    fn same(&self, filter: Option<&Filter>) -> bool {
        self.filter.as_ref().map(|known| &known.text) == filter.map(|new| &new.text)
    }

    /// The place of a line's number among them, or of the next one.
    fn place(&self, number: u64) -> usize {
        self.numbers.partition_point(|known| *known < number)
    }
}

impl Logs {
    /// Forgets everything: another question is asked.
    fn clear(&mut self) {
        let base = self.base + self.lines.len() as u64;
        let (kept, found) = (self.kept.filter.take(), self.found.filter.take());
        *self = Self {
            base,
            ..Self::default()
        };
        self.kept.filter = kept;
        self.found.filter = found;
    }

    /// Begins with the newest lines of the time that was asked for.
    pub(crate) fn begin(&mut self, found: Excerpt) {
        self.clear();
        self.cut_ns = found.cut_ns;
        self.add(found.lines);
    }

    /// Since when all lines are here, in Unix nanoseconds, when there may be older ones that are
    /// not.
    pub(crate) fn cut_ns(&self) -> Option<i64> {
        let oldest = self.lines.front().filter(|_| self.dropped > 0);
        oldest.map(|line| line.at_ns).max(self.cut_ns)
    }

    /// Adds lines; the oldest go when there are too many.
    pub(crate) fn add(&mut self, lines: Vec<LogLine>) {
        for line in lines {
            let number = self.base + self.lines.len() as u64;
            self.bytes += line.text.len();
            if self
                .kept
                .filter
                .as_ref()
                .is_none_or(|f| f.keeps(&line.text))
            {
                self.kept.numbers.push_back(number);
                if self
                    .found
                    .filter
                    .as_ref()
                    .is_some_and(|f| f.keeps(&line.text))
                {
                    self.found.numbers.push_back(number);
                }
            }
            self.lines.push_back(line);
            while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES && self.lines.len() > 1 {
                self.drop_oldest();
            }
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.lines.pop_front() {
            self.bytes -= oldest.text.len();
            self.base += 1;
            self.dropped += 1;
            for matches in [&mut self.kept, &mut self.found] {
                if matches
                    .numbers
                    .front()
                    .is_some_and(|number| *number < self.base)
                {
                    matches.numbers.pop_front();
                }
            }
        }
    }

    /// Filters and searches anew when that changed.
    pub(crate) fn sync(&mut self, filter: Option<&Filter>, search: Option<&Filter>) {
        let refilter = !self.kept.same(filter);
        if refilter {
            self.kept.numbers = self.numbers(|text| filter.is_none_or(|f| f.keeps(text)));
            self.kept.filter = filter.cloned();
        }
        if refilter || !self.found.same(search) {
            let found = self.kept.numbers.iter().copied().filter(|number| {
                let line = self.by_number(*number);
                line.is_some_and(|line| search.is_some_and(|s| s.keeps(&line.text)))
            });
            self.found.numbers = found.collect();
            self.found.filter = search.cloned();
        }
    }

    fn numbers(&self, keeps: impl Fn(&str) -> bool) -> VecDeque<u64> {
        let all = (self.base..).zip(&self.lines);
        all.filter(|(_, line)| keeps(&line.text))
            .map(|(number, _)| number)
            .collect()
    }

    fn by_number(&self, number: u64) -> Option<&LogLine> {
        let at = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.lines.get(at)
    }

    /// All lines.
    pub(crate) fn all(&self) -> impl Iterator<Item = &LogLine> {
        self.lines.iter()
    }

    /// How many lines the filter keeps.
    pub(crate) fn len(&self) -> usize {
        self.kept.numbers.len()
    }

    /// The kept line at a place, with its number.
    pub(crate) fn get(&self, place: usize) -> Option<(u64, &LogLine)> {
        let number = *self.kept.numbers.get(place)?;
        Some((number, self.by_number(number)?))
    }

    /// The place of a number among the kept lines, or of the next one that is kept.
    pub(crate) fn place(&self, number: u64) -> usize {
        self.kept.place(number)
    }

    /// What is searched for.
    pub(crate) fn search(&self) -> Option<&Filter> {
        self.found.filter.as_ref()
    }

    /// How many lines are found, and which of them is at or after a number.
    pub(crate) fn hits(&self, number: u64) -> (usize, usize) {
        (self.found.place(number), self.found.numbers.len())
    }

    /// The number of the next line that is found, or of the one before; around the ends.
    pub(crate) fn next_hit(&self, number: u64, back: bool) -> Option<u64> {
        let found = &self.found.numbers;
        let at = self.found.place(number);
        let next = if back {
            at.checked_sub(1).or_else(|| found.len().checked_sub(1))
        } else {
            let after = at + usize::from(found.get(at) == Some(&number));
            Some(if after < found.len() { after } else { 0 })
        };
        found.get(next?).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn line(at_ns: i64, text: &str) -> LogLine {
        LogLine::new(at_ns, Arc::default(), text.into())
    }

    fn filter(text: &str) -> Option<Filter> {
        Filter::parse(text).unwrap()
    }

    #[test]
    fn a_million_lines_leave_the_newest_ones_only() {
        let mut logs = Logs::default();
        logs.sync(filter("7$").as_ref(), None);
        for batch in 0..100 {
            let lines = (0..10_000).map(|n| line(0, &format!("line {}", batch * 10_000 + n)));
            logs.add(lines.collect());
            assert!(logs.lines.len() <= MAX_LINES && logs.bytes <= MAX_BYTES);
        }
        assert_eq!(logs.dropped, 990_000);
        assert_eq!(logs.all().next().unwrap().text, "line 990000");
        assert_eq!(logs.all().last().unwrap().text, "line 999999");
        assert_eq!(logs.len(), 1000);
        assert_eq!(logs.get(0).unwrap().1.text, "line 990007");
        assert_eq!(logs.kept.numbers.len(), 1000);
    }

    #[test]
    fn long_lines_are_bounded_by_their_bytes() {
        let mut logs = Logs::default();
        logs.add((0..10).map(|n| line(n, &"x".repeat(1 << 20))).collect());
        assert_eq!(logs.lines.len(), 4);
        assert_eq!(logs.dropped, 6);
    }

    #[test]
    fn filters_and_searches_follow_what_comes() {
        let mut logs = Logs::default();
        logs.add((0..30).map(|n| line(n, &format!("line {n}"))).collect());
        logs.sync(filter("!5").as_ref(), filter("1").as_ref());
        assert_eq!(logs.len(), 27);
        let (_, found) = logs.hits(0);
        logs.add(vec![line(31, "line 31"), line(55, "line 551")]);
        assert_eq!(logs.len(), 28);
        assert_eq!(logs.hits(0).1, found + 1);
        assert_eq!(logs.next_hit(1, false), Some(10));
        assert_eq!(logs.next_hit(30, false), Some(1), "around the end");
        assert_eq!(logs.next_hit(1, true), Some(30), "around the beginning");
        logs.sync(None, None);
        assert_eq!(logs.len(), 32);
        assert_eq!(logs.next_hit(0, false), None);
        assert_eq!(logs.cut_ns(), None);
        let new = || (0..3).map(|n| line(70 + n, "new")).collect::<Vec<_>>();
        logs.begin(new().into());
        assert_eq!((logs.len(), logs.cut_ns()), (3, None));
        logs.begin(Excerpt {
            lines: new(),
            cut_ns: Some(60),
        });
        assert_eq!(logs.cut_ns(), Some(60), "older ones were not read");
        let most = i64::try_from(MAX_LINES).unwrap();
        logs.add((0..most).map(|n| line(90 + n, "newer")).collect());
        assert_eq!(logs.cut_ns(), Some(90), "older ones are not here any more");
        logs.clear();
        assert_eq!((logs.len(), logs.cut_ns()), (0, None));
        let used = 32 + 3 + 3 + MAX_LINES as u64;
        assert_eq!(logs.base, used, "numbers are never used twice");
    }
}
