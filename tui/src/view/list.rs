//! Lists that are longer than the screen: only the rows that are seen are laid out.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use crate::lang::tr;
use crate::theme::{Theme, Tone};
use crate::view::text::{cut, span};

/// The selected row of so many: the last one when the list has become shorter.
pub(crate) fn selected(chosen: usize, count: usize) -> usize {
    chosen.min(count.saturating_sub(1))
}

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

/// Lines that lie over a screen, with what can be done in the last row whatever else fits.
pub(crate) fn covering(
    mut lines: Vec<Line<'static>>,
    told: &str,
    style: Style,
    frame: &mut Frame,
    area: Rect,
) {
    lines.truncate(usize::from(area.height).saturating_sub(1));
    let last = Rect::new(area.x, area.bottom().saturating_sub(1), area.width, 1);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines), area);
    let told = Line::from(span(cut(told, area.width.into()), style));
    frame.render_widget(Clear, last);
    frame.render_widget(Paragraph::new(told), last);
}

/// `3 of 11 rules by /work` where a filter hides some, else the count with its word.
pub(crate) fn count(shown: usize, all: usize, what: &str, filter: Option<&str>) -> String {
    match filter {
        Some(filter) => tr!(
            "%{shown} of %{all} %{what} by /%{filter}",
            shown = shown,
            all = all,
            what = what,
            filter = filter
        )
        .into(),
        None => format!("{all} {what}"),
    }
}
