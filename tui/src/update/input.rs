//! What keys and the mouse do.

use crossterm::event::{Event as Input, KeyEvent, KeyEventKind, MouseButton, MouseEventKind};

use super::click::on_click;
use crate::commands::{self, Order};
use crate::deeds::Deed;
use crate::kept::Kept;
use crate::keys::{Action, Spot, Travel};
use crate::lang::tr;
use crate::message::Effect;
use crate::model::prompt::{Filter, Prompt, Purpose, Typed};
use crate::model::window::Shift;
use crate::model::{Model, Screen};
use crate::screens::{self, alerts};
use crate::settings::Outcome;
use crate::view;

/// Commands that are remembered.
const REMEMBERED: usize = 100;

/// Takes what the user did.
pub(super) fn on_input(model: &mut Model, input: &Input) -> Vec<Effect> {
    match input {
        Input::Key(key) if key.kind != KeyEventKind::Release => on_key(model, *key),
        Input::Resize(width, height) => {
            model.size = (*width, *height);
            vec![Effect::RedrawNow]
        }
        Input::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollDown => drawn(model, |m| travel(m, Travel::Down)),
            MouseEventKind::ScrollUp => drawn(model, |m| travel(m, Travel::Up)),
            MouseEventKind::Down(MouseButton::Left) => on_click(model, (mouse.column, mouse.row)),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

pub(super) fn drawn(model: &mut Model, change: impl FnOnce(&mut Model)) -> Vec<Effect> {
    change(model);
    vec![Effect::RedrawNow]
}

fn on_key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    if model.prompt.is_some() && model.asking.is_none() {
        return on_typed(model, key);
    }
    if model.asking.is_none()
        && !model.help
        && let Some(effects) = screens::on_key(model, key)
    {
        return effects;
    }
    match model.setup.keys.action(key, spot(model)) {
        Some(action) => act(model, action),
        None => Vec::new(),
    }
}

/// Where the next key is pressed.
fn spot(model: &Model) -> Spot {
    if model.asking.is_some() {
        return Spot::Question;
    }
    let over = screens::spot(model).filter(|_| !model.help);
    over.unwrap_or(Spot::Screen(model.screen))
}

/// Does what an action asks for, and draws.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    // Nothing is done to what the help hides.
    if model.help && action.is_of_screen() {
        return Vec::new();
    }
    model.notice = None;
    let mut effects = Vec::new();
    match action {
        Action::Yes => {
            let outcome = model.asking.take().unwrap_or(Outcome::Quit);
            return vec![Effect::Quit(outcome)];
        }
        Action::Quit | Action::Interrupt => return quit(model),
        Action::Suspend => return vec![Effect::Suspend],
        Action::No => model.asking = None,
        // Who asks takes the answer before.
        Action::Confirm | Action::Decline => {}
        Action::Help => {
            model.help_scroll = 0;
            model.help = !model.help;
        }
        Action::Freeze => freeze(model),
        Action::Show(screen) => show(model, screen),
        Action::Next => show(model, model.screen.next()),
        Action::Previous => show(model, model.screen.previous()),
        Action::Back => back(model),
        Action::Travel(step) => travel(model, step),
        Action::Shift(given) => shift(model, given),
        Action::Command => ask(model, Purpose::Command, String::new()),
        Action::Filter => {
            let known = model.filters.get(&model.screen);
            let text = known.map(|filter| filter.text.clone());
            ask(model, Purpose::Filter, text.unwrap_or_default());
        }
        Action::Open => effects = screens::open(model),
        Action::Mouse => effects = mouse(model, !model.mouse),
        Action::Component(action) => effects = screens::component::act(model, action),
        Action::Alerts(action) => effects = screens::alerts::act(model, action),
        Action::Logs(action) => effects = screens::logs::act(model, action),
        Action::Chaos(action) => effects = screens::chaos::act(model, action),
    }
    effects.push(Effect::RedrawNow);
    effects
}

/// Moves in the help, or in what the screen lists.
fn travel(model: &mut Model, step: Travel) {
    if model.help {
        let last = view::help_last(model);
        let page = usize::from(model.size.1) / 2;
        model.help_scroll = step.from(model.help_scroll, page, last);
    } else {
        screens::travel(model, step);
    }
}

fn quit(model: &mut Model) -> Vec<Effect> {
    if model.asking.is_some() {
        return vec![Effect::Quit(Outcome::Quit)];
    }
    leave(model, Outcome::Quit)
}

/// Leaves, or asks first when something would end by it.
fn leave(model: &mut Model, outcome: Outcome) -> Vec<Effect> {
    if model.leave_question(&outcome).is_none() {
        return vec![Effect::Quit(outcome)];
    }
    model.asking = Some(outcome);
    vec![Effect::RedrawNow]
}

fn ask(model: &mut Model, purpose: Purpose, text: String) {
    model.help = false;
    model.prompt = Some(Prompt::new(purpose, text));
}

fn mouse(model: &mut Model, on: bool) -> Vec<Effect> {
    model.mouse = on;
    let told = if on {
        tr!("the mouse is the console's: click and scroll")
    } else {
        tr!("the mouse is the terminal's: select text")
    };
    model.notice = Some(told.into());
    vec![Effect::Do(Deed::Mouse(on))]
}

fn show(model: &mut Model, screen: Screen) {
    model.help = false;
    model.screen = screen;
}

