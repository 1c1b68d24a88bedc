//! A key, and how it is written: the help prints what the configuration takes.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_width::UnicodeWidthChar;
use voteops_observability::rules::nearest;

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

/// The key of a letter with Ctrl.
pub(crate) const fn ctrl(letter: char) -> Key {
    Key {
        code: KeyCode::Char(letter),
        ctrl: true,
    }
}

/// The keys that have names.
pub(super) const NAMED: [(Key, &str); 27] = [
    (char(' '), "Space"),
    (key(KeyCode::Enter), "Enter"),
    (key(KeyCode::Tab), "Tab"),
    (key(KeyCode::BackTab), "Shift-Tab"),
    (key(KeyCode::Esc), "Esc"),
    (key(KeyCode::Up), "↑"),
    (key(KeyCode::Down), "↓"),
    (key(KeyCode::Left), "Left"),
    (key(KeyCode::Right), "Right"),
    (key(KeyCode::PageUp), "PgUp"),
    (key(KeyCode::PageDown), "PgDn"),
    (key(KeyCode::Home), "Home"),
    (key(KeyCode::End), "End"),
    (key(KeyCode::Backspace), "Backspace"),
    (key(KeyCode::Delete), "Delete"),
    (key(KeyCode::F(1)), "F1"),
    (key(KeyCode::F(2)), "F2"),
    (key(KeyCode::F(3)), "F3"),
    (key(KeyCode::F(4)), "F4"),
    (key(KeyCode::F(5)), "F5"),
    (key(KeyCode::F(6)), "F6"),
    (key(KeyCode::F(7)), "F7"),
    (key(KeyCode::F(8)), "F8"),
    (key(KeyCode::F(9)), "F9"),
    (key(KeyCode::F(10)), "F10"),
    (key(KeyCode::F(11)), "F11"),
    (key(KeyCode::F(12)), "F12"),
];

/// Names for those who have no arrows to type.
const ARROWS: [(Key, &str); 2] = [(key(KeyCode::Up), "Up"), (key(KeyCode::Down), "Down")];

impl Key {
    /// Whether Ctrl is held.
    pub(crate) fn has_ctrl(self) -> bool {
        self.ctrl
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        Self {
            code: event.code,
            ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (NAMED.iter().find(|(key, _)| key == self), self.code) {
            (Some((_, name)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) if self.ctrl => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, other) => write!(f, "{other}"),
        }
    }
}

impl FromStr for Key {
    type Err = String;

    /// Reads what [`Display`](fmt::Display) writes; names without regard to case.
    fn from_str(text: &str) -> Result<Self, String> {
        let named = NAMED.iter().chain(&ARROWS);
        let mut found = named.filter(|(_, name)| name.eq_ignore_ascii_case(text));
        if let Some((key, _)) = found.next() {
            return Ok(*key);
        }
        if let Some(letter) = with_ctrl(text) {
            return match letter {
                'i' => Err(format!("terminals send Tab for {text}; write Tab")),
                'm' => Err(format!("terminals send Enter for {text}; write Enter")),
                letter => Ok(ctrl(letter)),
            };
        }
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if is_typed(c) => Ok(char(c)),
            _ => Err(unknown(text)),
        }
    }
}

/// The letter of `Ctrl-X`, in lower case.
fn with_ctrl(text: &str) -> Option<char> {
    let (before, letter) = text.split_once('-')?;
    let mut letter = letter.chars();
    match (letter.next(), letter.next()) {
        (Some(c), None) if before.eq_ignore_ascii_case("ctrl") && c.is_ascii_alphabetic() => {
            Some(c.to_ascii_lowercase())
        }
        _ => None,
    }
}

/// Whether a keyboard sends the character by itself, and the help can show it.
fn is_typed(c: char) -> bool {
    c == ' ' || !c.is_whitespace() && c.width().is_some_and(|columns| columns > 0)
}

fn unknown(text: &str) -> String {
    let names = NAMED.iter().chain(&ARROWS).map(|(_, name)| *name);
    let hint = nearest(text, names).map_or_else(
        || "write one character, Ctrl-A, F1 or a name such as Space or PgUp".to_owned(),
        |name| format!("the nearest name is {name}"),
    );
    format!("no key is called {text:?}; {hint}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written_and_names_in_any_case() {
        for (text, key) in [
            ("q", char('q')),
            ("Q", char('Q')),
            ("-", char('-')),
            ("é", char('é')),
            (" ", char(' ')),
            ("space", char(' ')),
            ("ESC", key(KeyCode::Esc)),
            ("shift-tab", key(KeyCode::BackTab)),
            ("↑", key(KeyCode::Up)),
            ("up", key(KeyCode::Up)),
            ("pgdn", key(KeyCode::PageDown)),
            ("f12", key(KeyCode::F(12))),
            ("ctrl-S", ctrl('s')),
            ("Ctrl-s", ctrl('s')),
        ] {
            assert_eq!(text.parse(), Ok(key), "{text}");
        }
        assert_eq!(ctrl('s').to_string(), "Ctrl-S");
        assert_eq!(key(KeyCode::Up).to_string(), "↑");
    }

    #[test]
    fn what_is_no_key_says_what_would_be_one() {
        for (text, told) in [
            ("", "no key is called \"\"; write one character"),
            ("Spcae", "; the nearest name is Space"),
            ("PageUp", "the nearest name is PgUp"),
            ("F13", "the nearest name is F1"),
            ("Ctrl-", "no key is called"),
            ("Ctrl-1", "no key is called"),
            ("Ctrl-I", "write Tab"),
            ("ctrl-m", "write Enter"),
            ("\u{1b}", "no key is called \"\\u{1b}\""),
            ("\u{301}", "no key is called"),
        ] {
            let error = text.parse::<Key>().unwrap_err();
            assert!(error.contains(told), "{text:?}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn what_the_keyboard_sends_is_the_key_that_is_written() {
        let event = KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL);
        assert_eq!("Ctrl-S".parse(), Ok(Key::from(event)));
        let event = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!("G".parse(), Ok(Key::from(event)));
        let event = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
        assert_eq!("Shift-Tab".parse(), Ok(Key::from(event)));
    }

    fn any_key() -> impl Strategy<Value = Key> {
        prop_oneof![
            prop::sample::select(NAMED.to_vec()).prop_map(|(key, _)| key),
            "[a-hj-ln-z]".prop_map(|letter| ctrl(letter.chars().next().unwrap())),
            any::<char>()
                .prop_filter("typed", |c| is_typed(*c) && !"↑↓".contains(*c))
                .prop_map(char),
        ]
    }

    proptest! {
        #[test]
        fn every_key_is_read_back_from_what_is_written(key in any_key()) {
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }

        #[test]
        fn what_can_be_read_is_written_so_that_it_can_be_again(
            text in prop_oneof![any::<String>(), "\\PC", "(?i)(ctrl-)?[a-z]", "(?i)f[0-9]{1,2}|pgup|tab"],
        ) {
            if let Ok(key) = text.parse::<Key>() {
                prop_assert_eq!(key.to_string().parse(), Ok(key));
            }
        }
    }
}
