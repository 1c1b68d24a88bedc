//! The keys of the screen in one line; `?` shows all of them.

use ratatui::text::Line;

use crate::keys::{self, Action, Binding, Place};
use crate::model::Model;
use crate::screens;
use crate::theme::Tone;
use crate::view::text::{cut, flow, span, width};

/// The most useful keys that fit into `columns`, help and quit always among them; or what was
/// last told.
pub(crate) fn line(model: &Model, columns: usize) -> Line<'static> {
    let theme = model.setup.theme;
    if let Some(notice) = &model.notice {
        return Line::from(span(cut(notice, columns), theme.style(Tone::Plain)));
    }
    let shown = fitting(model, columns);
    let hints = shown.iter().map(|hint| {
        vec![
            span(&hint.key, theme.heading()),
            span(format!(" {}", hint.word), theme.style(Tone::Dim)),
        ]
    });
    let mut lines = flow(hints.collect(), columns, GAP);
    lines.drain(..).next().unwrap_or_default()
}

/// The action of the hint at a column.
pub(crate) fn hit(model: &Model, columns: usize, column: usize) -> Option<Action> {
    let mut at = 0;
    for hint in fitting(model, columns) {
        let end = at + hint.columns();
        if (at..end).contains(&column) {
            return Some(hint.action);
        }
        at = end + GAP;
    }
    None
}

/// Columns between two hints.
const GAP: usize = 2;

struct Hint {
    key: String,
    word: &'static str,
    action: Action,
}

impl Hint {
    fn new(model: &Model, binding: &Binding) -> Self {
        let first = binding.keys.first();
        Self {
            key: first.map_or_else(String::new, |key| keys::name(*key)),
            word: match binding.action {
                Action::Freeze if model.frozen.is_some() => "live",
                _ => binding.hint,
            },
            action: binding.action,
        }
    }

    fn columns(&self) -> usize {
        width(&self.key) + 1 + width(self.word)
    }
}

/// The hints that fit. The last two are help and quit: the ones before them give way.
fn fitting(model: &Model, columns: usize) -> Vec<Hint> {
    let mut hinted: Vec<_> = keys::active(model.screen, false)
        .filter(|binding| !binding.hint.is_empty())
        .filter(|binding| binding.action != Action::Show(model.screen))
        .filter(|binding| screens::offers(model, binding.action))
        .collect();
    // What only this screen does is least known: it comes first.
    hinted.sort_by_key(|binding| match binding.place {
        Place::On(screens) => usize::from(screens.len() > 3),
        _ => 1,
    });
    let hinted = hinted.into_iter();
    let mut shown: Vec<_> = hinted.map(|binding| Hint::new(model, binding)).collect();
    let wanted = |hints: &[Hint]| {
        let gaps = GAP * hints.len().saturating_sub(1);
        hints.iter().map(Hint::columns).sum::<usize>() + gaps
    };
    while shown.len() > 2 && wanted(&shown) > columns {
        shown.remove(shown.len() - 3);
    }
    shown
}
