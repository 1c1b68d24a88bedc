//! The keys of the screen in one line; `?` shows all of them.

use ratatui::text::Line;

use crate::keys::{self, Action, Binding};
use crate::model::Model;
use crate::theme::Tone;
use crate::view::text::{flow, span};

/// The most useful keys that fit into `columns`, help and quit always among them.
pub(crate) fn line(model: &Model, columns: usize) -> Line<'static> {
    let theme = model.setup.theme;
    let hints: Vec<_> = keys::active(model.screen, false)
        .filter(|binding| !binding.hint.is_empty())
        .filter(|binding| binding.action != Action::Show(model.screen))
        .collect();
    let hint = |binding: &&Binding| {
        let word = match binding.action {
            Action::Freeze if model.frozen.is_some() => "live",
            _ => binding.hint,
        };
        let first = binding
            .keys
            .first()
            .map_or_else(String::new, |key| keys::name(*key));
        vec![
            span(first, theme.heading()),
            span(format!(" {word}"), theme.style(Tone::Dim)),
        ]
    };
    // The last two are help and quit: the ones before them give way.
    let mut shown = hints;
    loop {
        let mut lines = flow(shown.iter().map(hint).collect(), columns, 2);
        if lines.len() <= 1 || shown.len() <= 2 {
            return lines.drain(..).next().unwrap_or_default();
        }
        let dropped = shown.len() - 3;
        shown.remove(dropped);
    }
}
