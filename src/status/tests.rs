use std::collections::BTreeMap;

use serde_json::json;

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
fn a_signal_whose_limit_is_not_known_is_not_ok() {
    let signals = voteops_observability::signals::shipped(1.0).unwrap();
    let signal = signals.iter().find(|signal| signal.alert.is_some());
    let signal = signal.unwrap();
    let reading = Reading::new(signal, Some(1.0), &BTreeMap::new());
    assert_eq!(json!(reading)["state"], "unjudged");
    let away = snapshot(None, vec![Origin::Prometheus]);
    let without = snapshot(Some(Vec::new()), Vec::new());
    let name = signal.alert.as_deref().unwrap();
    let with = |origin| {
        let rule = alert(name, origin, AlertState::Inactive);
        snapshot(Some(vec![rule]), Vec::new())
    };
    for (snapshot, told) in [
        (away, "◌ limit unknown"),
        (without, "◌ no rule"),
        (with(Origin::Grafana), "◌ no rule"),
        (with(Origin::Prometheus), "● ok"),
    ] {
        let (glyph, word) = unjudged(&reading, &snapshot);
        assert_eq!(format!("{glyph} {word}"), told);
        assert!(reading_line(&reading, &snapshot).contains(word));
    }
}

#[test]
fn nothing_that_a_server_says_steers_the_terminal() {
    let told = away(&BackendStatus {
        error: Some("unknown variant `\u{1b}[2J`".into()),
        ..backend("prometheus")
    });
    assert!(told.contains("unknown variant `\u{fffd}[2J`"), "{told}");
}

#[test]
fn an_alert_that_only_alertmanager_tells_of_is_no_rule() {
    let alerts = vec![
        alert("A", Origin::Alertmanager, AlertState::Firing),
        alert("B", Origin::Prometheus, AlertState::Inactive),
    ];
    let snapshot = snapshot(Some(alerts), Vec::new());
    assert_eq!(snapshot.firing().count(), 1);
    let mut out = String::new();
    alerts_text(&mut out, &snapshot);
    assert_eq!(
        out,
        "  ✖ A (alertmanager) FIRING: slow\n  ● 1 of 1 rules inactive\n"
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
    let schema = include_str!("../../schemas/status.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let away = snapshot(None, vec![Origin::Prometheus, Origin::Grafana]);
    let alone = alert("A", Origin::Alertmanager, AlertState::Firing);
    let alone = snapshot(Some(vec![alone]), Vec::new());
    for snapshot in [both(), away, alone] {
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