/// Closes one thing: the help, what is open on the screen, its filter, at last the screen.
fn back(model: &mut Model) {
    if std::mem::take(&mut model.help) || screens::close(model) {
        return;
    }
    let held = alerts::held(model);
    if model.filters.remove(&model.screen).is_none() {
        model.screen = Screen::Overview;
    }
    alerts::reselect(model, held.as_ref());
}

/// Moves or stretches the window.
fn shift(model: &mut Model, shift: Shift) {
    model.window.shift(shift, model.shown().now);
    pin(model);
}

/// In a frozen frame the window follows no clock: the newest that there is to see is the frame's
/// own time.
fn pin(model: &mut Model) {
    let frozen = model.frozen.as_ref().map(|frozen| frozen.now);
    model.window.end = model.window.end.or(frozen);
}

/// Freezing pins the window too, so that charts hold still with the rest.
fn freeze(model: &mut Model) {
    let held = alerts::held(model);
    if let Some(frozen) = model.frozen.take() {
        if model.window.end == Some(frozen.now) {
            model.window.end = None;
        }
    } else {
        model.window.end = model.window.end.or(Some(model.live.now));
        model.frozen = Some(Box::new(model.live.clone()));
    }
    alerts::reselect(model, held.as_ref());
}

/// A key of the line that is being typed.
fn on_typed(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let Some(mut prompt) = model.prompt.take() else {
        return Vec::new();
    };
    let mut effects = Vec::new();
    match prompt.on_key(key, &model.entered) {
        Typed::Edited => model.prompt = Some(prompt),
        Typed::Left => {}
        Typed::Complete => {
            complete(&mut prompt, &model.setup.contexts);
            model.prompt = Some(prompt);
        }
        Typed::Entered(line) => match enter(model, prompt.purpose, &line) {
            Ok(asked) => effects = asked,
            Err(error) => {
                prompt.error = Some(error);
                model.prompt = Some(prompt);
            }
        },
    }
    effects.push(Effect::RedrawNow);
    effects
}

fn complete(prompt: &mut Prompt, contexts: &[String]) {
    if prompt.purpose != Purpose::Command {
        return;
    }
    let found = commands::complete(prompt.text(), contexts);
    match found.as_slice() {
        [] => prompt.error = Some(tr!("nothing to complete with").into()),
        [one] => prompt.set(one.clone()),
        several => {
            let names: Vec<_> = several.iter().map(|name| name.trim()).collect();
            prompt.error = Some(names.join(" "));
        }
    }
}

fn enter(model: &mut Model, purpose: Purpose, line: &str) -> Result<Vec<Effect>, String> {
    model.notice = None;
    match purpose {
        Purpose::Command if line.is_empty() => Ok(Vec::new()),
        Purpose::Command => {
            let order = commands::parse(line)?;
            model.entered.retain(|known| known != line);
            model.entered.push(line.to_owned());
            let surplus = model.entered.len().saturating_sub(REMEMBERED);
            model.entered.drain(..surplus);
            obey(model, order)
        }
        Purpose::Filter => {
            filter(model, Filter::parse(line)?);
            Ok(Vec::new())
        }
        Purpose::LogQuery | Purpose::LogSearch | Purpose::ExportPath | Purpose::FaultLength => {
            screens::entered(model, purpose, line)
        }
    }
}

/// Filters the screen's list and selects its first row; a rule that is read stays open.
fn filter(model: &mut Model, filter: Option<Filter>) {
    let read = alerts::held(model).filter(|_| model.alerts_pane.expanded);
    match filter {
        Some(filter) => model.filters.insert(model.screen, filter),
        None => model.filters.remove(&model.screen),
    };
    screens::travel(model, Travel::First);
    if model.screen == Screen::Alerts {
        alerts::reselect(model, read.as_ref());
    }
}

fn obey(model: &mut Model, order: Order) -> Result<Vec<Effect>, String> {
    match order {
        Order::Show(screen) => show(model, screen),
        Order::Logs(query) => {
            let effects = screens::entered(model, Purpose::LogQuery, &query)?;
            show(model, Screen::Logs);
            return Ok(effects);
        }
        Order::Live => shift(model, Shift::Live),
        Order::Range(span) => {
            model.window.stretch(span, model.shown().now);
            pin(model);
        }
        Order::Query(expr) => {
            screens::explore::show(model, expr);
            show(model, Screen::Explore);
        }
        Order::Context(name) => return go_to(model, name),
        Order::Theme(name) => {
            let theme = model.setup.theme.named(&name);
            model.setup.theme = theme.ok_or_else(|| {
                let name = format!("{name:?}");
                tr!("no theme %{name}; Tab lists them", name = name)
            })?;
        }
        Order::Lang(lang) => model.setup.lang = lang,
        Order::Mouse(on) => return Ok(mouse(model, on)),
        Order::Help => model.help = true,
        Order::Quit => return Ok(quit(model)),
    }
    Ok(Vec::new())
}

/// Leaves for another context.
fn go_to(model: &mut Model, name: String) -> Result<Vec<Effect>, String> {
    let names = &model.setup.contexts;
    if names.is_empty() {
        let told = tr!("there are no contexts here; voteops config init writes an example");
        return Err(told.into());
    }
    if !names.contains(&name) {
        let told = tr!(
            "no context %{name}, only %{names}",
            name = format!("{name:?}"),
            names = names.join(", ")
        );
        return Err(told.into());
    }
    let kept = Box::new(Kept::of(model));
    Ok(leave(model, Outcome::Context { name, kept }))
}
