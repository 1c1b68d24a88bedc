//! Lines with their time, level and instance; what was searched for is marked in them.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use voteops_observability::logs::{Level, LogLine};

use super::hints::{self, key};
use super::{heading, question, selected, volume};
use crate::keys::Action;
use crate::lang::tr;
use crate::model::Model;
use crate::theme::{Theme, Tone};
use crate::view::list;
use crate::view::text::{clock, cut, left, span, width, wrap};

/// Rows above the lines.
pub(super) const HEADING: usize = 2;
/// From so many rows on the volume is drawn above the lines.
const VOLUME_ROWS: u16 = 16;
/// From so many on with the levels of the worst lines below it.
const MARKED_ROWS: u16 = 28;
/// Columns of an instance's name on a wide and on a narrow terminal.
const INSTANCE: (usize, usize) = (14, 8);
/// Bytes of a line that are looked at to draw it.
const LOOK: usize = 4096;

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let columns = usize::from(area.width);
    let Some(source) = model.setup.log_source else {
        let told = tr!(
            "No logs: no Loki is configured, and the stack is not one of this machine. Name one \
            with --loki URL."
        );
        frame.render_widget(Paragraph::new(plain(model, &told, columns)), area);
        return;
    };
    let mut heading = vec![
        heading::about(model, source, columns),
        heading::state(model, columns),
    ];
    if area.height >= VOLUME_ROWS {
        let marked = area.height >= MARKED_ROWS;
        heading.extend(volume::lines(model, columns, marked));
    }
    let above = u16::try_from(heading.len()).unwrap_or(0);
    let [top, below] =
        Layout::vertical([Constraint::Length(above), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Paragraph::new(heading), top);
    let rows = usize::from(below.height);
    let lines = if model.logs.len() == 0 {
        nothing(model, columns)
    } else {
        seen(model, columns, rows)
    };
    frame.render_widget(Paragraph::new(lines), below);
}

/// The newest lines under a heading, in at most `rows` rows: for another screen.
pub(crate) fn brief(model: &Model, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let asked = Some(question(model)) == model.logs_pane.question;
    let told = match (&model.logs.failure, asked) {
        (Some((refusal, _)), _) => format!("✗ {}", tr!(&refusal.full)),
        (None, false) => format!("◌ {}", tr!("asking")),
        (None, true) => match model.logs.all().count() {
            0 if model.logs.cut_ns().is_some() => tr!("older ones not read").into(),
            0 => tr!("no lines in this time").into(),
            1 => tr!("1 line").into(),
            count => tr!("%{count} lines", count = count).into(),
        },
    };
    let names = question(model).query.services.join(", ");
    let told = format!("  {names}  {told}");
    let heading = span(tr!("Logs"), theme.heading());
    let room = columns.saturating_sub(width(&heading.content));
    let mut lines = vec![Line::from(vec![
        heading,
        span(cut(&told, room), theme.style(Tone::Dim)),
    ])];
    if asked {
        let all: Vec<_> = model.logs.all().collect();
        let room = rows.saturating_sub(lines.len());
        for line in &all[all.len().saturating_sub(room)..] {
            let mut spans = head(model, line, columns);
            let used: usize = spans.iter().map(|span| width(&span.content)).sum();
            let message = line.message();
            let text = cut(beginning(&message, LOOK), columns.saturating_sub(used));
            spans.push(span(text, theme.style(Tone::Plain)));
            lines.push(Line::from(spans));
        }
    }
    lines
}

fn plain(model: &Model, text: &str, columns: usize) -> Vec<Line<'static>> {
    let style = model.setup.theme.style(Tone::Plain);
    let lines = wrap(text, columns).into_iter();
    lines.map(|line| Line::from(span(line, style))).collect()
}

fn nothing(model: &Model, columns: usize) -> Vec<Line<'static>> {
    if !model.logs.loaded {
        // The row above may have had no room for all of it.
        let failure = model.logs.failure.iter();
        return failure
            .flat_map(|(refusal, _)| plain(model, &tr!(&refusal.full), columns))
            .collect();
    }
    let told = if model.logs.all().next().is_some() {
        match key(model, Action::Back) {
            Some(key) => tr!(
                "No line is kept by the filter; %{key} removes it.",
                key = key
            )
            .into(),
            None => tr!("No line is kept by the filter.").into(),
        }
    } else {
        let more = hints::what_shows_more(model);
        let cut = model.logs.cut_ns();
        let cut = cut.and_then(|ns| Timestamp::from_nanosecond(ns.into()).ok());
        let none = if let Some(at) = cut {
            let time = clock(at, &model.setup.zone);
            tr!(
                "No lines in this time; nothing before %{time} was read.",
                time = time
            )
        } else {
            tr!("No lines in this time.")
        };
        format!("{none}{more}")
    };
    plain(model, &told, columns)
}

