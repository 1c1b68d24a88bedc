//! One page that needs nothing else: the verdict, the steps, the alerts, and each probe as a chart.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::{Finding, expected, mark};
use crate::experiments::{Course, Outcome, Report};
use crate::report::chart::{Mark, Picture, draw};
use crate::report::html::STYLE;
use crate::report::told_s;

/// The finding as an HTML page.
#[must_use]
pub fn html(finding: &Finding) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (finding.title) " · voteops" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (finding.title) " " (verdict(finding)) }
                    p { "voteops chaos run " (finding.file) ", begun " (format!("{:.0}", finding.begun_at)) }
                }
                p { (finding.reason()) }
                @if let Ok(report) = &finding.outcome { (found(report)) }
            }
        }
    };
    page.into_string()
}

fn verdict(finding: &Finding) -> Markup {
    flag(finding.is_met(), finding.verdict())
}

/// A word that is good or bad, told by a sign too.
fn flag(ok: bool, word: &str) -> Markup {
    let class = if ok { "proven" } else { "not" };
    markup! { span class=(class) { (mark(ok)) " " (word) } }
}

fn found(report: &Report) -> Markup {
    markup! {
        @if let Some(description) = &report.description { p { (description) } }
        @if !report.undone { p.not { "A fault is not undone: voteops chaos recover." } }
        h2 { "Method" }
        (steps(report))
        h2 { "Alerts" }
        (alerts(report))
        h2 { "Hypothesis" }
        p {
            @match report.recovered_s {
                Some(after_s) => { "It held again " (format!("{after_s:.1} s")) " after the method." }
                None => { "It was not seen to hold again." }
            }
        }
        @for course in &report.courses { (chart(report, course)) }
        (probes(report))
        @if let Some(votes) = &report.votes {
            p {
                "Votes: " (votes.accepted) " accepted, " (votes.recorded) " recorded, "
                (votes.lost) " lost, " (votes.duplicated) " duplicated."
            }
        }
        p { "Times are seconds from the beginning of the method; those of the file are divided by "
            (report.time_scale) "." }
    }
}

fn steps(report: &Report) -> Markup {
    markup! {
        table {
            thead { tr { th { "step" } th { "" } th { "targets" } th { "began" } th { "ended" } th { "" } } }
            tbody {
                @for taken in &report.steps {
                    tr {
                        td.number { (taken.step) }
                        td { (taken.told) }
                        td { (taken.targets.join(", ")) }
                        td.number { (told_s(taken.began_s)) }
                        td.number { (told_s(taken.ended_s)) }
                        td { (flag(taken.outcome == Outcome::Done, taken.outcome.told())) }
                    }
                }
            }
        }
    }
}

fn alerts(report: &Report) -> Markup {
    markup! {
        table {
            thead { tr { th { "alert" } th { "expected" } th { "pending" } th { "firing" } th { "" } } }
            tbody {
                @for alert in &report.alerts {
                    tr {
                        td { (alert.alert) }
                        td { (expected(alert)) }
                        td.number { (told_s(alert.pending_s)) }
                        td.number { (told_s(alert.firing_s)) }
                        td { @if alert.expected.is_some() { (flag(alert.ok, "")) } }
                    }
                }
            }
        }
    }
}

fn probes(report: &Report) -> Markup {
    markup! {
        table {
            thead { tr { th { "probe" } th { "before" } th { "after" } } }
            tbody {
                @for before in &report.before {
                    @let after = report.after.iter().find(|after| after.name == before.name);
                    tr {
                        td { (before.name) }
                        td { (flag(before.ok, &before.told)) }
                        td {
                            @if let Some(after) = after { (flag(after.ok, &after.told)) } @else { "–" }
                        }
                    }
                }
            }
        }
    }
}

/// What a probe measured, with its bounds, the time of the method, and the alerts that fired.
fn chart(report: &Report, course: &Course) -> Markup {
    let fired = report.alerts.iter().filter_map(|alert| {
        Some(Mark {
            at_s: alert.firing_s?,
            name: &alert.alert,
            ok: alert.ok,
        })
    });
    let picture = Picture {
        samples: &course.samples,
        bounds: course.bounds.clone(),
        fault: (0.0, Some(report.method_s)),
        predicted: Vec::new(),
        marks: fired.collect(),
    };
    markup! {
        @if let Some(svg) = draw(&picture) {
            p.subject-of { (course.name) }
            figure {
                (PreEscaped(svg))
                figcaption {
                    span.key-fault { "method" } " "
                    span.key-threshold { "bounds" } " "
                    "vertical lines: an alert fired"
                }
            }
        }
    }
}
