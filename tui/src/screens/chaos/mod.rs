//! The chaos screen: experiments, those that run first, with everything about the selected one.

pub(crate) mod start;
mod view;

use crate::deeds::Deed;
use crate::experiments::Experiment;
use crate::keys::{self, Binding, Place, Travel, bind, char};
use crate::lang::tr;
use crate::message::Effect;
use crate::model::{Model, Screen};
use crate::view::body;

pub(crate) use view::draw;

/// What only the chaos screen does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begin an experiment.
    Begin,
    /// End those that were begun here.
    End,
}

/// The screen's own keys.
#[rustfmt::skip]
pub(crate) const KEYS: &[Binding] = &[
    bind("chaos.begin", &[char('b')], keys::Action::Chaos(Action::Begin), Place::On(&[Screen::Chaos]), "begin an experiment", "begin"),
    bind("chaos.end", &[char('x')], keys::Action::Chaos(Action::End), Place::On(&[Screen::Chaos]), "end those begun here", "end"),
];

/// Does what a key of the screen asks for.
pub(crate) fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Begin => start::open(model),
        Action::End if model.running > 0 => {
            model.notice = Some(tr!("it is ended, and undoes what it did").into());
            return vec![Effect::Do(Deed::End)];
        }
        Action::End => {
            let told = tr!("none was begun here; Ctrl-C ends one where it was begun");
            model.notice = Some(told.into());
        }
    }
    Vec::new()
}

/// What is selected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pane {
    selected: usize,
}

/// Moves the selection.
pub(crate) fn travel(model: &mut Model, step: Travel) {
    let last = experiments(model).len().saturating_sub(1);
    let page_rows = usize::from(body(model).height / 2);
    let pane = &mut model.chaos_pane;
    pane.selected = step.from(pane.selected, page_rows, last);
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
pub(crate) mod tests;
