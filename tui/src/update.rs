//! The only place that changes the model.

use crossterm::event::{Event as Input, KeyEvent, KeyEventKind};
use jiff::Timestamp;
use voteops_observability::prometheus::Sample;
use voteops_observability::snapshot::{AlertStatus, Reading};
use voteops_observability::units;

use crate::keys::{self, Action};
use crate::message::{Answered, Effect, Facts, Message, Refusal};
use crate::model::events::{self, same_rule};
use crate::model::{AlertsPane, Data, Feed, Model, Screen, Setup, seconds_between};
use crate::settings::{Event, Outcome, Severity};
use crate::view;

/// Changes the model by what happened and says what has to be done about it.
pub(crate) fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    match message {
        Message::Now(now) => {
            model.live.now = now;
            Vec::new()
        }
        Message::Input(input) => on_input(model, &input),
        Message::Answered(answered) => {
            on_answer(model, answered);
            redraw_if_live(model)
        }
        Message::Filled(histories) => {
            fill(&mut model.live, &histories);
            redraw_if_live(model)
        }
        Message::News(event) => {
            model.live.events.push(event);
            redraw_if_live(model)
        }
        Message::Signal(number) => vec![Effect::Quit(Outcome::Signal(number))],
    }
}

/// A frozen frame does not show what arrives.
fn redraw_if_live(model: &Model) -> Vec<Effect> {
    if model.frozen.is_some() {
        Vec::new()
    } else {
        vec![Effect::Redraw]
    }
}

fn on_input(model: &mut Model, input: &Input) -> Vec<Effect> {
    match input {
        Input::Key(key) if key.kind != KeyEventKind::Release => on_key(model, *key),
        Input::Resize(width, height) => {
            model.size = (*width, *height);
            vec![Effect::RedrawNow]
        }
        _ => Vec::new(),
    }
}

fn on_key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let Some(action) = keys::action(key, model.screen, model.asking) else {
        return Vec::new();
    };
    match action {
        Action::Yes => return vec![Effect::Quit(Outcome::Quit)],
        Action::Quit | Action::Interrupt => {
            if model.asking || model.setup.quit_prompt.is_none() {
                return vec![Effect::Quit(Outcome::Quit)];
            }
            model.asking = true;
        }
        Action::No => model.asking = false,
        Action::Help => model.help = !model.help,
        Action::Freeze => freeze(model),
        Action::Show(screen) => show(model, screen),
        Action::Next => show(model, model.screen.next()),
        Action::Back => back(model),
        Action::Open => {
            model.pane.expanded = !model.alerts().is_empty();
            model.pane.scroll = 0;
        }
        Action::Up => travel(model, |at, _| at.saturating_sub(1)),
        Action::Down => travel(model, |at, _| at + 1),
        Action::PageUp => travel(model, usize::saturating_sub),
        Action::PageDown => travel(model, |at, page| at + page),
        Action::First => travel(model, |_, _| 0),
        Action::Last => travel(model, |_, _| usize::MAX),
    }
    vec![Effect::RedrawNow]
}

fn show(model: &mut Model, screen: Screen) {
    model.help = false;
    model.screen = screen;
}

fn back(model: &mut Model) {
    if model.help {
        model.help = false;
    } else if model.screen == Screen::Alerts && model.pane.expanded {
        model.pane.expanded = false;
        model.pane.scroll = 0;
    } else {
        model.screen = Screen::Overview;
    }
}

fn freeze(model: &mut Model) {
    let before = model.alerts().to_vec();
    model.frozen = match model.frozen.take() {
        Some(_) => None,
        None => Some(Box::new(model.live.clone())),
    };
    let after = model.alerts().to_vec();
    reselect(&mut model.pane, &before, &after);
}

/// Moves the selection, or the details when they take the whole screen.
fn travel(model: &mut Model, to: impl Fn(usize, usize) -> usize) {
    let page = view::page_rows(model).max(1);
    if model.pane.expanded {
        model.pane.scroll = to(model.pane.scroll, page).min(view::last_scroll(model));
    } else {
        let last = model.alerts().len().saturating_sub(1);
        model.pane.selected = to(model.pane.selected, page).min(last);
        model.pane.chosen = model.pane.selected > 0;
    }
}

