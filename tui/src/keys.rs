//! The key map: the one table that `update`, the help and the footer read.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::model::Screen;

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Leave, asking first where that is set.
    Quit,
    /// Leave, at once when asked already.
    Interrupt,
    /// Show or hide the help.
    Help,
    /// Hold the frame still, or go on.
    Freeze,
    /// Go to a screen.
    Show(Screen),
    /// Go to the next screen.
    Next,
    /// Close what is open.
    Back,
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
    /// Show all of the selected row.
    Open,
    /// Yes, leave.
    Yes,
    /// No, stay.
    No,
}

/// Where a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Everywhere but in the question whether to leave.
    Anywhere,
    /// On the alerts screen.
    Alerts,
    /// While the question whether to leave is open.
    Question,
}

/// A key: its code and whether Ctrl is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    code: KeyCode,
    ctrl: bool,
}

const fn key(code: KeyCode) -> Key {
    Key { code, ctrl: false }
}

const fn char(c: char) -> Key {
    key(KeyCode::Char(c))
}

const fn ctrl(c: char) -> Key {
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

const fn bind(
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

use Place::{Alerts, Anywhere, Question};

/// Every key, in the order of the help.
#[rustfmt::skip]
pub(crate) const KEY_MAP: &[Binding] = &[
    bind(&[char('1')], Action::Show(Screen::Overview), Anywhere, "overview", "overview"),
    bind(&[char('5')], Action::Show(Screen::Alerts), Anywhere, "alerts", "alerts"),
    bind(&[key(KeyCode::Tab)], Action::Next, Anywhere, "next view", ""),
    bind(&[char('j'), key(KeyCode::Down)], Action::Down, Alerts, "next, previous", ""),
    bind(&[char('k'), key(KeyCode::Up)], Action::Up, Alerts, "", ""),
    bind(&[key(KeyCode::PageDown)], Action::PageDown, Alerts, "page down, page up", ""),
    bind(&[key(KeyCode::PageUp)], Action::PageUp, Alerts, "", ""),
    bind(&[char('g'), key(KeyCode::Home)], Action::First, Alerts, "top, bottom", ""),
    bind(&[char('G'), key(KeyCode::End)], Action::Last, Alerts, "", ""),
    bind(&[key(KeyCode::Enter)], Action::Open, Alerts, "all details", "open"),
    bind(&[char(' ')], Action::Freeze, Anywhere, "freeze the frame", "freeze"),
    bind(&[key(KeyCode::Esc)], Action::Back, Anywhere, "back", ""),
    bind(&[char('?')], Action::Help, Anywhere, "this help", "help"),
    bind(&[char('q')], Action::Quit, Anywhere, "quit", "quit"),
    bind(&[ctrl('c')], Action::Interrupt, Anywhere, "quit; twice: at once", ""),
    bind(&[char('y'), key(KeyCode::Enter)], Action::Yes, Question, "yes, quit", "yes"),
    bind(&[char('n'), key(KeyCode::Esc)], Action::No, Question, "no, stay", "no"),
    bind(&[ctrl('c')], Action::Interrupt, Question, "quit at once", ""),
];

/// The bindings that work on a screen, or while the question is open.
pub(crate) fn active(screen: Screen, asking: bool) -> impl Iterator<Item = &'static Binding> {
    KEY_MAP.iter().filter(move |binding| match binding.place {
        Question => asking,
        Anywhere => !asking,
        Alerts => !asking && screen == Screen::Alerts,
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
        assert_eq!(action(j, Screen::Alerts, false), Some(Action::Down));
        assert_eq!(action(j, Screen::Overview, false), None);
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
