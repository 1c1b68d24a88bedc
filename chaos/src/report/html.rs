//! One page that needs nothing else: all alerts in a table, and each with its chart and phases.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::{Proof, chart, headline, told_s};
use crate::verify::Report;

/// The style of every page.
pub(crate) const STYLE: &str = include_str!("page.css");

/// The proofs as an HTML page.
#[must_use]
pub fn html(proofs: &[Proof]) -> String {
    let title = headline(proofs);
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · voteops" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    @if let Some(first) = proofs.first() {
                        p { "voteops chaos verify, begun " (format!("{:.0}", first.begun_at)) }
                    }
                }
                (overview(proofs))
                @for proof in proofs { (section(proof)) }
            }
        }
    };
    page.into_string()
}

fn overview(proofs: &[Proof]) -> Markup {
    markup! {
        table {
            thead { tr {
                th { "alert" } th { "fault" } th { "detected" } th { "notified" }
                th { "recovered" } th { "votes lost" } th { "verdict" }
            } }
            tbody {
                @for proof in proofs {
                    @let report = proof.outcome.as_ref().ok();
                    @let times = report.map(|report| report.times);
                    tr {
                        td { a href={ "#" (proof.alert) } { (proof.alert) } }
                        td { (report.map_or("–", |report| &report.fault)) }
                        td.number { (told_s(times.and_then(|times| times.detect_s))) }
                        td.number { (told_s(times.and_then(|times| times.notify_s))) }
                        td.number { (told_s(times.and_then(|times| times.recover_s))) }
                        td.number { (lost(report)) }
                        td { (verdict(proof)) }
                    }
                }
            }
        }
    }
}

fn verdict(proof: &Proof) -> Markup {
    let (class, glyph) = if proof.is_proven() {
        ("proven", "✔")
    } else {
        ("not", "✖")
    };
    markup! { span class=(class) { (glyph) " " (proof.verdict()) } }
}

fn section(proof: &Proof) -> Markup {
    markup! {
        section id=(proof.alert) {
            h2 { (proof.alert) " " (verdict(proof)) }
            p { (proof.reason()) }
            @if let Ok(report) = &proof.outcome { (finding(report)) }
        }
    }
}

fn finding(report: &Report) -> Markup {
    markup! {
        @if let Some(subject) = &report.subject {
            p.subject-of { code { (subject.expr) } }
        }
        @if let Some(chart) = chart::svg(report) {
            figure {
                (PreEscaped(chart))
                figcaption {
                    span.key-fault { "fault in force" } " "
                    span.key-predicted { "predicted" } " "
                    span.key-threshold { "threshold" } " "
                    "vertical lines: observed"
                }
            }
        }
        table {
            thead { tr { th { "phase" } th { "predicted" } th { "observed" } th { "" } } }
            tbody {
                @for phase in &report.phases {
                    tr {
                        td { (phase.name.name()) }
                        td.number {
                            @if let Some(window) = phase.predicted_s {
                                (format!("{:.1}–{:.1} s", window.lo_s, window.hi_s))
                            } @else { "–" }
                        }
                        td.number { (told_s(phase.observed_s)) }
                        td { @if phase.ok { span.proven { "✔" } } @else { span.not { "✖" } } }
                    }
                }
            }
        }
        p {
            "Votes: " (report.votes.told()) ". "
            @if let Some(caveat) = report.managed_by.caveat() { "Rule " (caveat) ". " }
            @if let Some(caveat) = report.delivery.caveat() { (caveat) ". " }
            "Fault "
            (report.fault) @if let Some(onset) = report.onset { ", onset " (format!("{onset:.1}")) }
            ", durations ÷" (report.time_scale) "."
        }
        @if !report.undone {
            p.not { "The fault is not undone: voteops chaos recover." }
        }
        @if !report.votes.lost_ids.is_empty() {
            details {
                summary { "Lost votes" }
                @for id in &report.votes.lost_ids { code { (id.to_string()) } " " }
            }
        }
    }
}

fn lost(report: Option<&Report>) -> String {
    let lost = report.and_then(|report| report.votes.known_lost());
    lost.map_or("–".into(), |lost| lost.to_string())
}
