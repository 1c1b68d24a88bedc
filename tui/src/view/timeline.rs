//! When an alert was pending and firing: its history, from the series `ALERTS`.

use jiff::{SignedDuration, Timestamp};
use ratatui::text::Span;
use voteops_observability::prometheus::AlertState;
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
    /// Its first sample.
    pub(crate) from: Timestamp,
    /// A step after its last sample: each sample stands for the time up to the next one.
    pub(crate) to: Timestamp,
}

/// The states of all alerts of a rule along the window, oldest first; `None` until that was
/// answered, and for rules whose history Prometheus does not keep.
pub(crate) fn stretches(model: &Model, rule: &AlertStatus) -> Option<Vec<Stretch>> {
    if rule.origin != Origin::Prometheus {
        return None;
    }
    let name = &rule.name;
    let charted = model.charts.get(ALERTS_QUERY)?;
    charted.at?;
    let gap_s = charted.step_s * (GAP_STEPS - 1.0);
    let step = SignedDuration::try_from_secs_f64(charted.step_s).unwrap_or_default();
    let mut found: Vec<Stretch> = Vec::new();
    let of_it = charted.series.iter();
    for series in of_it.filter(|series| series.labels.get("alertname") == Some(name)) {
        let state = match series.labels.get("alertstate").map(String::as_str) {
            Some("firing") => AlertState::Firing,
            Some("pending") => AlertState::Pending,
            _ => continue,
        };
        let mut last: Option<Stretch> = None;
        for at in series
            .samples
            .iter()
            .filter_map(|sample| instant(sample.at_s))
        {
            let to = at.checked_add(step).unwrap_or(at);
            match &mut last {
                Some(stretch) if seconds_between(stretch.to, at) <= gap_s => stretch.to = to,
                _ => found.extend(last.replace(Stretch {
                    state,
                    from: at,
                    to,
                })),
            }
        }
        found.extend(last);
    }
    found.sort_by_key(|stretch| (stretch.from, stretch.to));
    Some(found)
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
        if stretch.state == AlertState::Firing {
            tr!("firing %{time} for %{age}", time = at, age = age)
        } else {
            tr!("pending %{time} for %{age}", time = at, age = age)
        }
    });
    let mut told: Vec<_> = told.collect();
    if let Some(more) = stretches.len().checked_sub(MOST).filter(|more| *more > 0) {
        told.push(tr!("%{count} before", count = more));
    }
    Some(told.join(", "))
}
