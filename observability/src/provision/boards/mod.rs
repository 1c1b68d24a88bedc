//! What stands on each dashboard.

mod component;
mod logs;
mod overview;
mod slo;

use super::board::Board;
use super::catalogue::{Catalogue, Detail};
use super::groups::{Group, Rule};
use super::limit::{self, Limit};
use super::panel::{Kind, Panel};
use super::{Dashboard, ProvisionError, Setting, expr};
use crate::signals::{Component, Signal};
use crate::slo::Slo;
use crate::units::{self, Unit};

/// An evaluation that is this old no longer tells that an alert is quiet, in seconds; but for groups that are
/// evaluated so seldom that two of them and a scrape take longer.
const EVALUATED_WITHIN_S: u64 = 120;
/// From an evaluation until its scrape, in seconds.
const TOLD_WITHIN_S: u64 = 30;
/// The window of the signals' rates.
const RATE_WINDOW: &str = "1m";

/// What dashboards are made from.
pub(super) struct Makings {
    pub(super) setting: Setting,
    pub(super) signals: Vec<Signal>,
    pub(super) slos: Vec<Slo>,
    pub(super) groups: Vec<Group>,
    pub(super) catalogue: Catalogue,
}

/// Every dashboard, the overview first.
pub(super) fn all(makings: &Makings) -> Result<Vec<Dashboard>, ProvisionError> {
    let mut boards = vec![overview::board(makings)?];
    for component in Component::ALL {
        boards.push(component::board(makings, component)?);
    }
    boards.push(slo::board(makings)?);
    if makings.setting.logs {
        boards.push(logs::board(makings));
    }
    Ok(boards)
}

/// The label `service` of a component's log lines.
fn service(component: Component) -> &'static str {
    match component {
        Component::VoteApp => "vote-app",
        Component::Redis => "redis",
        Component::Worker => "worker",
    }
}

impl Makings {
    fn signals_of(&self, component: Component) -> impl Iterator<Item = &Signal> {
        let signals = self.signals.iter();
        signals.filter(move |signal| signal.component == component)
    }

    fn rule(&self, name: &str) -> Option<&Rule> {
        let mut rules = self.groups.iter().flat_map(|group| &group.rules);
        rules.find(|rule| rule.name == name)
    }

    /// Alerts that always fire, so that their silence tells of a way that is broken.
    pub(super) fn heartbeats(&self) -> Vec<String> {
        let rules = self.groups.iter().flat_map(|group| &group.rules);
        let always = rules.filter(|rule| rule.is_heartbeat());
        always.map(|rule| rule.name.clone()).collect()
    }

    /// A panel about a signal, with the threshold of its alert and nothing asked yet.
    fn about(&self, signal: &Signal, kind: Kind, title: String) -> Result<Panel, ProvisionError> {
        let text = self.catalogue.of_signal(&signal.id)?;
        let alerts = Vec::from_iter(signal.alert.clone());
        let told = limit::told(&self.groups, &alerts, signal.unit);
        let mut panel = Panel::new(kind, title, format!("{text}{told}")).unit(signal.unit);
        panel.logs_of = Some(service(signal.component));
        if let Some(rule) = signal.alert.as_deref().and_then(|name| self.rule(name)) {
            panel.limits.extend(Limit::of(rule));
            panel.links.extend(runbook(rule));
        }
        panel.alerts = alerts;
        Ok(panel)
    }

    /// The signal's value at this instant.
    fn now(&self, signal: &Signal) -> Result<Panel, ProvisionError> {
        let title = format!("{} now", signal.title);
        let panel = self.about(signal, Kind::Stat, title)?;
        Ok(panel.asking(&*signal.title, &*signal.expr))
    }

    /// The signal over time, by its curves where it has any.
    fn course(&self, signal: &Signal) -> Result<Panel, ProvisionError> {
        let mut panel = self.about(signal, Kind::Chart, signal.title.clone())?;
        if signal.curves.is_empty() {
            panel = panel.asking(&*signal.title, self.zooming(&signal.expr));
        }
        for curve in &signal.curves {
            panel = panel.asking(&*curve.name, self.zooming(&curve.expr));
        }
        Ok(panel)
    }

    fn detail(&self, detail: &Detail, component: Component) -> Panel {
        let mut panel = Panel::new(Kind::Chart, &*detail.title, &*detail.description);
        panel = panel.unit(detail.unit);
        panel.open = detail.open;
        panel.logs_of = Some(service(component));
        for curve in &detail.curves {
            panel = panel.asking(&*curve.name, self.zooming(&curve.expr));
        }
        panel
    }

