//! `voteops status`: the one model, once, as text or JSON.

use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;
use voteops_local::component::Component as StackComponent;
use voteops_observability::folded::FoldedRules;
use voteops_observability::prometheus::AlertState;
use voteops_observability::signals::{Component, SignalState};
use voteops_observability::snapshot::{AlertStatus, BackendStatus, Origin, Reading, Snapshot};
use voteops_observability::text::clean_line;
use voteops_observability::units::age;

use crate::args::StatusArgs;
use crate::failure::CANNOT_ASK;
use crate::runtime;
use crate::{Failure, sources};

/// Something fires.
const FIRING: u8 = 1;

/// What `--json` prints: `schemas/status.schema.json`.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    snapshot: &'a Snapshot,
    /// The processes of the local stack; none when other servers were named.
    components: Option<&'a [StackComponent]>,
}

pub(crate) fn status(args: &StatusArgs) -> Result<ExitCode, Failure> {
    let found = sources::find(&args.sources)?;
    let snapshot = runtime::single_thread()?.block_on(Snapshot::take(&found.sources));
    let components = found.stack.map(|stack| stack.components);
    if args.json {
        let printed = Printed {
            snapshot: &snapshot,
            components: components.as_deref(),
        };
        println!("{}", serde_json::to_string_pretty(&printed)?);
    } else {
        print!(
            "{}{}",
            text(&snapshot),
            components.map_or_else(String::new, |c| stack_text(&c))
        );
    }
    for backend in snapshot.backends.iter().filter(|backend| !backend.ok) {
        eprintln!("{}", away(backend));
    }
    Ok(ExitCode::from(if !snapshot.complete() {
        CANNOT_ASK
    } else if snapshot.firing().next().is_some() {
        FIRING
    } else {
        0
    }))
}

/// Why a backend could not be asked, and what helps.
fn away(backend: &BackendStatus) -> String {
    let reason = clean_line(backend.error.as_deref().unwrap_or("no reason given"));
    format!(
        "voteops: {0} could not be asked: {reason}; see that it runs, or name another with --{0}",
        backend.name
    )
}

fn text(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    for component in Component::ALL {
        line(&mut out, component.title());
        for reading in snapshot.signals.iter().filter(|r| r.component == component) {
            line(&mut out, &reading_line(reading, snapshot));
        }
    }
    line(&mut out, "Alerts");
    alerts_text(&mut out, snapshot);
    line(&mut out, "Backends");
    for backend in &snapshot.backends {
        let (glyph, word) = if backend.ok {
            ("●", "ok")
        } else {
            ("✖", "away")
        };
        let told = format!(
            "  {glyph} {:<14} {word:<5} {:>5.0} ms  {}",
            backend.name, backend.latency_ms, backend.url
        );
        line(&mut out, &told);
        for warning in &backend.warnings {
            line(&mut out, &format!("    ▲ {}", clean_line(warning)));
        }
    }
    out
}

/// The rules that are not quiet, how many are, and whose are not known.
fn alerts_text(out: &mut String, snapshot: &Snapshot) {
    if let Some(alerts) = &snapshot.alerts {
        let rules = FoldedRules::new(alerts);
        let (heartbeats, alerts): (Vec<_>, Vec<_>) =
            rules.all().iter().partition(|alert| alert.is_heartbeat());
        let is_active = |alert: &&&AlertStatus| alert.state < AlertState::Inactive;
        for alert in alerts.iter().filter(is_active) {
            let name = rules.full_name(alert);
            line(out, &alert_line(alert, &name, snapshot));
        }
        let quiet = alerts.iter().filter(|alert| !is_active(alert));
        for alert in quiet.clone() {
            if let Some(error) = &alert.error {
                let (name, error) = (rules.full_name(alert), clean_line(error));
                line(
                    out,
                    &format!("  ▲ {} rule error: {error}", clean_line(&name)),
                );
            }
        }
        let is_rule = |alert: &&&AlertStatus| alert.origin != Origin::Alertmanager;
        let (quiet, all) = (quiet.count(), alerts.iter().filter(is_rule).count());
        line(out, &format!("  ● {quiet} of {all} rules inactive"));
        for heartbeat in heartbeats {
            let name = rules.full_name(heartbeat);
            let name = clean_line(&name);
            line(
                out,
                &if heartbeat.beats() {
                    format!("  ● {name} fires, as it always has to")
                } else {
                    format!(
                        "  ▲ {name} does not fire, and always has to: other alerts may not come either"
                    )
                },
            );
        }
    }
    for origin in &snapshot.alerts_missing {
        let name = origin.name();
        line(out, &format!("  ◌ those of {name} could not be asked for"));
    }
}

