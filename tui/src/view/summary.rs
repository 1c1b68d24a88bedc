//! The alerts in a few lines, for the overview.

use std::borrow::Cow;

use ratatui::text::{Line, Span};
use voteops_observability::prometheus::AlertState;
use voteops_observability::snapshot::{AlertStatus, Origin};

use crate::lang::tr;
use crate::model::{Condition, Data, Feed, Model};
use crate::theme::Tone;
use crate::view::marks::{self, MARK_COLUMNS, Mark, dimmed};
use crate::view::text::{cut, left, line_width, span, width, wrap};

/// With so many rows the rules that are well are listed too.
const ALL_ROWS: usize = 8;
/// Columns of a name beside which its summary stands.
const NAME: usize = 26;
/// Columns that a summary needs to say something.
const MIN_SUMMARY: usize = 20;

/// How many rules are pending or firing, or cannot be evaluated.
pub(crate) fn active(data: &Data) -> usize {
    let alerts = data.alerts.all().iter();
    alerts.filter(|alert| is_active(alert)).count()
}

fn is_active(alert: &AlertStatus) -> bool {
    let is_due = matches!(alert.state, AlertState::Firing | AlertState::Pending);
    is_due && !alert.beats() || alert.error.is_some()
}

/// The counts, and the rules that matter, in at most `size` (columns, rows).
pub(crate) fn lines(model: &Model, size: (usize, usize)) -> Vec<Line<'static>> {
    let (columns, rows) = size;
    let data = model.shown();
    let theme = model.setup.theme;
    let mut lines = vec![Line::from(heading(model, columns))];
    if data.alerts.is_unknown() {
        let why = unknown(model).into_iter();
        let why = why.flat_map(|why| wrap(&why, columns));
        lines.extend(why.map(|line| Line::from(span(line, theme.style(Tone::Dim)))));
        lines.truncate(rows);
        return lines;
    }
    let alerts = data.alerts.all().iter();
    let shown = alerts.filter(|alert| rows >= ALL_ROWS || is_active(alert));
    lines.extend(shown.map(|alert| row(model, alert, columns)));
    if lines.len() > rows && rows > 2 {
        let hidden = lines.len() - rows + 1;
        lines.truncate(rows - 1);
        let more = cut(&tr!("+%{count} more", count = hidden), columns);
        lines.push(Line::from(span(more, theme.style(Tone::Dim))));
    }
    lines
}

/// The word and the counts. Where `columns` are few, those that are well are not counted.
pub(crate) fn heading(model: &Model, columns: usize) -> Vec<Span<'static>> {
    let theme = model.setup.theme;
    let told = |marks: &[Mark]| {
        let counts = marks.iter();
        let counts = counts.flat_map(|mark| [Span::raw("  "), mark.span(theme)]);
        let word = span(tr!("Alerts"), theme.heading());
        std::iter::once(word).chain(counts).collect::<Vec<_>>()
    };
    let mut marks = counts(model);
    let all = told(&marks);
    if line_width(&all) <= columns {
        return all;
    }
    marks.retain(|mark| mark.tone != Tone::Ok);
    told(&marks)
}

/// How many rules are in which state, and whose states are old or not known.
fn counts(model: &Model) -> Vec<Mark> {
    let data = model.shown();
    if data.alerts.is_unknown() {
        return vec![Mark::new("◌", tr!("unknown"), Tone::Warning)];
    }
    let mut marks = counted(data);
    let origins = model.setup.origins();
    marks.extend(origins.iter().filter_map(|origin| {
        let mark = doubt(data, *origin)?;
        Some(match origins {
            [_] => mark,
            _ => Mark {
                text: format!("{} {}", origin.name(), mark.text),
                ..mark
            },
        })
    }));
    marks
}