    /// What each of these alerts did. Quiet is told only of what was evaluated lately: an alert that nobody
    /// evaluates has no state.
    fn alert_states(&self, wanted: impl Fn(&Rule) -> bool) -> Panel {
        let text = "Alerts of Prometheus. A row without a state was not evaluated for a while.";
        let mut panel = Panel::new(Kind::Alerts, "Alerts", text);
        for group in &self.groups {
            let interval_s = group.interval.map_or(0, |interval| interval.as_secs());
            let within_s = EVALUATED_WITHIN_S.max(2 * interval_s + TOLD_WITHIN_S);
            let evaluated = format!(
                "0 * max(prometheus_rule_group_last_evaluation_timestamp_seconds{{rule_group=~\".+;{}\"}} > time() - {within_s})",
                group.name
            );
            for rule in group
                .rules
                .iter()
                .filter(|r| !r.is_heartbeat() && wanted(r))
            {
                let of = |state: &str| {
                    format!(
                        "max(ALERTS{{alertname=\"{}\",alertstate=\"{state}\"}})",
                        rule.name
                    )
                };
                let state = format!("2 * {} or {} or {evaluated}", of("firing"), of("pending"));
                panel = panel.asking(&*rule.name, state);
            }
        }
        panel
    }

    /// The component that an alert is about: by its label, or by the signal whose threshold it is.
    fn component_of(&self, rule: &Rule) -> Option<Component> {
        let mut signals = self.signals.iter();
        let by_signal = signals.find(|signal| signal.alert.as_deref() == Some(&rule.name));
        let label = rule.labels.get("component").map(String::as_str);
        let by_label = Component::ALL
            .into_iter()
            .find(|component| label == Some(component.job()));
        by_label.or(by_signal.map(|signal| signal.component))
    }

    fn zooming(&self, given: &str) -> String {
        let window = units::scale_duration(RATE_WINDOW, self.setting.time_scale);
        window.map_or_else(|_| given.to_owned(), |window| expr::zooming(given, &window))
    }

    /// A stat of what is left of a budget.
    fn budget_left(&self, slo: &Slo) -> Result<Panel, ProvisionError> {
        let text = &self.catalogue.of_slo(&slo.id)?.description;
        let description = format!(
            "{text} {} of them have to be, over {}. What is left of the budget for the others; below zero it is overspent.",
            Unit::Ratio.format(slo.objective),
            slo.window
        );
        let title = format!("{}: budget left", slo.title);
        let mut panel = Panel::new(Kind::Stat, title, description).unit(Unit::Ratio);
        panel.open = true;
        panel.limits = vec![Limit {
            comparison: crate::promql::Comparison::Below,
            value: 0.0,
            critical: true,
        }];
        let left = format!(
            "1 - clamp_min({}, 0) / {}",
            Self::errors(slo, &slo.window)?,
            budget(slo)
        );
        Ok(panel.asking("budget left", left))
    }

    /// How fast a budget burns over a window.
    fn burn(slo: &Slo, window: &str) -> Result<String, ProvisionError> {
        let errors = Self::errors(slo, window)?;
        Ok(format!("clamp_min({errors}, 0) / {}", budget(slo)))
    }

    fn errors(slo: &Slo, window: &str) -> Result<String, ProvisionError> {
        slo.expr(window).map_err(|reason| ProvisionError::Slo {
            id: slo.id.clone(),
            reason,
        })
    }
}

/// The share that may be bad, without the last digits of its floating point.
fn budget(slo: &Slo) -> f64 {
    ((1.0 - slo.objective) * 1e9).round() / 1e9
}

fn runbook(rule: &Rule) -> Option<(String, String)> {
    let url = rule.annotations.get("runbook_url")?;
    Some((format!("Runbook of {}", rule.name), url.clone()))
}

/// Puts the logs of a service at the end of a dashboard.
fn logs_of(board: &mut Board, service: &str) {
    let title = format!("Logs of {service}");
    let lines = Panel::new(Kind::Lines, title, "The last lines, the newest first.");
    let expr = format!("{{service=\"{service}\"}}{READABLE}");
    board.panel(lines.asking("", expr), 24, 10);
}

/// Shows the message of a line that is JSON, and any other line as it is.
const READABLE: &str = " | json | drop __error__, __error_details__ | line_format `{{if .message}}{{.message}}{{else}}{{__line__}}{{end}}`";
