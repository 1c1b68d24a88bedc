//! Pipeline, signals, alerts and events at a glance.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::Paragraph;

use crate::model::Model;
use crate::view::{events, pipeline, signals, slo, summary};

/// From this width on alerts and events stand side by side.
const BESIDE_COLUMNS: u16 = 100;
/// Rows of the lower part that are kept free where signals leave any.
const MIN_LOWER: usize = 2;
/// With so many rows left over there is room for blank lines between the parts.
const ROOMY: usize = 12;

/// With so many rows for events the objectives are listed above them.
const ROOMY_NEWS: u16 = 10;

/// Draws the overview.
pub(crate) fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let columns = usize::from(area.width);
    let rows = usize::from(area.height);
    let pipeline = pipeline::lines(model, columns);
    let data = model.shown();
    let left_over = rows.saturating_sub(pipeline.len());
    let active = summary::active(data).min(3);
    let lower_least = if left_over >= signals::grouped_rows(data) + MIN_LOWER {
        MIN_LOWER
    } else {
        // Signals are cut to the most urgent anyway: what fires comes before them.
        (1 + active).min(left_over / 2)
    };
    let signal_lines = signals::lines(model, columns, left_over.saturating_sub(lower_least));
    let gap = u16::from(left_over.saturating_sub(signal_lines.len()) >= ROOMY);
    let [flow, middle, lower] = Layout::vertical([
        Constraint::Length(short(pipeline.len()) + gap),
        Constraint::Length(short(signal_lines.len()) + gap),
        Constraint::Fill(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(pipeline), flow);
    frame.render_widget(Paragraph::new(signal_lines), middle);
    let [alerts, news] = if area.width >= BESIDE_COLUMNS {
        Layout::horizontal([Constraint::Percentage(60), Constraint::Fill(1)])
            .spacing(2)
            .areas(lower)
    } else {
        let about = if data.alerts.is_unknown() {
            2
        } else {
            summary::active(data)
        };
        let most = usize::from(lower.height).saturating_sub(1).max(1);
        let alerts = short((1 + about).min(most));
        Layout::vertical([Constraint::Length(alerts), Constraint::Fill(1)]).areas(lower)
    };
    let news = if news.height >= ROOMY_NEWS {
        let slos = slo::lines(model, news.width.into());
        let [above, below] = Layout::vertical([
            Constraint::Length(short(slos.len()) + u16::from(!slos.is_empty())),
            Constraint::Fill(1),
        ])
        .areas(news);
        draw_lines(frame, above, slos);
        below
    } else {
        news
    };
    draw_lines(frame, alerts, summary::lines(model, size(alerts)));
    draw_lines(frame, news, events::lines(model, size(news)));
}

fn draw_lines(frame: &mut Frame, area: Rect, lines: Vec<ratatui::text::Line<'static>>) {
    frame.render_widget(Paragraph::new(lines), area);
}

fn size(area: Rect) -> (usize, usize) {
    (area.width.into(), area.height.into())
}

fn short(rows: usize) -> u16 {
    u16::try_from(rows).unwrap_or(u16::MAX)
}
