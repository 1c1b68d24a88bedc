//! The logs of everything, by service, instance, level and text.

use serde_json::{Value, json};

use super::{Board, Dashboard, Kind, Makings, Panel, READABLE, logs_of};
use crate::logs::{Level, LogQuery};
use crate::marks;
use crate::provision::links::LOGS;
use crate::provision::panel::Source;

const CHOSEN: &str = "{service=~\"$service\", instance=~\"$instance\", level=~\"$level\"}";

pub(super) fn board(makings: &Makings) -> Dashboard {
    let mut board = Board::new(
        LOGS,
        "Logs",
        "Log lines of every process, as Promtail or Alloy ships them to Loki.",
        makings,
    );
    // A selector has to hold a matcher that does not match the empty string: services do.
    board.variable(label("service", "Service", ".+"));
    board.variable(label("instance", "Instance", ".*"));
    // Redis and Prometheus write lines without a level that Loki knows.
    board.variable(label("level", "Level", ".*"));
    board.variable(json!({
        "name": "search",
        "label": "Search",
        "description": "A regular expression that lines have to match, upper and lower case alike.",
        "type": "textbox",
        "query": "",
        "current": { "selected": true, "text": "", "value": "" },
        "hide": 0,
        "options": [],
        "skipUrlSync": false,
    }));
    let counted =
        |by: &str, what: &str| format!("sum by ({by}) (count_over_time({what} [$__auto]))");
    let searched = format!("{CHOSEN} |~ `(?i)$search`");
    board.row("Volume");
    board.panel(
        Panel::new(
            Kind::Volume,
            "Lines by level",
            "How many of the chosen lines there were.",
        )
        .asking("{{level}}", counted("level", &searched)),
        12,
        7,
    );
    let errors = LogQuery {
        least: Some(Level::Error),
        ..LogQuery::default()
    };
    let errors = errors.to_logql();
    board.panel(
        Panel::new(
            Kind::Volume,
            "Errors by service",
            "Lines at level error or worse, of all services.",
        )
        .asking("{{service}}", counted("service", &errors)),
        12,
        7,
    );
    board.row("Lines");
    board.panel(
        Panel::new(
            Kind::Lines,
            "Log lines",
            "The chosen lines, the newest first.",
        )
        .asking("", format!("{searched}{READABLE}")),
        24,
        18,
    );
    board.row("Experiments");
    logs_of(&mut board, marks::SERVICE);
    board.finish()
}

/// A variable with the values of a label
/// (<https://grafana.com/docs/grafana/latest/datasources/loki/template-variables/>).
fn label(name: &str, title: &str, all: &str) -> Value {
    json!({
        "name": name,
        "label": title,
        "description": format!("The label {name} of the lines."),
        "type": "query",
        "datasource": Source::Loki.json(),
        "definition": format!("label_values({name})"),
        "query": { "label": name, "refId": "LokiVariableQueryEditor-VariableQuery", "stream": "", "type": 1 },
        "refresh": 2,
        "sort": 1,
        "multi": true,
        "includeAll": true,
        "allValue": all,
        "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        "hide": 0,
        "options": [],
        "regex": "",
        "skipUrlSync": false,
    })
}
