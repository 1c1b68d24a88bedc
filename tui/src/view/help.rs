//! The key map in words, and the question whether to leave.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

use crate::keys::{self, Binding};
use crate::model::Model;
use crate::theme::Tone;
use crate::view::text::{left, line_width, span, width, wrap};

/// Draws the keys that work on this screen over it.
pub(crate) fn draw(model: &Model, frame: &mut Frame) {
    let theme = model.setup.theme;
    let entries = entries(model);
    let key_columns = entries.iter().map(|(keys, _)| width(keys)).max();
    let key_columns = key_columns.unwrap_or_default();
    let lines = entries.iter().map(|(keys, about)| {
        Line::from(vec![
            span(left(keys, key_columns), theme.heading()),
            span(format!("  {about}"), theme.style(Tone::Plain)),
        ])
    });
    popup(frame, " Keys ", lines.collect());
}

/// Keys and words; bindings without words of their own join the one before.
fn entries(model: &Model) -> Vec<(String, &'static str)> {
    let mut entries: Vec<(String, &'static str)> = Vec::new();
    for binding in keys::active(model.screen, false) {
        match entries.last_mut() {
            Some((keys, _)) if binding.about.is_empty() => {
                *keys += " ";
                *keys += &keys::names(binding);
            }
            _ => entries.push((keys::names(binding), binding.about)),
        }
    }
    entries
}

/// Draws the question whether to leave.
pub(crate) fn draw_question(model: &Model, frame: &mut Frame, question: &str) {
    let theme = model.setup.theme;
    let room = usize::from(frame.area().width).saturating_sub(4).min(60);
    let mut lines: Vec<_> = wrap(question, room)
        .into_iter()
        .map(|line| Line::from(span(line, theme.style(Tone::Plain))))
        .collect();
    let answers = keys::active(model.screen, true)
        .filter(|binding| !binding.hint.is_empty())
        .map(answer);
    let answers = answers.collect::<Vec<_>>().join("   ");
    lines.push(Line::default());
    lines.push(Line::from(span(answers, theme.heading())));
    popup(frame, " Quit ", lines);
}

fn answer(binding: &Binding) -> String {
    format!("{} {}", keys::names(binding), binding.hint)
}

/// A box in the middle, as large as its lines.
fn popup(frame: &mut Frame, title: &'static str, lines: Vec<Line<'static>>) {
    let columns = lines.iter().map(|line| line_width(&line.spans)).max();
    let columns = columns.unwrap_or_default().max(width(title)) + 4;
    let rows = lines.len() + 2;
    let area = centred(frame.area(), columns, rows);
    let block = Block::bordered()
        .title(title)
        .padding(ratatui::widgets::Padding::horizontal(1));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn centred(area: Rect, columns: usize, rows: usize) -> Rect {
    let length = |size: usize| Constraint::Length(u16::try_from(size).unwrap_or(u16::MAX));
    area.centered(length(columns), length(rows))
}
