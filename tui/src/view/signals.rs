//! The golden signals: value, limit, state and what came before.

use jiff::Timestamp;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use voteops_observability::prometheus::AlertState;
use voteops_observability::promql::Comparison;
use voteops_observability::signals::{Component, SignalState};
use voteops_observability::snapshot::Reading;
use voteops_observability::units;

use crate::lang::tr;
use crate::model::history::{Cut, History};
use crate::model::{Data, Feed, Model};
use crate::theme::Tone;
use crate::view::marks::{self, MARK_COLUMNS, dimmed};
use crate::view::text::{left, right, span};

const TITLE: usize = 14;
const VALUE: usize = 9;
const LIMIT: usize = 10;
/// From this width on components have headings and limits are shown.
const GROUPED_COLUMNS: usize = 60;
/// A sparkline shorter than this says nothing.
const MIN_SPARK: usize = 8;
/// A history is filled with no more points than this.
const MAX_SPARK: usize = 120;
const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// The rows that all signals with their headings take.
pub(crate) fn grouped_rows(data: &Data) -> usize {
    let headed = Component::ALL
        .iter()
        .filter(|component| data.readings.iter().any(|r| r.component == **component));
    data.readings.len() + headed.count()
}

/// Whether components have headings in this room.
pub(crate) fn is_grouped(data: &Data, columns: usize, rows: usize) -> bool {
    columns >= GROUPED_COLUMNS && rows >= grouped_rows(data)
}

/// The signals in at most `rows` lines: by component where there is room, else the most urgent.
pub(crate) fn lines(model: &Model, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let data = model.shown();
    if is_grouped(data, columns, rows) {
        grouped(model, data, columns)
    } else {
        most_urgent(model, data, columns, rows)
    }
}

fn grouped(model: &Model, data: &Data, columns: usize) -> Vec<Line<'static>> {
    let row = Row::new(columns, 2);
    let mut lines = Vec::new();
    for component in Component::ALL {
        let of_it = data.readings.iter().zip(&data.histories);
        let of_it = of_it.filter(|(reading, _)| reading.component == component);
        let signals: Vec<_> = of_it
            .map(|(reading, history)| row.line(model, data, reading, history))
            .collect();
        if !signals.is_empty() {
            lines.push(row.heading(model, component, lines.is_empty()));
            lines.extend(signals);
        }
    }
    lines
}

fn most_urgent(model: &Model, data: &Data, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let mut signals: Vec<_> = data.readings.iter().zip(&data.histories).collect();
    signals.sort_by_key(|(reading, _)| urgency(data, reading));
    let hidden = signals.len().saturating_sub(rows);
    let shown = if hidden > 0 {
        rows.saturating_sub(1)
    } else {
        rows
    };
    let row = Row::new(columns, 0);
    let mut lines: Vec<_> = signals
        .iter()
        .take(shown)
        .map(|(reading, history)| row.line(model, data, reading, history))
        .collect();
    if hidden > 0 && rows > 0 {
        let more = signals.len() - shown;
        let more = tr!("+%{count} signals on a larger screen", count = more);
        lines.push(Line::from(span(more, model.setup.theme.style(Tone::Dim))));
    }
    lines
}

/// Firing, pending, breached, then what has an alert, then the rest.
fn urgency(data: &Data, reading: &Reading) -> u8 {
    match data.alert_of(reading).map(|alert| alert.state) {
        Some(AlertState::Firing) => 0,
        Some(AlertState::Pending) => 1,
        _ if reading.state == SignalState::Breached => 2,
        _ if reading.alert.is_some() => 3,
        _ => 4,
    }
}

/// The columns of a row.
struct Row {
    indent: usize,
    title: usize,
    limit: bool,
    spark: usize,
}

impl Row {
    fn new(columns: usize, indent: usize) -> Self {
        let limit = columns >= GROUPED_COLUMNS;
        let mut used = indent + TITLE + 1 + VALUE + 1 + MARK_COLUMNS;
        if limit {
            used += LIMIT + 2;
        }
        let spark = columns.saturating_sub(used + 1).min(MAX_SPARK);
        let spark = if spark >= MIN_SPARK { spark } else { 0 };
        Self {
            indent,
            title: TITLE,
            limit,
            spark,
        }
    }

