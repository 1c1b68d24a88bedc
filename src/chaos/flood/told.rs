//! What a flood has done, for people and for programs.

use std::fmt::Write;

use serde::Serialize;
use voteops_chaos::load::{ErrorKind, Plan, Report};

use super::bars::{self, Glyphs};
use super::ending::Early;

/// What `--json` prints: `schemas/flood.schema.json`.
#[derive(Serialize)]
struct Printed<'a> {
    run_id: &'a str,
    seed: u64,
    #[serde(flatten)]
    report: &'a Report,
    ended_early: Option<EndedEarly>,
}

#[derive(Serialize)]
struct EndedEarly {
    reason: &'static str,
    told: String,
    queue_length: Option<u64>,
}

/// The report as JSON.
pub(super) fn json(
    plan: &Plan,
    report: &Report,
    early: Option<&Early>,
) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&Printed {
        run_id: &plan.run_id,
        seed: plan.seed,
        report,
        ended_early: early.map(ended_early),
    })
}

fn ended_early(early: &Early) -> EndedEarly {
    let (reason, queue_length) = match early {
        Early::Interrupted => ("interrupted", None),
        Early::Condition(_) => ("stop_condition", None),
        Early::Queue { length, .. } => ("queue_length", Some(*length)),
    };
    EndedEarly {
        reason,
        told: told_early(early),
        queue_length,
    }
}

fn told_early(early: &Early) -> String {
    match early {
        Early::Interrupted => "interrupted".into(),
        Early::Condition(reason) => reason.clone(),
        Early::Queue { wanted, length } => {
            format!("the queue held {length} votes, --stop-at-queue {wanted}")
        }
    }
}

/// The report for people.
pub(super) fn text(plan: &Plan, report: &Report, early: Option<&Early>, glyphs: Glyphs) -> String {
    let mut lines = counts(report, glyphs);
    for (name, latency) in [("latency", &report.latency), ("lag", &report.lag)] {
        lines.push(format!(
            "{name:<9} p50 {:.2}  p90 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2} ms",
            ms(latency.p50_us),
            ms(latency.p90_us),
            ms(latency.p99_us),
            ms(latency.p999_us),
            ms(latency.max_us)
        ));
    }
    lines.extend(bars::lines(
        &report.latency_histogram,
        glyphs,
        bars::width(std::io::stdout()),
    ));
    lines.push(format!(
        "voters    {}-0 to {}",
        plan.run_id,
        report.planned.saturating_sub(1)
    ));
    if let Some(early) = early {
        let warning = glyphs.warning();
        lines.push(format!("{warning} ended early: {}", told_early(early)));
    }
    lines.iter().fold(String::new(), |mut out, line| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{line}");
        out
    })
}

/// What was planned, and what became of it.
fn counts(report: &Report, glyphs: Glyphs) -> Vec<String> {
    let short = if report.shortfall {
        format!("  {} short of the plan", glyphs.warning())
    } else {
        String::new()
    };
    let mut lines = vec![
        format!(
            "planned   {:>8} votes  {:>9.1}/s",
            report.planned, report.planned_rate_per_s
        ),
        format!(
            "sent      {:>8} votes  {:>9.1}/s{short}",
            report.sent, report.achieved_rate_per_s
        ),
        format!("accepted  {:>8} votes", report.accepted),
    ];
    for (status, count) in &report.rejected {
        lines.push(format!("rejected  {count:>8} votes  HTTP {status}"));
    }
    for (kind, count) in &report.errors {
        let kind = told_kind(*kind);
        lines.push(format!("failed    {count:>8} votes  {kind}"));
    }
    lines
}

#[expect(
    clippy::cast_precision_loss,
    reason = "told to a hundredth of a millisecond"
)]
fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

fn told_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Connect => "no connection, not sent",
        ErrorKind::Broken => "connection broke, perhaps counted",
        ErrorKind::Timeout => "no answer in time, perhaps counted",
        ErrorKind::Unreadable => "not a vote app's answer",
    }
}
