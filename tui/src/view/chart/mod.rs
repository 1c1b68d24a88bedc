//! A chart of series over the window: axes, units, threshold, cursor, marks; gaps stay gaps.
//!
//! Curves are drawn with Braille dots, two columns by four rows to a cell
//! (<https://www.unicode.org/charts/PDF/U2800.pdf>).

mod plot;
mod reach;
mod scale;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use voteops_observability::prometheus::Sample;
use voteops_observability::signals::Threshold;
use voteops_observability::units::{self, Unit};

use crate::lang::tr;
use crate::model::window::Range;
use crate::theme::{Theme, Tone};
use crate::view::marks::{self, Mark};
use crate::view::text::{clock, cut, span, width, wrap};
use crate::view::timeline::{self, Stretch};
use plot::Plot;
pub(crate) use reach::MAX_DRAWN;
use scale::Scale;

/// Rows below which there is room for the heading only.
const MIN_ROWS: u16 = 4;
/// Columns below which there is room for the heading only.
const MIN_COLUMNS: u16 = 20;

/// Age in seconds from which a last value is told with it: that of the newest point is less in
/// windows of an hour.
const OLD_S: f64 = 30.0;

/// One line of a chart.
#[derive(Debug, Clone)]
pub(crate) struct Curve<'a> {
    /// What it is called in the legend.
    pub(crate) name: String,
    /// Its samples, oldest first.
    pub(crate) samples: &'a [Sample],
}

/// An instant that is marked in every chart.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// When.
    pub(crate) at: Timestamp,
    /// How it is told.
    pub(crate) glyph: &'static str,
    /// How it looks.
    pub(crate) tone: Tone,
}

/// What a chart shows.
#[derive(Debug, Clone)]
pub(crate) struct Chart<'a> {
    /// Its heading.
    pub(crate) title: String,
    /// How what it shows stands, told in the heading.
    pub(crate) mark: Option<Mark>,
    /// Whether it is the selected one.
    pub(crate) selected: bool,
    /// What its values count.
    pub(crate) unit: Option<Unit>,
    /// Its lines.
    pub(crate) curves: Vec<Curve<'a>>,
    /// Its alert's limit.
    pub(crate) threshold: Option<Threshold>,
    /// The time from its left to its right edge.
    pub(crate) range: Range,
    /// Samples farther apart than this, in seconds, have a gap between them.
    pub(crate) gap_s: f64,
    /// So long the last value stands, in seconds, for the legend.
    pub(crate) hold_s: f64,
    /// Whether its right edge is now: the legend tells how old the last values are when they are not
    /// of about then.
    pub(crate) is_live: bool,
    /// The instant whose values the legend tells; without it the last ones.
    pub(crate) cursor: Option<Timestamp>,
    /// Alerts and experiments on the time axis.
    pub(crate) moments: Vec<Moment>,
    /// The states of the chart's alert, drawn above the time axis.
    pub(crate) states: Option<Vec<Stretch>>,
    /// What is told instead of curves when there are none, or besides them: stale, refused.
    pub(crate) note: Option<String>,
    /// The zone that times are told in.
    pub(crate) zone: TimeZone,
}

impl Chart<'_> {
    /// The value of a curve at the cursor, or its last one in the range.
    pub(crate) fn told_value(&self, curve: &Curve) -> Option<f64> {
        self.told(curve).map(|sample| sample.value)
    }

    fn told(&self, curve: &Curve) -> Option<Sample> {
        let at = self.cursor.unwrap_or(self.range.to);
        let at_s = at.as_duration().as_secs_f64();
        let hold_s = if self.cursor.is_some() {
            self.gap_s
        } else {
            self.hold_s
        };
        let before = curve.samples.iter().rev().find(|s| s.at_s <= at_s)?;
        Some(*before).filter(|s| at_s - s.at_s <= hold_s && !s.value.is_nan())
    }

    /// The age of the newest value in the legend, when that is not the one of about now.
    fn old_s(&self) -> Option<f64> {
        if !self.is_live || self.cursor.is_some() {
            return None;
        }
        let told = self.curves.iter().filter_map(|curve| self.told(curve));
        let newest_s = told.map(|sample| sample.at_s).reduce(f64::max)?;
        let age_s = self.range.to.as_duration().as_secs_f64() - newest_s;
        Some(age_s).filter(|age_s| *age_s > OLD_S)
    }
}

