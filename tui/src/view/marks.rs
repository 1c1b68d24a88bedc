//! What a state is told with: a glyph and a word, and a tone that repeats them.

use std::borrow::Cow;

use ratatui::style::{Modifier, Style};
use ratatui::text::Span;
use voteops_observability::prometheus::AlertState;
use voteops_observability::promql::Comparison;
use voteops_observability::signals::{SignalState, Threshold};
use voteops_observability::snapshot::{AlertStatus, Origin, Reading};
use voteops_observability::units::{self, Unit};

use crate::lang::tr;
use crate::model::{Condition, Data, Feed};
use crate::theme::{Theme, Tone};
use crate::view::text::{countdown, cut, left, span, width};

/// Columns of the longest mark, `◆ PENDING 59:59`, in every language.
pub(crate) const MARK_COLUMNS: usize = 15;

/// Columns of a rule's name without which its origin says nothing.
const MIN_NAME: usize = 6;

/// A glyph with a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Tells states apart without colour.
    pub(crate) glyph: &'static str,
    /// Says the state.
    pub(crate) text: String,
    /// Repeats it.
    pub(crate) tone: Tone,
    /// Whether it may no longer hold.
    pub(crate) old: bool,
}

impl Mark {
    /// A mark that holds now.
    pub(crate) fn new(glyph: &'static str, text: impl Into<String>, tone: Tone) -> Self {
        Self {
            glyph,
            text: text.into(),
            tone,
            old: false,
        }
    }

    /// The mark's style.
    pub(crate) fn style(&self, theme: Theme) -> Style {
        dimmed(theme.style(self.tone), self.old)
    }

    /// Glyph and text.
    pub(crate) fn told(&self) -> String {
        format!("{} {}", self.glyph, self.text)
    }

    /// Glyph and text in exactly `columns`.
    pub(crate) fn cell(&self, theme: Theme, columns: usize) -> Span<'static> {
        span(left(&self.told(), columns), self.style(theme))
    }

    /// Glyph and text.
    pub(crate) fn span(&self, theme: Theme) -> Span<'static> {
        span(self.told(), self.style(theme))
    }
}

/// A style for what may no longer hold.
pub(crate) fn dimmed(style: Style, old: bool) -> Style {
    if old {
        style
            .remove_modifier(Modifier::BOLD)
            .add_modifier(Modifier::DIM)
    } else {
        style
    }
}

/// The state of a signal: its alert's when that is pending or firing, else its own.
pub(crate) fn of_signal(data: &Data, reading: &Reading) -> Mark {
    if let Some(alert) = data.alert_of(reading)
        && matches!(alert.state, AlertState::Firing | AlertState::Pending)
    {
        return of_alert(data, alert);
    }
    if !data.feeds.has_answered(Feed::Signals) {
        return match data.feeds.condition(Feed::Signals, data.now) {
            Condition::Failing { .. } => Mark::new("✗", tr!("cannot ask"), Tone::Dim),
            _ => Mark::new("◌", tr!("connecting"), Tone::Dim),
        };
    }
    if let Some(age_s) = data.feeds.stale_s(Feed::Signals, data.now) {
        return stale(age_s);
    }
    match reading.state {
        SignalState::Ok => Mark::new("●", tr!("ok"), Tone::Ok),
        SignalState::Breached => Mark::new("▲", breach(reading.threshold), Tone::Warning),
        SignalState::Unjudged => unjudged(data, reading),
        SignalState::Missing => Mark::new("◌", tr!("no data"), Tone::Dim),
    }
}

/// The state of a signal whose limit is not known: as its rule has it, where that is told.
fn unjudged(data: &Data, reading: &Reading) -> Mark {
    match data.alert_of(reading) {
        Some(alert) => of_alert(data, alert),
        None if data.alerts.is_known(Origin::Prometheus) => {
            Mark::new("◌", tr!("no rule"), Tone::Dim)
        }
        None => Mark::new("◌", tr!("limit unknown"), Tone::Dim),
    }
}

fn breach(threshold: Option<Threshold>) -> Cow<'static, str> {
    match threshold.map(|limit| limit.comparison) {
        Some(Comparison::Above | Comparison::AtLeast) => tr!("over"),
        Some(Comparison::Below | Comparison::AtMost) => tr!("under"),
        _ => tr!("breached"),
    }
}

/// Whether a rule's state is too old to be called live: as who evaluates it was last asked.
pub(crate) fn is_old(data: &Data, alert: &AlertStatus) -> bool {
    let feed = Feed::of_rules(alert.origin);
    data.feeds.stale_s(feed, data.now).is_some()
}

