//! What a click does: the footer's hints, and the rows and charts of a screen.

use crate::keys::Travel;
use crate::message::Effect;
use crate::model::{Model, Screen};
use crate::screens::{self, component, logs};
use crate::view;

use super::input::{act, drawn};

/// Takes a click at (column, row): does what a hint says, selects what is listed there, or opens it
/// when it is selected already.
pub(super) fn on_click(model: &mut Model, at: (u16, u16)) -> Vec<Effect> {
    if model.help
        || model.asking.is_some()
        || model.prompt.is_some()
        || screens::spot(model).is_some()
    {
        return Vec::new();
    }
    if view::is_in_footer(model, at.1) && model.notice.take().is_some() {
        return vec![Effect::RedrawNow];
    }
    if let Some(action) = view::hit(model, at) {
        return act(model, action);
    }
    match model.screen {
        Screen::Overview => Vec::new(),
        Screen::VoteApp | Screen::Redis | Screen::Worker => match component::clicked(model, at) {
            Some(true) => screens::open(model),
            Some(false) => vec![Effect::RedrawNow],
            None => Vec::new(),
        },
        Screen::Logs if !logs::has_plain_rows(model) => Vec::new(),
        Screen::Alerts | Screen::Logs | Screen::Chaos | Screen::Targets | Screen::Explore => {
            on_row(model, at.1)
        }
    }
}

fn on_row(model: &mut Model, row: u16) -> Vec<Effect> {
    let Some((pointer, row)) = view::pointed(model, row) else {
        return Vec::new();
    };
    if pointer == row {
        let effects = screens::open(model);
        return if effects.is_empty() {
            vec![Effect::RedrawNow]
        } else {
            effects
        };
    }
    let step = if row > pointer {
        Travel::Down
    } else {
        Travel::Up
    };
    drawn(model, |model| {
        for _ in 0..row.abs_diff(pointer) {
            screens::travel(model, step);
        }
    })
}
