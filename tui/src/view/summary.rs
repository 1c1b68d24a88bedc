//! The alerts in a few lines, for the overview.

use ratatui::text::{Line, Span};
use voteops_observability::prometheus::AlertState;
use voteops_observability::snapshot::AlertStatus;

use crate::model::{Condition, Data, Feed, Model};
use crate::theme::Tone;
use crate::view::marks::{self, MARK_COLUMNS, Mark, dimmed};
use crate::view::text::{cut, left, span, width, wrap};

/// With so many rows the rules that are well are listed too.
const ALL_ROWS: usize = 8;
/// Columns of a name beside which its summary stands.
const NAME: usize = 26;
/// Columns that a summary needs to say something.
const MIN_SUMMARY: usize = 20;

/// How many rules are pending or firing, or cannot be evaluated.
pub(crate) fn active(data: &Data) -> usize {
    let alerts = data.alerts.iter().flatten();
    alerts.filter(|alert| is_active(alert)).count()
}

fn is_active(alert: &AlertStatus) -> bool {
    matches!(alert.state, AlertState::Firing | AlertState::Pending) || alert.error.is_some()
}

/// The counts, and the rules that matter, in at most `size` (columns, rows).
pub(crate) fn lines(model: &Model, size: (usize, usize)) -> Vec<Line<'static>> {
    let (columns, rows) = size;
    let data = model.shown();
    let theme = model.setup.theme;
    let mut heading = vec![span("Alerts", theme.heading())];
    for mark in counts(model) {
        heading.push(Span::raw("  "));
        heading.push(mark.span(theme));
    }
    let mut lines = vec![Line::from(heading)];
    let Some(alerts) = &data.alerts else {
        let why = wrap(&unknown(data), columns);
        let why = why.into_iter().map(|l| span(l, theme.style(Tone::Dim)));
        lines.extend(why.map(Line::from));
        lines.truncate(rows);
        return lines;
    };
    let shown = alerts
        .iter()
        .filter(|alert| rows >= ALL_ROWS || is_active(alert));
    lines.extend(shown.map(|alert| row(model, alert, columns)));
    if lines.len() > rows && rows > 2 {
        let hidden = lines.len() - rows + 1;
        lines.truncate(rows - 1);
        let more = cut(&format!("+{hidden} more"), columns);
        lines.push(Line::from(span(more, theme.style(Tone::Dim))));
    }
    lines
}

/// How many rules are in which state.
pub(crate) fn counts(model: &Model) -> Vec<Mark> {
    let data = model.shown();
    let Some(alerts) = &data.alerts else {
        return vec![Mark::new("◌", "unknown", Tone::Warning)];
    };
    if alerts.is_empty() {
        return vec![Mark::new("◌", "no alert rules are loaded", Tone::Dim)];
    }
    let stale_s = data.feeds.stale_s(Feed::Rules, data.now);
    let count = |state| alerts.iter().filter(|a| a.state == state).count();
    let failed = alerts.iter().filter(|a| a.error.is_some()).count();
    let counted = [
        ("■", count(AlertState::Firing), "firing", Tone::Critical),
        ("◆", count(AlertState::Pending), "pending", Tone::Warning),
        ("●", count(AlertState::Inactive), "ok", Tone::Ok),
        ("◌", count(AlertState::Unknown), "unknown", Tone::Dim),
        ("✗", failed, "cannot be evaluated", Tone::Warning),
    ];
    let mut marks: Vec<_> = counted
        .into_iter()
        .filter(|(_, count, ..)| *count > 0)
        .map(|(glyph, count, word, tone)| Mark {
            old: stale_s.is_some(),
            ..Mark::new(glyph, format!("{count} {word}"), tone)
        })
        .collect();
    marks.extend(stale_s.map(marks::stale));
    marks
}

/// Why nothing is known about the alerts.
pub(crate) fn unknown(data: &Data) -> String {
    match data.feeds.condition(Feed::Rules, data.now) {
        Condition::Failing { failure, .. } => format!(
            "Alert states are not known, which is not the same as no alerts: {}",
            failure.refusal.full
        ),
        _ => "Waiting for the first answer.".into(),
    }
}

fn row(model: &Model, alert: &AlertStatus, columns: usize) -> Line<'static> {
    let data = model.shown();
    let theme = model.setup.theme;
    let old = data.feeds.stale_s(Feed::Rules, data.now).is_some();
    let plain = dimmed(theme.style(Tone::Plain), old);
    let mark = marks::of_alert(data, alert);
    let room = columns.saturating_sub(MARK_COLUMNS + 1);
    let mut spans = vec![mark.cell(theme, MARK_COLUMNS), Span::raw(" ")];
    let summary = alert.annotations.get("summary");
    let beside = room.saturating_sub(NAME + 2);
    match summary.filter(|_| is_active(alert) && beside >= MIN_SUMMARY) {
        Some(summary) if width(&alert.name) <= NAME => {
            spans.push(span(left(&alert.name, NAME), plain));
            let text = alert.error.as_ref().unwrap_or(summary);
            spans.push(span(
                format!("  {}", cut(text, beside)),
                theme.style(Tone::Dim),
            ));
        }
        _ => spans.push(span(cut(&alert.name, room), plain)),
    }
    Line::from(spans)
}
