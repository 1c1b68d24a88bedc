//! Silences: the form that makes one, and the list of those there are. Nothing is sent before a
//! question was answered with yes.

mod problem;
mod view;

use std::time::Duration;

use crossterm::event::{Event as Input, KeyCode, KeyEvent};
use jiff::{SignedDuration, Timestamp};
use tui_input::backend::crossterm::EventHandler;
use voteops_observability::alertmanager::HeldAlert;
use voteops_observability::alertmanager::silences::{
    self, Matcher, NewSilence, Silence, SilenceState,
};
use voteops_observability::snapshot::{AlertStatus, Origin};
use voteops_observability::units;

use crate::deeds::Deed;
use crate::done::Silenced;
use crate::keys::{Action, Binding, Key, Place, Spot, bind, char, ctrl, key};
use crate::lang::{en, tr};
use crate::message::Effect;
use crate::model::{Backend, Model};
use crate::settings::{Event, Severity};

pub(crate) use view::{draw, until};

/// The fields of the form, in their order.
const FIELDS: [&str; 4] = [en!("matchers"), en!("for"), en!("by"), en!("because")];
/// How long a silence lasts unless something else is written.
const USUAL: &str = "2h";
/// Labels that describe an alert but do not tell it from others.
const DESCRIBING: [&str; 2] = ["severity", "component"];

/// Sends the form from every field.
const SEND: Key = ctrl('s');

/// The keys of the list. The form is typed into, so its keys are always the same.
#[rustfmt::skip]
pub(crate) const KEYS: &[Binding] = &[
    bind("silences.expire", &[char('x'), key(KeyCode::Enter)], Action::Alerts(super::Action::Expire), Place::Silences, "expire the silence", ""),
    bind("silences.close", &[char('S')], Action::Alerts(super::Action::Silences), Place::Silences, "back to the alerts", ""),
];

/// What lies over the alerts.
#[derive(Debug, Clone, Default)]
pub(crate) enum Silencing {
    /// Nothing.
    #[default]
    Closed,
    /// The form of a new silence.
    Form(Box<Form>),
    /// The silences there are.
    List(List),
}

impl Silencing {
    /// Where its keys are looked up; `None` while nothing lies over the alerts.
    pub(crate) fn spot(&self) -> Option<Spot> {
        match self {
            Self::Closed => None,
            Self::List(list) if list.stage != Stage::Asking => Some(Spot::Silences),
            Self::Form(_) | Self::List(_) => Some(Spot::Confirm),
        }
    }

    /// Whether a key is a letter of what is being written, unless Ctrl is held.
    fn is_writing(&self) -> bool {
        matches!(self, Self::Form(form) if form.stage == Stage::Writing)
    }
}

/// A silence that is being written.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    fields: [tui_input::Input; 4],
    at: usize,
    stage: Stage,
    problem: Option<String>,
}

/// How far the form or the list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Something can be changed.
    Writing,
    /// The question is open.
    Asking,
    /// It was sent, and not answered yet.
    Sent,
}

/// The list of silences.
#[derive(Debug, Clone)]
pub(crate) struct List {
    selected: usize,
    stage: Stage,
    problem: Option<String>,
}

/// Opens the form for the selected alert.
pub(super) fn open_form(model: &mut Model) {
    let selected = super::selected(model);
    let managed = selected.filter(|alert| alert.origin == Origin::Grafana);
    if let Some(why) = managed
        .map(|_| in_grafana(model))
        .or_else(|| hindered(model))
    {
        model.notice = Some(why);
        return;
    }
    let Some(alert) = selected else {
        return;
    };
    let matchers: Vec<_> = identifying(alert).iter().map(ToString::to_string).collect();
    let texts = [
        matchers.join(", "),
        USUAL.into(),
        model.setup.user.clone(),
        String::new(),
    ];
    model.silencing = Silencing::Form(Box::new(Form {
        fields: texts.map(tui_input::Input::new),
        // The reason is what nobody else can write.
        at: FIELDS.len() - 1,
        stage: Stage::Writing,
        problem: None,
    }));
}

/// Opens the list.
pub(super) fn open_list(model: &mut Model) {
    if !model.setup.backends.contains(&Backend::Alertmanager) {
        model.notice = hindered(model);
        return;
    }
    model.silencing = Silencing::List(List {
        selected: 0,
        stage: Stage::Writing,
        problem: None,
    });
}

/// Why nothing can be silenced from here.
fn hindered(model: &Model) -> Option<String> {
    let setup = &model.setup;
    if !setup.recorded && !setup.backends.contains(&Backend::Alertmanager) {
        return Some(tr!("no Alertmanager is asked: name one with --alertmanager").into());
    }
    setup.unchangeable()
}

