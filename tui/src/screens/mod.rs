//! The screens, one folder each: what is selected there (state), its keys, what they do, what it
//! needs to know (`want`) and how it is drawn.

pub(crate) mod alerts;
pub(crate) mod chaos;
pub(crate) mod component;
pub(crate) mod explore;
pub(crate) mod logs;
pub(crate) mod targets;

use crossterm::event::KeyEvent;

use crate::keys::{Action, Spot, Travel};
use crate::message::Effect;
use crate::model::prompt::Purpose;
use crate::model::{Model, Screen};

/// Moves in what the screen lists.
pub(crate) fn travel(model: &mut Model, step: Travel) {
    match model.screen {
        Screen::Overview => {}
        Screen::VoteApp | Screen::Redis | Screen::Worker => component::travel(model, step),
        Screen::Alerts => alerts::travel(model, step),
        Screen::Logs => logs::travel(model, step),
        Screen::Chaos => chaos::travel(model, step),
        Screen::Targets => targets::travel(model, step),
        Screen::Explore => explore::travel(model, step),
    }
}

/// Gives a key to what lies over the screen; `None` leaves it to the key map.
pub(crate) fn on_key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    match model.screen {
        Screen::Alerts => alerts::silence::on_key(model, key),
        Screen::Chaos => chaos::start::on_key(model, key),
        _ => None,
    }
}

/// Where the next key is pressed, when something lies over the screen that tells its own keys.
pub(crate) fn spot(model: &Model) -> Option<Spot> {
    match model.screen {
        Screen::Alerts => model.silencing.spot(),
        Screen::Chaos => model.starting.spot(),
        _ => None,
    }
}

/// Opens what is selected.
pub(crate) fn open(model: &mut Model) -> Vec<Effect> {
    match model.screen {
        Screen::Alerts => alerts::open(model),
        Screen::VoteApp | Screen::Redis | Screen::Worker => component::open(model),
        Screen::Logs => logs::open(model),
        _ => Vec::new(),
    }
}

/// Closes what is open on the screen; `false` when nothing was.
pub(crate) fn close(model: &mut Model) -> bool {
    match model.screen {
        Screen::Alerts => alerts::close(model),
        Screen::VoteApp | Screen::Redis | Screen::Worker => component::close(model),
        Screen::Logs => logs::close(model),
        _ => false,
    }
}

/// Whether an action makes sense for what is selected.
pub(crate) fn offers(model: &Model, action: Action) -> bool {
    match action {
        Action::Alerts(action) => alerts::offers(model, action),
        _ => true,
    }
}

/// Takes a line that was typed for a screen.
///
/// # Errors
/// One line that says why the line cannot be taken; it stays open.
pub(crate) fn entered(
    model: &mut Model,
    purpose: Purpose,
    line: &str,
) -> Result<Vec<Effect>, String> {
    match purpose {
        Purpose::LogQuery | Purpose::LogSearch | Purpose::ExportPath => {
            logs::entered(model, purpose, line)
        }
        Purpose::FaultLength => chaos::start::entered(model, line),
        Purpose::Command | Purpose::Filter => Ok(Vec::new()),
    }
}
