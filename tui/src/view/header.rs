//! What is looked at, when, and how each backend answers.

use ratatui::text::{Line, Span};
use voteops_observability::units::{self, Unit};

use crate::lang::tr;
use crate::model::{Backend, Condition, Data, Model};
use crate::theme::{Theme, Tone};
use crate::view::marks::{self, Mark};
use crate::view::text::{clock, cut, flow, line_width, span, width};

/// From this width on, everything stands in one line if it fits. Narrower terminals always have
/// two, so that a latency with one more digit does not move the screen.
const ONE_LINE_COLUMNS: usize = 120;
/// Columns between the parts.
const GAP: usize = 2;

/// The header's lines in `columns`.
pub(crate) fn lines(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let data = model.shown();
    let theme = model.setup.theme;
    let time = time(model);
    let room = columns.saturating_sub(line_width(std::slice::from_ref(&time)) + GAP);
    let title = span(
        cut(&format!("voteops · {}", model.setup.title), room),
        theme.heading(),
    );
    let badges: Vec<_> = model
        .setup
        .backends
        .iter()
        .map(|backend| vec![badge(data, *backend, columns).span(theme)])
        .collect();
    let mut first = vec![title];
    let wanted: usize = badges.iter().map(|badge| line_width(badge) + GAP).sum();
    let used = line_width(&first) + width(&time.content) + GAP;
    if columns >= ONE_LINE_COLUMNS && used + wanted <= columns {
        for badge in badges {
            first.push(Span::raw(" ".repeat(GAP)));
            first.extend(badge);
        }
        return vec![spread(first, time, columns)];
    }
    let mut lines = vec![spread(first, time, columns)];
    lines.extend(flow(badges, columns, GAP));
    lines
}

fn spread(mut spans: Vec<Span<'static>>, end: Span<'static>, columns: usize) -> Line<'static> {
    let room = columns.saturating_sub(line_width(&spans) + width(&end.content));
    spans.push(Span::raw(" ".repeat(room)));
    spans.push(end);
    Line::from(spans)
}

fn time(model: &Model) -> Span<'static> {
    let zone = &model.setup.zone;
    if let Some(frozen) = &model.frozen {
        let told = tr!("FROZEN since %{time}", time = clock(frozen.now, zone));
        return span(format!(" {told} "), Theme::reversed());
    }
    if model.setup.recorded {
        let at = model.live.now.to_zoned(zone.clone());
        let at = at.strftime("%Y-%m-%d %H:%M:%S %Z").to_string();
        let told = format!(" {} ", tr!("RECORDED %{time}", time = at));
        return span(told, Theme::reversed());
    }
    let zoned = model.live.now.to_zoned(zone.clone());
    let told = zoned.strftime("%H:%M:%S %Z").to_string();
    span(told, model.setup.theme.style(Tone::Plain))
}

/// How a backend answers, in at most `columns`.
fn badge(data: &Data, backend: Backend, columns: usize) -> Mark {
    let name = backend.name();
    let condition = data.feeds.backend(backend, data.now);
    let (glyph, tone, parts) = match condition {
        Condition::Connecting => (
            "◌",
            Tone::Dim,
            vec![format!("{name} {}", tr!("connecting"))],
        ),
        Condition::Live {
            age_s,
            latency,
            warnings,
        } => {
            let latency = Unit::Seconds.format(latency.as_secs_f64());
            let told = format!("{name} {} {latency}", units::age(age_s));
            match warnings {
                0 => ("●", Tone::Ok, vec![told]),
                1 => ("▲", Tone::Warning, vec![told, tr!("1 warning").into()]),
                many => {
                    let many = tr!("%{count} warnings", count = many);
                    ("▲", Tone::Warning, vec![told, many.into()])
                }
            }
        }
        Condition::Late { age_s } => {
            let silent = tr!("silent for %{age}", age = units::age(age_s));
            ("◌", Tone::Warning, vec![format!("{name} {silent}")])
        }
        Condition::Failing { failure, age_s } => {
            let mut parts = vec![format!("{name} {}", tr!(&failure.refusal.short))];
            parts.extend(age_s.map(|age_s| marks::aged(age_s).into()));
            parts.extend(failure.next_try.map(|at| {
                let left_s = (-data.age_s(at)).max(0.0).ceil();
                tr!("retry in %{left}", left = units::age(left_s)).into()
            }));
            ("✗", Tone::Critical, parts)
        }
    };
    Mark::new(glyph, fit(parts, columns.saturating_sub(2)), tone)
}

/// Joins the parts, leaving out the ones in the middle that do not fit.
fn fit(mut parts: Vec<String>, columns: usize) -> String {
    while parts.len() > 1 && width(&parts.join(" · ")) > columns {
        parts.remove(1);
    }
    cut(&parts.join(" · "), columns)
}
