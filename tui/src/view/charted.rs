//! From answers to charts: which curves, in which time, and what is to be said about them.

use jiff::Timestamp;
use voteops_observability::prometheus::{Labels, Series};
use voteops_observability::units;

use crate::keys::{Action, Spot};
use crate::lang::tr;
use crate::model::charts::{ALERTS_QUERY, Charted, WHOLE_SERIES};
use crate::model::window::{Range, Shift};
use crate::model::{Data, Model, seconds_between};
use crate::theme::Tone;
use crate::view::chart::{Chart, Curve, Moment};
use crate::view::marks;
use crate::view::text::clock;

/// Steps after which two samples have a gap between them.
pub(crate) const GAP_STEPS: f64 = 1.6;
/// Refreshes, or steps, without an answer after which a chart is stale.
const STALE: f64 = 3.0;

/// A chart over the model's window, without curves yet.
pub(crate) fn chart<'a>(model: &Model, title: String) -> Chart<'a> {
    Chart {
        title,
        mark: None,
        selected: false,
        unit: None,
        curves: Vec::new(),
        threshold: None,
        range: range(model),
        gap_s: GAP_STEPS * model.window.step().as_secs_f64(),
        hold_s: GAP_STEPS * model.window.step().as_secs_f64() + model.setup.stale_after_s,
        is_live: model.window.end.is_none() && !model.setup.recorded,
        cursor: model.window.cursor,
        moments: moments(model),
        states: None,
        note: None,
        zone: model.setup.zone.clone(),
    }
}

/// The time that every chart shows.
pub(crate) fn range(model: &Model) -> Range {
    model.window.range(model.shown().now)
}

/// The curves of a query's series that have their samples, called by `name`.
pub(crate) fn curves(
    charted: &Charted,
    name: impl Fn(&Labels) -> String,
) -> impl Iterator<Item = Curve<'_>> {
    let whole = charted.series.iter().take(WHOLE_SERIES);
    whole.map(move |series| Curve {
        name: name(&series.labels),
        samples: &series.samples,
    })
}

/// What is to be said about the answers to these queries, of which `most` series can be seen: the
/// worst of it.
pub(crate) fn note(model: &Model, exprs: &[&str], most: usize) -> Option<String> {
    exprs.iter().find_map(|expr| {
        let Some(charted) = model.charts.get(expr) else {
            return Some(tr!("waiting for the first answer").into());
        };
        let now = model.live.now;
        let age_s = charted.at.map(|at| seconds_between(at, now));
        if let Some(refusal) = &charted.refusal {
            let stale = age_s.map_or_else(String::new, |age_s| format!("{}: ", marks::aged(age_s)));
            return Some(format!("{stale}{}", tr!(&refusal.full)));
        }
        let every_s = model.setup.refresh.max(model.window.step()).as_secs_f64();
        let old_s = (STALE * every_s).max(model.setup.stale_after_s);
        if is_of_another_time(model, charted, old_s) {
            return Some(tr!("this time is being asked for").into());
        }
        let (shown, found) = (charted.series.len().min(most), charted.found);
        if found > shown {
            let told = tr!(
                "%{shown} of %{found} series are shown",
                shown = shown,
                found = found
            );
            return Some(told.into());
        }
        age_s
            .filter(|age_s| model.window.end.is_none() && *age_s > old_s)
            .map(|age_s| marks::aged(age_s).into())
            .or_else(|| charted.warnings.first().map(|text| format!("▲ {text}")))
    })
}

/// Whether an answer is of another time than the one that is drawn, which is being asked for: its
/// curves lack a part of it. One that is less than `old_s` behind a clock is of the same time. A
/// recording is not asked again.
fn is_of_another_time(model: &Model, charted: &Charted, old_s: f64) -> bool {
    let Some(asked) = charted.range.filter(|_| !model.setup.recorded) else {
        return false;
    };
    let drawn = range(model);
    let length_s = |range: Range| seconds_between(range.from, range.to);
    // A pan moves by more than this, however rarely is asked.
    let most_s = old_s.min(length_s(drawn) / 8.0);
    let until = model.window.end.or(charted.at).unwrap_or(drawn.to);
    let apart_s = seconds_between(asked.to, until).abs();
    let longer_s = (length_s(asked) - length_s(drawn)).abs();
    apart_s.max(longer_s) > most_s
}

/// When alerts became pending and firing, and when experiments began.
fn moments(model: &Model) -> Vec<Moment> {
    let alerts = model.charts.get(ALERTS_QUERY);
    let alerts = alerts.map(|charted| charted.series.iter().flat_map(starts));
    let data: &Data = model.shown();
    let experiments = data.experiments.iter().flatten().map(|experiment| Moment {
        at: experiment.began,
        glyph: "†",
        tone: Tone::Plain,
    });
    alerts.into_iter().flatten().chain(experiments).collect()
}

/// The beginnings of an alert's state: the first sample after each gap.
fn starts(series: &Series) -> Vec<Moment> {
    let (glyph, tone) = match series.labels.get("alertstate").map(String::as_str) {
        Some("firing") => ("■", Tone::Critical),
        _ => ("◆", Tone::Warning),
    };
    let samples = &series.samples;
    let step_s = samples
        .windows(2)
        .map(|pair| pair[1].at_s - pair[0].at_s)
        .fold(f64::INFINITY, f64::min);
    let mut before_s = f64::NEG_INFINITY;
    let mut found = Vec::new();
    for sample in samples {
        if sample.at_s - before_s > step_s * GAP_STEPS || before_s.is_infinite() {
            let at = jiff::SignedDuration::try_from_secs_f64(sample.at_s);
            let at = at.ok().and_then(|at| Timestamp::from_duration(at).ok());
            found.extend(at.map(|at| Moment { at, glyph, tone }));
        }
        before_s = sample.at_s;
    }
    found
}

/// What the window shows, in words: `last 10m · live`.
pub(crate) fn window(model: &Model) -> String {
    let span = units::prometheus_duration(model.window.span);
    let zone = &model.setup.zone;
    let mut told = match (&model.frozen, model.window.end) {
        (_, None) if model.setup.recorded => {
            vec![tr!("last %{span} of the recording", span = span)]
        }
        (_, None) => vec![tr!("last %{span}", span = span), tr!("live")],
        (frozen, Some(_)) => {
            let until = clock(range(model).to, zone);
            let mut told = vec![tr!("%{span} until %{time}", span = span, time = until)];
            if frozen.is_some() {
                told.push(tr!("frozen"));
            } else {
                let spot = Spot::Screen(model.screen);
                let key = model.setup.keys.told(spot, &[Action::Shift(Shift::Live)]);
                told.extend(key.map(|key| tr!("%{key} goes live", key = key)));
            }
            told
        }
    };
    let cursor = model.window.cursor;
    told.extend(cursor.map(|at| tr!("cursor %{time}", time = clock(at, zone))));
    told.join(" · ")
}
