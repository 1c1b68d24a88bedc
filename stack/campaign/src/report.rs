//! What a campaign found, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::audit::Audit;
use crate::crash::Crash;

/// The most violations told one by one.
const VIOLATIONS_TOLD: usize = 50;

/// What a campaign found.
#[derive(Debug, Default)]
pub struct Report {
    /// Killings done; two at once are one.
    pub kills: u32,
    rows: BTreeMap<String, Row>,
    after_all: Vec<String>,
}

/// The crashes of one kind.
#[derive(Debug, Default)]
struct Row {
    crashes: u32,
    audit: Audit,
    longest: Duration,
    slowest: Duration,
}

impl Report {
    /// Adds a round: its crash, how long that lasted, what became of its votes, and how long it took from
    /// when the crash was to be over until the queue was empty.
    pub fn add(&mut self, crash: &Crash, held: Duration, audit: &Audit, settled: Duration) {
        self.kills += u32::from(crash.is_kill());
        let row = self.rows.entry(crash.kind()).or_default();
        row.crashes += 1;
        row.audit.add(audit);
        row.longest = row.longest.max(held);
        row.slowest = row.slowest.max(settled);
    }

    /// What is wrong with everything, once all rounds are over.
    pub fn add_wrong(&mut self, wrong: Vec<String>) {
        self.after_all.extend(wrong);
    }

    /// Whether every vote is where it has to be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations().next().is_none()
    }

    /// How many votes were answered 202.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.rows.values().map(|row| row.audit.accepted).sum()
    }

    fn violations(&self) -> impl Iterator<Item = &String> {
        let of_rounds = self.rows.values().flat_map(|row| &row.audit.violations);
        of_rounds.chain(&self.after_all)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| crash | times | longest | sent | 202 | refused | unanswered | recorded of these two | wrong | slowest recovery |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        let mut all = Row::default();
        for (kind, row) in &self.rows {
            row.line(f, kind)?;
            all.crashes += row.crashes;
            all.audit.add(&row.audit);
            all.longest = all.longest.max(row.longest);
            all.slowest = all.slowest.max(row.slowest);
        }
        all.line(f, "**all**")?;
        for violation in self.violations().take(VIOLATIONS_TOLD) {
            writeln!(f, "{violation}")?;
        }
        let left = self.violations().count().saturating_sub(VIOLATIONS_TOLD);
        if left > 0 {
            writeln!(f, "and {left} more")?;
        }
        Ok(())
    }
}

impl Row {
    fn line(&self, f: &mut fmt::Formatter<'_>, kind: &str) -> fmt::Result {
        let audit = &self.audit;
        writeln!(
            f,
            "| {kind} | {} | {:.1} s | {} | {} | {} | {} | {} | {} | {:.1} s |",
            self.crashes,
            self.longest.as_secs_f64(),
            audit.sent,
            audit.accepted,
            audit.refused,
            audit.unanswered,
            audit.recorded_unasked,
            audit.violations.len(),
            self.slowest.as_secs_f64()
        )
    }
}
