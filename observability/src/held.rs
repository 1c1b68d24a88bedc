//! Alerts that Alertmanager holds though none of the rules that are known makes them: those of Loki's
//! ruler, of another Prometheus, or of whoever else sends some.

use std::collections::BTreeMap;

use crate::alertmanager::HeldAlert;
use crate::doctor::probe::ALERT;
use crate::prometheus::AlertState;
use crate::rules;
use crate::snapshot::{AlertStatus, Origin};

/// The held alerts of this service that fire, neither silenced nor inhibited, and whose name none of `rules` has: one
/// for each name, in their order. Heartbeats are left out, since who is to beat is known by a rule only,
/// and so is what `voteops doctor --probe` sends.
#[must_use]
pub fn without_rule(held: &[HeldAlert], rules: &[AlertStatus]) -> Vec<AlertStatus> {
    let mut named: BTreeMap<&str, Vec<&HeldAlert>> = BTreeMap::new();
    for alert in held.iter().filter(|alert| alert.is_active()) {
        let has_rule = rules.iter().any(|rule| rule.name == alert.name());
        let is_probe = alert.name().starts_with(ALERT);
        if !has_rule && !is_probe && !alert.is_of_others && !rules::is_heartbeat(&alert.labels) {
            named.entry(alert.name()).or_default().push(alert);
        }
    }
    let statuses = named.into_iter();
    statuses
        .filter_map(|(name, all)| status(name, &all))
        .collect()
}

/// The alerts of a name, told by the one that fires longest; `None` without any.
fn status(name: &str, all: &[&HeldAlert]) -> Option<AlertStatus> {
    let first = all.iter().min_by_key(|alert| alert.starts_at)?;
    Some(AlertStatus {
        origin: Origin::Alertmanager,
        name: name.to_owned(),
        state: AlertState::Firing,
        since: Some(first.starts_at),
        fires_at: None,
        value: None,
        threshold: None,
        active: all.len(),
        labels: first.labels.clone(),
        annotations: first.annotations.clone(),
        expr: String::new(),
        for_s: 0.0,
        error: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn held(labels: &serde_json::Value, minute: u32, state: &str) -> HeldAlert {
        let alert = json!({
            "labels": labels, "fingerprint": "f1", "status": {"state": state},
            "startsAt": format!("2026-11-25T10:{minute:02}:00Z"), "endsAt": "2026-11-25T12:00:00Z",
        });
        serde_json::from_value(alert).unwrap()
    }

    #[test]
    fn alerts_that_no_rule_makes_fire_as_alertmanager_has_them() {
        let held = [
            held(&json!({"alertname": "B", "instance": "2"}), 5, "active"),
            held(&json!({"alertname": "B", "instance": "1"}), 3, "active"),
            held(&json!({"alertname": "B", "instance": "3"}), 1, "suppressed"),
            held(&json!({"alertname": "Quiet"}), 1, "suppressed"),
            held(
                &json!({"alertname": "Beat", "severity": "none"}),
                1,
                "active",
            ),
            held(
                &json!({"alertname": format!("{ALERT}1790000000000")}),
                1,
                "active",
            ),
            held(&json!({"alertname": "A"}), 1, "active"),
            HeldAlert {
                is_of_others: true,
                ..held(&json!({"alertname": "Billing"}), 1, "active")
            },
            held(&json!({}), 1, "active"),
        ];
        let all = without_rule(&held, &[]);
        let named: Vec<_> = all.iter().map(AlertStatus::full_name).collect();
        let expected = ["A", "B", "f1"].map(|name| format!("{name} (alertmanager)"));
        assert_eq!(named, expected);
        assert_eq!((all[1].active, all[1].state), (2, AlertState::Firing));
        assert_eq!(all[1].labels["instance"], "1");
        assert_eq!(all[1].since.unwrap().to_string(), "2026-11-25T10:03:00Z");
        // Any rule of that name accounts for it, whatever it says now.
        let rules = [AlertStatus {
            origin: Origin::Prometheus,
            state: AlertState::Inactive,
            ..all[1].clone()
        }];
        let named: Vec<_> = without_rule(&held, &rules)
            .into_iter()
            .map(|alert| alert.name)
            .collect();
        assert_eq!(named, ["A", "f1"]);
    }
}
