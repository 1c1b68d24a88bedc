//! Settings by flag, environment, file and default, in that order.
//!
//! A service's flags are all optional texts (clap merges flag and environment); its file is TOML
//! with the same keys, underscores for hyphens. [`Settings::get`] picks the text that counts, and
//! the [`Given`] text is then parsed with an error that names the setting and where it came from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A setting that is not usable, told in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {reason}; correct --config")]
    Read {
        /// The file named.
        path: String,
        /// What the system answered.
        reason: String,
    },
    /// The file is not TOML, or has a key or a kind of value that is not known.
    #[error("{path}:{line}: {reason}; correct the file")]
    File {
        /// The file named.
        path: String,
        /// The line of the mistake, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The value of one setting is not usable.
    #[error("{key} = {text:?} ({source_name}): {reason}")]
    Value {
        /// The setting, as its flag is called, without the dashes.
        key: &'static str,
        /// What was given.
        text: String,
        /// Where it came from.
        source_name: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

/// A value in the file: a text or a whole number, and where it stands.
pub type FileValue = toml::Spanned<Scalar>;

/// A text or a whole number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a text in quotes or a whole number")]
pub enum Scalar {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
}

/// The settings of one service: its file and the prefix of its environment variables.
#[derive(Debug)]
pub struct Settings<F> {
    env_prefix: &'static str,
    file: Option<(PathBuf, String)>,
    /// The keys of the file. Empty without a file.
    pub keys: F,
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Flag,
    Env(String),
    File { path: PathBuf, line: usize },
    Default,
}

/// A setting as it was given, not yet parsed.
#[derive(Debug, Clone)]
pub struct Given {
    key: &'static str,
    text: String,
    source: Source,
}

impl<F: DeserializeOwned + Default> Settings<F> {
    /// Reads the file, when there is one. `env_prefix` is for example `WORKER`.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read, is not TOML or has a key that `F` does not know.
    pub fn load(env_prefix: &'static str, path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Ok(Self {
                env_prefix,
                file: None,
                keys: F::default(),
            });
        };
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        let keys = toml::from_str(&text).map_err(|error| ConfigError::File {
            path: path.display().to_string(),
            line: error.span().map_or(1, |span| line_at(&text, span.start)),
            reason: error.message().replace('\n', " "),
        })?;
        Ok(Self {
            env_prefix,
            file: Some((path.to_owned(), text)),
            keys,
        })
    }

    /// The text that counts for `key`: `given` by flag or environment, else from the file, else the
    /// default. `key` is the flag's name without dashes.
    #[must_use]
    pub fn get(
        &self,
        key: &'static str,
        given: Option<String>,
        from_file: Option<&FileValue>,
        default: &str,
    ) -> Given {
        if let Some(text) = given {
            let source = self.source_of(key, &text);
            return Given { key, text, source };
        }
        if let (Some(value), Some((path, file))) = (from_file, &self.file) {
            let line = line_at(file, value.span().start);
            let source = Source::File {
                path: path.clone(),
                line,
            };
            return Given {
                key,
                text: value.get_ref().to_string(),
                source,
            };
        }
        Given {
            key,
            text: default.to_owned(),
            source: Source::Default,
        }
    }

    /// Clap does not tell flag from environment; a variable that holds the very text is named.
    fn source_of(&self, key: &str, text: &str) -> Source {
        let name = format!(
            "{}_{}",
            self.env_prefix,
            key.replace('-', "_").to_uppercase()
        );
        if std::env::var(&name).is_ok_and(|value| value == text) {
            Source::Env(name)
        } else {
            Source::Flag
        }
    }
}

impl Given {
    /// The text as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The error that this setting is not usable, with the reason and the way out. A password in a
    /// URL is not repeated.
    #[must_use]
    pub fn error(&self, reason: impl Into<String>) -> ConfigError {
        let source_name = match &self.source {
            Source::Flag => format!("from --{}", self.key),
            Source::Env(name) => format!("from the environment variable {name}"),
            Source::File { path, line } => format!("from {}:{line}", path.display()),
            Source::Default => "the default".to_owned(),
        };
        let text = mask_password(&self.text);
        ConfigError::Value {
            key: self.key,
            text,
            source_name,
            reason: reason.into(),
        }
    }

