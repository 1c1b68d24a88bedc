//! One panel: what it asks, and how Grafana is told to draw it.
//!
//! The JSON is that of Grafana's schema kinds
//! (<https://grafana.com/docs/grafana/latest/visualizations/panels-visualizations/visualizations/>).

use serde_json::{Value, json};

use super::limit::{self, Limit};
use super::links;
use crate::units::Unit;

/// What is said where there is no number: missing is not zero.
const NO_DATA: &str = "no data";

/// The data source that a panel asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Prometheus,
    Loki,
}

impl Source {
    pub(super) fn json(self) -> Value {
        match self {
            Self::Prometheus => json!({ "type": "prometheus", "uid": "prometheus" }),
            Self::Loki => json!({ "type": "loki", "uid": "loki" }),
        }
    }
}

/// One query of a panel.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// How its series are called; `{{label}}` is a label's value.
    pub(super) legend: String,
    pub(super) expr: String,
}

/// How a panel is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The value now, in the colour of its threshold. It is asked for at one instant, so that a value
    /// that is gone is not shown on.
    Stat,
    /// Curves over time, with the threshold as a line.
    Chart,
    /// What each alert did over time.
    Alerts,
    /// How many log lines there were, as stacked bars.
    Volume,
    /// Log lines.
    Lines,
}

/// A panel.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub(super) kind: Kind,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) unit: Unit,
    /// Whether values may be below zero, or a ratio above 1.
    pub(super) open: bool,
    pub(super) queries: Vec<Query>,
    pub(super) limits: Vec<Limit>,
    /// The alerts that are about it.
    pub(super) alerts: Vec<String>,
    /// The service whose logs tell more.
    pub(super) logs_of: Option<&'static str>,
    /// Runbooks and the like: title and address.
    pub(super) links: Vec<(String, String)>,
}

