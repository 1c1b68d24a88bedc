//! The query screen: any PromQL expression as a chart.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::keys::{Binding, Travel};
use crate::message::Effect;
use crate::model::Model;
use crate::wanted::Wanted;

/// What only the query screen does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {}

/// The screen's own keys.
pub(crate) const KEYS: &[Binding] = &[];

/// What is selected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pane {
    /// First row that is shown, or the selected one.
    pub(crate) selected: usize,
}

/// Does what a key of the screen asks for.
pub(crate) fn act(_model: &mut Model, action: Action) -> Vec<Effect> {
    match action {}
}

/// What the screen needs to know.
pub(crate) fn want(_model: &Model, _wanted: &mut Wanted) {}

/// Moves the selection.
pub(crate) fn travel(_model: &mut Model, _step: Travel) {}

/// Draws the screen.
pub(crate) fn draw(_model: &Model, _frame: &mut Frame, _area: Rect) {}

/// Shows an expression.
///
/// # Errors
/// One line that says why it cannot be one.
pub(crate) fn show(_model: &mut Model, _expr: String) -> Result<(), String> {
    Ok(())
}
