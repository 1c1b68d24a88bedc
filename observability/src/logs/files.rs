//! The log files of a stack on this machine: what there is without a Loki.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Excerpt, LogLine, LogQuery};
use crate::backend::BackendError;
use crate::prometheus::Labels;

/// The end of a file that is read; what is before it is not looked at.
const READ_BYTES: u64 = 4 << 20;

/// A log file and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// The service that writes it, `worker` for instance.
    pub service: String,
    /// The instance that writes it, `worker-1` for instance.
    pub instance: String,
    /// Where it is.
    pub path: PathBuf,
}

/// Log files, read as one stream of lines.
#[derive(Debug, Clone, Default)]
pub struct LogFiles {
    files: Vec<LogFile>,
}

impl LogFiles {
    /// These files.
    #[must_use]
    pub fn new(files: Vec<LogFile>) -> Self {
        Self { files }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Whose they are; a service with several is told several times.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.service.as_str())
    }

    /// Those that cannot be read, and why.
    #[must_use]
    pub fn unreadable(&self) -> Vec<(&LogFile, std::io::Error)> {
        let files = self.files.iter();
        files
            .filter_map(|file| Some((file, File::open(&file.path).err()?)))
            .collect()
    }

    /// The newest lines of a time, as far as the last 4 MiB of each file hold them.
    pub(super) async fn newest(
        &self,
        query: &LogQuery,
        from_ns: i64,
        to_ns: i64,
        limit: usize,
    ) -> Result<Excerpt, BackendError> {
        if let Some(entered) = &query.entered {
            return Err(BackendError::Refused {
                url: "the log files".into(),
                kind: "no LogQL".into(),
                message: format!(
                    "{entered:?} needs a Loki; without one there are the services, levels and / for any text"
                ),
            });
        }
        let (files, query) = (self.files.clone(), query.clone());
        let read = tokio::task::spawn_blocking(move || {
            let mut all = Excerpt::default();
            for file in &files {
                let read = read(file, &query, from_ns, to_ns);
                all.lines.extend(read.lines);
                all.cut_ns = all.cut_ns.max(read.cut_ns);
            }
            all.lines.sort_by_key(|line| line.at_ns);
            let surplus = all.lines.len().saturating_sub(limit);
            if surplus > 0 {
                all.lines.drain(..surplus);
                all.cut_ns = all.cut_ns.max(all.lines.first().map(|line| line.at_ns));
            }
            all
        });
        read.await.map_err(|error| BackendError::Unreachable {
            url: "the log files".into(),
            reason: error.to_string(),
        })
    }
}

/// The lines of a file that the query keeps. A file that is not there yet has none.
fn read(file: &LogFile, query: &LogQuery, from_ns: i64, to_ns: i64) -> Excerpt {
    let Ok(end) = end_of(&file.path) else {
        return Excerpt::default();
    };
    // Whoever wrote nothing since the time begins has no line in it.
    if end.written_ns < from_ns {
        return Excerpt::default();
    }
    let labels = [("service", &file.service), ("instance", &file.instance)];
    let labels: Labels = labels.map(|(k, v)| (k.to_owned(), v.clone())).into();
    let labels = Arc::new(labels);
    // Of lines that the query does not keep, too: it is the reading that is cut.
    let first = || end.text.lines().find_map(time_of);
    let cut_ns = if end.is_cut { first() } else { None };
    let mut at_ns = 0;
    let lines = end
        .text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            // A line without a time belongs to the one before it.
            at_ns = time_of(line).unwrap_or(at_ns);
            LogLine::new(at_ns, Arc::clone(&labels), line.to_owned())
        })
        .filter(|line| (from_ns..=to_ns).contains(&line.at_ns))
        .filter(|line| query.keeps(line));
    Excerpt {
        lines: lines.collect(),
        cut_ns: cut_ns.filter(|cut_ns| *cut_ns > from_ns),
    }
}

/// A file's end.
struct End {
    /// Its whole lines.
    text: String,
    /// When the file was last written, in Unix nanoseconds.
    written_ns: i64,
    /// Whether there is more before it.
    is_cut: bool,
}

fn end_of(path: &Path) -> std::io::Result<End> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let begin = metadata.len().saturating_sub(READ_BYTES);
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES).read_to_end(&mut bytes)?;
    // Cut lines at both ends are left out; the last one is complete at the next reading.
    let first = if begin == 0 {
        0
    } else {
        bytes
            .iter()
            .position(|b| *b == b'\n')
            .map_or(bytes.len(), |at| at + 1)
    };
    let last = bytes
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(first, |at| at + 1);
    let whole = bytes.get(first..last.max(first)).unwrap_or_default();
    let written = Timestamp::try_from(metadata.modified()?).unwrap_or(Timestamp::MAX);
    let written_ns = i64::try_from(written.as_nanosecond()).unwrap_or(i64::MAX);
    Ok(End {
        text: String::from_utf8_lossy(whole).into_owned(),
        written_ns,
        is_cut: begin > 0,
    })
}

