//! The key map in words, and the question whether to leave.

use std::borrow::Cow;

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use crate::commands::COMMANDS;
use crate::keys::{Action, Bound, Spot, Travel};
use crate::lang::tr;
use crate::model::Model;
use crate::settings::Outcome;
use crate::theme::Tone;
use crate::view::text::{cut, left, line_width, span, width, wrap};

/// Columns between two columns of keys.
const GAP: usize = 3;
/// Rows and columns that the frame takes.
const FRAME_ROWS: usize = 2;
const FRAME_COLUMNS: usize = 4;

/// Draws the keys that work on this screen, and the commands, over it: in as many columns as
/// fit, and the part that it was scrolled to.
pub(crate) fn draw(model: &Model, frame: &mut Frame) {
    let rows = usize::from(frame.area().height).saturating_sub(FRAME_ROWS);
    let rows = rows.max(1);
    let lines = lines(model, frame.area().width.into(), rows);
    let all = lines.len();
    let scroll = model.help_scroll.min(all.saturating_sub(rows));
    let title = if all > rows {
        let steps = [Travel::Down, Travel::Up].map(Action::Travel);
        let keys = model.setup.keys.told(Spot::Screen(model.screen), &steps);
        let place = format!("{}/{all}", scroll + rows);
        if let Some(keys) = keys {
            tr!("Keys, %{keys} scroll, %{place}", keys = keys, place = place)
        } else {
            tr!("Keys, %{place}", place = place)
        }
    } else {
        tr!("Keys and commands")
    };
    let shown = lines.into_iter().skip(scroll).take(rows);
    popup(frame, &title, shown.collect());
}

/// The last row that the help can begin with.
pub(crate) fn last_scroll(model: &Model) -> usize {
    let rows = usize::from(model.size.1).saturating_sub(FRAME_ROWS).max(1);
    let all = lines(model, model.size.0.into(), rows).len();
    all.saturating_sub(rows)
}

/// Keys and commands side by side where they fit, else below each other.
fn lines(model: &Model, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let commands = COMMANDS.iter().map(|command| {
        let call = format!(":{} {}", command.name, command.takes);
        (call.trim_end().to_owned(), tr!(command.about).into_owned())
    });
    let keys = entries(model);
    let groups: [Vec<(String, String)>; 2] = [keys, commands.collect()];
    let room = columns.saturating_sub(FRAME_COLUMNS);
    let mut cells: Vec<Vec<Line<'static>>> = Vec::new();
    for group in &groups {
        let names = group.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        let names = names.min(room / 2);
        // As long as the screen, so that columns stand side by side.
        for part in group.chunks(rows) {
            let lines = part.iter().map(|(name, about)| {
                let about = cut(about, room.saturating_sub(names + 2));
                Line::from(vec![
                    span(left(name, names), theme.heading()),
                    span(format!("  {about}"), theme.style(Tone::Plain)),
                ])
            });
            cells.push(lines.collect());
        }
    }
    side_by_side(cells, room)
}

fn side_by_side(columns: Vec<Vec<Line<'static>>>, room: usize) -> Vec<Line<'static>> {
    let mut bands: Vec<(usize, Vec<Line<'static>>)> = Vec::new();
    for column in columns {
        let wide = column.iter().map(|line| line_width(&line.spans)).max();
        let wide = wide.unwrap_or(0);
        match bands.last_mut() {
            Some((used, lines)) if *used + GAP + wide <= room => {
                lines.resize(lines.len().max(column.len()), Line::default());
                for (line, more) in lines.iter_mut().zip(column) {
                    let gap = *used + GAP - line_width(&line.spans);
                    line.spans.push(Span::raw(" ".repeat(gap)));
                    line.spans.extend(more.spans);
                }
                *used += GAP + wide;
            }
            _ => bands.push((wide, column)),
        }
    }
    bands.into_iter().flat_map(|(_, lines)| lines).collect()
}

/// Keys and words; bindings that are joined to the one before share its line.
fn entries(model: &Model) -> Vec<(String, String)> {
    let mut entries: Vec<(Vec<String>, Vec<Cow<str>>)> = Vec::new();
    for bound in model.setup.keys.active(Spot::Screen(model.screen)) {
        if !bound.binding.joined {
            entries.push((Vec::new(), Vec::new()));
        }
        if let Some((keys, words)) = entries.last_mut().filter(|_| !bound.keys.is_empty()) {
            keys.push(bound.names());
            words.push(tr!(bound.binding.about));
        }
    }
    entries.retain(|(keys, _)| !keys.is_empty());
    let entries = entries.into_iter();
    entries
        .map(|(keys, words)| (keys.join(" "), words.join(", ")))
        .collect()
}

/// Draws the question whether to leave.
pub(crate) fn draw_question(model: &Model, outcome: &Outcome, frame: &mut Frame, question: &str) {
    let theme = model.setup.theme;
    let room = usize::from(frame.area().width).saturating_sub(4).min(60);
    let mut lines: Vec<_> = wrap(question, room)
        .into_iter()
        .map(|line| Line::from(span(line, theme.style(Tone::Plain))))
        .collect();
    let active = model.setup.keys.active(Spot::Question);
    let answers = active
        .filter(|bound| !bound.binding.hint.is_empty())
        .map(answer);
    let answers = answers.collect::<Vec<_>>().join("   ");
    lines.push(Line::default());
    lines.push(Line::from(span(answers, theme.heading())));
    let title = match outcome {
        Outcome::Context { .. } => tr!("Another context"),
        Outcome::Quit | Outcome::Signal(_) => tr!("Quit"),
    };
    popup(frame, &title, lines);
}

fn answer(bound: &Bound) -> String {
    format!("{} {}", bound.names(), tr!(bound.binding.hint))
}

/// A box in the middle, as large as its lines.
fn popup(frame: &mut Frame, title: &str, lines: Vec<Line<'static>>) {
    let title = format!(" {title} ");
    let columns = lines.iter().map(|line| line_width(&line.spans)).max();
    let columns = columns.unwrap_or_default().max(width(&title)) + 4;
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
