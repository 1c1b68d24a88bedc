//! Everything about the selected alert rule.

use std::borrow::Cow;
use std::time::Duration;

use ratatui::text::Line;
use voteops_observability::alertmanager::HeldAlert;
use voteops_observability::prometheus::{AlertState, Labels};
use voteops_observability::signals::Threshold;
use voteops_observability::snapshot::{AlertStatus, Origin};
use voteops_observability::units::{self, Unit};
use voteops_observability::{promql, rules};

use super::silence;
use crate::lang::tr;
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
            span(marks::full_name(data, alert), theme.heading()),
            span("  ", theme.style(Tone::Plain)),
            marks::of_alert(data, alert).span(theme),
        ])],
    };
    for (key, text) in times(model, alert) {
        page.entry(&key, &text);
    }
    let has_rule = alert.origin != Origin::Alertmanager;
    if has_rule {
        page.entry(&tr!("value"), &against(model, alert));
    }
    page.annotations(alert);
    if let Some(error) = &alert.error {
        page.entry(&tr!("rule error"), error);
    }
    if let Some(history) = timeline::told(model, alert) {
        page.entry(&tr!("history"), &history);
    }
    let labels = alert
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    page.entry(&tr!("labels"), &labels.collect::<Vec<_>>().join(", "));
    if has_rule {
        let held_for = Duration::try_from_secs_f64(alert.for_s).unwrap_or_default();
        page.entry(&tr!("for"), &units::prometheus_duration(held_for));
    }
    for (index, line) in alert.expr.lines().enumerate() {
        let key = if index == 0 {
            tr!("expression")
        } else {
            Cow::Borrowed("")
        };
        page.entry(&key, line);
    }
    page.twin(alert);
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
            told = format!("{told} ({})", marks::aged(age_s));
        }
        page.entry(Backend::Alertmanager.name(), &told);
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

    /// What the other says of the same rule, where two evaluate it.
    fn twin(&mut self, alert: &AlertStatus) {
        let data = self.model.shown();
        if let Some(twin) = data.alerts.twin(alert) {
            let state = marks::of_alert(data, twin).text;
            let told = tr!(
                "%{origin} too, by the same expression: %{state}",
                origin = twin.origin.name(),
                state = state
            );
            self.entry(&tr!("evaluated by"), &told);
        }
    }

    /// What differs for a rule that Grafana evaluates.
    fn grafana(&mut self, alert: &AlertStatus) {
        let address = self.model.setup.address(Backend::Grafana);
        let told = if let Some(url) = address {
            tr!(
                "grafana at %{url}, where it is notified about and silenced",
                url = url
            )
        } else {
            tr!("grafana, where it is notified about and silenced")
        };
        self.entry(&tr!("evaluated by"), &told);
        let charted = if super::subject(alert).is_some() {
            tr!("the query, as Prometheus answers it here")
        } else {
            tr!("nothing to chart: the query is not PromQL alone")
        };
        if self.model.alerts_pane.expanded {
            self.entry(&tr!("chart"), &charted);
        }
    }

    /// The summary and the description first: they say what to do.
    fn annotations(&mut self, alert: &AlertStatus) {
        let mut annotations: Labels = alert.annotations.clone();
        if let Some(url) = rules::runbook(&alert.name, &annotations) {
            annotations.insert("runbook_url".into(), url);
        }
        let first = ["summary", "description"];
        for key in first {
            if let Some(text) = annotations.get(key) {
                self.entry(key, text);
            }
        }
        for (key, text) in &annotations {
            if !first.contains(&key.as_str()) {
                self.entry(key, text);
            }
        }
    }
}

/// Since when, until when.
fn times(model: &Model, alert: &AlertStatus) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    let data = model.shown();
    let told = |at| clock(at, &model.setup.zone);
    let mut times = Vec::new();
    if let Some(since) = alert.since {
        let age = units::age(data.age_s(since));
        let ago = tr!("%{time} (%{age} ago)", time = told(since), age = age);
        times.push((tr!("since"), ago));
    }
    if let Some(at) = alert.fires_at {
        let left_s = -data.age_s(at);
        let text = if marks::is_old(data, alert) {
            tr!(
                "%{time}, unless it ended since the last answer",
                time = told(at)
            )
        } else if left_s > 0.0 {
            tr!(
                "%{time} (in %{left}) if it goes on",
                time = told(at),
                left = countdown(left_s)
            )
        } else {
            tr!("with the next evaluation")
        };
        times.push((tr!("fires"), text));
    }
    if alert.active > 1 {
        let count = tr!("%{count} alerts of this rule", count = alert.active);
        times.push((tr!("active"), count));
    }
    times
}

/// The value against its limit.
fn against(model: &Model, alert: &AlertStatus) -> String {
    let unit = marks::unit_of(model.shown(), alert);
    if alert.origin == Origin::Grafana {
        return in_grafana(alert);
    }
    let limit = limits(alert, unit).map_or_else(
        || tr!("the expression compares with no number"),
        |limit| tr!("alerts if %{limit}", limit = limit),
    );
    match (alert.value, alert.state) {
        (Some(value), _) => format!("{}, {limit}", marks::value(Some(value), unit)),
        (None, AlertState::Inactive) => format!("{}; {limit}", tr!("not in the alert's range")),
        (None, _) => format!("{}; {limit}", tr!("not known")),
    }
}

/// Every number that an alert's expression compares with, where `or` joins several; first that which the value passes.
fn limits(alert: &AlertStatus, unit: Option<Unit>) -> Option<String> {
    let first = alert.threshold?;
    let all = promql::conditions(&alert.expr).ok();
    let all = all.iter().flat_map(|all| all.iter().map(Threshold::of));
    let others = all.filter(|other| *other != first);
    let mut told = marks::limit(first, unit);
    for other in others {
        let other = marks::limit(other, unit);
        told = tr!("%{limit} or %{other}", limit = told, other = other).into();
    }
    Some(told)
}

/// The value of a rule that Grafana evaluates. What it is of, the rule's condition, is not told:
/// often it is 1 for true.
fn in_grafana(alert: &AlertStatus) -> String {
    let told = match (alert.value, alert.state) {
        (Some(value), _) => {
            let value = marks::value(Some(value), None);
            tr!("%{value}, as the rule's condition gives it", value = value)
        }
        (None, AlertState::Inactive) => tr!("not told while the rule is inactive"),
        (None, _) => tr!("not known"),
    };
    told.into()
}

/// What Alertmanager does about it.
fn held_as(alert: &AlertStatus, held: &[HeldAlert]) -> String {
    let of_it: Vec<_> = held
        .iter()
        .filter(|held| held.labels.get("alertname") == Some(&alert.name))
        .collect();
    if of_it.is_empty() {
        return tr!("holds no such alert").into();
    }
    let count = |of: fn(&HeldAlert) -> bool| of_it.iter().filter(|held| of(held)).count();
    let silenced = count(|held| !held.status.silenced_by.is_empty());
    let inhibited = count(|held| !held.status.inhibited_by.is_empty());
    let counted = [
        (of_it.len(), tr!("held")),
        (silenced, tr!("silenced")),
        (inhibited, tr!("inhibited")),
    ];
    let told = counted.iter().filter(|(count, _)| *count > 0);
    let told: Vec<_> = told
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    told.join(", ")
}