/// Draws a chart: heading, legend, plot with the y axis at its left, time axis.
pub(crate) fn draw(chart: &Chart, theme: Theme, frame: &mut Frame, area: Rect) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let columns = usize::from(area.width);
    let row = |y: u16| Rect::new(area.x, area.y + y, area.width, 1);
    frame.render_widget(Paragraph::new(heading(chart, theme, columns)), row(0));
    if area.height < MIN_ROWS || area.width < MIN_COLUMNS {
        return;
    }
    let reaches = reach::of(chart);
    let drawn = reach::drawn(&reaches);
    let scale = Scale::of(&reaches, chart.threshold);
    let states = chart.states.as_ref().filter(|_| area.height > MIN_ROWS);
    let rows = area.height - 2 - u16::from(states.is_some());
    let labels = scale.labels(chart.unit, rows);
    let axis = labels.iter().map(|(_, label)| width(label)).max();
    let axis = u16::try_from(axis.unwrap_or_default() + 1).unwrap_or(0);
    let field = Rect::new(
        area.x + axis,
        area.y + 1,
        area.width.saturating_sub(axis),
        rows,
    );
    let mut plot = Plot::new(field, chart.range, scale);
    for (y, label) in &labels {
        let at = Rect::new(area.x, field.y + y, axis, 1);
        let text = format!("{label:>room$}", room = usize::from(axis) - 1);
        let line = span(text, theme.style(Tone::Dim));
        frame.render_widget(Paragraph::new(Line::from(line)), at);
    }
    if let Some(limit) = chart.threshold {
        plot.threshold(limit.value);
    }
    for index in &drawn {
        let owner = u8::try_from(*index).unwrap_or(u8::MAX);
        plot.curve(owner, chart.curves[*index].samples, chart.gap_s);
    }
    plot.draw(chart, theme, frame.buffer_mut());
    if let Some(states) = states {
        let strip = Rect::new(field.x, field.bottom(), field.width, 1);
        draw_states(chart, states, theme, frame, strip);
    }
    time_axis(chart, theme, frame, &plot, row(area.height - 1));
    let too_many = drawn.len() < chart.curves.len();
    let few = || format!("{} of {} curves are drawn", drawn.len(), chart.curves.len());
    if let Some(note) = chart.note.clone().or_else(|| too_many.then(few)) {
        draw_note(&note, theme, frame, field);
    } else if plot.is_empty() {
        let at = Rect::new(field.x, field.y + field.height / 2, field.width, 1);
        let told = cut(&tr!("no samples in this time"), field.width.into());
        let told = span(told, theme.style(Tone::Dim));
        frame.render_widget(Paragraph::new(Line::from(told)), at);
    }
}

/// What is to be said, in the upper part of the field.
fn draw_note(note: &str, theme: Theme, frame: &mut Frame, field: Rect) {
    let lines = wrap(note, field.width.into());
    // A note leaves most of the curves in sight.
    let most = usize::from(field.height / 3).max(1);
    let cut_off = lines.len() > most;
    let mut lines: Vec<_> = lines.into_iter().take(most).collect();
    if let Some(last) = lines.last_mut().filter(|_| cut_off) {
        *last = cut(&format!("{last} …"), field.width.into());
    }
    for (y, line) in (field.y..).zip(lines) {
        let told = Line::from(span(line, theme.style(Tone::Warning)));
        let at = Rect::new(field.x, y, field.width, 1);
        frame.render_widget(Paragraph::new(told), at);
    }
}

