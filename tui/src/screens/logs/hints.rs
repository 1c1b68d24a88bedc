//! Which keys lead on, in words.

use super::Action;
use crate::keys::{self, Spot};
use crate::model::window::Shift;
use crate::model::{Model, Screen};

/// The first key of an action on this screen.
pub(super) fn key(model: &Model, action: keys::Action) -> Option<String> {
    let keys = &model.setup.keys;
    keys.told(Spot::Screen(Screen::Logs), &[action])
}

/// Which keys show other lines, as a sentence; nothing when there are none.
pub(super) fn what_shows_more(model: &Model) -> String {
    let ways = [
        (keys::Action::Shift(Shift::ZoomOut), "more time"),
        (keys::Action::Logs(Action::Level), "more levels"),
        (keys::Action::Logs(Action::Service), "other services"),
    ];
    let ways = ways.into_iter();
    let mut told: Vec<_> = ways
        .filter_map(|(action, what)| Some((key(model, action)?, what.to_owned())))
        .collect();
    if let Some((_, what)) = told.first_mut() {
        *what = format!("shows {what}");
    }
    let told: Vec<_> = told
        .iter()
        .map(|(key, what)| format!("{key} {what}"))
        .collect();
    if told.is_empty() {
        return String::new();
    }
    format!(" {}.", told.join(", "))
}
