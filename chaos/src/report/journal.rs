//! The journal: what happens, a JSON line each, as it happens. `schemas/journal.schema.json`.

use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;

use crate::verify::{ManagedBy, Phase, Progress, Report, Verdict};

/// Something that happened.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    /// The stack is not steady yet.
    Settling { lacking: &'a str },
    /// The fault is in force.
    Injected {
        fault: &'a str,
        targets: &'a str,
        rate_per_s: Option<f64>,
    },
    /// A step was seen, or given up.
    Phase(&'a Phase),
    /// The end.
    Verdict {
        verdict: Verdict,
        reason: &'a str,
        managed_by: ManagedBy,
    },
    /// There is no finding.
    NotRun { reason: &'a str },
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    at: Timestamp,
    alert: &'a str,
    #[serde(flatten)]
    event: Event<'a>,
}

/// Writes the journal of one proof after the other.
#[derive(Debug)]
pub struct Journal<W: Write> {
    out: W,
    /// The reason why the stack was last said not to be steady, which is not repeated.
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

    /// Takes what happens while `alert` is proven.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn progress(&mut self, alert: &str, progress: &Progress) -> std::io::Result<()> {
        match progress {
            Progress::Settling(lacking) if *lacking == self.lacking => Ok(()),
            Progress::Settling(lacking) => {
                self.lacking.clone_from(lacking);
                self.write(alert, Event::Settling { lacking })
            }
            Progress::Injected {
                fault,
                targets,
                load,
            } => {
                let rate_per_s = load.map(|(rate_per_s, _)| rate_per_s);
                let injected = Event::Injected {
                    fault,
                    targets,
                    rate_per_s,
                };
                self.write(alert, injected)
            }
            Progress::Phase(phase) => self.write(alert, Event::Phase(phase)),
            Progress::Awaiting { .. } | Progress::Counting => Ok(()),
        }
    }

    /// Takes the end of a proof.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(&mut self, alert: &str, outcome: Result<&Report, &str>) -> std::io::Result<()> {
        self.lacking.clear();
        let event = match outcome {
            Ok(report) => Event::Verdict {
                verdict: report.verdict,
                reason: &report.reason,
                managed_by: report.managed_by,
            },
            Err(reason) => Event::NotRun { reason },
        };
        self.write(alert, event)
    }

    fn write(&mut self, alert: &str, event: Event<'_>) -> std::io::Result<()> {
        let at = Timestamp::now();
        let mut line = serde_json::to_vec(&Line { at, alert, event })?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}
