//! How many lines there were, and how bad the worst of them, along the window.

use ratatui::text::{Line, Span};
use voteops_observability::logs::Level;

use super::question;
use super::view::{level_mark, tone};
use crate::lang::tr;
use crate::model::Model;
use crate::theme::Tone;
use crate::view::text::{span, width};

const BARS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// How many lines there were along the window, and how many of each level: of the lines that are
/// here. With `marked` a second row tells where the worst of them were errors and warnings.
pub(super) fn lines(model: &Model, columns: usize, marked: bool) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let counts =
        Level::ALL.map(|level| model.logs.all().filter(|line| line.level == level).count());
    let legend: Vec<_> = Level::ALL
        .iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0)
        .map(|(level, count)| {
            let word = match level {
                Level::Unknown => tr!("unknown"),
                level => level.word().into(),
            };
            format!("{word} {count}")
        })
        .collect();
    let legend = legend.join("  ");
    let room = columns.saturating_sub(width(&legend) + 2);
    let cells = cells(model, room);
    let most = cells.iter().map(|(count, _)| *count).max().unwrap_or(0);
    let unread = unread(model, room);
    let bars = cells.iter().enumerate().map(|(column, (count, worst))| {
        if column < unread {
            return Span::styled("·", theme.style(Tone::Dim));
        }
        let step = if most == 0 {
            0
        } else {
            (count * 8).div_ceil(most)
        };
        let bar = BARS.get(step).copied().unwrap_or("█");
        Span::styled(bar, theme.style(tone(*worst)))
    });
    let mut spans: Vec<_> = bars.collect();
    spans.push(span(format!("  {legend}"), theme.style(Tone::Dim)));
    let mut lines = vec![Line::from(spans)];
    if marked {
        let marks = cells.iter().map(|(_, worst)| {
            let mark = match worst {
                Level::Error | Level::Warn => level_mark(*worst).0,
                _ => " ",
            };
            Span::styled(mark, theme.style(tone(*worst)))
        });
        lines.push(marks.collect());
    }
    lines
}

/// How many columns of the window lie before the oldest line that was read: what was written there
/// is not known.
fn unread(model: &Model, columns: usize) -> usize {
    let Some(cut_ns) = model.logs.cut_ns() else {
        return 0;
    };
    let (from_ns, cell_ns, _) = times(model, columns);
    let before = cut_ns.saturating_sub(from_ns).div_euclid(cell_ns);
    usize::try_from(before).unwrap_or(0).min(columns)
}

/// Where the window begins, how long a column is, and where the window ends; in nanoseconds.
fn times(model: &Model, columns: usize) -> (i64, i64, i64) {
    let asked = question(model);
    let to = asked.end.unwrap_or(model.live.now);
    let to_ns = i64::try_from(to.as_nanosecond()).unwrap_or(i64::MAX);
    let span_ns = i64::try_from(asked.span.as_nanos()).unwrap_or(i64::MAX);
    let cell_ns = (span_ns / i64::try_from(columns.max(1)).unwrap_or(1)).max(1);
    (to_ns.saturating_sub(span_ns), cell_ns, to_ns)
}

/// Lines and their worst level in each column of the window.
fn cells(model: &Model, columns: usize) -> Vec<(usize, Level)> {
    let (from_ns, cell_ns, to_ns) = times(model, columns);
    let mut cells = vec![(0, Level::Unknown); columns];
    for line in model.logs.all() {
        let at = line.at_ns.saturating_sub(from_ns).div_euclid(cell_ns);
        let at = usize::try_from(at).ok().filter(|_| line.at_ns <= to_ns);
        if let Some(cell) = at.and_then(|at| cells.get_mut(at.min(columns.saturating_sub(1)))) {
            cell.0 += 1;
            cell.1 = cell.1.min(line.level);
        }
    }
    cells
}
