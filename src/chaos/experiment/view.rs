//! What an experiment looks like while it runs, and its table at the end.

use std::fmt::Write;
use std::io::IsTerminal;

use indicatif::ProgressBar;
use voteops_chaos::experiments::{
    Alert, Expected, Measured, Outcome, Progress, Report, Script, Taken, Verdict, seconds,
};

use super::super::timeline::spinner;

/// The live timeline, on standard error: standard output is for the result.
pub(super) struct Timeline {
    /// A line that is redrawn; `None` when nobody watches.
    live: Option<ProgressBar>,
    within: String,
}

impl Timeline {
    pub(super) fn new(script: &Script) -> Self {
        let timeline = Self {
            live: std::io::stderr().is_terminal().then(spinner),
            within: seconds(script.hypothesis.within),
        };
        timeline.say(&script.title);
        timeline
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        match progress {
            Progress::Settling(lacking) => self.now(format!("waiting: {lacking}")),
            Progress::Begun => {
                self.say(&at(Some(0.0), "the hypothesis holds; the method begins"));
            }
            Progress::Step(taken) => {
                let told = format!("step {}: {}", taken.step, on_targets(taken));
                self.say(&at(taken.began_s, &told));
            }
            Progress::StepOver(taken) => self.say(&at(taken.ended_s, &over(taken))),
            Progress::Going(now_s) => self.now(format!("{now_s:.1} s  the method goes on")),
            Progress::AlertIs { alert, is, at_s } => {
                self.say(&at(Some(*at_s), &format!("{alert} is {}", is.name())));
            }
            Progress::Recovering(lacking) => {
                self.now(format!(
                    "all is undone; waiting for {}: {lacking}",
                    self.within
                ));
            }
            Progress::Recovered(after_s) => {
                self.say(&at(
                    None,
                    &format!("✔ the hypothesis holds again after {after_s:.1} s"),
                ));
            }
            Progress::Counting => self.now("counting the votes".into()),
            Progress::Alert(alert) => self.say(&at(None, &told_alert(alert))),
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

/// A line with its time, if it has one.
fn at(at_s: Option<f64>, told: &str) -> String {
    let at = at_s.map_or_else(String::new, |at_s| format!("{at_s:.1} s"));
    format!("{at:>10}  {told}")
}

/// What a step does, and on whom.
fn on_targets(taken: &Taken) -> String {
    if taken.targets.is_empty() {
        taken.told.clone()
    } else {
        format!("{}: {}", taken.told, taken.targets.join(", "))
    }
}

fn over(taken: &Taken) -> String {
    let glyph = if taken.outcome == Outcome::Done {
        "✔"
    } else {
        "✖"
    };
    let what = match (taken.outcome, &taken.fault) {
        (Outcome::Done, Some(_)) => "undone",
        (outcome, _) => outcome.told(),
    };
    let reason = taken
        .reason
        .as_ref()
        .map_or_else(String::new, |reason| format!(": {reason}"));
    format!("{glyph} step {} {what}{reason}", taken.step)
}

fn told_alert(alert: &Alert) -> String {
    let glyph = match (alert.expected, alert.ok) {
        (None, _) => "·",
        (_, true) => "✔",
        (_, false) => "✖",
    };
    let did = match (alert.pending_s, alert.firing_s) {
        (_, Some(firing_s)) => format!("fired at {firing_s:.1} s"),
        (Some(pending_s), None) => format!("was pending at {pending_s:.1} s and did not fire"),
        (None, None) => "was quiet".to_owned(),
    };
    let expected = match alert.expected {
        Some(Expected::Fires) => ", expected to fire",
        Some(Expected::StaysQuiet) => ", expected to stay quiet",
        None => "",
    };
    format!("{glyph} {} {did}{expected}", alert.alert)
}

/// The result as a table.
pub(super) fn table(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_table(&mut out, report);
    out
}

fn write_table(out: &mut String, report: &Report) -> std::fmt::Result {
    write_probes(out, "before", &report.before)?;
    for taken in &report.steps {
        let glyph = if taken.outcome == Outcome::Done {
            "✔"
        } else {
            "✖"
        };
        let span = taken.began_s.zip(taken.ended_s);
        let span = span.map_or_else(
            || "–".to_owned(),
            |(began_s, ended_s)| format!("{began_s:.1}–{ended_s:.1} s"),
        );
        writeln!(
            out,
            "{:<8} {span:>14}  {glyph} {}",
            format!("step {}", taken.step),
            on_targets(taken)
        )?;
    }
    write_probes(out, "after", &report.after)?;
    for alert in &report.alerts {
        writeln!(out, "{:<8} {:>14}  {}", "alert", "", told_alert(alert))?;
    }
    for load in &report.loads {
        let (accepted, planned) = (load.accepted, load.planned);
        writeln!(
            out,
            "load: step {}: {accepted} of {planned} votes were accepted",
            load.step
        )?;
    }
    if let Some(votes) = &report.votes {
        writeln!(
            out,
            "votes: {} accepted, {} recorded, {} lost, {} duplicated",
            votes.accepted, votes.recorded, votes.lost, votes.duplicated
        )?;
    }
    if !report.undone {
        writeln!(out, "✖ a fault is NOT undone; run `voteops chaos recover`")?;
    }
    let verdict = match report.verdict {
        Verdict::Met => "✔ MET",
        Verdict::Deviated => "✖ DEVIATED",
        Verdict::Aborted => "▲ ABORTED",
    };
    writeln!(out, "{verdict}: {}: {}", report.title, report.summary())
}

fn write_probes(out: &mut String, when: &str, probes: &[Measured]) -> std::fmt::Result {
    for probe in probes {
        let glyph = if probe.ok { "✔" } else { "✖" };
        writeln!(
            out,
            "{when:<8} {:>14}  {glyph} {}: {}",
            "", probe.name, probe.told
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn taken(step: usize, outcome: Outcome, reason: Option<&str>) -> Taken {
        let begun = outcome != Outcome::NotBegun;
        Taken {
            step,
            told: "stall-worker for 2.0 s".into(),
            fault: Some("stall-worker".into()),
            targets: if begun {
                vec!["worker-1".into()]
            } else {
                vec![]
            },
            began_s: begun.then_some(0.0),
            ended_s: begun.then_some(2.04),
            outcome,
            reason: reason.map(Into::into),
            undone: true,
        }
    }

    fn quiet() -> Alert {
        Alert {
            alert: "WorkerDown".into(),
            expected: Some(Expected::Fires),
            pending_s: Some(1.0),
            firing_s: None,
            last_firing_s: None,
            ok: false,
        }
    }

    #[test]
    fn the_table_tells_every_step_alert_and_deviation() {
        let measured = Measured {
            name: "votes are accepted".into(),
            promql: "up".into(),
            value: Some(20.0),
            ok: true,
            told: "20, within > 0.5".into(),
        };
        let report = Report {
            title: "All workers hang".into(),
            description: None,
            verdict: Verdict::Deviated,
            reason: None,
            deviations: vec!["one thing".into(), "another".into()],
            begun_at: Timestamp::UNIX_EPOCH,
            method_s: 2.1,
            recovered_s: None,
            before: vec![measured],
            after: Vec::new(),
            courses: Vec::new(),
            steps: vec![
                taken(1, Outcome::Done, None),
                taken(2, Outcome::NotBegun, None),
            ],
            alerts: vec![quiet()],
            loads: Vec::new(),
            votes: None,
            undone: false,
            time_scale: 30.0,
        };
        let lines = [
            "before                   ✔ votes are accepted: 20, within > 0.5",
            "step 1        0.0–2.0 s  ✔ stall-worker for 2.0 s: worker-1",
            "step 2                –  ✖ stall-worker for 2.0 s",
            "alert                    ✖ WorkerDown was pending at 1.0 s and did not fire, expected to \
             fire",
            "✖ a fault is NOT undone; run `voteops chaos recover`",
            "✖ DEVIATED: All workers hang: one thing; another",
        ];
        assert_eq!(table(&report), lines.join("\n") + "\n");
    }

    #[test]
    fn the_end_of_a_step_tells_how_it_ended() {
        let undone = over(&taken(1, Outcome::Done, None));
        assert_eq!(undone, "✔ step 1 undone");
        let unmet = over(&taken(2, Outcome::Unmet, Some("WorkerDown was not firing")));
        assert_eq!(unmet, "✖ step 2 unmet: WorkerDown was not firing");
    }
}