/// `Latency p95  p50 12ms  p95 30ms  > 300ms  ● ok`.
fn heading(chart: &Chart, theme: Theme, columns: usize) -> Line<'static> {
    let pointer = if chart.selected { "› " } else { "  " };
    let mut spans = vec![span(
        cut(&format!("{pointer}{}", chart.title), columns),
        theme.heading(),
    )];
    let mut used: usize = spans.iter().map(|span| width(&span.content)).sum();
    let mut push = |told: Span<'static>| {
        let wanted = 2 + width(&told.content);
        let fits = used + wanted <= columns;
        if fits {
            used += wanted;
            spans.push(Span::raw("  "));
            spans.push(told);
        }
        fits
    };
    if let Some(mark) = &chart.mark {
        push(mark.span(theme));
    }
    if let Some(age_s) = chart.old_s() {
        let told = tr!("%{age} ago", age = units::age(age_s));
        push(span(told, theme.style(Tone::Dim)));
    }
    let count = chart.curves.len();
    for (index, curve) in chart.curves.iter().enumerate() {
        let value = marks::value(chart.told_value(curve), chart.unit);
        let number = if count > 1 && index < 9 {
            format!("{}·", index + 1)
        } else {
            String::new()
        };
        let told = if curve.name.is_empty() {
            value
        } else {
            format!("{number}{} {value}", curve.name)
        };
        let tone = u8::try_from(index).unwrap_or(u8::MAX);
        let style = theme.style(Tone::Curve(tone));
        if !push(span(told, style)) {
            push(span(format!("+{}", count - index), theme.style(Tone::Dim)));
            break;
        }
    }
    if let Some(limit) = chart.threshold {
        let told = marks::limit(limit, chart.unit);
        let told = tr!("alert if %{limit}", limit = told);
        push(span(told, theme.style(Tone::Dim)));
    }
    Line::from(spans)
}

/// When the alert was pending and firing.
fn draw_states(chart: &Chart, states: &[Stretch], theme: Theme, frame: &mut Frame, strip: Rect) {
    let cells = timeline::cells(states, chart.range, strip.width);
    for (column, state) in (strip.x..).zip(cells) {
        let (glyph, tone) = timeline::glyph(state);
        let buffer = frame.buffer_mut();
        buffer.set_string(column, strip.y, glyph, theme.style(tone));
    }
}

/// Times along the lower edge, with what happened and the cursor between them.
fn time_axis(chart: &Chart, theme: Theme, frame: &mut Frame, plot: &Plot, row: Rect) {
    let field = plot.field();
    let buffer = frame.buffer_mut();
    let dim = theme.style(Tone::Dim);
    for (share, place) in [(0.0, 0_u16), (0.5, 1), (1.0, 2)] {
        let span_s = chart
            .range
            .to
            .duration_since(chart.range.from)
            .as_secs_f64();
        let Ok(offset) = jiff::SignedDuration::try_from_secs_f64(span_s * share) else {
            continue;
        };
        let Ok(at) = chart.range.from.checked_add(offset) else {
            continue;
        };
        let told = clock(at, &chart.zone);
        let length = u16::try_from(width(&told)).unwrap_or(0);
        if field.width < length * 3 + 4 && place == 1 || field.width < length * 2 + 2 && place == 2
        {
            continue;
        }
        let left = match place {
            0 => field.x,
            1 => field.x + (field.width - length) / 2,
            _ => field.right() - length,
        };
        let taken = |moment: &Moment| {
            let column = plot.column(moment.at);
            column.is_some_and(|column| (left..left + length).contains(&column))
        };
        if !chart.moments.iter().any(taken) {
            buffer.set_string(left, row.y, &told, dim);
        }
    }
    for moment in &chart.moments {
        if let Some(column) = plot.column(moment.at) {
            buffer.set_string(column, row.y, moment.glyph, theme.style(moment.tone));
        }
    }
    if let Some(cursor) = chart.cursor
        && let Some(column) = plot.column(cursor)
    {
        let told = clock(cursor, &chart.zone);
        let length = u16::try_from(width(&told)).unwrap_or(0);
        let left = column
            .saturating_sub(length / 2)
            .clamp(field.x, field.right().saturating_sub(length).max(field.x));
        let room = usize::from(field.right().saturating_sub(left));
        buffer.set_stringn(left, row.y, &told, room, Theme::reversed());
    }
}

#[cfg(test)]
mod tests;
