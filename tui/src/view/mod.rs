//! Draws the model: one file per region, all of them pure.

pub(crate) mod chart;
pub(crate) mod charted;
mod events;
mod footer;
mod header;
mod help;
pub(crate) mod list;
pub(crate) mod marks;
mod overview;
mod pipeline;
mod prompt;
mod signals;
mod slo;
pub(crate) mod summary;
pub(crate) mod text;
pub(crate) mod timeline;

use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use ratatui::{Frame, Terminal};

use crate::keys::Action;
use crate::lang::{speaking, tr};
use crate::model::{Model, Screen};
use crate::screens;

/// The smallest terminal that says something useful.
const MIN_COLUMNS: u16 = 40;
const MIN_ROWS: u16 = 15;

/// Draws the model.
pub(crate) fn view(model: &Model, frame: &mut Frame) {
    speaking(model.setup.lang, || draw(model, frame));
    model.setup.theme.finish(frame.buffer_mut());
}

fn draw(model: &Model, frame: &mut Frame) {
    let area = frame.area();
    if area.width < MIN_COLUMNS || area.height < MIN_ROWS {
        too_small(frame, area);
        return;
    }
    let [header, body, footer] = regions(model, area);
    let columns = usize::from(area.width);
    frame.render_widget(Paragraph::new(header::lines(model, columns)), header);
    match model.screen {
        Screen::Overview => overview::draw(model, frame, body),
        Screen::VoteApp | Screen::Redis | Screen::Worker => {
            screens::component::draw(model, frame, body);
        }
        Screen::Alerts => screens::alerts::draw(model, frame, body),
        Screen::Logs => screens::logs::draw(model, frame, body),
        Screen::Chaos => screens::chaos::draw(model, frame, body),
        Screen::Targets => screens::targets::draw(model, frame, body),
        Screen::Explore => screens::explore::draw(model, frame, body),
    }
    match &model.prompt {
        Some(prompt) => prompt::draw(model, prompt, frame, footer),
        None => frame.render_widget(Paragraph::new(footer_lines(model, columns)), footer),
    }
    if model.help {
        help::draw(model, frame);
    }
    if let Some(outcome) = &model.asking
        && let Some(question) = model.leave_question(outcome)
    {
        help::draw_question(model, outcome, frame, &question);
    }
}

fn regions(model: &Model, area: Rect) -> [Rect; 3] {
    let columns = area.width.into();
    let header = header::lines(model, columns).len();
    let footer = match &model.prompt {
        Some(_) => 1,
        None => footer_lines(model, columns).len().max(1),
    };
    let length = |rows: usize| Constraint::Length(u16::try_from(rows).unwrap_or(u16::MAX));
    Layout::vertical([length(header), Constraint::Fill(1), length(footer)]).areas(area)
}

/// What the footer says while nothing is typed there.
fn footer_lines(model: &Model, columns: usize) -> Vec<Line<'static>> {
    match screens::spot(model) {
        // It tells its own keys.
        Some(_) => Vec::new(),
        None => footer::lines(model, columns),
    }
}

fn too_small(frame: &mut Frame, area: Rect) {
    let needs = tr!(
        "The console needs %{needed}; this terminal is %{size}.",
        needed = format!("{MIN_COLUMNS}x{MIN_ROWS}"),
        size = format!("{}x{}", area.width, area.height)
    );
    let lines = text::wrap(&needs, area.width.into());
    let lines: Vec<_> = lines.into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

/// The part of the terminal that a screen is drawn in.
pub(crate) fn body(model: &Model) -> Rect {
    let [_, body, _] = regions(model, Rect::new(0, 0, model.size.0, model.size.1));
    body
}

/// The last row that the help can begin with.
pub(crate) fn help_last(model: &Model) -> usize {
    help::last_scroll(model)
}

/// The row with the selection's pointer, and `row`, when the list that it points into goes on
/// from the one to the other without a gap.
pub(crate) fn pointed(model: &Model, row: u16) -> Option<(u16, u16)> {
    let frame = frame(model, model.size);
    let body = body(model);
    let symbol = |x: u16, y: u16| frame.cell((x, y)).map(ratatui::buffer::Cell::symbol);
    let is_pointer = |y: &u16| matches!(symbol(body.x, *y), Some("›" | ">"));
    let pointer = (body.top()..body.bottom()).find(is_pointer)?;
    let is_listed = |y: u16| {
        let behind = [body.x, body.x + 1].map(|x| symbol(x, y));
        let mut rest = (body.x + 2..body.right()).filter_map(|x| symbol(x, y));
        behind == [Some(" "); 2] && rest.any(|symbol| symbol != " ")
    };
    let between = pointer.min(row)..=pointer.max(row);
    let listed = between.clone().all(|y| y == pointer || is_listed(y));
    (body.contains((body.x, row).into()) && listed).then_some((pointer, row))
}

/// Whether a row is the footer's.
pub(crate) fn is_in_footer(model: &Model, row: u16) -> bool {
    let [_, _, footer] = regions(model, Rect::new(0, 0, model.size.0, model.size.1));
    (footer.top()..footer.bottom()).contains(&row)
}

/// What a click at (column, row) of the footer means.
pub(crate) fn hit(model: &Model, (column, row): (u16, u16)) -> Option<Action> {
    is_in_footer(model, row)
        .then(|| footer::hit(model, model.size.0.into(), column.into()))
        .flatten()
}

/// The model without a terminal.
pub(crate) fn frame(model: &Model, (width, height): (u16, u16)) -> Buffer {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(drawn) = terminal.draw(|frame| view(model, frame));
    drawn.buffer.clone()
}

/// The cells of a row that are seen, with their columns and how many of them each takes.
pub(crate) fn cells(buffer: &Buffer, y: u16) -> impl Iterator<Item = (u16, &Cell, u16)> {
    let mut next = buffer.area.left();
    (buffer.area.left()..buffer.area.right()).filter_map(move |x| {
        // A wide character covers the cells after it.
        if x < next {
            return None;
        }
        let cell = &buffer[(x, y)];
        let columns = u16::try_from(text::width(cell.symbol()))
            .unwrap_or(1)
            .max(1);
        next = x + columns;
        Some((x, cell, columns))
    })
}

/// A frame as text, without the blanks at the ends of its lines.
pub(crate) fn as_text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let line: String = cells(buffer, y).map(|(_, cell, _)| cell.symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
