//! The secret that opens the admin listener.

use std::fmt;

use subtle::ConstantTimeEq;

/// The fewest characters of a token.
const MIN_CHARS: usize = 16;

/// The secret that opens the admin listener. It is never told.
#[derive(Clone)]
pub(super) struct Token(String);

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadToken {
    /// It is too easy to guess.
    #[error("the token is shorter than {MIN_CHARS} characters")]
    Short,
    /// No header could hold it.
    #[error("the token holds a blank, a control character or one that is not ASCII")]
    Characters,
}

impl Token {
    /// A token from the text of its file; blanks and line breaks around it do not count.
    ///
    /// # Errors
    /// [`BadToken`] when it is too short, or no header could hold it.
    pub(super) fn new(text: &str) -> Result<Self, BadToken> {
        let text = text.trim();
        if !text.chars().all(|character| character.is_ascii_graphic()) {
            return Err(BadToken::Characters);
        }
        if text.len() < MIN_CHARS {
            return Err(BadToken::Short);
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether an `Authorization` header brings this token (RFC 6750, section 2.1). The time that
    /// the comparison takes tells nothing of the token but its length.
    pub(super) fn opens(&self, header: &[u8]) -> bool {
        let scheme = b"Bearer ";
        header
            .split_at_checked(scheme.len())
            .is_some_and(|(scheme_given, given)| {
                scheme_given.eq_ignore_ascii_case(scheme)
                    && bool::from(given.ct_eq(self.0.as_bytes()))
            })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0123456789abcdef";

    #[test]
    fn only_the_very_token_opens() {
        let token = Token::new(&format!("  {TEXT}\n")).unwrap();
        assert!(token.opens(format!("Bearer {TEXT}").as_bytes()));
        assert!(token.opens(format!("bearer {TEXT}").as_bytes()));
        for header in [
            String::new(),
            "Bearer".into(),
            "Bearer ".into(),
            TEXT.into(),
            format!("Basic {TEXT}"),
            format!("Bearer {TEXT}0"),
            format!("Bearer {}", &TEXT[1..]),
            format!("Bearer {}", TEXT.to_uppercase()),
        ] {
            assert!(!token.opens(header.as_bytes()), "{header:?}");
        }
    }

    #[test]
    fn what_can_be_guessed_or_not_sent_is_no_token() {
        assert_eq!(Token::new(&TEXT[1..]).unwrap_err(), BadToken::Short);
        assert_eq!(Token::new("").unwrap_err(), BadToken::Short);
        for text in [
            "0123456789 abcdef",
            "0123456789\nabcdef",
            "0123456789abcdef\u{e9}",
        ] {
            assert_eq!(Token::new(text).unwrap_err(), BadToken::Characters);
        }
    }

    #[test]
    fn it_is_not_told() {
        assert!(!format!("{:?}", Token::new(TEXT).unwrap()).contains(TEXT));
    }
}
