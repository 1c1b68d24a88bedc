//! The alerts screen: every rule, most urgent first, and everything about the selected one.

pub(crate) mod detail;
mod hub;
pub(crate) mod list;
pub(crate) mod silence;

use crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::layout::Rect;
use voteops_observability::promql;
use voteops_observability::snapshot::{AlertStatus, Origin};

use crate::keys::{self, Binding, Place, Travel, bind, char, key};
use crate::lang::tr;
use crate::message::Effect;
use crate::model::charts::ALERTS_QUERY;
use crate::model::events::same_rule;
use crate::model::{Backend, Model, Screen};
use crate::view;
use crate::wanted::Wanted;

/// What only the alerts screen does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The logs of the selected alert's component.
    Logs,
    /// Silence the selected alert.
    Silence,
    /// The silences there are.
    Silences,
    /// Expire the selected silence.
    Expire,
}

/// Does what a key of the screen asks for.
pub(crate) fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Silence => silence::open_form(model),
        Action::Silences => silence::open_list(model),
        // The list of silences takes it before.
        Action::Expire => {}
        Action::Logs => {
            let Some(alert) = selected(model) else {
                return Vec::new();
            };
            match services(model, alert) {
                Some(services) => {
                    super::logs::show(model, services);
                    model.screen = Screen::Logs;
                }
                None => model.notice = Some(tr!("the alert names no component").into()),
            }
        }
    }
    Vec::new()
}

/// The screen's own keys.
#[rustfmt::skip]
pub(crate) const KEYS: &[Binding] = &[
    bind("alerts.open", &[key(KeyCode::Enter)], keys::Action::Open, Place::On(&[Screen::Alerts]), "chart and all details", "open"),
    bind("alerts.logs", &[char('L')], keys::Action::Alerts(Action::Logs), Place::On(&[Screen::Alerts]), "logs of its component", "logs"),
    bind("alerts.silence", &[char('s')], keys::Action::Alerts(Action::Silence), Place::On(&[Screen::Alerts]), "silence it", "silence"),
    bind("alerts.silences", &[char('S')], keys::Action::Alerts(Action::Silences), Place::On(&[Screen::Alerts]), "silences, to expire them", ""),
];

/// What is selected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pane {
    /// The selected row.
    pub(crate) selected: usize,
    /// Whether the user chose it; until then the most urgent rule is selected.
    pub(crate) chosen: bool,
    /// Whether the details take the whole screen.
    pub(crate) expanded: bool,
    /// First line of the details that is shown.
    pub(crate) scroll: usize,
}

/// What the screen needs to know: when alerts were pending and firing, and what the selected one
/// looks at.
pub(crate) fn want(model: &Model, wanted: &mut Wanted) {
    wanted.chart(ALERTS_QUERY);
    wanted.silences = model.setup.backends.contains(&Backend::Alertmanager);
    if model.alerts_pane.expanded
        && let Some(subject) = selected(model).and_then(subject)
    {
        wanted.chart(&subject);
    }
    if hub_logs(model).is_some() {
        super::logs::want(model, wanted);
    }
}

/// The services whose log lines the hub shows, while it is open.
pub(crate) fn hub_logs(model: &Model) -> Option<Vec<String>> {
    let open = model.screen == Screen::Alerts && model.alerts_pane.expanded;
    let alert = selected(model).filter(|_| open)?;
    services(model, alert)
}

/// The rules that the filter keeps, in the order of the screen.
pub(crate) fn kept(model: &Model) -> Vec<&AlertStatus> {
    let filter = model.filters.get(&Screen::Alerts);
    let all = model.alerts().iter();
    all.filter(|alert| {
        filter.is_none_or(|filter| {
            let labels = alert.labels.iter().chain(&alert.annotations);
            let labels: Vec<_> = labels
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            filter.keeps(&format!("{} {}", alert.name, labels.join(" ")))
        })
    })
    .collect()
}

/// The selected rule.
pub(crate) fn selected(model: &Model) -> Option<&AlertStatus> {
    kept(model).get(model.alerts_pane.selected).copied()
}

