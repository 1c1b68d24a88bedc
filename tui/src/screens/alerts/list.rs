//! Every alert rule, most urgent first, with its history and the details of the selected one.

use std::borrow::Cow;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use voteops_observability::snapshot::{AlertStatus, Origin};
use voteops_observability::units;

use super::detail;
use crate::lang::{en, tr};
use crate::model::{Model, Screen};
use crate::theme::{Theme, Tone};
use crate::view::marks::{self, MARK_COLUMNS, dimmed};
use crate::view::text::{left, right, span, width, wrap};
use crate::view::{charted, list, summary, timeline};

/// Columns of a name before others are shown.
const NAME: usize = 26;
const MAX_NAME: usize = 60;
/// Columns of the selection's pointer.
const POINTER: usize = 2;
/// Details are shown below the list when so many rows are left.
const MIN_DETAIL: usize = 6;
/// Columns from which on an alert's history is shown.
const MIN_HISTORY: usize = 12;
/// Rows above the list: the counts and the columns' names.
pub(crate) const HEADING: usize = 2;

/// Draws the alerts screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let (columns, rows) = (usize::from(area.width), usize::from(area.height));
    let list_rows = list_rows(model, rows);
    let list = u16::try_from(HEADING + list_rows).unwrap_or(u16::MAX);
    let [list, below] =
        Layout::vertical([Constraint::Length(list), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Paragraph::new(list_lines(model, columns, list_rows)), list);
    if !model.alerts().is_empty() && below.height > 1 {
        let [_, below] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(below);
        frame.render_widget(Paragraph::new(detail::lines(model, columns)), below);
    }
}

/// Rows of the list: all rules when the details fit below them, else the whole height.
fn list_rows(model: &Model, rows: usize) -> usize {
    let room = rows.saturating_sub(HEADING);
    let wanted = super::kept(model).len();
    if wanted == 0 || wanted + MIN_DETAIL > room {
        room
    } else {
        wanted
    }
}

fn list_lines(model: &Model, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let filter = model.filters.get(&Screen::Alerts).map(|filter| {
        let (kept, all) = (super::kept(model).len(), model.alerts().len());
        let told = list::count(kept, all, &tr!("rules"), Some(&filter.text));
        format!("  {told}")
    });
    let room = columns.saturating_sub(filter.as_deref().map_or(0, width));
    let mut counts = summary::heading(model, room);
    counts.extend(filter.map(|told| span(told, theme.style(Tone::Dim))));
    let mut lines = vec![Line::from(counts)];
    if model.alerts().is_empty() {
        let why = none_told(model).into_iter().chain(summary::unknown(model));
        let why = why.flat_map(|why| wrap(&why, columns));
        lines.extend(why.map(|line| Line::from(span(line, theme.style(Tone::Plain)))));
        return lines;
    }
    let kept = super::kept(model);
    let table = Table::new(columns, &kept);
    lines.push(table.heading(model));
    let selected = model.alerts_pane.selected;
    let first = (selected + 1).saturating_sub(rows);
    let shown = kept.iter().enumerate().skip(first).take(rows);
    lines.extend(shown.map(|(index, alert)| table.row(model, alert, index == selected)));
    lines
}

/// What is to be said of those who evaluate no rules.
fn none_told(model: &Model) -> Vec<String> {
    let alerts = &model.shown().alerts;
    let origins = model.setup.origins().iter();
    let without = origins.filter(|origin| alerts.is_known(**origin));
    let told = without.filter_map(|origin| match origin {
        Origin::Prometheus => Some(tr!(
            "Prometheus evaluates no alert rules: look at rule_files in its configuration."
        )),
        Origin::Grafana => Some(tr!(
            "Grafana evaluates no alert rules, or none that may be read from here."
        )),
        Origin::Alertmanager => None,
    });
    told.map(Cow::into_owned).collect()
}

/// A column beside state and name.
struct Column {
    title: &'static str,
    width: usize,
    numeric: bool,
}

