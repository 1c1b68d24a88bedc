//! Lists that are longer than the screen: only the rows that are seen are laid out.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::theme::{Theme, Tone};
use crate::view::text::{cut, span};

/// The index of the first row that is seen when `selected` has to be.
pub(crate) fn first(selected: usize, rows: usize) -> usize {
    (selected + 1).saturating_sub(rows.max(1))
}

/// A row of spans behind the selection's pointer.
pub(crate) fn row(spans: Vec<Span<'static>>, selected: bool) -> Line<'static> {
    let highlight = if selected {
        Theme::reversed()
    } else {
        Style::new()
    };
    let pointer = span(if selected { "› " } else { "  " }, highlight);
    let rest = spans.into_iter().map(|span| span.patch_style(highlight));
    Line::from(std::iter::once(pointer).chain(rest).collect::<Vec<_>>())
}

/// A line of dim text, cut to fit.
pub(crate) fn dim(theme: Theme, text: &str, columns: usize) -> Line<'static> {
    Line::from(span(cut(text, columns), theme.style(Tone::Dim)))
}

/// `3 of 11 by "work"` where a filter hides some, else the count with its word.
pub(crate) fn count(shown: usize, all: usize, what: &str, filter: Option<&str>) -> String {
    match filter {
        Some(filter) => format!("{shown} of {all} {what} by /{filter}"),
        None => format!("{all} {what}"),
    }
}
