//! The findings as text: one line each, with the way out at its end.

use std::io::IsTerminal;

use rustix::termios::tcgetwinsize;
use textwrap::{WordSeparator, WordSplitter};
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

/// Columns before what was found, beside which there is still room for it.
const BESIDE: usize = 28;
/// Terminals narrower than this have it under the check's name.
const NARROW: usize = 72;

pub(super) fn print(report: &Report) {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let dumb = set("TERM").is_none_or(|term| term == "dumb");
    let output = std::io::stdout();
    let coloured = output.is_terminal() && set("NO_COLOR").is_none() && !dumb;
    let size = tcgetwinsize(&output).ok();
    let columns = size.map(|size| usize::from(size.ws_col));
    print!("{}", text(report, coloured, columns.filter(|it| *it > 0)));
}

/// A line for each finding, wrapped between words where a terminal of so many columns needs it.
fn text(report: &Report, coloured: bool, columns: Option<usize>) -> String {
    let mut out = format!("{}\n", clean_line(&report.title));
    for finding in &report.findings {
        out.push_str(&line(finding, coloured, columns));
        out.push('\n');
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
    out + &told.join(", ") + "\n"
}

fn line(finding: &Finding, coloured: bool, columns: Option<usize>) -> String {
    let verdict = finding.verdict;
    let mark = format!("{} {:<8}", verdict.glyph(), verdict.word());
    let mark = if coloured {
        format!("\x1b[{}m{mark}\x1b[0m", colour(verdict))
    } else {
        mark
    };
    let head = format!("  {mark} {:<14} ", finding.check.name());
    let found = clean_line(&finding.found);
    let way_out = finding.way_out.as_ref();
    let way_out = way_out.map(|way_out| format!("→ {}", clean_line(way_out)));
    let whole = way_out
        .iter()
        .fold(format!("{head}{found}"), |line, way_out| {
            format!("{line} {way_out}")
        });
    match columns {
        Some(columns) if textwrap::core::display_width(&whole) > columns => {
            let narrow = columns < NARROW;
            let hanging = " ".repeat(if narrow { 4 } else { BESIDE });
            let found = if narrow {
                let found = wrapped(&found, &hanging, &hanging, columns);
                format!("{}\n{found}", head.trim_end())
            } else {
                wrapped(&found, &head, &hanging, columns)
            };
            let further = format!("{hanging}  ");
            let way_out = way_out.map(|it| wrapped(&it, &hanging, &further, columns));
            way_out
                .into_iter()
                .fold(found, |found, way_out| format!("{found}\n{way_out}"))
        }
        _ => whole,
    }
}

/// Words are left whole, so that commands and addresses in them can be copied.
fn wrapped(text: &str, first: &str, others: &str, columns: usize) -> String {
    let options = textwrap::Options::new(columns)
        .initial_indent(first)
        .subsequent_indent(others)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(text, options)
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
        assert_eq!(text(&report(), false, None), expected);
    }

    #[test]
    fn colour_repeats_and_replaces_nothing() {
        let coloured = text(&report(), true, None);
        assert!(
            coloured.contains("\x1b[31m✖ failed  \x1b[0m alert-route"),
            "{coloured}"
        );
        let mut plain = coloured;
        for code in ["\x1b[31m", "\x1b[32m", "\x1b[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, text(&report(), false, None));
    }

    fn long() -> Report {
        let found = "https://127.0.0.1:9093/-/ready answered nothing within two seconds";
        let way_out = "`voteops up` starts it again, and its log tells why it ended";
        Report {
            findings: vec![
                Finding::ok(Check::Prometheus, "is ready"),
                Finding::failed(Check::Alertmanager, found, way_out),
            ],
            ..report()
        }
    }

    #[test]
    fn what_does_not_fit_is_wrapped_between_words() {
        let wide = [
            "local stack",
            "  ✔ ok       prometheus     is ready",
            "  ✖ failed   alertmanager   https://127.0.0.1:9093/-/ready answered nothing",
            "                            within two seconds",
            "                            → `voteops up` starts it again, and its log tells",
            "                              why it ended",
            "1 ok, 1 failed\n",
        ];
        assert_eq!(text(&long(), false, Some(80)), wide.join("\n"));
        let narrow = [
            "local stack",
            "  ✔ ok       prometheus     is ready",
            "  ✖ failed   alertmanager",
            "    https://127.0.0.1:9093/-/ready",
            "    answered nothing within two seconds",
            "    → `voteops up` starts it again, and",
            "      its log tells why it ended",
            "1 ok, 1 failed\n",
        ];
        assert_eq!(text(&long(), false, Some(40)), narrow.join("\n"));
    }

    #[test]
    fn colours_take_no_columns() {
        for columns in [24, 40, 80, 120, 200] {
            let coloured = text(&long(), true, Some(columns));
            let plain = coloured.replace("\x1b[31m", "").replace("\x1b[32m", "");
            let plain = plain.replace("\x1b[0m", "");
            assert_eq!(plain, text(&long(), false, Some(columns)));
        }
    }
}