const fn column(title: &'static str, width: usize, numeric: bool) -> Column {
    Column {
        title,
        width,
        numeric,
    }
}

/// The columns beside state and name, the most important first.
const COLUMNS: [Column; 4] = [
    column(en!("value"), 9, true),
    column(en!("alert if"), 9, false),
    column(en!("severity"), 8, false),
    column(en!("since"), 7, true),
];

/// The columns that fit.
struct Table {
    name: usize,
    shown: usize,
    /// Columns of the history, where there is room for it.
    history: Option<u16>,
}

impl Table {
    fn new(columns: usize, rules: &[&AlertStatus]) -> Self {
        let room = columns.saturating_sub(POINTER + MARK_COLUMNS + 1);
        let mut spare = room.saturating_sub(NAME);
        let mut shown = 0;
        for column in &COLUMNS {
            if spare <= column.width {
                break;
            }
            spare -= column.width + 1;
            shown += 1;
        }
        let longest = rules.iter().map(|rule| width(&rule.name)).max();
        let most = (NAME + spare).min(MAX_NAME);
        let name = longest
            .unwrap_or(NAME)
            .clamp(NAME, most.max(NAME))
            .min(room);
        let left_over = (NAME + spare).saturating_sub(name + 2);
        let history = u16::try_from(left_over).ok();
        Self {
            name,
            shown,
            history: history.filter(|_| shown == COLUMNS.len() && left_over >= MIN_HISTORY),
        }
    }

    fn heading(&self, model: &Model) -> Line<'static> {
        let state = format!("{:POINTER$}{}", "", left(&tr!("state"), MARK_COLUMNS));
        let titles = COLUMNS.map(|column| tr!(column.title));
        let cells = self.cells(&tr!("rule"), titles.each_ref().map(AsRef::as_ref));
        let window = self.history.map_or_else(String::new, |columns| {
            let window = charted::window(model);
            format!("  {}", left(&window, columns.into()))
        });
        let text = state + &cells + &window;
        Line::from(span(text, model.setup.theme.style(Tone::Dim)))
    }

    /// The name and the other columns in one piece.
    fn cells(&self, name: &str, texts: [&str; COLUMNS.len()]) -> String {
        let cells = COLUMNS.iter().zip(texts).take(self.shown);
        let cells = cells.map(|(column, text)| {
            if column.numeric {
                right(text, column.width)
            } else {
                left(text, column.width)
            }
        });
        let all: Vec<_> = std::iter::once(left(name, self.name))
            .chain(cells)
            .collect();
        format!(" {}", all.join(" "))
    }

    fn row(&self, model: &Model, alert: &AlertStatus, selected: bool) -> Line<'static> {
        let data = model.shown();
        let theme = model.setup.theme;
        let old = marks::is_old(data, alert);
        let unit = marks::unit_of(data, alert);
        let value = alert.value.map(|value| marks::value(Some(value), unit));
        let limit = alert.threshold.map(|limit| marks::limit(limit, unit));
        let since = alert.since.map(|at| units::age(data.age_s(at)));
        let severity = alert.labels.get("severity");
        let texts = [
            value.as_deref().unwrap_or_default(),
            limit.as_deref().unwrap_or_default(),
            severity.map_or("", String::as_str),
            since.as_deref().unwrap_or_default(),
        ];
        let text = self.cells(&marks::rule_name(data, alert, self.name), texts);
        let highlight = if selected {
            Theme::reversed()
        } else {
            Style::new()
        };
        let mark = marks::of_alert(data, alert).cell(theme, MARK_COLUMNS);
        let plain = dimmed(theme.style(Tone::Plain), old);
        let mut spans = vec![
            span(if selected { "› " } else { "  " }, highlight),
            mark.patch_style(highlight),
            span(text, plain.patch(highlight)),
        ];
        if let Some(columns) = self.history {
            spans.push(Span::raw("  "));
            spans.extend(timeline::strip(model, theme, alert, columns));
        }
        Line::from(spans)
    }
}
