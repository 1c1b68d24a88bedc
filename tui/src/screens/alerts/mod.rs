//! The alerts screen: every rule, most urgent first, and everything about the selected one.

pub(crate) mod detail;
pub(crate) mod list;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use voteops_observability::snapshot::AlertStatus;

use crate::keys::{self, Binding, Place, Travel, bind, key};
use crate::message::Effect;
use crate::model::events::same_rule;
use crate::model::{Model, Screen};
use crate::view;
use crate::wanted::Wanted;

/// What only the alerts screen does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {}

/// The screen's own keys.
#[rustfmt::skip]
pub(crate) const KEYS: &[Binding] = &[
    bind(&[key(KeyCode::Enter)], keys::Action::Open, Place::On(&[Screen::Alerts]), "all details", "open"),
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

/// Does what a key of the screen asks for.
pub(crate) fn act(_model: &mut Model, action: Action) -> Vec<Effect> {
    match action {}
}

/// What the screen needs to know.
pub(crate) fn want(_model: &Model, _wanted: &mut Wanted) {}

/// Moves the selection, or the details when they take the whole screen.
pub(crate) fn travel(model: &mut Model, step: Travel) {
    let body = view::body(model);
    let rows = usize::from(body.height);
    if model.alerts_pane.expanded {
        let lines = detail::lines(model, body.width.into()).len();
        let last = lines.saturating_sub(rows);
        model.alerts_pane.scroll = step.from(model.alerts_pane.scroll, rows, last);
    } else {
        let last = model.alerts().len().saturating_sub(1);
        let page_rows = rows.saturating_sub(list::HEADING);
        let pane = &mut model.alerts_pane;
        pane.selected = step.from(pane.selected, page_rows, last);
        pane.chosen = pane.selected > 0;
    }
}

/// Opens the details of the selected rule.
pub(crate) fn open(model: &mut Model) -> Vec<Effect> {
    model.alerts_pane.expanded = !model.alerts().is_empty();
    model.alerts_pane.scroll = 0;
    Vec::new()
}

/// Closes the details.
pub(crate) fn close(model: &mut Model) -> bool {
    let was = std::mem::take(&mut model.alerts_pane.expanded);
    model.alerts_pane.scroll = 0;
    was
}

/// Gives a key to a form; there is none.
pub(crate) fn form_key(_model: &mut Model, _key: KeyEvent) -> Option<Vec<Effect>> {
    None
}

/// Keeps the rule that the user chose, or reads, selected when the order changes.
pub(crate) fn reselect(pane: &mut Pane, before: &[AlertStatus], after: &[AlertStatus]) {
    let selected = before
        .get(pane.selected)
        .filter(|_| pane.chosen || pane.expanded)
        .and_then(|rule| after.iter().position(|other| same_rule(rule, other)));
    pane.selected = selected.unwrap_or_default();
    pane.expanded &= !after.is_empty();
}

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    list::draw(model, frame, area);
}
