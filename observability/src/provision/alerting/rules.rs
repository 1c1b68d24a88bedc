//! The rules of Prometheus as rules that Grafana evaluates itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::{FOLDER, template};
use crate::config;
use crate::provision::groups::{Group, Rule};
use crate::provision::{Dashboard, File, ProvisionError, yaml};
use crate::units;

/// Grafana's scheduler: every interval has to be a multiple of it, or Grafana does not start
/// (`ValidateRuleGroupInterval` in `pkg/services/ngalert/models/alert_rule.go`).
const TICK_S: u64 = 10;
/// How far back a query may look; an instant one asks for its end alone.
const LOOK_BACK_S: u64 = 600;

/// `provisioning/alerting/rules.yml`.
pub(in crate::provision) fn rules(
    groups: &[Group],
    dashboards: &[Dashboard],
) -> Result<File, ProvisionError> {
    let mut made = Vec::new();
    for group in groups {
        // That Prometheus's heartbeat arrives says that its notifications do; Grafana's would say nothing of it.
        let rules = group.rules.iter().filter(|rule| !rule.is_heartbeat());
        let rules = rules.map(|rule| translated(rule, dashboards));
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        if rules.is_empty() {
            continue;
        }
        made.push(json!({
            "orgId": 1,
            "name": group.name,
            "folder": FOLDER,
            "interval": format!("{}s", interval_s(group.interval.unwrap_or_else(usual_interval))),
            "rules": rules,
        }));
    }
    yaml(
        "provisioning/alerting/rules.yml",
        "# The rules of observability/prometheus/rules, evaluated by Grafana. What they notify: notifications.yml.\n",
        &json!({ "apiVersion": 1, "groups": made }),
    )
}

/// The interval of Prometheus, which holds for groups without one.
fn usual_interval() -> Duration {
    let parsed: Result<serde_norway::Value, _> = serde_norway::from_str(config::PROMETHEUS);
    let parsed = parsed.unwrap_or_default();
    let text = parsed["global"]["evaluation_interval"].as_str();
    let interval = text.and_then(|text| units::parse_duration(text).ok());
    interval.unwrap_or(Duration::from_secs(TICK_S))
}

/// The nearest interval below that Grafana can keep: 15 s are 10 s.
fn interval_s(wanted: Duration) -> u64 {
    (wanted.as_secs() / TICK_S * TICK_S).max(TICK_S)
}

fn translated(rule: &Rule, dashboards: &[Dashboard]) -> Result<Value, ProvisionError> {
    let mut annotations = serde_json::Map::new();
    for (name, text) in &rule.annotations {
        let text = template::translate(text).map_err(|reason| ProvisionError::Template {
            alert: rule.name.clone(),
            annotation: name.clone(),
            reason,
        })?;
        annotations.insert(name.clone(), text.into());
    }
    let mut made = json!({
        "uid": rule.name,
        "title": rule.name,
        "condition": "C",
        "data": data(&rule.expr),
        // A condition that does not hold gives no series, as in Prometheus.
        "noDataState": "OK",
        // Grafana that cannot ask Prometheus says so, by an alert of its own.
        "execErrState": "Error",
        "for": units::prometheus_duration(rule.held_for),
        // A series that is gone resolves its alert at once, as in Prometheus.
        "missing_series_evals_to_resolve": 1,
        "labels": rule.labels,
        "isPaused": false,
    });
    if !rule.keep_firing_for.is_zero() {
        made["keepFiringFor"] = units::prometheus_duration(rule.keep_firing_for).into();
    }
    if let Some((uid, panel)) = shown(&rule.name, dashboards) {
        made["dashboardUid"] = uid.into();
        made["panelId"] = panel.into();
        // The same twice: the interface reads the annotations.
        annotations.insert("__dashboardUid__".into(), uid.into());
        annotations.insert("__panelId__".into(), panel.to_string().into());
    }
    made["annotations"] = Value::Object(annotations);
    Ok(made)
}

/// The panel that shows what the alert compares: on its component's dashboard, which is more than the overview.
fn shown<'a>(alert: &str, dashboards: &'a [Dashboard]) -> Option<(&'a str, u64)> {
    let panels = dashboards.iter().rev().flat_map(|dashboard| {
        let named = dashboard.alerts.iter().filter(|(name, _)| name == alert);
        named.map(|(_, panel)| (dashboard.uid, *panel))
    });
    panels.into_iter().next()
}

/// Any series that Prometheus's condition gives fires, whatever its number, 0 and NaN too: the same steps by which
/// Grafana imports rules of Prometheus (`pkg/services/ngalert/prom/query.go`).
fn data(expr: &str) -> Value {
    let expressions = json!({ "type": "__expr__", "uid": "__expr__" });
    let prometheus = json!({ "type": "prometheus", "uid": "prometheus" });
    json!([
        {
            "refId": "A",
            "datasourceUid": "prometheus",
            "relativeTimeRange": { "from": LOOK_BACK_S, "to": 0 },
            "model": {
                "refId": "A",
                "datasource": prometheus,
                "editorMode": "code",
                "expr": expr,
                "instant": true,
                "range": false,
            },
        },
        {
            "refId": "B",
            "datasourceUid": "__expr__",
            "model": {
                "refId": "B",
                "datasource": expressions,
                "type": "math",
                "expression": "is_number($A) || is_nan($A) || is_inf($A)",
            },
        },
        {
            "refId": "C",
            "datasourceUid": "__expr__",
            "model": {
                "refId": "C",
                "datasource": expressions,
                "type": "threshold",
                "expression": "B",
                "conditions": [{ "evaluator": { "type": "gt", "params": [0] } }],
            },
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_whole_ticks() {
        for (given_ms, told) in [(500, 10), (15_000, 10), (30_000, 30), (95_000, 90)] {
            assert_eq!(interval_s(Duration::from_millis(given_ms)), told);
        }
        assert_eq!(usual_interval(), Duration::from_secs(15));
    }
}
