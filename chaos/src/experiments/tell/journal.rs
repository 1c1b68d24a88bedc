//! The journal: what happens, a JSON line each, as it happens.
//! `schemas/experiment-journal.schema.json`.

use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;

use super::Finding;
use crate::experiments::report::millis;
use crate::experiments::{Alert, Progress, Taken, Verdict};

/// Something that happened.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    /// The hypothesis does not hold yet.
    Settling { lacking: &'a str },
    /// The method begins.
    Begun,
    /// A step was begun.
    Step(&'a Taken),
    /// A step is over.
    StepOver(&'a Taken),
    /// An alert was seen in a state for the first time.
    AlertIs {
        alert: &'a str,
        is: &'static str,
        at_s: f64,
    },
    /// Everything is undone, and the hypothesis does not hold again yet.
    Recovering { lacking: &'a str },
    /// The hypothesis holds again.
    Recovered { after_s: f64 },
    /// What an alert did.
    Alert(&'a Alert),
    /// The end.
    Verdict { verdict: Verdict, reason: String },
    /// There is no finding.
    NotRun { reason: &'a str },
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    at: Timestamp,
    #[serde(flatten)]
    event: Event<'a>,
}

/// Writes the journal of an experiment.
#[derive(Debug)]
pub struct Journal<W: Write> {
    out: W,
    /// What was last said to be lacking, which is not repeated.
    lacking: String,
}

impl<W: Write> Journal<W> {
    /// A journal that is written to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            lacking: String::new(),
        }
    }

    /// Takes what happens.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn progress(&mut self, progress: &Progress) -> std::io::Result<()> {
        let event = match progress {
            Progress::Settling(lacking) | Progress::Recovering(lacking)
                if *lacking == self.lacking =>
            {
                return Ok(());
            }
            Progress::Settling(lacking) => {
                self.lacking.clone_from(lacking);
                Event::Settling { lacking }
            }
            Progress::Recovering(lacking) => {
                self.lacking.clone_from(lacking);
                Event::Recovering { lacking }
            }
            Progress::Begun => {
                self.lacking.clear();
                Event::Begun
            }
            Progress::Step(taken) => Event::Step(taken),
            Progress::StepOver(taken) => Event::StepOver(taken),
            Progress::Recovered(after_s) => Event::Recovered { after_s: *after_s },
            Progress::Alert(alert) => Event::Alert(alert),
            Progress::AlertIs { alert, is, at_s } => Event::AlertIs {
                alert,
                is: is.name(),
                at_s: millis(*at_s),
            },
            Progress::Going(_) | Progress::Counting => return Ok(()),
        };
        self.write(event)
    }

    /// Takes the end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(&mut self, finding: &Finding) -> std::io::Result<()> {
        let event = match &finding.outcome {
            Ok(report) => Event::Verdict {
                verdict: report.verdict,
                reason: report.summary(),
            },
            Err(reason) => Event::NotRun { reason },
        };
        self.write(event)
    }

    fn write(&mut self, event: Event<'_>) -> std::io::Result<()> {
        let at = Timestamp::now();
        let mut line = serde_json::to_vec(&Line { at, event })?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}