/// Where the alerts that Grafana evaluates are silenced.
fn in_grafana(model: &Model) -> String {
    let address = model.setup.address(Backend::Grafana).unwrap_or("GRAFANA/");
    let url = format!("{address}alerting/silences");
    tr!(
        "grafana's alerts are silenced in Grafana: %{url}",
        url = url
    )
    .into()
}

/// The matchers that tell the alert from others.
fn identifying(alert: &AlertStatus) -> Vec<Matcher> {
    let name = Matcher::equal("alertname", &alert.name);
    let others = alert
        .labels
        .iter()
        .filter(|(label, _)| *label != "alertname" && !DESCRIBING.contains(&label.as_str()));
    let others = others.map(|(label, value)| Matcher::equal(label, value));
    std::iter::once(name).chain(others).collect()
}

/// Takes a key while something lies over the alerts; `None` leaves it to the key map.
pub(crate) fn on_key(model: &mut Model, event: KeyEvent) -> Option<Vec<Effect>> {
    let action = model.setup.keys.action(event, model.silencing.spot()?);
    let pressed = Key::from(event);
    if matches!(action, Some(Action::Interrupt | Action::Suspend))
        && (!model.silencing.is_writing() || pressed.has_ctrl() && pressed != SEND)
    {
        return None;
    }
    match std::mem::take(&mut model.silencing) {
        Silencing::Closed => None,
        Silencing::Form(form) if form.stage == Stage::Writing => Some(on_typed(model, form, event)),
        Silencing::Form(form) => Some(on_form_key(model, form, event, action)),
        Silencing::List(list) => on_list_key(model, list, action),
    }
}

fn on_typed(model: &mut Model, mut form: Box<Form>, event: KeyEvent) -> Vec<Effect> {
    let effects = vec![Effect::RedrawNow];
    match event.code {
        KeyCode::Esc => return effects,
        KeyCode::Tab | KeyCode::Down => form.step(1),
        KeyCode::BackTab | KeyCode::Up => form.step(FIELDS.len() - 1),
        KeyCode::Enter if form.at + 1 < FIELDS.len() => form.step(1),
        KeyCode::Enter => form.ask(model),
        _ if Key::from(event) == SEND => form.ask(model),
        _ => {
            form.fields[form.at].handle_event(&Input::Key(event));
            form.problem = None;
        }
    }
    model.silencing = Silencing::Form(form);
    effects
}

/// Takes a key while the question is open, or the answer awaited.
fn on_form_key(
    model: &mut Model,
    mut form: Box<Form>,
    event: KeyEvent,
    action: Option<Action>,
) -> Vec<Effect> {
    let mut effects = vec![Effect::RedrawNow];
    match (form.stage, action) {
        (Stage::Asking, Some(Action::Confirm)) => match form.silence(model) {
            Ok(silence) => {
                form.stage = Stage::Sent;
                effects.push(Effect::Do(Deed::Silence(silence)));
            }
            Err(problem) => form.refuse(problem),
        },
        (Stage::Asking, Some(Action::Decline)) => form.stage = Stage::Writing,
        // What was sent cannot be taken back by leaving, only by expiring it.
        (Stage::Sent, _) if event.code == KeyCode::Esc => return effects,
        _ => {}
    }
    model.silencing = Silencing::Form(form);
    effects
}

fn on_list_key(model: &mut Model, mut list: List, action: Option<Action>) -> Option<Vec<Effect>> {
    let mut effects = vec![Effect::RedrawNow];
    let ids: Vec<_> = shown(model)
        .iter()
        .map(|silence| silence.id.clone())
        .collect();
    let bottom = ids.len().saturating_sub(1);
    list.selected = list.selected.min(bottom);
    match (list.stage, action) {
        (Stage::Asking, Some(Action::Confirm)) => {
            list.stage = Stage::Sent;
            if let Some(id) = ids.get(list.selected) {
                effects.push(Effect::Do(Deed::Expire(id.clone())));
            }
        }
        (Stage::Asking, Some(Action::Decline)) => list.stage = Stage::Writing,
        (Stage::Asking, _) => {}
        (_, Some(Action::Back | Action::Alerts(super::Action::Silences))) => return Some(effects),
        (_, Some(Action::Travel(step))) => {
            let page = usize::from(model.size.1) / 2;
            list.selected = step.from(list.selected, page, bottom);
        }
        (Stage::Writing, Some(Action::Alerts(super::Action::Expire))) => {
            ask_to_expire(model, &mut list);
        }
        _ => {
            model.silencing = Silencing::List(list);
            return None;
        }
    }
    model.silencing = Silencing::List(list);
    Some(effects)
}

