//! Bindings: what can be done by keys, under which name, and where. `global.rs` holds what works
//! everywhere; each screen's own table stands beside its code.

use super::key::Key;
use super::{Action, global};
use crate::model::Screen;
use crate::screens::{alerts, chaos, component, logs};

/// Where a binding works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On every screen and what lies over it, but in no question.
    Anywhere,
    /// There and in the questions of screens.
    Always,
    /// On these screens.
    On(&'static [Screen]),
    /// In the list of silences.
    Silences,
    /// While a screen asks whether it is to change something.
    Confirm,
    /// While the question whether to leave is open.
    Question,
}

/// Where the user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spot {
    /// On a screen.
    Screen(Screen),
    /// In the list of silences.
    Silences,
    /// Asked by a screen whether it is to change something.
    Confirm,
    /// Asked whether to leave.
    Question,
}

impl Spot {
    /// Every place where a user can be.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let screens = Screen::ALL.into_iter().map(Self::Screen);
        screens.chain([Self::Silences, Self::Confirm, Self::Question])
    }
}

impl Place {
    /// Whether a binding of this place works at a spot.
    pub(super) fn covers(self, spot: Spot) -> bool {
        match (self, spot) {
            (Self::Always, _) => spot != Spot::Question,
            (Self::Anywhere, _) => matches!(spot, Spot::Screen(_) | Spot::Silences),
            (Self::On(screens), Spot::Screen(screen)) => screens.contains(&screen),
            (Self::Silences, Spot::Silences)
            | (Self::Confirm, Spot::Confirm)
            | (Self::Question, Spot::Question) => true,
            _ => false,
        }
    }

    /// The place in words.
    pub(super) fn told(self) -> String {
        match self {
            Self::Anywhere | Self::Always => "everywhere".into(),
            Self::On(screens) => {
                let names: Vec<_> = screens.iter().map(|screen| name_of(*screen)).collect();
                names.join(", ")
            }
            Self::Silences => "the list of silences".into(),
            Self::Confirm => "the question before a change".into(),
            Self::Question => "the question before leaving".into(),
        }
    }
}

/// A screen is called as the binding that shows it.
fn name_of(screen: Screen) -> &'static str {
    let shows = |binding: &&Binding| binding.action == Action::Show(screen);
    let found = global::SCREENS.iter().find(shows);
    found.map_or("", |binding| binding.name)
}

/// What can be done by keys.
#[derive(Debug)]
pub(crate) struct Binding {
    /// What the configuration calls it; it stays the same for good.
    pub(crate) name: &'static str,
    /// Its keys unless the user chose others.
    pub(crate) usual: &'static [Key],
    /// What they do.
    pub(crate) action: Action,
    /// Where they do it.
    pub(crate) place: Place,
    /// In words, for the help.
    pub(crate) about: &'static str,
    /// In a word, for the footer; empty when it is not shown there.
    pub(crate) hint: &'static str,
    /// Whether the help tells it in one line with the binding before.
    pub(crate) joined: bool,
}

/// Binds keys to an action.
pub(crate) const fn bind(
    name: &'static str,
    usual: &'static [Key],
    action: Action,
    place: Place,
    about: &'static str,
    hint: &'static str,
) -> Binding {
    Binding {
        name,
        usual,
        action,
        place,
        about,
        hint,
        joined: false,
    }
}

/// Binds keys to the counterpart of the binding before.
pub(crate) const fn also(
    name: &'static str,
    usual: &'static [Key],
    action: Action,
    place: Place,
    about: &'static str,
) -> Binding {
    Binding {
        joined: true,
        ..bind(name, usual, action, place, about, "")
    }
}

/// Every binding, in the order of the help: screens first, then what works everywhere.
pub(super) fn all() -> impl Iterator<Item = &'static Binding> {
    const TABLES: [&[Binding]; 7] = [
        global::SCREENS,
        component::KEYS,
        alerts::KEYS,
        alerts::silence::KEYS,
        logs::KEYS,
        chaos::KEYS,
        global::KEYS,
    ];
    TABLES.into_iter().flatten()
}