impl Panel {
    pub(super) fn new(
        kind: Kind,
        title: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            title: title.into(),
            description: description.into(),
            unit: Unit::Count,
            open: false,
            queries: Vec::new(),
            limits: Vec::new(),
            alerts: Vec::new(),
            logs_of: None,
            links: Vec::new(),
        }
    }

    pub(super) fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    pub(super) fn asking(mut self, legend: impl Into<String>, expr: impl Into<String>) -> Self {
        self.queries.push(Query {
            legend: legend.into(),
            expr: expr.into(),
        });
        self
    }

    pub(super) fn source(&self) -> Source {
        match self.kind {
            Kind::Stat | Kind::Chart | Kind::Alerts => Source::Prometheus,
            Kind::Volume | Kind::Lines => Source::Loki,
        }
    }

    /// The panel as Grafana reads it, at a place of its dashboard.
    pub(super) fn json(&self, id: u64, place: &Value) -> Value {
        let (kind, options) = self.options();
        json!({
            "id": id,
            "type": kind,
            "title": self.title,
            "description": self.description,
            "datasource": self.source().json(),
            "gridPos": place,
            "fieldConfig": { "defaults": self.defaults(), "overrides": self.overrides() },
            "options": options,
            "targets": self.targets(),
            "links": links::of_panel(&self.links),
            "transparent": false,
        })
    }

    fn targets(&self) -> Value {
        let targets = self.queries.iter().zip('A'..).map(|(query, reference)| {
            let mut target = json!({
                "refId": reference.to_string(),
                "datasource": self.source().json(),
                "editorMode": "code",
                "expr": query.expr,
                "legendFormat": query.legend,
            });
            match self.source() {
                Source::Prometheus => {
                    let instant = self.kind == Kind::Stat;
                    target["instant"] = instant.into();
                    target["range"] = (!instant).into();
                }
                Source::Loki => target["queryType"] = "range".into(),
            }
            target
        });
        targets.collect()
    }

    fn options(&self) -> (&'static str, Value) {
        match self.kind {
            Kind::Stat => (
                "stat",
                json!({
                    "colorMode": "value",
                    "graphMode": "none",
                    "justifyMode": "auto",
                    "orientation": "auto",
                    "percentChangeColorMode": "standard",
                    "reduceOptions": { "calcs": ["last"], "fields": "", "values": false },
                    "showPercentChange": false,
                    "textMode": "auto",
                    "wideLayout": true,
                }),
            ),
            Kind::Chart => ("timeseries", curves(&["last", "max"])),
            Kind::Volume => ("timeseries", curves(&["sum"])),
            Kind::Alerts => (
                "state-timeline",
                json!({
                    "alignValue": "left",
                    "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
                    "mergeValues": true,
                    "rowHeight": 0.8,
                    "showValue": "never",
                    "tooltip": { "mode": "single", "sort": "none" },
                }),
            ),
            Kind::Lines => (
                "logs",
                json!({
                    "dedupStrategy": "none",
                    "enableLogDetails": true,
                    "prettifyLogMessage": false,
                    "showCommonLabels": false,
                    "showLabels": false,
                    "showTime": true,
                    "sortOrder": "Descending",
                    "wrapLogMessage": true,
                }),
            ),
        }
    }

    fn defaults(&self) -> Value {
        let color = match self.kind {
            Kind::Stat | Kind::Alerts => "thresholds",
            _ => "palette-classic",
        };
        let mut defaults = json!({
            "color": { "mode": color },
            "custom": self.custom(),
            "links": self.logs_of.map(links::to_logs).into_iter().collect::<Vec<_>>(),
            "mappings": self.mappings(),
            "noValue": NO_DATA,
            "thresholds": { "mode": "absolute", "steps": limit::steps(self.unit, &self.limits) },
            "unit": unit_name(self.unit),
        });
        if !self.open {
            defaults["min"] = 0.into();
            if matches!(self.unit, Unit::Ratio | Unit::Up) {
                defaults["max"] = 1.into();
            }
        }
        if matches!(self.unit, Unit::Up) || self.unit == Unit::Count && self.kind == Kind::Stat {
            defaults["decimals"] = 0.into();
        }
        defaults
    }

    fn custom(&self) -> Value {
        match self.kind {
            Kind::Chart => {
                let style = if self.limits.is_empty() {
                    "off"
                } else {
                    "dashed"
                };
                drawn("line", 8, "none", style)
            }
            Kind::Volume => drawn("bars", 80, "normal", "off"),
            Kind::Alerts => json!({ "fillOpacity": 80, "lineWidth": 0 }),
            Kind::Stat | Kind::Lines => json!({}),
        }
    }

    fn mappings(&self) -> Value {
        let named = |states: &[(&str, &str, &str)]| {
            let options = states.iter().zip(0..).map(|((value, text, color), index)| {
                let shown = json!({ "text": text, "color": color, "index": index });
                ((*value).to_owned(), shown)
            });
            let options: serde_json::Map<_, _> = options.collect();
            json!([{ "type": "value", "options": options }])
        };
        match (self.kind, self.unit) {
            (Kind::Alerts, _) => named(&[
                ("0", "ok", "green"),
                ("1", "pending", "yellow"),
                ("2", "firing", "red"),
            ]),
            (_, Unit::Up) => named(&[("0", "DOWN", "red"), ("1", "up", "green")]),
            _ => json!([]),
        }
    }

    /// Colours of levels, which are the same on every panel.
    fn overrides(&self) -> Value {
        if self.kind != Kind::Volume {
            return json!([]);
        }
        let levels = [
            ("/error/i", "red"),
            ("/warn/i", "orange"),
            ("/info/i", "green"),
            ("/debug/i", "blue"),
        ];
        let overrides = levels.map(|(name, color)| {
            json!({
                "matcher": { "id": "byRegexp", "options": name },
                "properties": [{ "id": "color", "value": { "mode": "fixed", "fixedColor": color } }],
            })
        });
        overrides.into_iter().collect()
    }
}

fn curves(calcs: &[&str]) -> Value {
    json!({
        "legend": { "calcs": calcs, "displayMode": "table", "placement": "bottom", "showLegend": true },
        "tooltip": { "mode": "multi", "sort": "desc" },
    })
}

fn drawn(style: &str, fill: u8, stacking: &str, thresholds: &str) -> Value {
    json!({
        "axisPlacement": "auto",
        "drawStyle": style,
        "fillOpacity": fill,
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "pointSize": 4,
        "showPoints": "auto",
        // What was not measured is a gap.
        "spanNulls": false,
        "stacking": { "group": "A", "mode": stacking },
        "thresholdsStyle": { "mode": thresholds },
    })
}

/// A unit as Grafana calls it (`packages/grafana-data/src/valueFormats/categories.ts`).
fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "s",
        Unit::PerSecond => "suffix:/s",
        Unit::Ratio => "percentunit",
        Unit::Count => "short",
        Unit::Bytes => "bytes",
        Unit::Age => "dtdurations",
        Unit::Up => "none",
    }
}