/// The time that a line tells: a JSON field, `time=…` or `ts=…`, or Redis's own form.
fn time_of(line: &str) -> Option<i64> {
    let nanoseconds = |at: Timestamp| i64::try_from(at.as_nanosecond()).ok();
    if line.starts_with('{') {
        let fields: serde_json::Value = serde_json::from_str(line).ok()?;
        let told = ["timestamp", "time", "ts"]
            .iter()
            .find_map(|key| fields.get(key)?.as_str());
        return nanoseconds(told?.parse().ok()?);
    }
    let mut words = line.split_ascii_whitespace();
    let told = words.find_map(|word| {
        word.strip_prefix("ts=")
            .or_else(|| word.strip_prefix("time="))
    });
    if let Some(told) = told {
        return nanoseconds(told.trim_matches('"').parse().ok()?);
    }
    // 12345:M 24 Nov 2026 14:03:20.123 * Ready: in the server's own zone.
    let (_, rest) = line.split_once(' ')?;
    let told = rest.get(..24)?;
    let at = jiff::fmt::strtime::parse("%d %b %Y %H:%M:%S%.f", told).ok()?;
    let at = at
        .to_datetime()
        .ok()?
        .to_zoned(jiff::tz::TimeZone::system())
        .ok()?;
    nanoseconds(at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{Feed, Level, LogSource};
    use std::io::Write;

    fn files(dir: &Path) -> LogFiles {
        let file = |instance: &str, service: &str| LogFile {
            service: service.into(),
            instance: instance.into(),
            path: dir.join(format!("{instance}.log")),
        };
        LogFiles::new(vec![file("worker-1", "worker"), file("redis", "redis")])
    }

    fn append(path: PathBuf, text: &str) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn json(second: u32, level: &str, message: &str) -> String {
        format!(
            "{{\"timestamp\":\"2026-11-24T10:00:{second:02}Z\",\"level\":\"{level}\",\"message\":\"{message}\"}}\n"
        )
    }

    #[tokio::test]
    async fn files_are_one_stream_in_the_order_of_time() {
        let dir = tempfile::tempdir().unwrap();
        append(dir.path().join("worker-1.log"), &json(1, "INFO", "one"));
        append(dir.path().join("worker-1.log"), &json(3, "ERROR", "three"));
        append(
            dir.path().join("redis.log"),
            "ts=2026-11-24T10:00:02Z level=warn msg=two\nand more of it\n",
        );
        let files = files(dir.path());
        let all = files
            .newest(&LogQuery::default(), 0, i64::MAX, 100)
            .await
            .unwrap();
        assert_eq!(all.cut_ns, None);
        let told: Vec<_> = all
            .lines
            .iter()
            .map(|line| line.message().into_owned())
            .collect();
        assert_eq!(told, ["one", "two", "and more of it", "three"]);
        let query = LogQuery {
            services: vec!["worker".into()],
            least: Some(Level::Warn),
            ..LogQuery::default()
        };
        let some = files.newest(&query, 0, i64::MAX, 100).await.unwrap();
        assert_eq!(some.lines.len(), 1);
        let entered = LogQuery {
            entered: Some("{a=\"b\"}".into()),
            ..LogQuery::default()
        };
        let error = files.newest(&entered, 0, i64::MAX, 9).await.unwrap_err();
        assert!(error.to_string().contains("needs a Loki"), "{error}");
    }

    #[tokio::test]
    async fn what_of_a_long_file_is_not_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("worker-1.log");
        append(path.clone(), &json(0, "ERROR", "before"));
        let mut long = json(1, "INFO", &"x".repeat(usize::try_from(READ_BYTES).unwrap()));
        long.push_str(&json(2, "INFO", "after the cut"));
        append(path.clone(), &long);
        append(path, &json(3, "ERROR", "three"));
        let files = files(dir.path());
        let second = |second: i64| {
            let begin: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
            i64::try_from(begin.as_nanosecond()).unwrap() + second * 1_000_000_000
        };
        let errors = LogQuery {
            least: Some(Level::Error),
            ..LogQuery::default()
        };
        let found = files.newest(&errors, 0, i64::MAX, 100).await.unwrap();
        assert_eq!((found.lines.len(), found.cut_ns), (1, Some(second(2))));
        let since = files.newest(&errors, second(2), i64::MAX, 100);
        assert_eq!(
            since.await.unwrap().cut_ns,
            None,
            "all of that time was read"
        );
        let all = LogQuery::default();
        let one = files.newest(&all, second(2), i64::MAX, 1).await.unwrap();
        assert_eq!((one.lines.len(), one.cut_ns), (1, Some(second(3))));
    }

    #[tokio::test]
    async fn a_line_is_told_when_it_is_whole_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("worker-1.log");
        let mut feed = Feed::new(LogSource::Files(files(dir.path())), LogQuery::default(), 0);
        let line = json(1, "INFO", "one");
        let (begin, end) = line.split_at(20);
        append(path.clone(), begin);
        assert!(feed.next(i64::MAX).await.unwrap().is_empty());
        append(path.clone(), end);
        assert_eq!(feed.next(i64::MAX).await.unwrap().len(), 1);
        assert!(feed.next(i64::MAX).await.unwrap().is_empty());
        append(path, &json(2, "INFO", "two"));
        assert_eq!(feed.next(i64::MAX).await.unwrap()[0].message(), "two");
    }

    #[test]
    fn redis_tells_its_time_in_its_own_form() {
        let at = time_of("71:M 24 Nov 2026 14:03:20.123 * Ready to accept connections tcp");
        let zone = jiff::tz::TimeZone::system();
        let told = Timestamp::from_nanosecond(at.unwrap().into())
            .unwrap()
            .to_zoned(zone);
        assert_eq!(told.strftime("%H:%M:%S%.3f").to_string(), "14:03:20.123");
        assert_eq!(time_of("no time"), None);
        assert_eq!(time_of(""), None);
        assert_eq!(time_of("é 漢字漢字漢字漢字漢字漢字漢字"), None);
    }
}
