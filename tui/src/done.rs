//! What came of deeds, and how it is told. Deeds are done where nothing is spoken: they give
//! facts, and `update` words them.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::process::Output;

use jiff::Timestamp;

use crate::lang::tr;
use crate::settings::{Event, Severity};

/// What came of a deed.
#[derive(Debug)]
pub(crate) enum Done {
    /// The file was written.
    Wrote(PathBuf),
    /// So many characters were copied.
    Copied(usize),
    /// Something could not be done.
    Failed(Failed, io::Error),
    /// An experiment that was begun here ended.
    Ended {
        /// The beginning of its command.
        command: String,
        /// What it said, and how it ended.
        output: io::Result<Output>,
    },
}

/// What could not be done.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Beginning an experiment.
    Begin,
    /// Taking the mouse, or leaving it.
    Mouse,
    /// Writing the file.
    Write(PathBuf),
    /// Copying to the clipboard.
    Copy,
}

/// What came of a silence, by its identity.
#[derive(Debug)]
pub(crate) enum Silenced {
    /// It was made.
    Made(String),
    /// It was ended.
    Expired(String),
}

impl Done {
    /// As an event.
    pub(crate) fn event(&self, at: Timestamp) -> Event {
        let (text, severity) = self.told();
        Event { at, text, severity }
    }

    fn told(&self) -> (String, Severity) {
        match self {
            Self::Wrote(path) => {
                let text = tr!("wrote %{path}", path = path.display());
                (text.into(), Severity::Info)
            }
            Self::Copied(count) => {
                let text = tr!("copied %{count} characters", count = count);
                (text.into(), Severity::Info)
            }
            Self::Failed(what, error) => (what.told(error).into(), Severity::Warning),
            Self::Ended { command, output } => ended(command, output),
        }
    }
}

impl Failed {
    fn told(&self, error: &io::Error) -> Cow<'static, str> {
        match self {
            Self::Begin => tr!("beginning the experiment failed: %{reason}", reason = error),
            Self::Mouse => tr!("the mouse failed: %{reason}", reason = error),
            Self::Write(path) => tr!(
                "writing %{path} failed: %{reason}",
                path = path.display(),
                reason = error
            ),
            Self::Copy => tr!("copying failed: %{reason}", reason = error),
        }
    }
}

impl Silenced {
    /// In one line.
    pub(crate) fn told(&self) -> Cow<'static, str> {
        match self {
            Self::Made(id) => tr!("silence %{id} was made", id = id),
            Self::Expired(id) => tr!("silence %{id} was expired", id = id),
        }
    }
}

/// What a program said last, and how it ended.
fn ended(command: &str, output: &io::Result<Output>) -> (String, Severity) {
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            let text = tr!(
                "%{command} failed: %{reason}",
                command = command,
                reason = error
            );
            return (text.into(), Severity::Warning);
        }
    };
    let said = said(output);
    match output.status.code() {
        Some(0) => (format!("{command}: {said}"), Severity::Info),
        Some(code) => {
            let text = tr!(
                "%{command} ended with %{code}: %{said}",
                command = command,
                code = code,
                said = said
            );
            (text.into(), Severity::Warning)
        }
        None => {
            let text = tr!(
                "%{command} was killed: %{said}",
                command = command,
                said = said
            );
            (text.into(), Severity::Warning)
        }
    }
}

/// The last line of a program's output, or of its errors when it failed.
fn said(output: &Output) -> String {
    let text = if output.status.success() {
        &output.stdout
    } else {
        &output.stderr
    };
    let text = String::from_utf8_lossy(text);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    let said = last.map(|last| last.strip_prefix("voteops: ").unwrap_or(last));
    said.map_or_else(|| tr!("it said nothing").into(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::{Lang, speaking};

    #[test]
    fn facts_are_worded_in_the_language_that_is_spoken() {
        let failed = || {
            let error = io::Error::other("disk full");
            Done::Failed(Failed::Write("logs.jsonl".into()), error)
        };
        let told = |lang| speaking(lang, || failed().told().0);
        assert_eq!(told(Lang::En), "writing logs.jsonl failed: disk full");
        assert_eq!(told(Lang::Id), "gagal menulis logs.jsonl: disk full");
    }
}
