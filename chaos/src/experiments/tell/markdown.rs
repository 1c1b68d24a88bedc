//! Markdown: the steps, the alerts and the probes as tables.

use std::fmt::Write;

use super::{Finding, expected, mark, mark_of};
use crate::experiments::{Outcome, Report};
use crate::report::markdown::plain;
use crate::report::told_s;

/// The finding as a Markdown text.
#[must_use]
pub fn markdown(finding: &Finding) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, finding);
    out
}

fn write_all(out: &mut String, finding: &Finding) -> std::fmt::Result {
    writeln!(out, "# {}\n", plain(&finding.title))?;
    let verdict = finding.verdict();
    writeln!(
        out,
        "{} {verdict} — {}",
        mark(finding.is_met()),
        plain(&finding.reason())
    )?;
    let Ok(report) = &finding.outcome else {
        return Ok(());
    };
    if let Some(description) = &report.description {
        writeln!(out, "\n{}", plain(description))?;
    }
    for deviation in &report.deviations {
        writeln!(out, "- {}", plain(deviation))?;
    }
    writeln!(
        out,
        "\nBegun {:.1}, times ÷{}.",
        report.begun_at, report.time_scale
    )?;
    write_steps(out, report)?;
    write_alerts(out, report)?;
    write_probes(out, report)?;
    if let Some(votes) = &report.votes {
        writeln!(
            out,
            "\nVotes: {} accepted, {} recorded, {} lost, {} duplicated.",
            votes.accepted, votes.recorded, votes.lost, votes.duplicated
        )?;
    }
    if !report.undone {
        writeln!(out, "\n**A fault is not undone: `voteops chaos recover`.**")?;
    }
    Ok(())
}

fn write_steps(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        out,
        "\n| step | | targets | began | ended | |\n|---:|---|---|---:|---:|---|"
    )?;
    for taken in &report.steps {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} {} |",
            taken.step,
            plain(&taken.told),
            plain(&taken.targets.join(", ")),
            told_s(taken.began_s),
            told_s(taken.ended_s),
            mark(taken.outcome == Outcome::Done),
            taken.outcome.told()
        )?;
    }
    Ok(())
}

fn write_alerts(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.alerts.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n| alert | expected | pending | firing | |\n|---|---|---:|---:|---|"
    )?;
    for alert in &report.alerts {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            plain(&alert.alert),
            expected(alert),
            told_s(alert.pending_s),
            told_s(alert.firing_s),
            mark_of(alert)
        )?;
    }
    Ok(())
}

fn write_probes(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.before.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n| probe | before | after |\n|---|---|---|")?;
    for before in &report.before {
        let after = report.after.iter().find(|after| after.name == before.name);
        let after = after.map_or_else(
            || "–".to_owned(),
            |after| format!("{} {}", mark(after.ok), plain(&after.told)),
        );
        let (name, told) = (plain(&before.name), plain(&before.told));
        writeln!(out, "| {name} | {} {told} | {after} |", mark(before.ok))?;
    }
    Ok(())
}
