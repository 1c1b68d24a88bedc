//! Everything about the selected alert rule.

use std::time::Duration;

use ratatui::text::Line;
use voteops_observability::alertmanager::HeldAlert;
use voteops_observability::prometheus::{AlertState, Labels};
use voteops_observability::snapshot::{AlertStatus, Origin};
use voteops_observability::units;

use super::silence;
use crate::model::{Backend, Feed, Model};
use crate::theme::Tone;
use crate::view::text::{clock, countdown, left, span, wrap};
use crate::view::{marks, timeline};

const KEY: usize = 13;

/// The details in lines of `columns`; empty when nothing is selected.
pub(crate) fn lines(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let data = model.shown();
    let theme = model.setup.theme;
    let Some(alert) = super::selected(model) else {
        return Vec::new();
    };
    let mut page = Page {
        model,
        columns,
        lines: vec![Line::from(vec![
            span(alert.full_name(), theme.heading()),
            span("  ", theme.style(Tone::Plain)),
            marks::of_alert(data, alert).span(theme),
        ])],
    };
    for (key, text) in times(model, alert) {
        page.entry(&key, &text);
    }
    page.entry("value", &against(model, alert));
    page.annotations(&alert.annotations);
    if let Some(error) = &alert.error {
        page.entry("rule error", error);
    }
    if let Some(history) = timeline::told(model, alert) {
        page.entry("history", &history);
    }
    let labels = alert
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    page.entry("labels", &labels.collect::<Vec<_>>().join(", "));
    let held_for = Duration::try_from_secs_f64(alert.for_s).unwrap_or_default();
    page.entry("for", &units::prometheus_duration(held_for));
    for (index, line) in alert.expr.lines().enumerate() {
        page.entry(if index == 0 { "expression" } else { "" }, line);
    }
    if alert.origin == Origin::Grafana {
        page.grafana(alert);
    } else if let Some(held) = &data.held {
        let mut told = held_as(alert, held);
        let of_it = held
            .iter()
            .filter(|held| held.labels.get("alertname") == Some(&alert.name));
        let ids: Vec<_> = of_it
            .flat_map(|held| held.status.silenced_by.clone())
            .collect();
        if let Some(until) = silence::until(model, &ids) {
            told = format!("{told} {until}");
        }
        if let Some(age_s) = data.feeds.stale_s(Feed::Held, data.now) {
            told = format!("{told} (stale {})", units::age(age_s));
        }
        page.entry("alertmanager", &told);
    }
    page.lines
}

/// Lines of a key and a text each.
struct Page<'a> {
    model: &'a Model,
    columns: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn entry(&mut self, key: &str, text: &str) {
        let theme = self.model.setup.theme;
        let mut key = key;
        for line in wrap(text, self.columns.saturating_sub(KEY + 1)) {
            self.lines.push(Line::from(vec![
                span(left(key, KEY), theme.style(Tone::Dim)),
                span(format!(" {line}"), theme.style(Tone::Plain)),
            ]));
            key = "";
        }
    }

    /// What differs for a rule that Grafana evaluates.
    fn grafana(&mut self, alert: &AlertStatus) {
        let address = self.model.setup.address(Backend::Grafana);
        let address = address.map_or_else(String::new, |address| format!(" at {address}"));
        let told = format!("grafana{address}, where it is notified about and silenced");
        self.entry("evaluated by", &told);
        let charted = match super::subject(alert) {
            Some(_) => "the query, as Prometheus answers it here",
            None => "nothing to chart: the query is not PromQL alone",
        };
        if self.model.alerts_pane.expanded {
            self.entry("chart", charted);
        }
    }

    /// The summary and the description first: they say what to do.
    fn annotations(&mut self, annotations: &Labels) {
        let first = ["summary", "description"];
        for key in first {
            if let Some(text) = annotations.get(key) {
                self.entry(key, text);
            }
        }
        for (key, text) in annotations {
            if !first.contains(&key.as_str()) {
                self.entry(key, text);
            }
        }
    }
}

/// Since when, until when.
fn times(model: &Model, alert: &AlertStatus) -> Vec<(String, String)> {
    let data = model.shown();
    let told = |at| clock(at, &model.setup.zone);
    let mut times = Vec::new();
    if let Some(since) = alert.since {
        let age = units::age(data.age_s(since));
        times.push(("since".into(), format!("{} ({age} ago)", told(since))));
    }
    if let Some(at) = alert.fires_at {
        let left_s = -data.age_s(at);
        let text = if marks::is_old(data, alert) {
            format!("{}, unless it ended since the last answer", told(at))
        } else if left_s > 0.0 {
            format!("{} (in {}) if it goes on", told(at), countdown(left_s))
        } else {
            "with the next evaluation".into()
        };
        times.push(("fires".into(), text));
    }
    if alert.active > 1 {
        times.push((
            "active".into(),
            format!("{} alerts of this rule", alert.active),
        ));
    }
    times
}

/// The value against its limit.
fn against(model: &Model, alert: &AlertStatus) -> String {
    let unit = marks::unit_of(model.shown(), alert);
    let limit = alert.threshold.map(|limit| marks::limit(limit, unit));
    if alert.origin == Origin::Grafana {
        return in_grafana(alert);
    }
    let limit = limit.map_or_else(
        || "the expression compares with no number".into(),
        |limit| format!("alerts if {limit}"),
    );
    match (alert.value, alert.state) {
        (Some(value), _) => format!("{}, {limit}", marks::value(Some(value), unit)),
        (None, AlertState::Inactive) => format!("not in the alert's range; {limit}"),
        (None, _) => format!("not known; {limit}"),
    }
}

/// The value of a rule that Grafana evaluates. What it is of, the rule's condition, is not told:
/// often it is 1 for true.
fn in_grafana(alert: &AlertStatus) -> String {
    match (alert.value, alert.state) {
        (Some(value), _) => {
            let value = marks::value(Some(value), None);
            format!("{value}, as the rule's condition gives it")
        }
        (None, AlertState::Inactive) => "not told while the rule is inactive".into(),
        (None, _) => "not known".into(),
    }
}

/// What Alertmanager does about it.
fn held_as(alert: &AlertStatus, held: &[HeldAlert]) -> String {
    let of_it: Vec<_> = held
        .iter()
        .filter(|held| held.labels.get("alertname") == Some(&alert.name))
        .collect();
    if of_it.is_empty() {
        return "holds no such alert".into();
    }
    let count = |of: fn(&HeldAlert) -> bool| of_it.iter().filter(|held| of(held)).count();
    let silenced = count(|held| !held.status.silenced_by.is_empty());
    let inhibited = count(|held| !held.status.inhibited_by.is_empty());
    let counted = [
        (of_it.len(), "held"),
        (silenced, "silenced"),
        (inhibited, "inhibited"),
    ];
    let told = counted.iter().filter(|(count, _)| *count > 0);
    let told: Vec<_> = told
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    told.join(", ")
}
