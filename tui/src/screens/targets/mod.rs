//! The targets screen: the backends that are asked, and what Prometheus scrapes.

mod view;

use voteops_observability::prometheus::{Target, TargetHealth};

use crate::keys::Travel;
use crate::model::{Model, Screen};
use crate::view::{body, list};
use crate::wanted::Wanted;

pub(crate) use view::draw;

/// What is selected.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pane {
    selected: usize,
}

/// What the screen needs to know.
pub(crate) fn want(_model: &Model, wanted: &mut Wanted) {
    wanted.targets = true;
}

/// Moves the selection.
pub(crate) fn travel(model: &mut Model, step: Travel) {
    let count = targets(model).len();
    let page_rows = usize::from(body(model).height / 2);
    let pane = &mut model.targets_pane;
    let selected = list::selected(pane.selected, count);
    pane.selected = step.from(selected, page_rows, count.saturating_sub(1));
}

/// The targets that the filter keeps, those that are down first.
fn targets(model: &Model) -> Vec<&Target> {
    let filter = model.filters.get(&Screen::Targets);
    let all = model.shown().targets.iter().flatten();
    all.filter(|target| filter.is_none_or(|filter| filter.keeps(&told(target))))
        .collect()
}

/// What a filter looks at.
fn told(target: &Target) -> String {
    let job = label(target, "job");
    format!("{job} {} {}", target.scrape_url, target.last_error)
}

/// Puts targets in the order of the screen: those that are down first.
pub(crate) fn sort(targets: &mut [Target]) {
    let urgency = |health| match health {
        TargetHealth::Down => 0,
        TargetHealth::Unknown => 1,
        TargetHealth::Up => 2,
    };
    targets.sort_by(|a, b| {
        let key = |target: &Target| urgency(target.health);
        let jobs = || label(a, "job").cmp(label(b, "job"));
        key(a)
            .cmp(&key(b))
            .then_with(jobs)
            .then_with(|| a.scrape_url.cmp(&b.scrape_url))
    });
}

/// A label's value, empty when there is none.
fn label<'a>(target: &'a Target, name: &str) -> &'a str {
    target.labels.get(name).map_or("", String::as_str)
}

#[cfg(test)]
pub(crate) mod tests;