/// The state of an alert with the time that matters: until it fires, or since it does.
pub(crate) fn of_alert(data: &Data, alert: &AlertStatus) -> Mark {
    let feed = Feed::of_rules(alert.origin);
    if let Some(age_s) = data.feeds.stale_s(feed, data.now) {
        let (glyph, text, tone) = match alert.state {
            AlertState::Firing if alert.is_heartbeat() => return stale(age_s),
            AlertState::Firing => ("■", tr!("was FIRING"), Tone::Critical),
            AlertState::Pending => ("◆", tr!("was PENDING"), Tone::Warning),
            AlertState::Inactive | AlertState::Unknown => return stale(age_s),
        };
        return Mark {
            old: true,
            ..Mark::new(glyph, text, tone)
        };
    }
    match alert.state {
        AlertState::Firing if alert.is_heartbeat() => Mark::new("●", tr!("beating"), Tone::Ok),
        AlertState::Inactive if alert.is_heartbeat() => {
            Mark::new("▲", tr!("silent"), Tone::Warning)
        }
        AlertState::Firing => {
            let since = alert.since.map(|at| units::age(data.age_s(at)));
            Mark::new("■", worded(&tr!("FIRING"), since), Tone::Critical)
        }
        AlertState::Pending => {
            let left = alert.fires_at.map(|at| countdown(-data.age_s(at)));
            Mark::new("◆", worded(&tr!("PENDING"), left), Tone::Warning)
        }
        _ if alert.error.is_some() => Mark::new("✗", tr!("rule error"), Tone::Warning),
        AlertState::Inactive => Mark::new("●", tr!("ok"), Tone::Ok),
        AlertState::Unknown => Mark::new("◌", tr!("unknown"), Tone::Dim),
    }
}

fn worded(word: &str, time: Option<String>) -> String {
    time.map_or_else(|| word.to_owned(), |time| format!("{word} {time}"))
}

/// A value that is too old to be called live.
pub(crate) fn stale(age_s: f64) -> Mark {
    Mark {
        old: true,
        ..Mark::new("◌", aged(age_s), Tone::Dim)
    }
}

/// That something is this old, in seconds, and no longer live.
pub(crate) fn aged(age_s: f64) -> Cow<'static, str> {
    tr!("stale %{age}", age = units::age(age_s))
}

/// `> 300ms`: when the alert's condition holds. Up and down stay: Prometheus calls it so.
pub(crate) fn limit(threshold: Threshold, unit: Option<Unit>) -> String {
    let value = match unit {
        Some(Unit::Up) if threshold.comparison == Comparison::Below => return "down".into(),
        Some(Unit::Up) | None => number(threshold.value),
        Some(unit) => unit.format(threshold.value),
    };
    format!("{} {value}", threshold.comparison.symbol())
}

/// A value in its unit, or as a bare number where the unit is not known.
pub(crate) fn value(value: Option<f64>, unit: Option<Unit>) -> String {
    let value = value.unwrap_or(f64::NAN);
    unit.map_or_else(|| number(value), |unit| unit.format(value))
}

/// A number without a unit; small ones keep three digits that say something.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.1 {
        let digits = if value.abs() < 0.001 { 6 } else { 4 };
        format!("{value:.digits$}")
    } else if value.abs() < 10.0 && value.fract() != 0.0 {
        format!("{value:.2}")
    } else {
        Unit::Count.format(value)
    }
}

/// A rule's name, with who evaluates it where that is not Prometheus alone.
pub(crate) fn full_name(data: &Data, alert: &AlertStatus) -> String {
    data.alerts.full_name(alert)
}

/// A rule's name in at most `columns`, with who evaluates it where that is not Prometheus alone: of a
/// name that is too long its end gives way.
pub(crate) fn rule_name(data: &Data, alert: &AlertStatus, columns: usize) -> String {
    let full = full_name(data, alert);
    let origin = full.strip_prefix(&alert.name).unwrap_or_default();
    let room = columns.saturating_sub(width(origin));
    if room < MIN_NAME {
        return cut(&full, columns);
    }
    cut(&alert.name, room) + origin
}

/// The unit of the signal that an alert is about.
pub(crate) fn unit_of(data: &Data, alert: &AlertStatus) -> Option<Unit> {
    data.reading_of(alert).map(|reading| reading.unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Facts;
    use crate::model::Model;
    use crate::tests::fixtures::{WELL, answered, connecting, inactive, refusal, rules};
    use crate::update::update;

    /// The marks of the signals that an alert is about.
    fn told(model: &Model) -> Vec<String> {
        let data = &model.live;
        let judged = data
            .readings
            .iter()
            .filter(|reading| reading.alert.is_some());
        let marks = judged.map(|reading| of_signal(data, reading));
        assert!(
            marks
                .clone()
                .all(|mark| mark.tone == Tone::Dim || mark.text == "ok")
        );
        let mut told: Vec<_> = marks.map(|mark| mark.told()).collect();
        told.sort();
        told.dedup();
        told
    }

    #[test]
    fn a_signal_whose_limit_is_not_known_is_not_ok() {
        let mut model = connecting();
        let signals = Facts::Signals(WELL.to_vec(), Vec::new());
        update(&mut model, answered(Feed::Signals, 0, Ok(signals)));
        assert_eq!(told(&model), ["◌ limit unknown"]);
        update(&mut model, answered(Feed::Rules, 0, Err(refusal())));
        assert_eq!(told(&model), ["◌ limit unknown"]);
        update(&mut model, answered(Feed::Rules, 0, Ok(rules(Vec::new()))));
        assert_eq!(told(&model), ["◌ no rule"]);
        // A rule that compares with no number says itself how it stands.
        let without = inactive().into_iter().map(|alert| AlertStatus {
            threshold: None,
            ..alert
        });
        let without = rules(without.collect());
        update(&mut model, answered(Feed::Rules, 0, Ok(without)));
        assert_eq!(told(&model), ["● ok"]);
        update(&mut model, answered(Feed::Rules, 0, Ok(rules(inactive()))));
        assert_eq!(told(&model), ["● ok"]);
    }
}
