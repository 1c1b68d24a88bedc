//! `voteops status`: the one model, once, as text or JSON.

use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;
use voteops_local::component::Component as StackComponent;
use voteops_observability::folded::FoldedRules;
use voteops_observability::prometheus::AlertState;
use voteops_observability::signals::{Component, SignalState};
use voteops_observability::snapshot::{AlertStatus, Reading, Snapshot};
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
        let reason = backend.error.as_deref().unwrap_or("no reason given");
        eprintln!(
            "voteops: {0} could not be asked: {reason}; see that it runs, or name another with --{0}",
            backend.name
        );
    }
    Ok(ExitCode::from(if !snapshot.complete() {
        CANNOT_ASK
    } else if snapshot.firing().next().is_some() {
        FIRING
    } else {
        0
    }))
}

fn text(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    for component in Component::ALL {
        line(&mut out, component.title());
        for reading in snapshot.signals.iter().filter(|r| r.component == component) {
            line(&mut out, &reading_line(reading));
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
        let (quiet, all) = (quiet.count(), alerts.len());
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

fn reading_line(reading: &Reading) -> String {
    let (glyph, word) = match reading.state {
        SignalState::Ok => ("●", "ok"),
        SignalState::Breached => ("▲", "past target"),
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
mod tests {
    use serde_json::json;
    use voteops_observability::snapshot::{BackendStatus, Origin};

    use super::*;

    fn alert(name: &str, origin: Origin, state: AlertState) -> AlertStatus {
        AlertStatus {
            origin,
            name: name.into(),
            state,
            since: None,
            fires_at: None,
            value: None,
            threshold: None,
            active: 0,
            labels: [("grafana_folder".to_owned(), "Votes".to_owned())].into(),
            annotations: [("summary".to_owned(), "slow".to_owned())].into(),
            expr: "up".into(),
            for_s: 60.0,
            error: None,
        }
    }

    fn snapshot(alerts: Option<Vec<AlertStatus>>, alerts_missing: Vec<Origin>) -> Snapshot {
        Snapshot {
            taken_at: jiff::Timestamp::UNIX_EPOCH,
            signals: Vec::new(),
            alerts,
            alerts_missing,
            backends: ["prometheus", "grafana"].map(backend).into(),
        }
    }

    fn backend(name: &'static str) -> BackendStatus {
        BackendStatus {
            name,
            url: format!("http://{name}/"),
            ok: true,
            latency_ms: 1.5,
            error: None,
            warnings: Vec::new(),
        }
    }

    fn both() -> Snapshot {
        let broken = AlertStatus {
            error: Some("the query gave no data".into()),
            ..alert("C", Origin::Grafana, AlertState::Inactive)
        };
        let alerts = vec![
            alert("A", Origin::Grafana, AlertState::Firing),
            alert("A", Origin::Prometheus, AlertState::Pending),
            alert("B", Origin::Prometheus, AlertState::Inactive),
            broken,
        ];
        snapshot(Some(alerts), Vec::new())
    }

    #[test]
    fn a_rule_that_both_evaluate_is_one_line_until_they_differ() {
        let told = |theirs| {
            let copy = AlertStatus {
                expr: " up ".into(),
                ..alert("A", Origin::Grafana, theirs)
            };
            let alerts = vec![
                alert("A", Origin::Prometheus, AlertState::Firing),
                copy,
                alert("B", Origin::Prometheus, AlertState::Inactive),
                alert("B", Origin::Grafana, AlertState::Inactive),
            ];
            let mut out = String::new();
            alerts_text(&mut out, &snapshot(Some(alerts), Vec::new()));
            out
        };
        assert_eq!(
            told(AlertState::Firing),
            "  ✖ A (+grafana) FIRING: slow\n  ● 1 of 2 rules inactive\n"
        );
        assert_eq!(
            told(AlertState::Inactive),
            "  ✖ A FIRING: slow\n  ● 2 of 3 rules inactive\n"
        );
    }

    #[test]
    fn alerts_are_told_with_who_evaluates_them() {
        let mut out = String::new();
        alerts_text(&mut out, &both());
        assert_eq!(
            out,
            "  ✖ A (grafana) FIRING: slow\n  ▲ A pending: slow\n  \
             ▲ C (grafana) rule error: the query gave no data\n  ● 2 of 4 rules inactive\n"
        );
    }

    #[test]
    fn a_heartbeat_is_told_when_it_stops() {
        let heartbeat = |state| AlertStatus {
            labels: [("severity".to_owned(), "none".to_owned())].into(),
            ..alert("Watchdog", Origin::Prometheus, state)
        };
        for (state, told) in [
            (
                AlertState::Firing,
                "  ● 0 of 0 rules inactive\n  ● Watchdog fires, as it always has to\n",
            ),
            (
                AlertState::Inactive,
                "  ● 0 of 0 rules inactive\n  ▲ Watchdog does not fire, and always has to: \
                 other alerts may not come either\n",
            ),
        ] {
            let mut out = String::new();
            alerts_text(
                &mut out,
                &snapshot(Some(vec![heartbeat(state)]), Vec::new()),
            );
            assert_eq!(out, told);
        }
    }

    #[test]
    fn whose_rules_are_not_known_is_told_beside_those_that_are() {
        let known = vec![alert("A", Origin::Prometheus, AlertState::Inactive)];
        for (alerts, missing, told) in [
            (
                Some(known),
                vec![Origin::Grafana],
                "  ● 1 of 1 rules inactive\n  ◌ those of grafana could not be asked for\n",
            ),
            (
                None,
                vec![Origin::Prometheus],
                "  ◌ those of prometheus could not be asked for\n",
            ),
        ] {
            let mut out = String::new();
            alerts_text(&mut out, &snapshot(alerts, missing));
            assert_eq!(out, told);
        }
    }

    #[test]
    fn what_is_printed_is_as_its_schema_says() {
        let schema = include_str!("../schemas/status.schema.json");
        let schema = serde_json::from_str(schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let away = snapshot(None, vec![Origin::Prometheus, Origin::Grafana]);
        for snapshot in [both(), away] {
            let printed = Printed {
                snapshot: &snapshot,
                components: None,
            };
            let printed = json!(printed);
            let wrong: Vec<_> = validator.iter_errors(&printed).collect();
            assert!(wrong.is_empty(), "{wrong:?}");
        }
        assert_eq!(json!(both())["alerts"][0]["origin"], "grafana");
    }
}
