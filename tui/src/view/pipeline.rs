//! The way of a vote, drawn as a flow with rates on its edges, and where the queue is heading.

use std::borrow::Cow;

use ratatui::text::{Line, Span};
use voteops_observability::prometheus::AlertState;
use voteops_observability::signals::{Component, SignalState};
use voteops_observability::units::{self, Unit};

use crate::lang::tr;
use crate::model::forecast::{Trend, trend};
use crate::model::{Data, Feed, Model};
use crate::theme::Tone;
use crate::view::marks::{self, Mark, dimmed};
use crate::view::slo;
use crate::view::text::{cut, flow, span};

const ACCEPTED: &str = "vote_app.traffic";
const RECORDED: &str = "worker.throughput";
const VOTE_APPS: &str = "vote_app.instances";
const WORKERS: &str = "worker.instances";
const QUEUE: &str = "worker.queue_length";

/// On narrower terminals the ledger, of which nothing is told, would take a line of its own.
const LEDGER_COLUMNS: usize = 60;

/// Lines about queue and objectives: what does not fit beside the queue is left out.
const ABOUT_LINES: usize = 1;

/// The flow in as many lines as it needs, and one line about the queue.
pub(crate) fn lines(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let data = model.shown();
    let theme = model.setup.theme;
    let stale_s = data.feeds.stale_s(Feed::Signals, data.now);
    let old = stale_s.is_some();
    let node = |mark: &Mark| {
        let style = dimmed(mark.style(theme), old);
        let told = if mark.glyph.is_empty() {
            mark.text.clone()
        } else {
            mark.told()
        };
        span(told, style)
    };
    let edge = |id: Option<&str>| {
        let label = id.map_or_else(String::new, |id| {
            format!("─{}", known(number(data, id), Unit::PerSecond, "?/s"))
        });
        span(format!("{label}→ "), theme.style(Tone::Dim))
    };
    let vote_apps = instances(model, data, "vote-app", VOTE_APPS, Component::VoteApp);
    let workers = instances(model, data, "worker", WORKERS, Component::Worker);
    let mut groups = vec![
        vec![span(tr!("voters"), dimmed(theme.style(Tone::Plain), old))],
        vec![edge(Some(ACCEPTED)), node(&vote_apps)],
        vec![edge(Some(ACCEPTED)), node(&queue(data))],
        vec![edge(Some(RECORDED)), node(&workers)],
    ];
    if columns >= LEDGER_COLUMNS {
        let ledger = span(tr!("ledger"), dimmed(theme.style(Tone::Plain), old));
        groups.push(vec![edge(None), ledger]);
    }
    let mut lines = flow(groups, columns, 1);
    let mut about = vec![span(
        cut(&heading(model, data), columns),
        theme.style(Tone::Dim),
    )];
    if let Some(age_s) = stale_s {
        about.push(Span::raw("  "));
        about.push(marks::stale(age_s).span(theme));
    }
    let mut groups = vec![about];
    groups.extend(slo::short(model));
    lines.extend(flow(groups, columns, 2).into_iter().take(ABOUT_LINES));
    lines
}

fn number(data: &Data, id: &str) -> f64 {
    data.signal(id)
        .and_then(|(reading, _)| reading.value)
        .unwrap_or(f64::NAN)
}

/// A dash beside the lines of the flow would not be seen: what is missing is a question mark.
fn known(value: f64, unit: Unit, missing: &str) -> String {
    if value.is_nan() {
        missing.to_owned()
    } else {
        unit.format(value)
    }
}

/// `vote-app 2/2`, marked when fewer are up than expected.
fn instances(model: &Model, data: &Data, name: &str, id: &str, component: Component) -> Mark {
    let up = number(data, id);
    let told = known(up, Unit::Count, "?");
    let Some(expected) = model.setup.expected(component) else {
        return Mark::new("", format!("{name} {told}"), Tone::Plain);
    };
    let text = format!("{name} {told}/{expected}");
    let enough = u32::try_from(expected).is_ok_and(|expected| up >= f64::from(expected));
    if enough || up.is_nan() {
        Mark::new("", text, Tone::Plain)
    } else if up > 0.0 {
        Mark::new("▲", text, Tone::Warning)
    } else {
        Mark::new("■", text, Tone::Critical)
    }
}

/// `queue 12`, marked when it is over its threshold or its alert fires.
fn queue(data: &Data) -> Mark {
    let Some((reading, _)) = data.signal(QUEUE) else {
        return Mark::new("", tr!("queue %{length}", length = "?"), Tone::Plain);
    };
    let length = known(reading.value.unwrap_or(f64::NAN), reading.unit, "?");
    let text = tr!("queue %{length}", length = length);
    let firing = data
        .alert_of(reading)
        .is_some_and(|alert| alert.state == AlertState::Firing);
    if firing {
        Mark::new("■", text, Tone::Critical)
    } else if reading.state == SignalState::Breached {
        Mark::new("▲", text, Tone::Warning)
    } else {
        Mark::new("", text, Tone::Plain)
    }
}

/// Where the queue is heading, in words.
fn heading(model: &Model, data: &Data) -> Cow<'static, str> {
    let Some((reading, history)) = data.signal(QUEUE) else {
        return Cow::Borrowed("");
    };
    let rate = |per_s: f64| Unit::PerSecond.format(per_s.abs());
    let trend = trend(reading.value, history, reading.threshold, model.setup.trend);
    match trend {
        Trend::Unknown => tr!("queue: trend not known yet"),
        Trend::Steady { net_per_s } => {
            let sign = sign(net_per_s);
            let net = format!("{sign}{}", rate(net_per_s));
            tr!("queue steady, net %{rate}", rate = net)
        }
        Trend::Growing {
            net_per_s,
            threshold: Some((value, in_s)),
        } => tr!(
            "queue grows %{rate}, reaches %{limit} in %{left}",
            rate = rate(net_per_s),
            limit = reading.unit.format(value),
            left = units::age(in_s)
        ),
        Trend::Growing {
            net_per_s,
            threshold: None,
        } => tr!("queue grows %{rate}", rate = rate(net_per_s)),
        Trend::Draining {
            net_per_s,
            empty_in_s,
        } => tr!(
            "queue drains %{rate}, empty in %{left}",
            rate = rate(net_per_s),
            left = units::age(empty_in_s)
        ),
    }
}

/// None for what is shown as nothing.
fn sign(per_s: f64) -> &'static str {
    match per_s {
        _ if per_s.abs() < 0.05 => "",
        _ if per_s < 0.0 => "-",
        _ => "+",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_as_nothing_has_no_sign() {
        for (per_s, shown) in [
            (-0.06_f64, "-0.1/s"),
            (-0.04, "0.0/s"),
            (0.0, "0/s"),
            (0.04, "0.0/s"),
            (0.06, "+0.1/s"),
        ] {
            let rate = Unit::PerSecond.format(per_s.abs());
            assert_eq!(format!("{}{rate}", sign(per_s)), shown);
        }
    }
}
