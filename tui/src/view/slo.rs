//! The service level objectives: the budget that is left and how fast it burns.

use std::borrow::Cow;

use ratatui::text::{Line, Span};
use voteops_observability::slo::SloReading;

use crate::lang::tr;
use crate::message::Refusal;
use crate::model::{Data, Feed, Model};
use crate::theme::Tone;
use crate::view::marks::{self, Mark, dimmed};
use crate::view::text::{cut, left, right, span};

/// Budget left below which it is worth a look.
const LOW: f64 = 0.25;
/// A burn rate above this spends the budget before its window ends.
const TOO_FAST: f64 = 1.0;

/// The objective with the least budget in a few words, in groups that may be left out from the
/// end: `SLO 99.9% ● budget 97.2% left`, `burns 0.3x in 1h`.
pub(crate) fn short(model: &Model) -> Vec<Vec<Span<'static>>> {
    let theme = model.setup.theme;
    let data = model.shown();
    let worst = data.slos.iter().flatten().min_by(|a, b| {
        let left = |slo: &SloReading| slo.budget_left.unwrap_or(f64::INFINITY);
        left(a).total_cmp(&left(b))
    });
    let Some(worst) = worst else {
        let failure = failure(data).into_iter();
        let unknown = failure.map(|refusal| vec![unknown(&refusal.short).span(theme)]);
        return unknown.collect();
    };
    let mut groups = vec![vec![
        span(
            format!("SLO {} ", percent(worst.objective)),
            theme.style(Tone::Dim),
        ),
        budget(data, worst).span(theme),
    ]];
    if let Some((window, Some(burn))) = worst.burns.get(1) {
        let told = tr!(
            "burns %{rate} in %{window}",
            rate = times(*burn),
            window = window
        );
        let tone = if *burn > TOO_FAST {
            Tone::Warning
        } else {
            Tone::Dim
        };
        let is_old = data.feeds.failure(Feed::Slos).is_some();
        let style = dimmed(theme.style(tone), is_old);
        groups.push(vec![span(told, style)]);
    }
    groups
}

/// Every objective in a line of its own, under a heading, and why they cannot be asked for; empty
/// when nothing is known.
pub(crate) fn lines(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let data = model.shown();
    let mut lines = known(model, columns);
    lines.extend(failure(data).map(|refusal| {
        let why = unknown(&tr!(&refusal.full)).span(model.setup.theme);
        Line::from(span(cut(&why.content, columns), why.style))
    }));
    lines
}

/// Why the objectives alone cannot be asked for. When nothing else can be either, that is told of
/// their backend.
fn failure(data: &Data) -> Option<&Refusal> {
    let is_alone = !data.feeds.is_failing(Feed::Slos.backend());
    let failure = data.feeds.failure(Feed::Slos).filter(|_| is_alone)?;
    Some(&failure.refusal)
}

fn unknown(reason: &str) -> Mark {
    let told = tr!("objectives: %{reason}", reason = reason);
    Mark::new("◌", told, Tone::Warning)
}

fn known(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let data = model.shown();
    let Some(slos) = data.slos.as_ref().filter(|slos| !slos.is_empty()) else {
        return Vec::new();
    };
    // The shortest windows are left out first: what burns for hours matters most.
    let windows = slos.first().map_or(0, |slo| slo.burns.len());
    let room = columns.saturating_sub(NAME + BUDGET) / BURN;
    let skipped = windows.saturating_sub(room);
    let mut heading = vec![span(
        left(&tr!("Objectives"), NAME + BUDGET),
        theme.heading(),
    )];
    let burns = slos.iter().take(1).flat_map(|slo| &slo.burns).skip(skipped);
    heading.extend(burns.map(|(window, _)| {
        let told = tr!("burn %{window}", window = window);
        span(right(&told, BURN), theme.style(Tone::Dim))
    }));
    let mut lines = vec![Line::from(heading)];
    lines.extend(slos.iter().map(|slo| line(model, data, slo, skipped)));
    lines
}

/// Columns of an objective's name.
const NAME: usize = 21;
/// Columns of what is left of the budget.
const BUDGET: usize = 20;
/// Columns of a burn rate.
const BURN: usize = 9;

fn line(model: &Model, data: &Data, slo: &SloReading, skipped: usize) -> Line<'static> {
    let theme = model.setup.theme;
    let name = format!("  {} {}", tr!(&slo.title), percent(slo.objective));
    let mut spans = vec![
        span(left(&name, NAME), theme.style(Tone::Plain)),
        budget(data, slo).cell(theme, BUDGET),
    ];
    let is_old = data.feeds.failure(Feed::Slos).is_some();
    for (_, burn) in slo.burns.iter().skip(skipped) {
        let told = burn.map_or_else(|| "–".into(), times);
        let fast = burn.is_some_and(|burn| burn > TOO_FAST);
        let tone = if fast { Tone::Warning } else { Tone::Plain };
        let style = dimmed(theme.style(tone), is_old);
        spans.push(span(right(&told, BURN), style));
    }
    Line::from(spans)
}

fn budget(data: &Data, slo: &SloReading) -> Mark {
    let mark = match slo.budget_left {
        None => Mark::new("◌", tr!("budget not known"), Tone::Dim),
        Some(left) if left <= 0.0 => Mark::new("■", tr!("budget spent"), Tone::Critical),
        Some(left) if left < LOW => Mark::new("▲", told(left), Tone::Warning),
        Some(left) => Mark::new("●", told(left), Tone::Ok),
    };
    match data.feeds.failing_s(Feed::Slos, data.now) {
        Some(age_s) => marks::stale(age_s),
        None => mark,
    }
}

fn told(left: f64) -> Cow<'static, str> {
    // A budget that was touched is never told as whole.
    let shown = if left < 1.0 {
        (left * 1000.0).floor() / 10.0
    } else {
        100.0
    };
    tr!("budget %{share} left", share = format!("{shown:.1}%"))
}

fn times(burn: f64) -> String {
    if burn < 10.0 {
        format!("{burn:.1}x")
    } else {
        format!("{burn:.0}x")
    }
}

fn percent(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}