fn ask_to_expire(model: &Model, list: &mut List) {
    let selected = shown(model)
        .get(list.selected)
        .map(|silence| silence.status.state);
    list.problem = match selected {
        _ if model.setup.read_only => hindered(model),
        None => Some(tr!("there is nothing to expire").into()),
        Some(SilenceState::Expired) => Some(tr!("it is over already").into()),
        Some(_) => {
            list.stage = Stage::Asking;
            None
        }
    };
}

/// The silences, those in force first, each kind by its end.
fn shown(model: &Model) -> Vec<&Silence> {
    let mut all: Vec<_> = model.shown().silences.iter().flatten().collect();
    all.sort_by_key(|silence| {
        let over = silence.status.state == SilenceState::Expired;
        let end = silence.ends_at.as_nanosecond();
        // Of those that are over the latest comes first.
        (silence.status.state, if over { -end } else { end })
    });
    all
}

/// Takes the answer to a deed: what came of it, or why not. It is among the events too.
pub(crate) fn answered(model: &mut Model, at: Timestamp, answer: Result<Silenced, String>) {
    let answer = answer
        .map(|silenced| silenced.told().into_owned())
        .map_err(|problem| tr!(&problem).into_owned());
    let (text, severity) = match &answer {
        Ok(told) => (told.clone(), Severity::Info),
        Err(problem) => (problem.clone(), Severity::Warning),
    };
    model.live.events.push(Event { at, text, severity });
    match (&mut model.silencing, answer) {
        (Silencing::Form(form), Err(problem)) if form.stage == Stage::Sent => form.refuse(problem),
        (Silencing::List(list), Err(problem)) => {
            list.stage = Stage::Writing;
            list.problem = Some(problem);
        }
        (Silencing::List(list), Ok(_)) => {
            list.stage = Stage::Writing;
            list.problem = None;
        }
        (silencing, Ok(told)) => {
            *silencing = Silencing::Closed;
            model.notice = Some(told);
        }
        (_, Err(problem)) => model.notice = Some(problem),
    }
}

impl Form {
    fn step(&mut self, by: usize) {
        self.at = (self.at + by) % FIELDS.len();
    }

    fn text(&self, field: usize) -> &str {
        self.fields[field].value().trim()
    }

    fn matchers(&self) -> Result<Vec<Matcher>, String> {
        silences::parse(self.text(0)).map_err(|error| problem::told(&error))
    }

    fn length(&self) -> Result<Duration, String> {
        let text = self.text(1);
        let length = units::parse_duration(text).map_err(|_| {
            let text = format!("{text:?}");
            tr!("for: %{text} is no duration such as 2h or 30m", text = text)
        })?;
        if length.is_zero() {
            return Err(tr!("for: a silence of no length silences nothing").into());
        }
        Ok(length)
    }

    /// The silence that is written.
    fn silence(&self, model: &Model) -> Result<NewSilence, String> {
        let starts_at = model.live.now;
        let length = SignedDuration::try_from(self.length()?);
        let ends_at = length
            .ok()
            .and_then(|length| starts_at.checked_add(length).ok());
        let silence = NewSilence {
            matchers: self.matchers()?,
            starts_at,
            ends_at: ends_at.ok_or_else(|| tr!("for: so long lasts no calendar"))?,
            created_by: self.text(2).into(),
            comment: self.text(3).into(),
        };
        if silence.created_by.is_empty() {
            return Err(tr!("by: write who silences").into());
        }
        if silence.comment.is_empty() {
            return Err(tr!("because: write why; whoever wonders will read it").into());
        }
        Ok(silence)
    }

    fn ask(&mut self, model: &Model) {
        match self.silence(model) {
            Ok(_) => {
                self.stage = Stage::Asking;
                self.problem = None;
            }
            Err(problem) => self.refuse(problem),
        }
    }

    fn refuse(&mut self, problem: String) {
        self.stage = Stage::Writing;
        self.problem = Some(problem);
    }

    /// The alerts that it matches now.
    fn matched<'a>(&self, held: &'a [HeldAlert]) -> Result<Vec<&'a HeldAlert>, String> {
        let matchers = self.matchers()?;
        let found = held
            .iter()
            .filter(|alert| silences::matches(&matchers, &alert.labels));
        Ok(found.collect())
    }
}

#[cfg(test)]
pub(crate) mod tests;
