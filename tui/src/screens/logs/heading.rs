//! The two lines above the log lines: what is asked for, and how that stands.

use ratatui::text::Line;
use voteops_observability::logs::Way;
use voteops_observability::units;

use super::hints::key;
use super::{Pane, question, selected};
use crate::keys::{Action, Travel};
use crate::lang::tr;
use crate::model::{Model, Screen, seconds_between};
use crate::theme::Tone;
use crate::view::charted;
use crate::view::marks::{self, Mark};
use crate::view::text::{cut, span, width};

/// The source and the query.
pub(super) fn about(model: &Model, source: &str, columns: usize) -> Line<'static> {
    let theme = model.setup.theme;
    let pane = &model.logs_pane;
    let query = if source == "loki" {
        pane.query.to_logql()
    } else {
        toggles(pane)
    };
    let query = if pane.context.is_some() {
        tr!("context of a line in %{query}", query = query).into()
    } else {
        query
    };
    let filter = model.filters.get(&Screen::Logs);
    let filter = filter.map_or_else(String::new, |filter| format!("  /{}", filter.text));
    let window = charted::window(model);
    let told = format!("  {}  {query}{filter}  {window}", tr!(source));
    let heading = span(tr!("Logs"), theme.heading());
    let room = columns.saturating_sub(width(&heading.content));
    Line::from(vec![
        heading,
        span(cut(&told, room), theme.style(Tone::Dim)),
    ])
}

fn toggles(pane: &Pane) -> String {
    let names = [&pane.query.services, &pane.query.instances];
    let names: Vec<_> = names.into_iter().flatten().map(String::as_str).collect();
    let services = if names.is_empty() {
        tr!("all services").into()
    } else {
        names.join(", ")
    };
    let entered = pane.query.entered.clone();
    let least = pane.query.least.map_or_else(String::new, |level| {
        format!(", {}", tr!("%{level} and worse", level = level.word()))
    });
    entered.unwrap_or_else(|| format!("{services}{least}"))
}

/// Whether it follows, what is new, what is found, what is wrong.
pub(super) fn state(model: &Model, columns: usize) -> Line<'static> {
    let theme = model.setup.theme;
    let pane = &model.logs_pane;
    let logs = &model.logs;
    let now = model.live.now;
    let asked = Some(question(model)) == pane.question;
    let mut told = Vec::new();
    let mark = match &logs.failure {
        Some((refusal, next_try)) => {
            let retry = next_try.map_or_else(String::new, |at| {
                let left_s = seconds_between(now, at).max(0.0).ceil();
                format!("{}: ", tr!("retry in %{left}", left = units::age(left_s)))
            });
            let age = logs.answered.map_or_else(String::new, |at| {
                format!("{}, ", marks::aged(seconds_between(at, now)))
            });
            let told = format!("{age}{retry}{}", tr!(&refusal.full));
            Mark::new("✗", told, Tone::Critical)
        }
        None if !logs.loaded || !asked => Mark::new("◌", tr!("asking"), Tone::Dim),
        None if pane.context.is_some() => {
            let told = if let Some(key) = key(model, Action::Back) {
                tr!("context, %{key} goes back", key = key)
            } else {
                tr!("context")
            };
            Mark::new("●", told, Tone::Ok)
        }
        None if model.window.end.is_some() => Mark::new("●", tr!("of the past"), Tone::Plain),
        None if pane.follow => match &logs.way {
            None => Mark::new("●", tr!("following"), Tone::Ok),
            Some(Way::Tail) => Mark::new("●", tr!("following by live tail"), Tone::Ok),
            Some(Way::Polling(why)) => {
                let told = tr!(
                    "following by asking again: no tail, %{reason}",
                    reason = why
                );
                Mark::new("▲", told, Tone::Warning)
            }
        },
        None => Mark::new("▲", stopped(model), Tone::Warning),
    };
    told.push(mark.span(theme));
    let dim = theme.style(Tone::Dim);
    if let Some(search) = logs.search() {
        let number = logs.get(selected(model)).map_or(0, |(number, _)| number);
        let (before, all) = logs.hits(number);
        let at = (before + 1).min(all);
        told.push(span(
            format!("  {:?} {at}/{all}", search.text),
            theme.style(Tone::Plain),
        ));
    }
    let kept = logs.len();
    let all = logs.all().count();
    let lines = if kept < all {
        tr!("%{kept} of %{count} lines", kept = kept, count = all)
    } else {
        tr!("%{count} lines", count = all)
    };
    let dropped = match logs.dropped {
        0 if logs.cut_ns().is_some() => format!(", {}", tr!("older ones not read")),
        0 => String::new(),
        count => format!(", {}", tr!("%{count} older ones dropped", count = count)),
    };
    told.push(span(format!("  {lines}{dropped}"), dim));
    let mut used = 0;
    for part in &mut told {
        let room = columns.saturating_sub(used);
        *part = span(cut(&part.content, room), part.style);
        used += width(&part.content);
    }
    Line::from(told)
}

/// What came since it stopped following, and how it follows again.
fn stopped(model: &Model) -> String {
    let fresh = match model.logs_pane.fresh {
        0 => tr!("nothing new"),
        1 => tr!("1 new line"),
        count => tr!("%{count} new lines", count = count),
    };
    let last = key(model, Action::Travel(Travel::Last));
    let follows = last.map(|key| tr!("%{key} follows", key = key));
    let told: Vec<_> = [tr!("stopped"), fresh].into_iter().chain(follows).collect();
    told.join(", ")
}
