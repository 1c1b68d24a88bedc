//! The findings as text: one line each, with the way out at its end.

use std::fmt::Write;
use std::io::IsTerminal;

use voteops_observability::doctor::{Finding, Verdict};
use voteops_observability::text::clean_line;

use super::Report;

/// The order of the last line.
const COUNTED: [Verdict; 5] = [
    Verdict::Ok,
    Verdict::Warning,
    Verdict::Failed,
    Verdict::Unknown,
    Verdict::Skipped,
];

pub(super) fn print(report: &Report) {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let dumb = set("TERM").is_none_or(|term| term == "dumb");
    let coloured = std::io::stdout().is_terminal() && set("NO_COLOR").is_none() && !dumb;
    print!("{}", text(report, coloured));
}

fn text(report: &Report, coloured: bool) -> String {
    let mut out = format!("{}\n", clean_line(&report.title));
    for finding in &report.findings {
        line(&mut out, finding, coloured);
    }
    let count = |verdict| {
        report
            .findings
            .iter()
            .filter(move |f| f.verdict == verdict)
            .count()
    };
    let counts = COUNTED.map(|verdict| (count(verdict), verdict.word()));
    let told = counts.iter().filter(|(count, _)| *count > 0);
    let told: Vec<_> = told
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let _ = writeln!(out, "{}", told.join(", "));
    out
}

fn line(out: &mut String, finding: &Finding, coloured: bool) {
    let verdict = finding.verdict;
    let mark = format!("{} {:<8}", verdict.glyph(), verdict.word());
    let mark = if coloured {
        format!("\x1b[{}m{mark}\x1b[0m", colour(verdict))
    } else {
        mark
    };
    let found = clean_line(&finding.found);
    // Writing to a string cannot fail.
    let _ = write!(out, "  {mark} {:<14} {found}", finding.check.name());
    if let Some(way_out) = &finding.way_out {
        let _ = write!(out, " → {}", clean_line(way_out));
    }
    out.push('\n');
}

/// The colour that repeats what mark and word say (ECMA-48, SGR).
fn colour(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => 32,
        Verdict::Warning => 33,
        Verdict::Failed => 31,
        Verdict::Unknown => 35,
        Verdict::Skipped => 2,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use voteops_observability::doctor::Check;

    use super::*;

    fn report() -> Report {
        Report {
            taken_at: Timestamp::UNIX_EPOCH,
            title: "local stack".into(),
            findings: vec![
                Finding::ok(Check::Prometheus, "is ready"),
                Finding::failed(Check::AlertRoute, "nobody\x1b[2J listens", "start it"),
            ],
        }
    }

    #[test]
    fn each_finding_is_one_line_with_mark_word_and_way_out() {
        let expected = "local stack\n  ✔ ok       prometheus     is ready\n  \
            ✖ failed   alert-route    nobody\u{FFFD}[2J listens → start it\n1 ok, 1 failed\n";
        assert_eq!(text(&report(), false), expected);
    }

    #[test]
    fn colour_repeats_and_replaces_nothing() {
        let coloured = text(&report(), true);
        assert!(
            coloured.contains("\x1b[31m✖ failed  \x1b[0m alert-route"),
            "{coloured}"
        );
        let mut plain = coloured;
        for code in ["\x1b[31m", "\x1b[32m", "\x1b[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, text(&report(), false));
    }
}