    /// Parses the text; `expected` says what would be right.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when the text cannot be parsed.
    pub fn parse<T: FromStr>(&self, expected: &str) -> Result<T, ConfigError> {
        self.text
            .parse()
            .map_err(|_| self.error(format!("expected {expected}")))
    }

    /// Parses a duration such as `500ms`, `2s` or `1m 30s`, longer than zero.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when the text is not such a duration.
    pub fn duration(&self) -> Result<Duration, ConfigError> {
        const EXPECTED: &str = "expected a duration longer than zero, such as 500ms or 2s";
        let duration = humantime::parse_duration(&self.text)
            .map_err(|error| self.error(format!("{error}; {EXPECTED}")))?;
        if duration.is_zero() {
            Err(self.error(EXPECTED))
        } else {
            Ok(duration)
        }
    }

    /// Parses a duration such as `500ms` or `2s`, or `0s` for none.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when the text is no duration.
    pub fn duration_or_none(&self) -> Result<Duration, ConfigError> {
        const EXPECTED: &str = "expected a duration such as 0s, 500ms or 2s";
        humantime::parse_duration(&self.text)
            .map_err(|error| self.error(format!("{error}; {EXPECTED}")))
    }

    /// Parses a whole number between `min` and `max`, both included.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when the text is not such a number.
    pub fn number(&self, min: usize, max: usize) -> Result<usize, ConfigError> {
        let number = self
            .text
            .parse()
            .ok()
            .filter(|number| (min..=max).contains(number));
        number.ok_or_else(|| self.error(format!("expected a whole number from {min} to {max}")))
    }

    /// Checks a log filter: a level, or directives such as `info,voteops_queue=debug`.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when the text is no such filter.
    pub fn log_filter(&self) -> Result<String, ConfigError> {
        const EXPECTED: &str = "expected error, warn, info, debug, trace or target=level,...";
        // A bare word that is no level would pass for the name of a target and silence all others.
        let is_level = self.text.parse::<LevelFilter>().is_ok();
        if (is_level || self.text.contains('=')) && EnvFilter::try_new(&self.text).is_ok() {
            Ok(self.text.clone())
        } else {
            Err(self.error(EXPECTED))
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

const PASSWORD_KEY: &str = "password=";

/// The text with what stands between `user:` and the last `@`, and any `password=` in its query,
/// replaced by `***`, for logs and errors. A password with an unescaped `/` or `#` is what makes a
/// URL bad, and so does a scheme that was forgotten, so the URL is not parsed for this.
#[must_use]
pub fn mask_password(url: &str) -> String {
    let shown = mask_key(url);
    let (scheme, rest) = match shown.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), shown.as_str()),
    };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let name = user.split_once(':').map_or(user, |(name, _)| name);
            format!("{scheme}{name}:***@{host}")
        }
        None => shown,
    }
}

/// The text with the values of all `password=` replaced: up to a `&`, or to a blank as in the words that
/// PostgreSQL's own programs take, which may be quoted.
fn mask_key(text: &str) -> String {
    let Some((before, value)) = text.split_once(PASSWORD_KEY) else {
        return text.to_owned();
    };
    let quoted = value.strip_prefix('\'').and_then(|it| it.split_once('\''));
    let rest = match quoted {
        Some((_, rest)) => rest,
        None => &value[value.find(['&', ' ']).unwrap_or(value.len())..],
    };
    format!("{before}{PASSWORD_KEY}***{}", mask_key(rest))
}

/// The name of this process among its kind, `HOST-PID`, for services not given one.
#[must_use]
pub fn default_instance() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "localhost",
        host => host,
    };
    format!("{host}-{}", std::process::id())
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