/// Keeps the rule that the user chose, or reads, selected when the order changes.
fn reselect(pane: &mut AlertsPane, before: &[AlertStatus], after: &[AlertStatus]) {
    let selected = before
        .get(pane.selected)
        .filter(|_| pane.chosen || pane.expanded)
        .and_then(|rule| after.iter().position(|other| same_rule(rule, other)));
    pane.selected = selected.unwrap_or_default();
    pane.expanded &= !after.is_empty();
}

fn on_answer(model: &mut Model, answered: Answered) {
    let backend = answered.feed.backend();
    let was_failing = model.live.feeds.is_failing(backend);
    let away_since = match answered.result {
        Ok(facts) => {
            let warnings = take_in(model, facts, answered.at);
            let data = &mut model.live;
            tell_new_warnings(data, answered.feed, answered.at, &warnings);
            data.feeds
                .answered(answered.feed, answered.at, answered.latency, warnings)
        }
        Err(refusal) => {
            let data = &mut model.live;
            if !was_failing {
                let lost = data.feeds.has_answered(answered.feed);
                tell_lost(data, answered.feed, answered.at, lost, &refusal);
            }
            note_gap(&model.setup, data, answered.feed, answered.at);
            data.feeds
                .failed(answered.feed, answered.at, refusal, answered.next_try);
            None
        }
    };
    if let Some(since) = away_since
        && !model.live.feeds.is_failing(backend)
    {
        let away = units::age(seconds_between(since, answered.at));
        model.live.events.push(Event {
            at: answered.at,
            text: format!("{} is back after {away}", backend.name()),
            severity: Severity::Good,
        });
    }
}

/// Takes the facts of a good answer into the model; gives the warnings that came with them.
fn take_in(model: &mut Model, facts: Facts, at: Timestamp) -> Vec<String> {
    let data = &mut model.live;
    match facts {
        Facts::Signals(values, warnings) => {
            read(&model.setup, data, &values, at);
            warnings
        }
        Facts::Rules(alerts, thresholds) => {
            for event in events::changes(data.alerts.as_deref(), &alerts, at) {
                data.events.push(event);
            }
            data.thresholds = thresholds;
            let values: Vec<_> = data.readings.iter().map(|r| r.value).collect();
            data.readings = readings(&model.setup, data, &values);
            let before = data.alerts.replace(alerts).unwrap_or_default();
            if model.frozen.is_none() {
                let after = data.alerts.as_deref().unwrap_or_default();
                reselect(&mut model.pane, &before, after);
            }
            Vec::new()
        }
        Facts::Held(held) => {
            data.held = Some(held);
            Vec::new()
        }
    }
}

fn read(setup: &Setup, data: &mut Data, values: &[Option<f64>], at: Timestamp) {
    data.readings = readings(setup, data, values);
    for (history, reading) in data.histories.iter_mut().zip(&data.readings) {
        history.push(at, reading.value, setup.history);
    }
}

fn readings(setup: &Setup, data: &Data, values: &[Option<f64>]) -> Vec<Reading> {
    let values = values.iter().copied().chain(std::iter::repeat(None));
    setup
        .signals
        .iter()
        .zip(values)
        .map(|(signal, value)| Reading::new(signal, value, &data.thresholds))
        .collect()
}

/// While nothing is read the histories have a gap, not the last value.
fn note_gap(setup: &Setup, data: &mut Data, feed: Feed, at: Timestamp) {
    if feed == Feed::Signals {
        for history in &mut data.histories {
            history.push(at, None, setup.history);
        }
    }
}

fn fill(data: &mut Data, filled: &[Vec<Sample>]) {
    for (history, samples) in data.histories.iter_mut().zip(filled) {
        history.fill(samples);
    }
}

fn tell_lost(data: &mut Data, feed: Feed, at: Timestamp, lost: bool, refusal: &Refusal) {
    let name = feed.backend().name();
    let what = if lost { "lost" } else { "cannot be asked" };
    data.events.push(Event {
        at,
        text: format!("{name} {what}: {}", refusal.full),
        severity: Severity::Warning,
    });
}

fn tell_new_warnings(data: &mut Data, feed: Feed, at: Timestamp, warnings: &[String]) {
    let known = data.feeds.warnings(feed).to_vec();
    for warning in warnings.iter().filter(|warning| !known.contains(warning)) {
        data.events.push(Event {
            at,
            text: format!("{} warns: {warning}", feed.backend().name()),
            severity: Severity::Warning,
        });
    }
}
