//! The keys of the screen in one line, `?` shows all of them; or what was last told.

use std::borrow::Cow;

use ratatui::text::Line;

use crate::keys::{Action, Bound, Place, Spot};
use crate::lang::{en, tr};
use crate::model::Model;
use crate::screens;
use crate::theme::Tone;
use crate::view::text::{flow, span, width, wrapped_within};

/// The rows that a notice may take of the screen.
const MOST_ROWS: usize = 4;

/// The most useful keys that fit into `columns`, help and quit always among them; or what was
/// last told, in as many lines as it needs.
pub(crate) fn lines(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    if let Some(notice) = &model.notice {
        let lines = wrapped_within(notice, columns, MOST_ROWS).into_iter();
        return lines
            .map(|line| Line::from(span(line, theme.style(Tone::Plain))))
            .collect();
    }
    let shown = fitting(model, columns);
    let hints = shown.iter().map(|hint| {
        vec![
            span(&hint.key, theme.heading()),
            span(format!(" {}", hint.word), theme.style(Tone::Dim)),
        ]
    });
    let mut lines = flow(hints.collect(), columns, GAP);
    lines.truncate(1);
    lines
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
    word: Cow<'static, str>,
    action: Action,
}

impl Hint {
    /// The hint of a binding that has a key and is hinted at.
    fn new(model: &Model, bound: &Bound) -> Option<Self> {
        let (key, binding) = (bound.keys.first()?, bound.binding);
        let word = match binding.action {
            Action::Freeze if model.frozen.is_some() => en!("live"),
            Action::Show(screen) if screen == model.screen => "",
            _ => binding.hint,
        };
        (!word.is_empty()).then(|| Self {
            key: key.to_string(),
            word: tr!(word),
            action: binding.action,
        })
    }

    fn columns(&self) -> usize {
        width(&self.key) + 1 + width(&self.word)
    }
}

/// The hints that fit. Help and quit lead on: the others give way to them, the last ones first.
fn fitting(model: &Model, columns: usize) -> Vec<Hint> {
    let active = model.setup.keys.active(Spot::Screen(model.screen));
    let active = active.filter(|bound| screens::offers(model, bound.binding.action));
    let mut hinted: Vec<_> = active.collect();
    // What only this screen does is least known: it comes first.
    hinted.sort_by_key(|bound| match bound.binding.place {
        Place::On(screens) => usize::from(screens.len() > 3),
        _ => 1,
    });
    let hinted = hinted.into_iter();
    let mut shown: Vec<_> = hinted.filter_map(|bound| Hint::new(model, bound)).collect();
    let wanted = |hints: &[Hint]| {
        let gaps = GAP * hints.len().saturating_sub(1);
        hints.iter().map(Hint::columns).sum::<usize>() + gaps
    };
    let gives_way = |hint: &Hint| !matches!(hint.action, Action::Help | Action::Quit);
    while wanted(&shown) > columns
        && let Some(last) = shown.iter().rposition(gives_way)
    {
        shown.remove(last);
    }
    shown
}
