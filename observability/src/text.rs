//! Text from outside (labels, annotations, log lines, error bodies) made safe for a terminal.

use std::borrow::Cow;

/// Replaces everything that could steer a terminal or reorder text: C0 and C1 control
/// characters (tabs and line ends become a space), bidirectional overrides and isolates, and
/// other invisible format characters. The result is one line.
#[must_use]
pub fn clean_line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars()
            .filter_map(|c| match c {
                '\n' | '\r' | '\t' => Some(' '),
                c if c.is_control() => Some('\u{FFFD}'),
                c if is_unsafe(c) => None,
                c => Some(c),
            })
            .collect(),
    )
}

/// Control characters, and the format characters that change direction or hide
/// (Unicode UAX #9 explicit formatting, zero-width characters other than the joiners).
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_and_overrides_are_gone() {
        assert_eq!(
            clean_line("a\x1b[31mred\u{202E}x\nb"),
            "a\u{FFFD}[31mredx b"
        );
        assert!(matches!(clean_line("plain é 漢"), Cow::Borrowed(_)));
    }

    /// Text with what steers a terminal in it: `any::<String>()` holds no control characters.
    fn wild_text() -> impl Strategy<Value = String> {
        let steering = prop::sample::select(&['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\n'][..]);
        let wild = prop::collection::vec(prop_oneof![any::<char>(), steering], 0..40);
        wild.prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn nothing_unsafe_survives(text in wild_text()) {
            prop_assert!(!clean_line(&text).chars().any(is_unsafe));
        }
    }
}
