//! The chaos screen: experiments, those that run first, with everything about the selected one.

mod view;

use crossterm::event::KeyEvent;

use crate::keys::{Binding, Travel};
use crate::message::Effect;
use crate::model::{Model, Screen};
use crate::settings::Experiment;
use crate::view::body;
use crate::wanted::Wanted;

pub(crate) use view::draw;

/// What only the chaos screen does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {}

/// The screen's own keys: there are none beside those of every list.
pub(crate) const KEYS: &[Binding] = &[];

/// What is selected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pane {
    selected: usize,
}

/// Does what a key of the screen asks for.
pub(crate) fn act(_model: &mut Model, action: Action) -> Vec<Effect> {
    match action {}
}

/// What the screen needs to know: it is told of experiments anyway.
pub(crate) fn want(_model: &Model, _wanted: &mut Wanted) {}

/// Moves the selection.
pub(crate) fn travel(model: &mut Model, step: Travel) {
    let last = experiments(model).len().saturating_sub(1);
    let page = usize::from(body(model).height / 2);
    let pane = &mut model.chaos_pane;
    pane.selected = step.from(pane.selected, page, last);
}

/// Opens what is selected: its details are shown already.
pub(crate) fn open(_model: &mut Model) -> Vec<Effect> {
    Vec::new()
}

/// Closes what is open; nothing ever is.
pub(crate) fn close(_model: &mut Model) -> bool {
    false
}

/// Gives a key to a form that lies over the screen; there is none.
pub(crate) fn form_key(_model: &mut Model, _key: KeyEvent) -> Option<Vec<Effect>> {
    None
}

/// The experiments that the filter keeps, newest first, those that are not over before the rest.
fn experiments(model: &Model) -> Vec<&Experiment> {
    let filter = model.filters.get(&Screen::Chaos);
    let all = model.shown().experiments.iter().flatten();
    let mut kept: Vec<_> = all
        .filter(|experiment| {
            let told = format!(
                "{} {} {}",
                experiment.fault,
                experiment.targets.join(" "),
                experiment.by
            );
            filter.is_none_or(|filter| filter.keeps(&told))
        })
        .collect();
    kept.sort_by_key(|experiment| !view::is_open(experiment.stage));
    kept
}

#[cfg(test)]
mod tests;
