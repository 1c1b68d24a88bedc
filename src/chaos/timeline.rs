//! What a verification looks like while it runs, and its table at the end.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use voteops_chaos::report::Proof;
use voteops_chaos::verify::{Phase, Progress, Report, Verdict};
use voteops_observability::replay::Window;

/// The live timeline, on standard error: standard output is for the result.
pub(super) struct Timeline {
    /// A line that is redrawn; `None` when nobody watches.
    live: Option<ProgressBar>,
}

impl Timeline {
    pub(super) fn new(alert: &str, fault: &str, time_scale: f64) -> Self {
        let timeline = Self {
            live: std::io::stderr().is_terminal().then(spinner),
        };
        let scale = if time_scale > 1.0 {
            format!(" (time ÷{time_scale})")
        } else {
            String::new()
        };
        timeline.say(&format!("proving {alert} by {fault}{scale}"));
        timeline
    }

    pub(super) fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Settling(lacking) => self.now(format!("waiting: {lacking}")),
            Progress::Injected {
                fault,
                targets,
                load,
            } => {
                let load = load.map(|(rate_per_s, length_s)| {
                    format!(", {rate_per_s:.0} votes/s for {length_s:.0} s")
                });
                let load = load.unwrap_or_default();
                self.say(&format!("     0.0 s  fault: {fault} on {targets}{load}"));
            }
            Progress::Awaiting {
                step,
                predicted,
                now_s,
            } => self.now(format!(
                "{now_s:>6.1} s  waiting for {}, predicted {}",
                step.name(),
                told(predicted)
            )),
            Progress::Phase(phase) => self.say(&phase_line(&phase)),
            Progress::Counting => self.now("counting the votes".into()),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(live) = &self.live {
            live.finish_and_clear();
        }
    }

    /// A line that stays.
    fn say(&self, told: &str) {
        match &self.live {
            Some(live) => live.println(format!("  {told}")),
            None => eprintln!("  {told}"),
        }
    }

    /// The line that says what is going on.
    fn now(&self, message: String) {
        if let Some(live) = &self.live {
            live.set_message(message);
        }
    }
}

/// A line that is redrawn while somebody waits.
pub(super) fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn phase_line(phase: &Phase) -> String {
    let glyph = if phase.ok { "✔" } else { "✖" };
    let seen = phase
        .observed_s
        .map_or("    not seen".into(), |at_s| format!("{at_s:>6.1} s"));
    let predicted = phase.predicted_s.map(told).unwrap_or_default();
    format!(
        "{seen:>10}  {glyph} {:<17} predicted {predicted}",
        phase.name.name()
    )
}

fn told(window: Window) -> String {
    format!("{:.1}–{:.1} s", window.lo_s, window.hi_s)
}

/// The result as a table.
pub(super) fn table(report: &Report) -> String {
    let mut out = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{text}");
    };
    line(format_args!(
        "{:<18} {:>17} {:>10}",
        "phase", "predicted", "observed"
    ));
    for phase in &report.phases {
        line(format_args!(
            "{:<18} {:>17} {:>10}  {}",
            phase.name.name(),
            phase.predicted_s.map_or("–".into(), told),
            phase
                .observed_s
                .map_or("–".into(), |at_s| format!("{at_s:.1} s")),
            if phase.ok {
                "✔ ok"
            } else {
                "✖ not as predicted"
            }
        ));
    }
    let votes = &report.votes;
    line(format_args!("votes: {}", votes.told()));
    if let Some(caveat) = report.managed_by.caveat() {
        line(format_args!("rule: {caveat}"));
    }
    if let Some(caveat) = report.delivery.caveat() {
        line(format_args!("notified: {caveat}"));
    }
    for id in &votes.lost_ids {
        line(format_args!("  lost: {id}"));
    }
    if !report.undone {
        line(format_args!(
            "✖ the fault is NOT undone; run `voteops chaos recover`"
        ));
    }
    let verdict = told_verdict(report.verdict);
    line(format_args!(
        "{verdict}: {} by {}: {}",
        report.alert, report.fault, report.reason
    ));
    out
}

/// All proofs, a line each.
pub(super) fn summary(proofs: &[Proof]) -> String {
    let mut out = String::new();
    let told = |at_s: Option<f64>| at_s.map_or("–".into(), |at_s| format!("{at_s:.1} s"));
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "{:<28} {:<13} {:>9} {:>9} {:>9}  verdict",
        "alert", "fault", "detected", "notified", "recovered"
    );
    for proof in proofs {
        let _ = match &proof.outcome {
            Ok(report) => writeln!(
                out,
                "{:<28} {:<13} {:>9} {:>9} {:>9}  {}",
                report.alert,
                report.fault,
                told(report.times.detect_s),
                told(report.times.notify_s),
                told(report.times.recover_s),
                told_verdict(report.verdict)
            ),
            Err(_) => writeln!(out, "{:<28} {:<13} {:>29}  ✖ NOT RUN", proof.alert, "–", ""),
        };
    }
    let proven = proofs.iter().filter(|proof| proof.is_proven()).count();
    let _ = writeln!(out, "{proven} of {} alerts are proven", proofs.len());
    out
}

fn told_verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Proven => "✔ PROVEN",
        Verdict::Refuted => "✖ REFUTED",
        Verdict::Aborted => "▲ ABORTED",
    }
}
