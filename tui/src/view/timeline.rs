//! When an alert was pending and firing: its history, from the series `ALERTS`.

use jiff::{SignedDuration, Timestamp};
use ratatui::text::Span;
use voteops_observability::prometheus::{AlertState, Series};
use voteops_observability::snapshot::{AlertStatus, Origin};
use voteops_observability::units;

use crate::lang::tr;
use crate::model::charts::ALERTS_QUERY;
use crate::model::window::Range;
use crate::model::{Model, seconds_between};
use crate::theme::{Theme, Tone};
use crate::view::charted::{GAP_STEPS, range};
use crate::view::text::{clock, span};

/// A state that lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Pending or firing.
    pub(crate) state: AlertState,
    /// When it began at the earliest.
    pub(crate) from: Timestamp,
    /// When it ended at the latest.
    pub(crate) to: Timestamp,
    /// Whether it may have been up to a step shorter at both ends.
    pub(crate) at_most: bool,
}

/// The states of all alerts of a rule along the window, oldest first; `None` until that was
/// answered, and for rules whose history Prometheus does not keep.
pub(crate) fn stretches(model: &Model, rule: &AlertStatus) -> Option<Vec<Stretch>> {
    if rule.origin != Origin::Prometheus {
        return None;
    }
    let charted = model.charts.get(ALERTS_QUERY)?;
    charted.at?;
    let at_most = model.setup.looks_back(charted.step_s);
    let mut found: Vec<Stretch> = Vec::new();
    let of_it = charted.series.iter();
    for series in of_it.filter(|series| series.labels.get("alertname") == Some(&rule.name)) {
        let state = match series.labels.get("alertstate").map(String::as_str) {
            Some("firing") => AlertState::Firing,
            Some("pending") => AlertState::Pending,
            _ => continue,
        };
        found.extend(joined(series, state, charted.step_s, at_most));
    }
    found.sort_by_key(|stretch| (stretch.from, stretch.to));
    Some(found)
}

/// The samples of a state, those that follow each other as one stretch. Each stands for the time up
/// to the next one, or, `at_most`, for the time since the one before, in some of which it held.
fn joined(series: &Series, state: AlertState, step_s: f64, at_most: bool) -> Vec<Stretch> {
    let gap_s = step_s * (GAP_STEPS - 1.0);
    let step = SignedDuration::try_from_secs_f64(step_s).unwrap_or_default();
    let mut found: Vec<Stretch> = Vec::new();
    let samples = series.samples.iter();
    for at in samples.filter_map(|sample| instant(sample.at_s)) {
        let (from, to) = if at_most {
            (at.checked_sub(step).unwrap_or(at), at)
        } else {
            (at, at.checked_add(step).unwrap_or(at))
        };
        match found.last_mut() {
            Some(stretch) if seconds_between(stretch.to, from) <= gap_s => stretch.to = to,
            _ => found.push(Stretch {
                state,
                from,
                to,
                at_most,
            }),
        }
    }
    found
}

fn instant(at_s: f64) -> Option<Timestamp> {
    let at = SignedDuration::try_from_secs_f64(at_s).ok()?;
    Timestamp::from_duration(at).ok()
}

/// The states along `range` in `columns` cells: the worst of each.
pub(crate) fn cells(stretches: &[Stretch], range: Range, columns: u16) -> Vec<Option<AlertState>> {
    let span_s = seconds_between(range.from, range.to).max(f64::MIN_POSITIVE);
    let column = |at| seconds_between(range.from, at) / span_s * f64::from(columns);
    let mut cells = vec![None; columns.into()];
    for stretch in stretches {
        let (from, to) = (column(stretch.from), column(stretch.to));
        for (index, cell) in (0..columns).zip(&mut cells) {
            let begins = f64::from(index);
            if from < begins + 1.0 && to >= begins && *cell != Some(AlertState::Firing) {
                *cell = Some(stretch.state);
            }
        }
    }
    cells
}

/// How a state looks on a strip.
pub(crate) fn glyph(state: Option<AlertState>) -> (&'static str, Tone) {
    match state {
        Some(AlertState::Firing) => ("■", Tone::Critical),
        Some(_) => ("◆", Tone::Warning),
        None => ("─", Tone::Dim),
    }
}

/// The history of an alert in exactly `columns`; blank until it is known.
pub(crate) fn strip(
    model: &Model,
    theme: Theme,
    rule: &AlertStatus,
    columns: u16,
) -> Vec<Span<'static>> {
    let Some(stretches) = stretches(model, rule) else {
        return vec![Span::raw(" ".repeat(columns.into()))];
    };
    let mut spans: Vec<Span<'static>> = Vec::new();
    for state in cells(&stretches, range(model), columns) {
        let (glyph, tone) = glyph(state);
        let style = theme.style(tone);
        match spans.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(glyph),
            _ => spans.push(span(glyph, style)),
        }
    }
    spans
}

/// The last stretches in words, newest first: `firing 14:08:20 for 2m05s, pending 14:03:20 for 5m00s`.
pub(crate) fn told(model: &Model, rule: &AlertStatus) -> Option<String> {
    const MOST: usize = 6;
    let stretches = stretches(model, rule)?;
    if stretches.is_empty() {
        return Some(tr!("neither pending nor firing in this time").into());
    }
    let told = stretches.iter().rev().take(MOST).map(|stretch| {
        let at = clock(stretch.from, &model.setup.zone);
        let age = units::age(seconds_between(stretch.from, stretch.to));
        match (stretch.state, stretch.at_most) {
            (AlertState::Firing, false) => tr!("firing %{time} for %{age}", time = at, age = age),
            (AlertState::Firing, true) => {
                tr!("firing %{time} for at most %{age}", time = at, age = age)
            }
            (_, false) => tr!("pending %{time} for %{age}", time = at, age = age),
            (_, true) => tr!("pending %{time} for at most %{age}", time = at, age = age),
        }
    });
    let mut told: Vec<_> = told.collect();
    if let Some(more) = stretches.len().checked_sub(MOST).filter(|more| *more > 0) {
        told.push(tr!("%{count} before", count = more));
    }
    Some(told.join(", "))
}
