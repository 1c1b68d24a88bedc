//! The key map: the tables that `update`, the help and the footer read. `global.rs` holds what
//! works everywhere; each screen's own table stands beside its code.

mod global;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::model::Screen;
use crate::model::window::Shift;
use crate::screens::{alerts, chaos, component, logs};

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Leave, asking first where that is set.
    Quit,
    /// Leave, at once when asked already.
    Interrupt,
    /// Give the terminal back until the process is continued.
    Suspend,
    /// Show or hide the help.
    Help,
    /// Hold the frame still, or go on.
    Freeze,
    /// Go to a screen.
    Show(Screen),
    /// Go to the next screen.
    Next,
    /// Go to the screen before.
    Previous,
    /// Close what is open.
    Back,
    /// Move in the list or text of the screen.
    Travel(Travel),
    /// Open what is selected.
    Open,
    /// Move or stretch the time that charts and logs show.
    Shift(Shift),
    /// Open the command line.
    Command,
    /// Open the filter.
    Filter,
    /// Let the terminal or the console have the mouse.
    Mouse,
    /// Yes, leave.
    Yes,
    /// No, stay.
    No,
    /// Something of the component screens.
    Component(component::Action),
    /// Something of the alerts screen.
    Alerts(alerts::Action),
    /// Something of the logs screen.
    Logs(logs::Action),
    /// Something of the chaos screen.
    Chaos(chaos::Action),
}

/// A step in a list or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travel {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first row.
    First,
    /// To the last row.
    Last,
}

impl Travel {
    /// Where the step leads from row `at` in pages of `page` rows, `last` being the last row.
    pub(crate) fn from(self, at: usize, page: usize, last: usize) -> usize {
        let page = page.max(1);
        let to = match self {
            Self::Up => at.saturating_sub(1),
            Self::Down => at + 1,
            Self::PageUp => at.saturating_sub(page),
            Self::PageDown => at + page,
            Self::First => 0,
            Self::Last => last,
        };
        to.min(last)
    }
}

/// Where a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Everywhere but in the question whether to leave.
    Anywhere,
    /// On these screens.
    On(&'static [Screen]),
    /// While the question whether to leave is open.
    Question,
}

/// A key: its code and whether Ctrl is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    code: KeyCode,
    ctrl: bool,
}

/// A key without Ctrl.
pub(crate) const fn key(code: KeyCode) -> Key {
    Key { code, ctrl: false }
}

/// The key of a character.
pub(crate) const fn char(c: char) -> Key {
    key(KeyCode::Char(c))
}

/// The key of a character with Ctrl.
pub(crate) const fn ctrl(c: char) -> Key {
    Key {
        code: KeyCode::Char(c),
        ctrl: true,
    }
}

/// Keys and what they do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    /// Any of these.
    pub(crate) keys: &'static [Key],
    /// Does this.
    pub(crate) action: Action,
    /// Here.
    pub(crate) place: Place,
    /// In words, for the help; empty when the words of the binding before say it too.
    pub(crate) about: &'static str,
    /// In a word, for the footer; empty when it is not shown there.
    pub(crate) hint: &'static str,
}

/// Binds keys to an action.
pub(crate) const fn bind(
    keys: &'static [Key],
    action: Action,
    place: Place,
    about: &'static str,
    hint: &'static str,
) -> Binding {
    Binding {
        keys,
        action,
        place,
        about,
        hint,
    }
}

/// Every table, in the order of the help: screens first, then what works everywhere.
const TABLES: [&[Binding]; 6] = [
    global::SCREENS,
    component::KEYS,
    alerts::KEYS,
    logs::KEYS,
    chaos::KEYS,
    global::KEYS,
];

/// The bindings that work on a screen, or while the question is open.
pub(crate) fn active(screen: Screen, asking: bool) -> impl Iterator<Item = &'static Binding> {
    let all = TABLES.iter().flat_map(|table| table.iter());
    all.filter(move |binding| match binding.place {
        Place::Question => asking,
        Place::Anywhere => !asking,
        Place::On(screens) => !asking && screens.contains(&screen),
    })
}

/// What a key does now.
pub(crate) fn action(event: KeyEvent, screen: Screen, asking: bool) -> Option<Action> {
    let pressed = Key {
        code: event.code,
        ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
    };
    active(screen, asking)
        .find(|binding| binding.keys.contains(&pressed))
        .map(|binding| binding.action)
}

/// A key as it is told to a person.
pub(crate) fn name(key: Key) -> String {
    let name = match key.code {
        KeyCode::Char(' ') => "Space".into(),
        KeyCode::Char(c) if key.ctrl => c.to_ascii_uppercase().to_string(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Up => "↑".into(),
        KeyCode::Down => "↓".into(),
        KeyCode::PageUp => "PgUp".into(),
        KeyCode::BackTab => "Shift-Tab".into(),
        KeyCode::PageDown => "PgDn".into(),
        other => other.to_string(),
    };
    if key.ctrl {
        format!("Ctrl-{name}")
    } else {
        name
    }
}

/// All keys of a binding, as they are told to a person.
pub(crate) fn names(binding: &Binding) -> String {
    let names: Vec<_> = binding.keys.iter().map(|key| name(*key)).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for screen in Screen::ALL {
            for asking in [false, true] {
                let mut seen = Vec::new();
                for key in active(screen, asking).flat_map(|binding| binding.keys) {
                    assert!(!seen.contains(key), "{key:?} twice on {screen:?}");
                    seen.push(*key);
                }
            }
        }
    }

    #[test]
    fn keys_work_where_they_are_shown_and_nowhere_else() {
        let j = KeyEvent::from(KeyCode::Char('j'));
        let down = Action::Travel(Travel::Down);
        assert_eq!(action(j, Screen::Alerts, false), Some(down));
        let i = KeyEvent::from(KeyCode::Char('i'));
        assert_eq!(action(i, Screen::Overview, false), None);
        let y = KeyEvent::from(KeyCode::Char('y'));
        assert_eq!(action(y, Screen::Alerts, false), None);
        assert_eq!(action(y, Screen::Alerts, true), Some(Action::Yes));
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(
            action(interrupt, Screen::Overview, true),
            Some(Action::Interrupt)
        );
    }
}
