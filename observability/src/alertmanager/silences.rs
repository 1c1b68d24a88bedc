//! Silences of the API v2
//! (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>): what they match,
//! and how amtool would make one.

use std::fmt;

use jiff::Timestamp;
use regex::Regex;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Alertmanager;
use crate::backend::{BackendError, bare};
use crate::prometheus::Labels;
use crate::text::clean_line;

const SILENCES: &str = "api/v2/silences";

/// A condition on a label. A label that is not there counts as empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// What it is compared with.
    pub value: String,
    /// Whether the value is a regular expression for the whole label.
    pub is_regex: bool,
    /// Whether the label has to match, or must not.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

fn yes() -> bool {
    true
}

/// A silence as Alertmanager holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its identity.
    pub id: String,
    /// Whether it is in force.
    pub status: SilenceStatus,
    /// What it silences: alerts that fulfil all of them.
    pub matchers: Vec<Matcher>,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who made it.
    #[serde(default)]
    pub created_by: String,
    /// Why.
    #[serde(default)]
    pub comment: String,
}

/// Whether a silence is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceStatus {
    /// How it stands.
    pub state: SilenceState,
}

/// How a silence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    /// It is in force.
    Active,
    /// It will be in force.
    Pending,
    /// It is over.
    Expired,
}

/// A silence that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewSilence {
    /// What it silences.
    pub matchers: Vec<Matcher>,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who makes it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

impl fmt::Display for Matcher {
    /// As Alertmanager and amtool write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        let value = self.value.replace('\\', "\\\\");
        let value = value.replace('"', "\\\"").replace('\n', "\\n");
        write!(f, "{}{operator}\"{value}\"", self.name)
    }
}

impl Matcher {
    /// A label that has to be this value.
    #[must_use]
    pub fn equal(name: &str, value: &str) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            is_regex: false,
            is_equal: true,
        }
    }

    /// Whether a label's value (empty when it is not there) fulfils it. The expression is anchored
    /// at both ends, as in Alertmanager.
    fn holds(&self, value: &str) -> bool {
        let matched = if self.is_regex {
            let anchored = Regex::new(&format!("^(?:{})$", self.value));
            anchored.is_ok_and(|regex| regex.is_match(value))
        } else {
            self.value == value
        };
        matched == self.is_equal
    }
}

/// Whether all matchers hold for an alert's labels.
#[must_use]
pub fn matches(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| {
        let value = labels.get(&matcher.name).map_or("", String::as_str);
        matcher.holds(value)
    })
}

/// Why a text is no matchers, or what Alertmanager would refuse of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// Two matchers without a comma between them.
    #[error("a comma is missing before {rest}")]
    Comma {
        /// What follows.
        rest: String,
    },
    /// Nothing is written.
    #[error("write at least one matcher, alertname=\"X\" for instance")]
    Empty,
    /// Everything would be silenced.
    #[error("every matcher accepts a label that is not there: all alerts would match")]
    All,
    /// A matcher does not begin with a label.
    #[error("{name:?} is no label; write label=\"value\"")]
    Label {
        /// What stands in the label's place.
        name: String,
    },
    /// Nothing compares the label.
    #[error("{name}: write one of = != =~ !~ after it")]
    Operator {
        /// The label.
        name: String,
    },
    /// The value's quotes are not closed.
    #[error("{name}: the quotes are not closed")]
    Quotes {
        /// The label.
        name: String,
    },
    /// The value is no regular expression.
    #[error("{name}: {reason}")]
    Regex {
        /// The label.
        name: String,
        /// What the parser says.
        reason: String,
    },
}

/// Reads matchers as Alertmanager writes them, `alertname="X", job=~"a.*"`; the quotes may be
/// left out.
///
/// # Errors
/// [`MatcherError`]: what is wrong with which matcher, and what Alertmanager would refuse.
pub fn parse(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let mut rest = text.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (matcher, after) = one(rest)?;
        found.push(matcher);
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
        } else if !rest.is_empty() {
            return Err(MatcherError::Comma { rest: rest.into() });
        }
    }
    if found.is_empty() {
        return Err(MatcherError::Empty);
    }
    // Alertmanager refuses what would silence everything.
    if found.iter().all(|matcher| matcher.holds("")) {
        return Err(MatcherError::All);
    }
    Ok(found)
}