/// What the rule compares with its threshold, as PromQL. Of Grafana's rules only the queries are
/// known, which need not compare.
pub(crate) fn subject(alert: &AlertStatus) -> Option<String> {
    // What a rule of Grafana gives is that of its condition, often 1 for true.
    let value = alert.value.filter(|_| alert.origin == Origin::Prometheus);
    match promql::condition_of(&alert.expr, value).ok()? {
        Some(condition) => Some(condition.subject),
        None if alert.origin == Origin::Grafana => Some(alert.expr.clone()),
        None => None,
    }
}

/// Whether an action makes sense for what is selected: Alertmanager's silences do not reach what
/// Grafana evaluates.
pub(crate) fn offers(model: &Model, action: Action) -> bool {
    let is_managed = |alert: &AlertStatus| alert.origin == Origin::Grafana;
    action != Action::Silence || !selected(model).is_some_and(is_managed)
}

/// The services whose logs belong to an alert: its signal's component, else what its labels name.
fn services(model: &Model, alert: &AlertStatus) -> Option<Vec<String>> {
    let reading = model.shown().reading_of(alert);
    let signal = reading.map(|reading| reading.component.title().to_lowercase().replace(' ', "-"));
    let labelled = ["service", "component", "job"];
    let label = labelled.iter().find_map(|key| alert.labels.get(*key));
    let name = signal.or_else(|| label.map(|label| label.replace('_', "-")))?;
    Some(vec![name])
}

/// Moves the selection, or the details when they take the whole screen.
pub(crate) fn travel(model: &mut Model, step: Travel) {
    let body = view::body(model);
    let rows = usize::from(body.height);
    if model.alerts_pane.expanded {
        let (rows, lines) = hub::rows(model, body);
        let last = lines.saturating_sub(rows);
        model.alerts_pane.scroll = step.from(model.alerts_pane.scroll, rows, last);
    } else {
        let last = kept(model).len().saturating_sub(1);
        let page_rows = rows.saturating_sub(list::HEADING);
        let pane = &mut model.alerts_pane;
        pane.selected = step.from(pane.selected, page_rows, last);
        pane.chosen = pane.selected > 0;
    }
}

/// Opens the details of the selected rule.
pub(crate) fn open(model: &mut Model) -> Vec<Effect> {
    model.alerts_pane.expanded = !kept(model).is_empty();
    model.alerts_pane.scroll = 0;
    Vec::new()
}

/// Closes the details.
pub(crate) fn close(model: &mut Model) -> bool {
    let was = std::mem::take(&mut model.alerts_pane.expanded);
    model.alerts_pane.scroll = 0;
    was
}

/// The rule that the user chose, or reads.
pub(crate) fn held(model: &Model) -> Option<AlertStatus> {
    let pane = model.alerts_pane;
    let held = selected(model).filter(|_| pane.chosen || pane.expanded);
    held.cloned()
}

/// Keeps the rule that was held selected when the order, or what the filter keeps, changed. Another
/// rule is not opened in its place.
pub(crate) fn reselect(model: &mut Model, held: Option<&AlertStatus>) {
    let before = model.alerts_pane.selected;
    let place = held.and_then(|rule| {
        let kept = kept(model);
        let same = kept.iter().enumerate();
        let same = same.filter(|(_, other)| same_rule(rule, other));
        // Rules may differ in labels alone, or not at all.
        let nearest = same.min_by_key(|(place, other)| {
            let differs = rule.labels != other.labels;
            (differs, place.abs_diff(before))
        });
        nearest.map(|(place, _)| place)
    });
    let pane = &mut model.alerts_pane;
    pane.selected = place.unwrap_or_default();
    pane.expanded &= place.is_some();
}

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    if silence::draw(model, frame, area) {
        return;
    }
    match selected(model).filter(|_| model.alerts_pane.expanded) {
        Some(alert) => hub::draw(model, alert, frame, area),
        None => list::draw(model, frame, area),
    }
}

#[cfg(test)]
pub(crate) mod tests;
