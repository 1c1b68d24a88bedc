//! Charts in a grid, or one alone with its instances below it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use voteops_observability::signals::{Component, Signal};

use super::{queries, signals};
use crate::lang::tr;
use crate::model::Model;
use crate::theme::Tone;
use crate::view::chart::{self, Chart, Curve};
use crate::view::text::{cut, left, right, span};
use crate::view::{charted, marks};

/// From these widths on charts stand two and three side by side.
const TWO_COLUMNS: u16 = 100;
const THREE_COLUMNS: u16 = 180;
/// Least rows of a chart.
const MIN_ROWS: u16 = 6;
/// Instances that are listed below a chart that stands alone, at most.
const MAX_INSTANCES: usize = 8;

/// The part of the screen below its heading.
pub(super) fn charts_area(body: Rect) -> Rect {
    Rect {
        y: body.y.saturating_add(1),
        height: body.height.saturating_sub(1),
        ..body
    }
}

/// Which charts are seen, and where.
pub(super) fn places(model: &Model, component: Component, area: Rect) -> Vec<(usize, Rect)> {
    let pane = &model.component_pane;
    let selected = pane.selected(component);
    if pane.alone {
        return vec![(selected, area)];
    }
    let count = signals(model, component).count();
    let columns = match area.width {
        0..TWO_COLUMNS => 1_u16,
        TWO_COLUMNS..THREE_COLUMNS => 2,
        // Four make two full rows of two.
        _ if count == 4 => 2,
        _ => 3,
    };
    let across = usize::from(columns);
    let wanted = u16::try_from(count.div_ceil(across))
        .unwrap_or(u16::MAX)
        .max(1);
    let seen = (area.height / MIN_ROWS).clamp(1, wanted);
    let height = area.height / seen;
    let first = (selected / across + 1).saturating_sub(seen.into());
    let width = area.width / columns;
    let all = (first..first + usize::from(seen))
        .flat_map(|row| (0..across).map(move |column| (row * across + column, row, column)));
    all.filter(|(index, ..)| *index < count)
        .filter_map(|(index, row, column)| {
            let y = u16::try_from(row - first).ok()? * height;
            let x = u16::try_from(column).ok()? * width;
            // A column is kept free between charts.
            let gap = u16::from(columns > 1);
            let place = Rect::new(area.x + x, area.y + y, width - gap, height);
            Some((index, place))
        })
        .collect()
}

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let Some(component) = model.screen.component() else {
        return;
    };
    heading(model, component, frame, area);
    let charts = charts_area(area);
    for (index, place) in places(model, component, charts) {
        let Some(signal) = signals(model, component).nth(index) else {
            continue;
        };
        if model.component_pane.alone {
            draw_alone(model, signal, frame, place);
        } else {
            let selected = index == model.component_pane.selected(component);
            let chart = Chart {
                selected,
                ..of_signal(model, signal)
            };
            chart::draw(&chart, model.setup.theme, frame, place);
        }
    }
}

fn heading(model: &Model, component: Component, frame: &mut Frame, area: Rect) {
    let theme = model.setup.theme;
    let pane = &model.component_pane;
    let count = signals(model, component).count();
    let told = if pane.alone {
        String::new()
    } else {
        format!(" {}/{count}", (pane.selected(component) + 1).min(count))
    };
    let mut window = charted::window(model);
    if pane.by_instance {
        window = format!("{window} · {}", tr!("each instance"));
    }
    let line = Line::from(vec![
        span(tr!(component.title()), theme.heading()),
        span(format!("{told}  {window}"), theme.style(Tone::Dim)),
    ]);
    let row = Rect {
        height: area.height.min(1),
        ..area
    };
    frame.render_widget(Paragraph::new(line), row);
}

/// A signal's chart.
fn of_signal<'a>(model: &'a Model, signal: &'a Signal) -> Chart<'a> {
    let data = model.shown();
    let exprs = queries(model, signal);
    let by_instance = signal.by_instance.as_deref();
    let mut curves: Vec<Curve<'a>> = Vec::new();
    for expr in &exprs {
        let Some(answer) = model.charts.get(expr) else {
            continue;
        };
        let own = signal.curves.iter().find(|curve| curve.expr == **expr);
        let name = own.map_or("", |curve| curve.name.as_str());
        curves.extend(charted::curves(answer, |labels| {
            let instance = labels
                .get("instance")
                .filter(|_| Some(*expr) == by_instance);
            instance.cloned().unwrap_or_else(|| name.to_owned())
        }));
    }
    let reading = data.signal(&signal.id).map(|(reading, _)| reading);
    Chart {
        mark: reading.map(|reading| marks::of_signal(data, reading)),
        unit: Some(signal.unit),
        curves,
        threshold: reading.and_then(|reading| reading.threshold),
        note: charted::note(model, &exprs, chart::MAX_DRAWN),
        ..charted::chart(model, tr!(&signal.title).into_owned())
    }
}

/// One chart, and the value of every instance below it.
fn draw_alone(model: &Model, signal: &Signal, frame: &mut Frame, area: Rect) {
    let theme = model.setup.theme;
    let chart = of_signal(model, signal);
    let answer = signal
        .by_instance
        .as_ref()
        .and_then(|expr| model.charts.get(expr));
    let series = answer
        .map(|answer| answer.series.as_slice())
        .unwrap_or_default();
    let room = usize::from(area.height).saturating_sub(usize::from(MIN_ROWS) + 1);
    let shown = series.len().min(MAX_INSTANCES).min(room);
    let mut lines = Vec::new();
    if shown > 0 {
        let more = series.len() - shown;
        let told = if more > 0 {
            tr!("instance, %{count} more", count = more)
        } else {
            tr!("instance")
        };
        lines.push(Line::from(span(
            format!("  {told}"),
            theme.style(Tone::Dim),
        )));
    }
    for series in series.iter().take(shown) {
        let name = series.labels.get("instance").map_or("?", String::as_str);
        let curve = Curve {
            name: String::new(),
            samples: &series.samples,
        };
        let value = marks::value(chart.told_value(&curve), chart.unit);
        let room = usize::from(area.width).saturating_sub(14);
        let told = format!(
            "  {} {}",
            left(&cut(name, room), room.min(30)),
            right(&value, 9)
        );
        lines.push(Line::from(span(told, theme.style(Tone::Plain))));
    }
    let below = u16::try_from(lines.len()).unwrap_or(0);
    let above = Rect {
        height: area.height - below,
        ..area
    };
    chart::draw(&chart, theme, frame, above);
    let below = Rect {
        y: area.y + above.height,
        height: below,
        ..area
    };
    frame.render_widget(Paragraph::new(lines), below);
}
