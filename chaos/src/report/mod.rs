//! What becomes of proofs for whoever was not there: JUnit XML for pipelines, Markdown for
//! tickets, one HTML page for people, and a journal, line by line while they run.

pub(crate) mod chart;
pub(crate) mod html;
pub mod journal;
mod junit;
pub(crate) mod markdown;

use std::time::Duration;

use jiff::Timestamp;

use crate::verify::{Report, Verdict};

pub use html::html;
pub use junit::junit;
pub use markdown::markdown;

/// An alert and what came of proving it.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The alert.
    pub alert: String,
    /// The finding, or why there is none.
    pub outcome: Result<Report, String>,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// How long it took, with the waiting for a steady stack.
    pub took: Duration,
}

impl Proof {
    /// Whether it is proven.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.outcome
            .as_ref()
            .is_ok_and(|report| report.verdict == Verdict::Proven)
    }

    /// The verdict in a word.
    fn verdict(&self) -> &'static str {
        match &self.outcome {
            Ok(report) => match report.verdict {
                Verdict::Proven => "proven",
                Verdict::Refuted => "refuted",
                Verdict::Aborted => "aborted",
            },
            Err(_) => "not run",
        }
    }

    /// Why, in a sentence.
    fn reason(&self) -> &str {
        match &self.outcome {
            Ok(report) => &report.reason,
            Err(reason) => reason,
        }
    }
}

/// Seconds as they are shown; a dash for none.
pub(crate) fn told_s(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.1} s"))
}

/// What is told above all proofs.
fn headline(proofs: &[Proof]) -> String {
    let proven = proofs.iter().filter(|proof| proof.is_proven()).count();
    format!("{proven} of {} alerts are proven", proofs.len())
}

#[cfg(test)]
mod tests;
