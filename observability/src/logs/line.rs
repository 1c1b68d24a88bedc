//! A log line and what can be read from it.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::prometheus::Labels;

/// How urgent a line is, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// Something happened.
    Info,
    /// For developers.
    Debug,
    /// For developers, in detail.
    Trace,
    /// Not told.
    Unknown,
}

impl Level {
    /// Every level, the most urgent first.
    pub const ALL: [Self; 6] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
        Self::Unknown,
    ];

    /// The level of a word, whatever its case: that one whose beginnings the word has.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        let word = word.to_ascii_lowercase();
        let is_told = |level: &Self| level.beginnings().iter().any(|told| word.starts_with(told));
        Self::ALL.into_iter().find(is_told).unwrap_or(Self::Unknown)
    }

    /// How the words begin that tell it, in lower case; none of [`Level::Unknown`].
    pub(super) fn beginnings(self) -> &'static [&'static str] {
        match self {
            Self::Error => &["err", "fatal", "crit", "panic", "alert", "emerg"],
            Self::Warn => &["warn"],
            Self::Info => &["info", "notice"],
            Self::Debug => &["debug"],
            Self::Trace => &["trace"],
            Self::Unknown => &[],
        }
    }

    /// The level in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
            Self::Unknown => "unknown",
        }
    }
}

/// A log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, in Unix nanoseconds.
    pub at_ns: i64,
    /// The labels of its stream, shared by the stream's lines.
    pub labels: Arc<Labels>,
    /// The line as it was written.
    pub text: String,
    /// How urgent it is.
    pub level: Level,
}

impl LogLine {
    /// A line whose level is read from its labels or, without one, from itself.
    #[must_use]
    pub fn new(at_ns: i64, labels: Arc<Labels>, text: String) -> Self {
        let labelled = ["level", "detected_level", "severity"]
            .iter()
            .filter_map(|key| labels.get(*key))
            .map(|word| Level::parse(word))
            .find(|level| *level != Level::Unknown);
        let level = labelled.unwrap_or_else(|| level_of(&text));
        Self {
            at_ns,
            labels,
            text,
            level,
        }
    }

    /// The service that wrote it.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        let keys = ["service", "service_name", "job", "app"];
        let mut found = keys.iter().filter_map(|key| self.labels.get(*key));
        found.next().map(String::as_str)
    }

    /// The instance that wrote it, or its service.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        let instance = self.labels.get("instance").map(String::as_str);
        instance.or_else(|| self.service())
    }

    /// What it says: the message of a JSON or logfmt line, else the whole line.
    #[must_use]
    pub fn message(&self) -> Cow<'_, str> {
        let Some(fields) = object(&self.text) else {
            let pairs = logfmt(&self.text);
            let told = pairs.into_iter().find(|(key, _)| key == "msg");
            return told.map_or(Cow::Borrowed(&self.text), |(_, value)| Cow::Owned(value));
        };
        let keys = ["message", "msg", "event", "error"];
        let mut told = keys.iter().filter_map(|key| fields.get(*key)?.as_str());
        match told.next() {
            Some(message) => Cow::Owned(message.to_owned()),
            None => Cow::Borrowed(&self.text),
        }
    }

    /// The fields of a JSON line, nested ones by their path, or of a logfmt line; empty for
    /// others.
    #[must_use]
    pub fn fields(&self) -> Vec<(String, String)> {
        let mut flat = logfmt(&self.text);
        if let Some(fields) = object(&self.text) {
            for (key, value) in &fields {
                flatten(key, value, 0, &mut flat);
            }
        }
        flat
    }
}

fn object(text: &str) -> Option<serde_json::Map<String, Value>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// Levels of nesting that are told apart; deeper ones are told as JSON.
const DEPTH: usize = 8;

fn flatten(path: &str, value: &Value, depth: usize, flat: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if depth < DEPTH => {
            for (key, value) in fields {
                flatten(&format!("{path}.{key}"), value, depth + 1, flat);
            }
        }
        Value::String(text) => flat.push((path.to_owned(), text.clone())),
        other => flat.push((path.to_owned(), other.to_string())),
    }
}

/// The pairs of a logfmt line (`key=value key="two words"`), as Prometheus and its kin write;
/// empty for a line that is anything else.
fn logfmt(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let Some((key, after)) = rest.split_once('=') else {
            return Vec::new();
        };
        let named = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
        if key.is_empty() || !key.chars().all(named) {
            return Vec::new();
        }
        let (value, end) = if let Some(quoted) = after.strip_prefix('"') {
            unquote(quoted)
        } else {
            let end = after.find(' ').unwrap_or(after.len());
            (after[..end].to_owned(), &after[end..])
        };
        pairs.push((key.to_owned(), value));
        rest = end.trim_start();
    }
    pairs
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

/// The level that a line tells: a JSON field, or `level=warn` among its words.
fn level_of(text: &str) -> Level {
    if let Some(fields) = object(text) {
        let keys = ["level", "severity", "lvl"];
        let mut words = keys.iter().filter_map(|key| fields.get(*key)?.as_str());
        return words.next().map_or(Level::Unknown, Level::parse);
    }
    let word = text
        .split_ascii_whitespace()
        .take(8)
        .find_map(|word| word.strip_prefix("level="));
    word.map_or(Level::Unknown, |word| Level::parse(word.trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: &str) -> LogLine {
        LogLine::new(0, Arc::default(), text.into())
    }

    #[test]
    fn json_lines_are_told_by_their_message_and_fields() {
        let json = line(r#"{"level":"WARN","message":"slow","status":503,"a":{"b":[1,2]}}"#);
        assert_eq!(json.level, Level::Warn);
        assert_eq!(json.message(), "slow");
        let fields = json.fields();
        assert!(fields.contains(&("status".into(), "503".into())));
        assert!(fields.contains(&("a.b".into(), "[1,2]".into())));
        let logfmt = line(r#"ts=2026-11-22T09:43:16Z level=error msg="it \"broke\" again" n=3"#);
        assert_eq!(logfmt.level, Level::Error);
        assert_eq!(logfmt.message(), "it \"broke\" again");
        assert_eq!(logfmt.fields().len(), 4);
        let plain = line("71:M 24 Nov 2026 * a=b saved");
        assert_eq!(plain.message(), plain.text);
        assert!(plain.fields().is_empty());
    }

    #[test]
    fn labels_tell_level_service_and_instance_first() {
        let labels = [
            ("detected_level", "ERROR"),
            ("job", "x"),
            ("service", "worker"),
        ];
        let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let line = LogLine::new(0, Arc::new(labels.into()), "level=info".into());
        assert_eq!(line.level, Level::Error);
        assert_eq!(line.service(), Some("worker"));
        assert_eq!(line.instance(), Some("worker"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_line(text in any::<String>()) {
            let text_length = text.len();
            let line = line(&text);
            let told = line.message().into_owned();
            prop_assert!(told.len() <= text_length || !line.fields().is_empty());
        }
    }
}