/// The processes of the local stack.
fn stack_text(components: &[StackComponent]) -> String {
    let mut out = String::from("Processes\n");
    for component in components {
        let restarts = match component.restarts {
            0 => String::new(),
            1 => ", restarted once".into(),
            times => format!(", restarted {times} times"),
        };
        let (glyph, word) = (component.state.glyph(), component.state.word());
        let pid = component.pid.map_or("–".into(), |pid| pid.to_string());
        line(
            &mut out,
            &format!(
                "  {glyph} {:<14} pid {pid:<8} {word}{restarts}",
                component.name
            ),
        );
    }
    out
}

fn reading_line(reading: &Reading, snapshot: &Snapshot) -> String {
    let (glyph, word) = match reading.state {
        SignalState::Ok => ("●", "ok"),
        SignalState::Breached => ("▲", "past target"),
        SignalState::Unjudged => unjudged(reading, snapshot),
        SignalState::Missing => ("◌", "no data"),
    };
    let value = reading.unit.format(reading.value.unwrap_or(f64::NAN));
    let target = reading.threshold.map_or_else(String::new, |threshold| {
        let limit = reading.unit.format(threshold.value);
        format!("alerts at {} {limit}", threshold.comparison.symbol())
    });
    format!(
        "  {glyph} {:<14} {value:>9}  {word:<11}  {target}",
        reading.title
    )
    .trim_end()
    .into()
}

/// The state of a signal whose limit is not known: as its rule has it, where that is told.
fn unjudged(reading: &Reading, snapshot: &Snapshot) -> (&'static str, &'static str) {
    if snapshot.alerts_missing.contains(&Origin::Prometheus) {
        return ("◌", "limit unknown");
    }
    let is_about = |rule: &&AlertStatus| {
        rule.origin == Origin::Prometheus && reading.alert.as_ref() == Some(&rule.name)
    };
    let rule = snapshot.alerts.iter().flatten().find(is_about);
    match rule.map(|rule| rule.state) {
        None => ("◌", "no rule"),
        Some(AlertState::Firing | AlertState::Pending) => ("▲", "past target"),
        Some(AlertState::Inactive) => ("●", "ok"),
        Some(AlertState::Unknown) => ("◌", "unknown"),
    }
}

fn alert_line(alert: &AlertStatus, name: &str, snapshot: &Snapshot) -> String {
    let seconds = |from, to: jiff::Timestamp| to.duration_since(from).as_secs_f64();
    let mut told = match alert.state {
        AlertState::Firing => format!("  ✖ {} FIRING", clean_line(name)),
        _ => format!("  ▲ {} pending", clean_line(name)),
    };
    if let Some(since) = alert.since {
        // Writing to a string cannot fail.
        let _ = write!(told, " for {}", age(seconds(since, snapshot.taken_at)));
    }
    if let Some(at) = alert.fires_at {
        let _ = write!(told, ", fires in {}", age(seconds(snapshot.taken_at, at)));
    }
    if let Some(summary) = alert.annotations.get("summary") {
        let _ = write!(told, ": {}", clean_line(summary));
    }
    told
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

#[cfg(test)]
mod tests;