fn one(text: &str) -> Result<(Matcher, &str), MatcherError> {
    let end = text.find(['=', '!']).unwrap_or(text.len());
    let (label, rest) = text.split_at(end);
    let name = label.trim().to_owned();
    let first = name.chars().next();
    let is_name = first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return Err(MatcherError::Label { name });
    }
    let operators = [
        ("=~", true, true),
        ("!~", false, true),
        ("!=", false, false),
        ("=", true, false),
    ];
    let found = operators.iter().find(|(sign, ..)| rest.starts_with(sign));
    let Some((sign, is_equal, is_regex)) = found else {
        return Err(MatcherError::Operator { name });
    };
    let (value, after) = value(rest[sign.len()..].trim_start(), &name)?;
    if *is_regex && let Err(error) = Regex::new(&value) {
        let told = error.to_string();
        let reason = told.lines().last().unwrap_or_default();
        let reason = reason.trim_start_matches("error: ").to_owned();
        return Err(MatcherError::Regex { name, reason });
    }
    let matcher = Matcher {
        name,
        value,
        is_regex: *is_regex,
        is_equal: *is_equal,
    };
    Ok((matcher, after))
}

fn value<'a>(text: &'a str, name: &str) -> Result<(String, &'a str), MatcherError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return Ok((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &quoted[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err(MatcherError::Quotes { name: name.into() })
}

impl NewSilence {
    /// The call of amtool that would make the same silence, for a shell. Of the address nothing
    /// secret is told.
    #[must_use]
    pub fn amtool(&self, alertmanager: &Url) -> String {
        let seconds = self.ends_at.duration_since(self.starts_at).as_secs().max(0);
        let mut words = vec![
            "amtool".to_owned(),
            "silence".into(),
            "add".into(),
            format!("--alertmanager.url={}", bare(alertmanager)),
            format!("--author={}", self.created_by),
            format!("--comment={}", self.comment),
            format!("--duration={seconds}s"),
        ];
        words.extend(self.matchers.iter().map(ToString::to_string));
        let quoted: Vec<_> = words.iter().map(|word| quote(word)).collect();
        quoted.join(" ")
    }
}

/// A word for a POSIX shell (Shell Command Language, 2.2.2): in single quotes nothing is special.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

impl Alertmanager {
    /// The silences it holds, expired ones too.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn silences(&self) -> Result<Vec<Silence>, BackendError> {
        self.http.get_json(SILENCES, &[]).await
    }

    /// Makes a silence; gives its identity.
    ///
    /// # Errors
    /// Any [`BackendError`]; what it refuses is [`BackendError::Refused`] in its own words.
    pub async fn silence(&self, silence: &NewSilence) -> Result<String, BackendError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Made {
            #[serde(rename = "silenceID")]
            silence_id: String,
        }
        let (status, body) = self.http.post_json(SILENCES, silence).await?;
        if !status.is_success() {
            return Err(self.refused(SILENCES, status.as_u16(), &body));
        }
        let made: Made = serde_json::from_slice(&body)
            .map_err(|error| self.http.garbage(SILENCES, &error, &body))?;
        Ok(made.silence_id)
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// As [`Alertmanager::silence`].
    pub async fn expire(&self, id: &str) -> Result<(), BackendError> {
        let path = format!("api/v2/silence/{id}");
        let (status, body) = self.http.delete(&path).await?;
        if status.is_success() {
            Ok(())
        } else {
            Err(self.refused(&path, status.as_u16(), &body))
        }
    }

    /// A refusal in Alertmanager's words, which are a JSON string or an object's message.
    fn refused(&self, path: &str, status: u16, body: &[u8]) -> BackendError {
        let text = String::from_utf8_lossy(body);
        let words = serde_json::from_str::<serde_json::Value>(&text).ok();
        let words = words.and_then(|value| {
            let told = value.as_str().or_else(|| value.get("message")?.as_str());
            told.map(str::to_owned)
        });
        BackendError::Refused {
            url: self.http.name(path),
            kind: format!("HTTP {status}"),
            message: clean_line(&words.unwrap_or_else(|| text.chars().take(200).collect()))
                .trim()
                .to_owned(),
        }
    }
}

#[cfg(test)]
#[path = "silences_tests.rs"]
mod tests;
