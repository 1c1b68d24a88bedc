//! Markdown: a table of all alerts, and one of each.

use std::fmt::Write;

use super::{Proof, headline, told_s};
use crate::verify::{Report, Verdict};

/// The proofs as a Markdown text.
#[must_use]
pub fn markdown(proofs: &[Proof]) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, proofs);
    out
}

fn write_all(out: &mut String, proofs: &[Proof]) -> std::fmt::Result {
    writeln!(out, "# {}\n", headline(proofs))?;
    writeln!(
        out,
        "| alert | fault | detected | notified | recovered | votes lost | verdict |"
    )?;
    writeln!(out, "|---|---|---:|---:|---:|---:|---|")?;
    for proof in proofs {
        let times = proof.outcome.as_ref().ok().map(|report| report.times);
        let fault = proof.outcome.as_ref().map_or("–", |report| &report.fault);
        let report = proof.outcome.as_ref().ok();
        let lost = report.and_then(|report| report.votes.known_lost());
        writeln!(
            out,
            "| {} | {fault} | {} | {} | {} | {} | {} {} |",
            plain(&proof.alert),
            told_s(times.and_then(|times| times.detect_s)),
            told_s(times.and_then(|times| times.notify_s)),
            told_s(times.and_then(|times| times.recover_s)),
            lost.map_or("–".into(), |lost| lost.to_string()),
            if proof.is_proven() { "✔" } else { "✖" },
            proof.verdict()
        )?;
    }
    for proof in proofs {
        writeln!(out, "\n## {}\n", plain(&proof.alert))?;
        writeln!(out, "{} — {}", proof.verdict(), plain(proof.reason()))?;
        if let Ok(report) = &proof.outcome {
            write_phases(out, report)?;
        }
    }
    Ok(())
}

fn write_phases(out: &mut String, report: &Report) -> std::fmt::Result {
    if let Some(onset) = report.onset {
        writeln!(out, "\nOnset {onset:.1}, durations ÷{}.", report.time_scale)?;
    }
    writeln!(
        out,
        "\n| phase | predicted | observed | |\n|---|---:|---:|---|"
    )?;
    for phase in &report.phases {
        let predicted = phase.predicted_s.map_or("–".into(), |window| {
            format!("{:.1}–{:.1} s", window.lo_s, window.hi_s)
        });
        let (name, observed) = (phase.name.name(), told_s(phase.observed_s));
        let mark = if phase.ok { "✔" } else { "✖" };
        writeln!(out, "| {name} | {predicted} | {observed} | {mark} |")?;
    }
    let votes = &report.votes;
    writeln!(out, "\nVotes: {}.", votes.told())?;
    if let Some(caveat) = report.managed_by.caveat() {
        writeln!(out, "\nRule: {caveat}.")?;
    }
    if let Some(caveat) = report.delivery.caveat() {
        writeln!(out, "\nNotified: {caveat}.")?;
    }
    for id in &votes.lost_ids {
        writeln!(out, "- lost: `{id}`")?;
    }
    if report.verdict != Verdict::Proven && !report.undone {
        writeln!(
            out,
            "\n**The fault is not undone: `voteops chaos recover`.**"
        )?;
    }
    Ok(())
}

/// A text without what would break a table or be taken for markup.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '<' | '[' | '\\' | '#' => plain.extend(['\\', c]),
            '\n' | '\r' => plain.push(' '),
            _ => plain.push(c),
        }
    }
    plain
}