/// The lines around the selected one, as many as fit.
fn seen(model: &Model, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let at = selected(model);
    // The selection stays a little above the end, so that what follows it is seen too.
    let below = if model.logs_pane.follow { 0 } else { rows / 3 };
    let last = (at + below).min(model.logs.len().saturating_sub(1));
    let mut blocks: Vec<Vec<Line<'static>>> = Vec::new();
    let mut used = 0;
    for place in (0..=last).rev() {
        let block = block(
            model,
            place,
            columns,
            place == at && !model.logs_pane.follow,
        );
        used += block.len();
        blocks.push(block);
        if used >= rows && place <= at {
            break;
        }
    }
    let mut lines: Vec<_> = blocks.into_iter().rev().flatten().collect();
    let mut next = last + 1;
    while lines.len() < rows && next < model.logs.len() {
        lines.extend(block(model, next, columns, false));
        next += 1;
    }
    // What does not fit goes from the end while the selection begins in sight.
    if used > rows {
        let surplus = lines.len() - rows;
        lines.drain(..surplus);
    }
    lines.truncate(rows);
    lines
}

/// One line of the log, its wrapped rest, and its fields.
fn block(model: &Model, place: usize, columns: usize, is_selected: bool) -> Vec<Line<'static>> {
    let Some((number, line)) = model.logs.get(place) else {
        return Vec::new();
    };
    let theme = model.setup.theme;
    let pane = &model.logs_pane;
    let head = head(model, line, columns);
    let used: usize = head.iter().map(|span| width(&span.content)).sum::<usize>() + 2;
    let room = columns.saturating_sub(used).max(1);
    let message = line.message();
    let text = beginning(&message, LOOK + pane.left * 4);
    let style = theme.style(Tone::Plain);
    let texts = if pane.wrap {
        wrap(text, room)
    } else {
        vec![cut(&skip(text, pane.left), room)]
    };
    let mut lines = Vec::new();
    for (index, text) in texts.into_iter().enumerate() {
        let mut spans = if index == 0 {
            head.clone()
        } else {
            vec![Span::raw(" ".repeat(used - 2))]
        };
        spans.extend(marked(model, &text, style));
        lines.push(list::row(spans, is_selected && index == 0));
    }
    if pane.expanded == Some(number) {
        lines.extend(fields(model, line, columns));
    }
    lines
}

/// Time, level and instance.
fn head(model: &Model, line: &LogLine, columns: usize) -> Vec<Span<'static>> {
    let theme = model.setup.theme;
    let at = Timestamp::from_nanosecond(i128::from(line.at_ns)).unwrap_or_default();
    let wide = columns >= 80;
    let instance = if wide { INSTANCE.0 } else { INSTANCE.1 };
    let (glyph, word) = level_mark(line.level);
    let level = if wide {
        format!("{glyph} {word:<5}")
    } else {
        glyph.to_owned()
    };
    vec![
        span(clock(at, &model.setup.zone), theme.style(Tone::Dim)),
        span(format!(" {level}"), theme.style(tone(line.level))),
        span(
            format!(" {} ", left(line.instance().unwrap_or("?"), instance)),
            theme.style(Tone::Dim),
        ),
    ]
}

/// A letter and a word for a level.
pub(super) fn level_mark(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::Error => ("E", "error"),
        Level::Warn => ("W", "warn"),
        Level::Info => ("I", "info"),
        Level::Debug => ("D", "debug"),
        Level::Trace => ("T", "trace"),
        Level::Unknown => ("·", ""),
    }
}

/// How a level looks.
pub(super) fn tone(level: Level) -> Tone {
    match level {
        Level::Error => Tone::Critical,
        Level::Warn => Tone::Warning,
        Level::Info => Tone::Plain,
        Level::Debug | Level::Trace | Level::Unknown => Tone::Dim,
    }
}

/// The text in pieces: what is searched for stands out.
fn marked(model: &Model, text: &str, style: Style) -> Vec<Span<'static>> {
    let Some(search) = model.logs.search() else {
        return vec![span(text, style)];
    };
    let mut spans = Vec::new();
    let mut at = 0;
    for found in search.found(text) {
        spans.push(span(&text[at..found.start], style));
        spans.push(span(&text[found.clone()], style.patch(Theme::reversed())));
        at = found.end;
    }
    spans.push(span(&text[at..], style));
    spans
}

/// Every field and label of a line.
fn fields(model: &Model, line: &LogLine, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let mut all = line.fields();
    if all.is_empty() {
        let text = beginning(&line.text, LOOK).to_owned();
        all.push((tr!("line").into(), text));
    }
    all.extend(
        line.labels
            .iter()
            .map(|(key, value)| (tr!("label %{name}", name = key).into(), value.clone())),
    );
    let keys = all
        .iter()
        .map(|(key, _)| width(key))
        .max()
        .unwrap_or(0)
        .min(columns / 3);
    let room = columns.saturating_sub(keys + 6).max(1);
    let mut lines = Vec::new();
    for (key, value) in &all {
        let mut key = left(key, keys);
        for text in wrap(beginning(value, LOOK), room) {
            let mut spans = vec![span(format!("    {key}  "), theme.style(Tone::Dim))];
            spans.extend(marked(model, &text, theme.style(Tone::Plain)));
            lines.push(Line::from(spans));
            key = " ".repeat(keys);
        }
    }
    lines
}

/// At most so many bytes of a text, whole characters.
fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

fn skip(text: &str, columns: usize) -> String {
    let mut skipped = 0;
    text.chars()
        .skip_while(|c| {
            let before = skipped;
            skipped += width(c.encode_utf8(&mut [0; 4]));
            before < columns
        })
        .collect()
}
