//! The hub of one alert: what it compares against its threshold, its timeline, everything about it,
//! and what its component wrote.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use voteops_observability::snapshot::AlertStatus;

use super::detail;
use crate::model::Model;
use crate::screens::logs;
use crate::view::chart::{self, Chart};
use crate::view::{charted, marks, timeline};

/// Rows from which on the chart stands above the details, and its rows at most.
const MIN_HUB: u16 = 18;
const MAX_CHART: u16 = 16;
/// Rows below the chart from which on log lines have a part of them.
const MIN_BELOW: u16 = 11;
/// Rows of the log lines at least, with their heading.
const MIN_LOGS: u16 = 4;

/// The parts of the hub.
struct Parts {
    chart: Rect,
    details: Rect,
    logs: Rect,
}

fn parts(model: &Model, alert: &AlertStatus, area: Rect, details: usize) -> Parts {
    let chart_rows = if area.height >= MIN_HUB && super::subject(alert).is_some() {
        (area.height * 2 / 5).min(MAX_CHART)
    } else {
        0
    };
    let below = area.height - chart_rows;
    let has_logs = model.setup.log_source.is_some() && super::services(model, alert).is_some();
    let log_rows = if has_logs && below >= MIN_BELOW {
        let details = u16::try_from(details + 1).unwrap_or(u16::MAX);
        below.saturating_sub(details).max(MIN_LOGS)
    } else {
        0
    };
    let rows = [
        Constraint::Length(chart_rows),
        Constraint::Fill(1),
        Constraint::Length(log_rows),
    ];
    let [chart, details, logs] = Layout::vertical(rows).areas(area);
    Parts {
        chart,
        details,
        logs,
    }
}

/// The rows that the details have, and how many there are.
pub(super) fn rows(model: &Model, area: Rect) -> (usize, usize) {
    let lines = detail::lines(model, area.width.into()).len();
    let rows = super::selected(model).map_or(0, |alert| {
        parts(model, alert, area, lines).details.height.into()
    });
    (rows, lines)
}

/// Draws the hub.
pub(super) fn draw(model: &Model, alert: &AlertStatus, frame: &mut Frame, area: Rect) {
    let lines = detail::lines(model, area.width.into());
    let parts = parts(model, alert, area, lines.len());
    draw_chart(model, alert, frame, parts.chart);
    let rows = usize::from(parts.details.height);
    let last = lines.len().saturating_sub(rows);
    let scroll = model.alerts_pane.scroll.min(last);
    let shown: Vec<_> = lines.into_iter().skip(scroll).take(rows).collect();
    frame.render_widget(Paragraph::new(shown), parts.details);
    if parts.logs.height > 0 {
        let lines: Vec<Line> =
            logs::brief(model, parts.logs.width.into(), parts.logs.height.into());
        frame.render_widget(Paragraph::new(lines), parts.logs);
    }
}

/// The alert's subject against its threshold, above its timeline.
fn draw_chart(model: &Model, alert: &AlertStatus, frame: &mut Frame, area: Rect) {
    let data = model.shown();
    let Some(subject) = super::subject(alert).filter(|_| area.height > 0) else {
        return;
    };
    let curves = model.charts.get(&subject).map(|answer| {
        charted::curves(answer, |labels| {
            let own = labels.get("instance").or_else(|| labels.values().next());
            own.cloned().unwrap_or_default()
        })
    });
    let title = format!("{}  {}", alert.full_name(), charted::window(model));
    let chart = Chart {
        mark: Some(marks::of_alert(data, alert)),
        unit: marks::unit_of(data, alert),
        curves: curves.into_iter().flatten().collect(),
        threshold: alert.threshold,
        states: timeline::stretches(model, alert),
        note: charted::note(model, &[&subject], chart::MAX_DRAWN),
        ..charted::chart(model, title)
    };
    chart::draw(&chart, model.setup.theme, frame, area);
}
