//! How a program that cannot go on says so.

use std::fmt::Display;
use std::process::ExitCode;

use color_eyre::eyre::{Report, eyre};
use voteops_observability::text::clean_line;

/// The call itself is wrong.
pub(crate) const USAGE: u8 = 2;
/// A backend could not be asked, or an experiment could not be run.
pub(crate) const CANNOT_ASK: u8 = 3;
/// A fault could not be undone.
pub(crate) const NOT_UNDONE: u8 = 4;

/// An exit code with the one line that explains it.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    report: Report,
}

impl Failure {
    /// The failure with another exit code.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Its exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    pub(crate) fn new(code: u8, message: impl Display) -> Self {
        Self {
            code,
            report: eyre!("{message}"),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What went wrong may be told in the words of a server, or of a file.
        f.write_str(&clean_line(&self.report.to_string()))
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            code: 1,
            report: Report::new(error),
        }
    }
}

/// Says why on standard error, in one line, and gives the exit code.
#[must_use]
pub fn report(program: &str, outcome: Result<ExitCode, Failure>) -> ExitCode {
    outcome.unwrap_or_else(|failure| {
        eprintln!("{program}: {failure}");
        ExitCode::from(failure.code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_failure_steers_the_terminal() {
        let failure = Failure::new(CANNOT_ASK, "it said\n\u{1b}]0;title\u{7}\u{202e}");
        assert_eq!(failure.to_string(), "it said \u{fffd}]0;title\u{fffd}");
    }
}
