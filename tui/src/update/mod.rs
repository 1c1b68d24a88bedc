//! The only place that changes the model.

mod click;
mod input;

use jiff::Timestamp;
use voteops_observability::held;
use voteops_observability::prometheus::Sample;
use voteops_observability::snapshot::{AlertStatus, Origin, Reading};
use voteops_observability::units;

use crate::lang::{speaking, tr};
use crate::message::{Answered, Effect, Facts, Message, Refusal};
use crate::model::events;
use crate::model::{Data, Feed, Model, Setup, seconds_between};
use crate::screens::{self, alerts};
use crate::settings::{Event, Outcome, Severity};
use crate::wanted::wanted;

/// Changes the model by what happened and says what has to be done about it.
pub(crate) fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    speaking(model.setup.lang, || change(model, message))
}

fn change(model: &mut Model, message: Message) -> Vec<Effect> {
    match message {
        Message::Now(now) => {
            model.live.now = now;
            Vec::new()
        }
        Message::Input(input) => {
            let effects = input::on_input(model, &input);
            screens::logs::sync(model);
            effects
        }
        Message::Answered(answered) => {
            on_answer(model, answered);
            redraw_if_live(model)
        }
        Message::Filled(histories) => {
            fill(&mut model.live, &histories);
            redraw_if_live(model)
        }
        Message::Charted(expr, answer) => {
            match *answer {
                Ok(charted) => model.charts.answered(expr, charted),
                Err(refusal) => model.charts.failed(expr, refusal),
            }
            // A recording cannot be asked again.
            if !model.setup.recorded {
                model.charts.keep(&wanted(model).charts);
            }
            vec![Effect::Redraw]
        }
        Message::Logs(question, news) => {
            screens::logs::take_in(model, &question, news);
            vec![Effect::Redraw]
        }
        Message::Experiments(experiments) => {
            let before = model.live.experiments.take();
            for event in events::experiment_changes(before.as_deref(), &experiments, model.live.now)
            {
                model.live.events.push(event);
            }
            model.live.experiments = Some(experiments);
            redraw_if_live(model)
        }
        Message::News(event) => {
            model.live.events.push(event);
            redraw_if_live(model)
        }
        Message::Done(at, done) => {
            model.live.events.push(done.event(at));
            redraw_if_live(model)
        }
        Message::Silenced(at, answer) => {
            screens::alerts::silence::answered(model, at, answer);
            vec![Effect::RedrawNow]
        }
        Message::Planned(planned) => {
            screens::chaos::start::planned(model, planned);
            vec![Effect::RedrawNow]
        }
        Message::Running(count) => {
            model.running = count;
            // A question whose reason is gone would take keys unseen.
            if let Some(outcome) = model.asking.take() {
                let is_reasonable = model.leave_question(&outcome).is_some();
                model.asking = Some(outcome).filter(|_| is_reasonable);
            }
            vec![Effect::Redraw]
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

fn on_answer(model: &mut Model, answered: Answered) {
    let (feed, at) = (answered.feed, answered.at);
    match answered.result {
        Ok(facts) => {
            let warnings = take_in(model, facts, at);
            let data = &mut model.live;
            tell_new_warnings(data, feed, at, &warnings);
            let away_since = data.feeds.answered(feed, at, answered.latency, warnings);
            if let Some(since) = away_since {
                tell_back(data, feed, at, since);
            }
        }
        Err(refusal) => {
            let data = &mut model.live;
            tell_lost(data, feed, at, &refusal);
            note_gap(&model.setup, data, feed, at);
            data.feeds.failed(feed, at, refusal, answered.next_try);
            if let Some(origin) = feed.origin() {
                let held = alerts::held(model);
                model.live.alerts.doubt(origin);
                alerts::reselect(model, held.as_ref());
            }
        }
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
            data.thresholds = thresholds;
            let values: Vec<_> = data.readings.iter().map(|r| r.value).collect();
            data.readings = readings(&model.setup, data, &values);
            take_alerts(model, Origin::Prometheus, alerts, at);
            Vec::new()
        }
        Facts::GrafanaRules(alerts) => {
            take_alerts(model, Origin::Grafana, alerts, at);
            Vec::new()
        }
        Facts::Slos(slos) => {
            data.slos = Some(slos);
            Vec::new()
        }
        Facts::Targets(mut targets) => {
            screens::targets::sort(&mut targets);
            data.targets = Some(targets);
            Vec::new()
        }
        Facts::Logs => Vec::new(),
        Facts::Silences(silences) => {
            data.silences = Some(silences);
            Vec::new()
        }
        Facts::Held(held) => {
            data.held = Some(held);
            take_held(model, at);
            Vec::new()
        }
    }
}

/// Takes the rules of an origin into the model, tells what changed, and keeps the selection.
fn take_alerts(model: &mut Model, origin: Origin, alerts: Vec<AlertStatus>, at: Timestamp) {
    let held = alerts::held(model);
    let data = &mut model.live;
    let known = data.alerts.is_known(origin).then(|| data.alerts.every());
    for event in events::changes(known.as_deref(), &alerts, at) {
        data.events.push(event);
    }
    data.alerts.replace(origin, alerts);
    alerts::reselect(model, held.as_ref());
    take_held(model, at);
}

/// Takes into the model which held alerts none of the rules makes, and tells what changed. Before
/// Prometheus told its rules that is not known of any.
fn take_held(model: &mut Model, at: Timestamp) {
    let chosen = alerts::held(model);
    let data = &mut model.live;
    let Some(held) = data
        .held
        .as_ref()
        .filter(|_| data.alerts.is_known(Origin::Prometheus))
    else {
        return;
    };
    let every = data.alerts.every().into_iter();
    let (before, rules): (Vec<_>, Vec<_>) =
        every.partition(|alert| alert.origin == Origin::Alertmanager);
    let without_rule = held::without_rule(held, &rules);
    if without_rule == before {
        return;
    }
    for event in events::held_changes(&before, &without_rule, (held, &rules), at) {
        data.events.push(event);
    }
    data.alerts.hold(without_rule);
    alerts::reselect(model, chosen.as_ref());
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

/// Tells that a question fails, unless that is known, or its whole backend fails.
fn tell_lost(data: &mut Data, feed: Feed, at: Timestamp, refusal: &Refusal) {
    let is_known = data.feeds.is_failing(feed.backend()) || data.feeds.failure(feed).is_some();
    if is_known || !feed.is_news() {
        return;
    }
    data.feeds.tell(feed);
    let name = feed.subject();
    let reason = tr!(&refusal.full);
    let text = if data.feeds.has_answered(feed) {
        tr!(
            "%{backend} lost: %{reason}",
            backend = name,
            reason = reason
        )
    } else {
        tr!(
            "%{backend} cannot be asked: %{reason}",
            backend = name,
            reason = reason
        )
    };
    data.events.push(Event {
        at,
        text: text.into(),
        severity: Severity::Warning,
    });
}

/// Tells that the last of what failed is answered again. Of what failed with its whole backend
/// there was no news.
fn tell_back(data: &mut Data, feed: Feed, at: Timestamp, since: Timestamp) {
    let backend = feed.backend();
    let was_told = data.feeds.take_told(feed) || backend.feeds().contains(&feed);
    if !was_told || data.feeds.is_failing(backend) {
        return;
    }
    let away = units::age(seconds_between(since, at));
    data.events.push(Event {
        at,
        text: tr!(
            "%{backend} is back after %{age}",
            backend = feed.subject(),
            age = away
        )
        .into(),
        severity: Severity::Good,
    });
}

fn tell_new_warnings(data: &mut Data, feed: Feed, at: Timestamp, warnings: &[String]) {
    let known = data.feeds.warnings(feed).to_vec();
    for warning in warnings.iter().filter(|warning| !known.contains(warning)) {
        data.events.push(Event {
            at,
            text: tr!(
                "%{backend} warns: %{warning}",
                backend = feed.backend().name(),
                warning = warning
            )
            .into(),
            severity: Severity::Warning,
        });
    }
}
