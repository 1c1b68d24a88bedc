//! The screens of one component each: every signal of it as a chart.

mod view;

use std::collections::BTreeMap;

use crossterm::event::KeyCode;
use voteops_observability::signals::{Component, Signal};

use crate::keys::{self, Binding, Place, Travel, bind, char, key};
use crate::message::Effect;
use crate::model::charts::ALERTS_QUERY;
use crate::model::{Model, Screen};
use crate::view::body;
use crate::wanted::Wanted;

pub(crate) use view::draw;

const SCREENS: &[Screen] = &[Screen::VoteApp, Screen::Redis, Screen::Worker];

/// What only the component screens do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Show the instances instead of their sum, or back.
    Instances,
}

/// The screens' own keys.
#[rustfmt::skip]
pub(crate) const KEYS: &[Binding] = &[
    bind("component.open", &[key(KeyCode::Enter)], keys::Action::Open, Place::On(SCREENS), "one chart alone", "open"),
    bind("component.instances", &[char('i')], keys::Action::Component(Action::Instances), Place::On(SCREENS), "each instance, or all together", "instances"),
];

/// What is selected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pane {
    /// The selected chart of each component.
    selected: BTreeMap<Component, usize>,
    /// Whether the selected chart has the screen for itself.
    alone: bool,
    /// Whether instances are told apart.
    by_instance: bool,
}

impl Pane {
    fn selected(&self, component: Component) -> usize {
        self.selected.get(&component).copied().unwrap_or_default()
    }
}

/// The signals of a component.
fn signals(model: &Model, component: Component) -> impl Iterator<Item = &Signal> {
    let all = model.setup.signals.iter();
    all.filter(move |signal| signal.component == component)
}

/// The queries behind a signal's chart.
fn queries<'a>(model: &Model, signal: &'a Signal) -> Vec<&'a str> {
    let pane = &model.component_pane;
    match &signal.by_instance {
        Some(expr) if pane.by_instance || pane.alone && signal.curves.is_empty() => vec![expr],
        _ if signal.curves.is_empty() => vec![&signal.expr],
        _ => signal.curves.iter().map(|c| c.expr.as_str()).collect(),
    }
}

/// Does what a key of the screen asks for.
pub(crate) fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Instances => model.component_pane.by_instance = !model.component_pane.by_instance,
    }
    Vec::new()
}

/// What the screen needs to know: the charts that can be seen, and the alerts' history.
pub(crate) fn want(model: &Model, wanted: &mut Wanted) {
    let Some(component) = model.screen.component() else {
        return;
    };
    wanted.chart(ALERTS_QUERY);
    let visible = view::places(model, component, view::charts_area(body(model)));
    for (index, _) in visible {
        if let Some(signal) = signals(model, component).nth(index) {
            for expr in queries(model, signal) {
                wanted.chart(expr);
            }
            if let (true, Some(expr)) = (model.component_pane.alone, &signal.by_instance) {
                wanted.chart(expr);
            }
        }
    }
}

/// Moves the selection.
pub(crate) fn travel(model: &mut Model, step: Travel) {
    if let Some(component) = model.screen.component() {
        let last = signals(model, component).count().saturating_sub(1);
        let pane = &mut model.component_pane;
        let at = pane.selected(component);
        pane.selected.insert(component, step.from(at, 2, last));
    }
}

/// Selects the chart at (column, row), and tells whether it was selected before; `None` when there is
/// none.
pub(crate) fn clicked(model: &mut Model, at: (u16, u16)) -> Option<bool> {
    let component = model.screen.component()?;
    let area = view::charts_area(crate::view::body(model));
    let places = view::places(model, component, area);
    let mut hit = places.iter().filter(|(_, place)| place.contains(at.into()));
    let (index, _) = *hit.next()?;
    let pane = &mut model.component_pane;
    let was_selected = pane.selected(component) == index;
    pane.selected.insert(component, index);
    Some(was_selected)
}

/// Gives the selected chart the screen for itself.
pub(crate) fn open(model: &mut Model) -> Vec<Effect> {
    model.component_pane.alone = true;
    Vec::new()
}

/// Shows all charts again; `false` when it did already.
pub(crate) fn close(model: &mut Model) -> bool {
    std::mem::take(&mut model.component_pane.alone)
}

#[cfg(test)]
pub(crate) mod tests;