fn counted(data: &Data) -> Vec<Mark> {
    let alerts = data.alerts.all();
    if alerts.is_empty() {
        return vec![Mark::new("◌", tr!("no alert rules are loaded"), Tone::Dim)];
    }
    let all = |keep: &dyn Fn(&AlertStatus) -> bool| -> Vec<_> {
        alerts.iter().filter(|alert| keep(alert)).collect()
    };
    let are = |state| all(&|alert| alert.state == state && !alert.beats());
    let well = all(&|alert| alert.state == AlertState::Inactive || alert.beats());
    let failed = all(&|alert| alert.error.is_some());
    let counted = [
        ("■", are(AlertState::Firing), tr!("firing"), Tone::Critical),
        ("◆", are(AlertState::Pending), tr!("pending"), Tone::Warning),
        ("●", well, tr!("ok"), Tone::Ok),
        ("◌", are(AlertState::Unknown), tr!("unknown"), Tone::Dim),
        ("✗", failed, tr!("cannot be evaluated"), Tone::Warning),
    ];
    let some = counted.into_iter().filter(|(_, of, ..)| !of.is_empty());
    some.map(|(glyph, of, word, tone)| Mark {
        // A count may no longer hold when nothing in it is known to.
        old: of.iter().all(|alert| marks::is_old(data, alert)),
        ..Mark::new(glyph, format!("{} {word}", of.len()), tone)
    })
    .collect()
}

/// What is to be said of an origin's rules besides their states.
fn doubt(data: &Data, origin: Origin) -> Option<Mark> {
    if !data.alerts.is_known(origin) {
        return Some(Mark::new("◌", tr!("unknown"), Tone::Warning));
    }
    let feed = Feed::of_rules(origin);
    data.feeds.stale_s(feed, data.now).map(marks::stale)
}

/// Why the rules of those who did not tell them yet are not known.
pub(crate) fn unknown(model: &Model) -> Vec<String> {
    let data = model.shown();
    let origins = model.setup.origins();
    let unknown = origins.iter().filter(|o| !data.alerts.is_known(**o));
    let why = unknown.map(|origin| {
        let condition = data.feeds.condition(Feed::of_rules(*origin), data.now);
        match (condition, origins) {
            (Condition::Failing { failure, .. }, [_]) => tr!(
                "Alert states are not known, which is not the same as no alerts: %{reason}",
                reason = tr!(&failure.refusal.full)
            ),
            (Condition::Failing { failure, .. }, _) => tr!(
                "Alert states of %{origin} are not known, which is not the same as no alerts: \
                %{reason}",
                origin = origin.name(),
                reason = tr!(&failure.refusal.full)
            ),
            (_, [_]) => tr!("Waiting for the first answer."),
            (_, _) => tr!(
                "Waiting for the first answer of %{origin}.",
                origin = origin.name()
            ),
        }
    });
    let why = why.map(Cow::into_owned);
    why.collect()
}

fn row(model: &Model, alert: &AlertStatus, columns: usize) -> Line<'static> {
    let data = model.shown();
    let theme = model.setup.theme;
    let plain = dimmed(theme.style(Tone::Plain), marks::is_old(data, alert));
    let mark = marks::of_alert(data, alert);
    let room = columns.saturating_sub(MARK_COLUMNS + 1);
    let mut spans = vec![mark.cell(theme, MARK_COLUMNS), Span::raw(" ")];
    let name = marks::full_name(data, alert);
    let about = alert
        .error
        .as_ref()
        .or_else(|| alert.annotations.get("summary"));
    let beside = room.saturating_sub(NAME + 2);
    match about.filter(|_| is_active(alert) && beside >= MIN_SUMMARY) {
        Some(about) if width(&name) <= NAME => {
            spans.push(span(left(&name, NAME), plain));
            spans.push(span(
                format!("  {}", cut(about, beside)),
                theme.style(Tone::Dim),
            ));
        }
        _ => spans.push(span(marks::rule_name(data, alert, room), plain)),
    }
    Line::from(spans)
}