    fn heading(&self, model: &Model, component: Component, first: bool) -> Line<'static> {
        let theme = model.setup.theme;
        let dim = theme.style(Tone::Dim);
        let name = span(
            left(&tr!(component.title()), self.indent + self.title),
            theme.heading(),
        );
        if !first {
            return Line::from(name);
        }
        let mut spans = vec![name, span(format!(" {}", right(&tr!("now"), VALUE)), dim)];
        if self.limit {
            spans.push(span(format!("  {}", left(&tr!("alert if"), LIMIT)), dim));
        }
        spans.push(span(format!(" {}", left(&tr!("state"), MARK_COLUMNS)), dim));
        if self.spark > 0 {
            let history = units::prometheus_duration(model.setup.history);
            let last = tr!("last %{span}", span = history);
            spans.push(span(format!(" {last}"), dim));
        }
        Line::from(spans)
    }

    fn line(
        &self,
        model: &Model,
        data: &Data,
        reading: &Reading,
        history: &History,
    ) -> Line<'static> {
        let theme = model.setup.theme;
        let old = data.feeds.stale_s(Feed::Signals, data.now).is_some();
        let mark = marks::of_signal(data, reading);
        let plain = dimmed(theme.style(Tone::Plain), old);
        let title = format!(
            "{:indent$}{}",
            "",
            left(&tr!(&reading.title), self.title),
            indent = self.indent
        );
        let value = marks::value(reading.value, Some(reading.unit));
        let value_style = match reading.state {
            SignalState::Breached => dimmed(theme.style(Tone::Warning), old),
            _ => plain,
        };
        let mut spans = vec![
            span(title, plain),
            span(format!(" {}", right(&value, VALUE)), value_style),
        ];
        if self.limit {
            let limit = reading
                .threshold
                .map(|limit| marks::limit(limit, Some(reading.unit)));
            let limit = left(limit.as_deref().unwrap_or_default(), LIMIT);
            spans.push(span(format!("  {limit}"), theme.style(Tone::Dim)));
        }
        spans.push(Span::raw(" "));
        spans.push(mark.cell(theme, MARK_COLUMNS));
        if self.spark > 0 {
            spans.push(Span::raw(" "));
            spans.extend(self.spark(model, data.now, reading, history, plain));
        }
        Line::from(spans)
    }

    /// The history as bars from zero to the greatest value; a gap is a blank. Bars beyond the
    /// limit are marked.
    fn spark(
        &self,
        model: &Model,
        now: Timestamp,
        reading: &Reading,
        history: &History,
        style: Style,
    ) -> Vec<Span<'static>> {
        let setup = &model.setup;
        let low_is_bad = reading.threshold.is_some_and(|limit| {
            matches!(limit.comparison, Comparison::Below | Comparison::AtMost)
        });
        let cells = history.cells(Cut {
            now,
            span: setup.history,
            cells: self.spark,
            // A reading may come a little late; that is no gap.
            hold: (setup.refresh.max(setup.fill_step())).mul_f64(1.5),
            low_is_bad,
        });
        let top = cells.iter().flatten().copied().fold(0.0, f64::max);
        let beyond = style.patch(setup.theme.style(Tone::Warning));
        let mut spans: Vec<Span<'static>> = Vec::new();
        for value in cells {
            let breached = value.is_some_and(|value| {
                let limit = reading.threshold;
                limit.is_some_and(|limit| limit.comparison.holds(value, limit.value))
            });
            let style = if breached { beyond } else { style };
            match spans.last_mut() {
                Some(last) if last.style == style => {
                    last.content.to_mut().push_str(bar(value, top));
                }
                _ => spans.push(Span::styled(bar(value, top), style)),
            }
        }
        spans
    }
}

fn bar(value: Option<f64>, top: f64) -> &'static str {
    let Some(value) = value else { return " " };
    let share = if top > 0.0 { value / top } else { 0.0 };
    // The first bar whose upper edge the share does not exceed.
    let steps = BARS.iter().zip(1_u8..);
    steps
        .clone()
        .find(|(_, step)| share <= f64::from(*step) / 8.0)
        .map_or("█", |(bar, _)| bar)
}
