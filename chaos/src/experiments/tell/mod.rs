//! What becomes of an experiment for whoever was not there: JUnit XML for pipelines, Markdown for
//! tickets, one HTML page for people, and a journal, line by line while it runs.

mod html;
mod journal;
mod junit;
mod markdown;

use std::time::Duration;

use jiff::Timestamp;

use super::{Alert, Expected, Report, Verdict};

pub use html::html;
pub use journal::Journal;
pub use junit::junit;
pub use markdown::markdown;

/// An experiment and what came of it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is called.
    pub title: String,
    /// The file.
    pub file: String,
    /// The finding, or why there is none.
    pub outcome: Result<Report, String>,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// How long it took, with the waiting before and after.
    pub took: Duration,
}

impl Finding {
    /// Whether all was as the file says.
    #[must_use]
    pub fn is_met(&self) -> bool {
        let outcome = self.outcome.as_ref();
        outcome.is_ok_and(|report| report.verdict == Verdict::Met)
    }

    /// The verdict in a word.
    fn verdict(&self) -> &'static str {
        self.outcome
            .as_ref()
            .map_or("not run", |report| report.verdict.name())
    }

    /// Why, in a sentence.
    fn reason(&self) -> String {
        match &self.outcome {
            Ok(report) => report.summary(),
            Err(reason) => reason.clone(),
        }
    }
}

fn mark(ok: bool) -> &'static str {
    if ok { "✔" } else { "✖" }
}

/// The mark of an alert; none when nothing is expected of it.
fn mark_of(alert: &Alert) -> &'static str {
    match alert.expected {
        None => "",
        Some(_) => mark(alert.ok),
    }
}

fn expected(alert: &Alert) -> &'static str {
    match alert.expected {
        Some(Expected::Fires) => "fires",
        Some(Expected::StaysQuiet) => "stays quiet",
        None => "–",
    }
}

#[cfg(test)]
mod tests;
