//! What happened last.

use ratatui::text::{Line, Span};

use crate::lang::tr;
use crate::model::Model;
use crate::theme::{Tone, severity_mark};
use crate::view::text::{clock, cut, span, width, wrap};

/// The latest events, newest first, in at most `size` (columns, rows).
pub(crate) fn lines(model: &Model, size: (usize, usize)) -> Vec<Line<'static>> {
    let (columns, rows) = size;
    let theme = model.setup.theme;
    // A single row has room for the latest event only.
    let mut lines = match rows {
        0 | 1 => Vec::new(),
        _ => vec![Line::from(span(tr!("Events"), theme.heading()))],
    };
    let headings = lines.len();
    for event in model.shown().events.newest().take(rows) {
        let time = format!("{} ", clock(event.at, &model.setup.zone));
        let (glyph, tone) = severity_mark(event.severity);
        let room = columns.saturating_sub(width(&time) + 2);
        // Two lines hold an address and a reason; the rest is repeated in the details.
        let mut text = if rows > 2 {
            wrap(&event.text, room.max(1))
        } else {
            vec![cut(&event.text, room)]
        }
        .into_iter();
        lines.push(Line::from(vec![
            span(&time, theme.style(Tone::Dim)),
            span(format!("{glyph} "), theme.style(tone)),
            span(text.next().unwrap_or_default(), theme.style(Tone::Plain)),
        ]));
        let rest: Vec<_> = text.collect();
        if !rest.is_empty() {
            lines.push(Line::from(vec![
                Span::raw(" ".repeat(width(&time) + 2)),
                span(cut(&rest.join(" "), room), theme.style(Tone::Plain)),
            ]));
        }
    }
    if lines.len() == headings {
        let nothing = span(tr!("Nothing happened yet."), theme.style(Tone::Dim));
        lines.push(Line::from(nothing));
    }
    lines.truncate(rows);
    lines
}
