//! A dashboard: where its panels stand, what it marks on their time axes, and what can be chosen.

use serde_json::{Value, json};

use super::boards::Makings;
use super::links::{self, TAG};
use super::panel::{Kind, Panel, Source};
use super::{Dashboard, Query};
use crate::marks;

/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;
/// The version of the dashboard's schema: that of Grafana 11.0, which later ones migrate when they load it
/// (`public/app/features/dashboard/state/DashboardMigrator.ts`).
const SCHEMA_VERSION: u64 = 39;
/// The time that is shown at first, before the time scale.
const SHOWN_S: f64 = 3600.0;

/// A panel with its place.
struct Placed {
    panel: Panel,
    id: u64,
    place: Value,
}

/// A dashboard in the making.
pub(super) struct Board {
    uid: &'static str,
    title: &'static str,
    description: &'static str,
    logs: bool,
    time_scale: f64,
    /// Alerts that always fire: no news.
    heartbeats: Vec<String>,
    variables: Vec<Value>,
    /// Headings of rows and panels, as Grafana reads them.
    rows: Vec<Value>,
    placed: Vec<Placed>,
    next_id: u64,
    x: u64,
    y: u64,
    tallest: u64,
}

impl Board {
    pub(super) fn new(
        uid: &'static str,
        title: &'static str,
        description: &'static str,
        makings: &Makings,
    ) -> Self {
        Self {
            uid,
            title,
            description,
            logs: makings.setting.logs,
            time_scale: makings.setting.time_scale,
            heartbeats: makings.heartbeats(),
            variables: Vec::new(),
            rows: Vec::new(),
            placed: Vec::new(),
            next_id: 1,
            x: 0,
            y: 0,
            tallest: 0,
        }
    }

    pub(super) fn variable(&mut self, variable: Value) {
        self.variables.push(variable);
    }

    /// Begins a row with a heading.
    pub(super) fn row(&mut self, title: &str) {
        self.line();
        let id = self.take_id();
        self.rows.push(json!({
            "id": id,
            "type": "row",
            "title": title,
            "collapsed": false,
            "gridPos": { "x": 0, "y": self.y, "w": COLUMNS, "h": 1 },
            "panels": [],
        }));
        self.y += 1;
    }

    /// Puts a panel beside the last one, or below where there is no room. Panels of logs are left out
    /// where there is no Loki.
    pub(super) fn panel(&mut self, mut panel: Panel, width: u64, height: u64) {
        if !self.logs {
            if panel.source() == Source::Loki {
                return;
            }
            panel.logs_of = None;
        }
        if self.x + width > COLUMNS {
            self.line();
        }
        let place = json!({ "x": self.x, "y": self.y, "w": width, "h": height });
        let id = self.take_id();
        self.placed.push(Placed { panel, id, place });
        self.x += width;
        self.tallest = self.tallest.max(height);
    }

    /// Ends the line of panels.
    pub(super) fn line(&mut self) {
        self.x = 0;
        self.y += self.tallest;
        self.tallest = 0;
    }

    fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    pub(super) fn finish(self) -> Dashboard {
        let mut panels = self.rows.clone();
        panels.extend(self.placed.iter().map(|p| p.panel.json(p.id, &p.place)));
        panels.sort_by_key(|panel| panel["id"].as_u64());
        Dashboard {
            uid: self.uid,
            json: self.json(&panels),
            queries: self.queries(),
            alerts: self.alerts(),
        }
    }

    fn queries(&self) -> Vec<Query> {
        let of_panel = |placed: &Placed| {
            let panel = placed.panel.clone();
            let (title, loki) = (panel.title.clone(), panel.source() == Source::Loki);
            panel.queries.into_iter().map(move |query| Query {
                panel: title.clone(),
                expr: query.expr,
                legend: query.legend,
                loki,
            })
        };
        self.placed.iter().flat_map(of_panel).collect()
    }

    /// The panels on which alerts are best looked at: curves.
    fn alerts(&self) -> Vec<(String, u64)> {
        let charts = self.placed.iter().filter(|p| p.panel.kind == Kind::Chart);
        let pairs = charts.flat_map(|p| p.panel.alerts.iter().map(|name| (name.clone(), p.id)));
        pairs.collect()
    }

    fn json(&self, panels: &[Value]) -> Value {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole seconds of at most an hour"
        )]
        let shown_s = (SHOWN_S / self.time_scale).round().max(1.0) as u64;
        // Grafana knows no two units in a row.
        let shown = match shown_s {
            s if s % 3600 == 0 => format!("{}h", s / 3600),
            s if s % 60 == 0 => format!("{}m", s / 60),
            s => format!("{s}s"),
        };
        json!({
            "uid": self.uid,
            "id": null,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": true,
            "fiscalYearStartMonth": 0,
            // One cursor for all panels.
            "graphTooltip": 1,
            "annotations": { "list": self.annotations() },
            "links": links::of_dashboard(),
            "panels": panels,
            "refresh": if self.time_scale > 1.0 { "5s" } else { "10s" },
            "templating": { "list": self.variables },
            "time": { "from": format!("now-{shown}"), "to": "now" },
            "timepicker": {},
            "timezone": "browser",
            "weekStart": "",
        })
    }

    fn annotations(&self) -> Value {
        let grafana = json!({ "type": "grafana", "uid": "-- Grafana --" });
        let mut news = "alertstate=\"firing\"".to_owned();
        if !self.heartbeats.is_empty() {
            news.extend([format!(",alertname!~\"{}\"", self.heartbeats.join("|"))]);
        }
        let firing = format!("max by (alertname, severity) (ALERTS{{{news}}})");
        let mut list = vec![
            // What Grafana's own rules did, on the panels that they are linked to.
            json!({
                "builtIn": 1,
                "datasource": grafana,
                "enable": true,
                "hide": true,
                "iconColor": "rgba(0, 211, 255, 1)",
                "name": "Annotations & Alerts",
                "type": "dashboard",
            }),
            json!({
                "datasource": Source::Prometheus.json(),
                "enable": true,
                "hide": false,
                "iconColor": "red",
                "name": "Alerts",
                "expr": firing,
                "target": { "refId": "Anno", "expr": firing },
                "titleFormat": "{{alertname}}",
                "textFormat": "fires ({{severity}})",
                "tagKeys": "severity",
                "useValueForTime": false,
            }),
            json!({
                "datasource": grafana,
                "enable": true,
                "hide": false,
                "iconColor": "purple",
                "name": "Experiments",
                "target": { "limit": 100, "matchAny": false, "tags": [marks::TAG], "type": "tags" },
            }),
        ];
        if self.logs {
            let marked = format!(
                "{{service=\"{}\"}} | json | line_format `{{{{.message}}}}`",
                marks::SERVICE
            );
            list.push(json!({
                "datasource": Source::Loki.json(),
                "enable": true,
                "hide": false,
                "iconColor": "purple",
                "name": "Experiments, from Loki",
                "expr": marked,
                "target": { "refId": "Anno", "expr": marked, "queryType": "range" },
                "titleFormat": "{{fault}}",
                "tagKeys": "fault,alert",
            }));
        }
        Value::Array(list)
    }
}
