//! Which keys lead on, in words.

use super::Action;
use crate::keys::{self, Spot};
use crate::lang::tr;
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
        (keys::Action::Shift(Shift::ZoomOut), tr!("more time")),
        (keys::Action::Logs(Action::Level), tr!("more levels")),
        (keys::Action::Logs(Action::Service), tr!("other services")),
    ];
    let ways = ways.into_iter();
    let mut told = ways.filter_map(|(action, what)| Some((key(model, action)?, what)));
    let Some((key, what)) = told.next() else {
        return String::new();
    };
    let first = tr!("%{key} shows %{what}", key = key, what = what).into_owned();
    let rest = told.map(|(key, what)| format!("{key} {what}"));
    let told: Vec<_> = std::iter::once(first).chain(rest).collect();
    format!(" {}.", told.join(", "))
}
