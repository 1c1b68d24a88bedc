//! The line that is being typed, in place of the footer.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use crate::model::Model;
use crate::model::prompt::Prompt;
use crate::theme::Tone;
use crate::view::text::{cut, span, width, wrapped_within};

/// The rows that an error may take of the screen.
const MOST_ERROR_ROWS: usize = 4;

/// Draws the line, what is wrong with it above it, and the cursor.
pub(crate) fn draw(model: &Model, prompt: &Prompt, frame: &mut Frame, area: Rect) {
    let theme = model.setup.theme;
    let sign = prompt.purpose.sign();
    let room = usize::from(area.width).saturating_sub(width(&sign) + 1);
    let scroll = prompt.input.visual_scroll(room);
    let typed: String = skip_columns(prompt.text(), scroll);
    let line = Line::from(vec![
        span(&sign, theme.heading()),
        span(cut(&typed, room), theme.style(Tone::Plain)),
    ]);
    frame.render_widget(Paragraph::new(line), area);
    let cursor = width(&sign) + prompt.input.visual_cursor().saturating_sub(scroll);
    let column = u16::try_from(cursor).unwrap_or(u16::MAX);
    let column = area
        .x
        .saturating_add(column)
        .min(area.right().saturating_sub(1));
    frame.set_cursor_position(Position::new(column, area.y));
    if let Some(error) = &prompt.error {
        draw_error(model, error, frame, area);
    }
}

/// Draws what is wrong with the line, as far as there is room above it.
fn draw_error(model: &Model, error: &str, frame: &mut Frame, area: Rect) {
    let room = usize::from(area.y).min(MOST_ERROR_ROWS);
    let lines = wrapped_within(error, area.width.into(), room);
    let rows = u16::try_from(lines.len()).unwrap_or(area.y).min(area.y);
    let above = Rect::new(area.x, area.y - rows, area.width, rows);
    let style = model.setup.theme.style(Tone::Warning);
    let lines = lines.into_iter().map(|line| Line::from(span(line, style)));
    frame.render_widget(Clear, above);
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), above);
}

/// The text without its first `columns`.
fn skip_columns(text: &str, columns: usize) -> String {
    let mut skipped = 0;
    text.chars()
        .skip_while(|c| {
            let before = skipped;
            skipped += width(c.encode_utf8(&mut [0; 4]));
            before < columns
        })
        .collect()
}
