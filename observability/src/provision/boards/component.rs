//! A component's dashboard: each signal as curves, by instance, and what else is known of it.

use serde_json::{Value, json};

use super::{Board, Dashboard, Kind, Makings, Panel, ProvisionError, expr, logs_of, service};
use crate::provision::panel::Source;
use crate::signals::{Component, Signal};

pub(super) fn board(makings: &Makings, component: Component) -> Result<Dashboard, ProvisionError> {
    let (uid, description) = match component {
        Component::VoteApp => (
            "voteops-vote-app",
            "Golden signals of the vote app: latency, traffic, errors, and how many instances there are.",
        ),
        Component::Redis => (
            "voteops-redis",
            "Redis, seen through its exporter: memory, health, hit ratio of the results cache.",
        ),
        Component::Worker => (
            "voteops-worker",
            "The queue and the workers that drain it: backlog, time for each vote, how many workers there are.",
        ),
    };
    let mut board = Board::new(uid, component.title(), description, makings);
    // Redis has one exporter: there is nothing to choose.
    let chosen = component != Component::Redis;
    if chosen {
        board.variable(instances(component.job()));
    }
    let narrow = |panel: Panel| narrowed(panel, component, chosen);
    board.row("Now");
    for signal in makings.signals_of(component) {
        board.panel(narrow(makings.now(signal)?)?, 6, 4);
    }
    board.row("Signals");
    for signal in makings.signals_of(component) {
        board.panel(narrow(makings.course(signal)?)?, 12, 8);
        if let Some(panel) = by_instance(makings, signal)? {
            board.panel(narrow(panel)?, 12, 8);
        }
        board.line();
    }
    board.row("Details");
    for detail in makings.catalogue.of_board(component.job()) {
        board.panel(narrow(makings.detail(detail, component))?, 8, 8);
    }
    board.row("Alerts and logs");
    let alerts = makings.alert_states(|rule| makings.component_of(rule) == Some(component));
    board.panel(alerts, 24, 8);
    logs_of(&mut board, service(component));
    Ok(board.finish())
}

fn by_instance(makings: &Makings, signal: &Signal) -> Result<Option<Panel>, ProvisionError> {
    let Some(expr) = &signal.by_instance else {
        return Ok(None);
    };
    let title = format!("{} by instance", signal.title);
    let mut panel = makings.about(signal, Kind::Chart, title)?;
    // The alert is about all of them together.
    panel.alerts.clear();
    Ok(Some(panel.asking("{{instance}}", makings.zooming(expr))))
}

fn narrowed(mut panel: Panel, component: Component, chosen: bool) -> Result<Panel, ProvisionError> {
    if chosen {
        for query in &mut panel.queries {
            // Grafana's own window is no PromQL: it is put in last.
            let window = expr::RATE_WINDOW;
            let parsed = query.expr.replace(window, PLACEHOLDER);
            let narrowed = expr::of_instances(&parsed, component.job());
            let narrowed = narrowed.map_err(|reason| ProvisionError::Panel {
                title: panel.title.clone(),
                reason,
            })?;
            query.expr = expr::zooming(&narrowed, PLACEHOLDER);
        }
    }
    Ok(panel)
}

/// A window that no expression has, as the parser writes it.
const PLACEHOLDER: &str = "20m34s567ms";

fn instances(job: &str) -> Value {
    let query = format!("label_values(up{{job=\"{job}\"}}, instance)");
    json!({
        "name": "instance",
        "label": "Instance",
        "description": "All, or those that are to be looked at alone.",
        "type": "query",
        "datasource": Source::Prometheus.json(),
        "definition": query,
        "query": { "qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        // When the time that is shown changes, as instances come and go.
        "refresh": 2,
        "sort": 1,
        "multi": true,
        "includeAll": true,
        "allValue": ".*",
        "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        "hide": 0,
        "options": [],
        "regex": "",
        "skipUrlSync": false,
    })
}
