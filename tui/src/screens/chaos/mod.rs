//! The chaos screen: experiments, those that run first, with everything about the selected one.

mod view;

use crate::keys::Travel;
use crate::model::{Model, Screen};
use crate::settings::Experiment;
use crate::view::body;

pub(crate) use view::draw;

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
mod tests;
