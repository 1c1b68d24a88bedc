//! The cookies that a browser keeps for a voter.

use axum::http::{HeaderMap, header};

use crate::{Choice, Config};

/// How long a browser keeps cookies, in seconds: one year.
const MAX_AGE_SECONDS: u64 = 365 * 24 * 60 * 60;

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// It names the voter.
    Voter,
    /// It says what this browser's last vote was for.
    Choice,
}

/// How cookies are named, set and found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookies {
    /// Where voters come without TLS.
    Plain,
    /// Where they come by TLS: names begin with `__Host-`. Of such a name browsers take a cookie by TLS and from this
    /// host itself only, for all of it (RFC 6265bis, section 4.1.3.2), so that no other host of the domain
    /// has somebody vote by another voter's name. Without TLS they would take none.
    ByTls,
}

impl Config {
    /// How browsers keep cookies.
    pub(crate) fn cookies(&self) -> Cookies {
        if self.is_https() {
            Cookies::ByTls
        } else {
            Cookies::Plain
        }
    }
}

impl Cookies {
    fn name(self, cookie: Cookie) -> &'static str {
        match (self, cookie) {
            (Self::Plain, Cookie::Voter) => "voter",
            (Self::Plain, Cookie::Choice) => "choice",
            (Self::ByTls, Cookie::Voter) => "__Host-voter",
            (Self::ByTls, Cookie::Choice) => "__Host-choice",
        }
    }

    /// What sets a cookie for a year. Scripts cannot read it, and other sites' requests carry it
    /// only when they lead the voter here.
    pub(crate) fn set(self, cookie: Cookie, value: &str) -> String {
        let (name, value) = (self.name(cookie), escaped(value));
        let secure = match self {
            Self::Plain => "",
            Self::ByTls => "; Secure",
        };
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={MAX_AGE_SECONDS}{secure}")
    }

    /// The voter that the cookie names.
    pub(crate) fn voter(self, headers: &HeaderMap) -> Option<String> {
        self.find(Cookie::Voter, headers).map(ToOwned::to_owned)
    }

    /// The choice that this browser's last vote was for, if it can still be voted for.
    pub(crate) fn last_choice<'a>(
        self,
        headers: &HeaderMap,
        choices: &'a [Choice],
    ) -> Option<&'a Choice> {
        let value = self.find(Cookie::Choice, headers)?;
        choices.iter().find(|choice| escaped(&choice.id) == value)
    }

    /// Only the pair that is wanted has to be a text: other cookies are of whoever set them, on the whole domain
    /// perhaps.
    fn find(self, cookie: Cookie, headers: &HeaderMap) -> Option<&str> {
        let wanted = self.name(cookie).as_bytes();
        let lines = headers.get_all(header::COOKIE).iter();
        lines
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| {
                let equals = pair.iter().position(|byte| *byte == b'=')?;
                Some((&pair[..equals], &pair[equals + 1..]))
            })
            .filter(|(name, _)| name.trim_ascii() == wanted)
            .find_map(|(_, value)| str::from_utf8(value.trim_ascii()).ok())
    }
}

/// A choice's id may have characters that a cookie cannot (RFC 6265, section 4.1.1).
fn escaped(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn headers(line: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
        headers
    }

    fn choices() -> Vec<Choice> {
        let choice = |id: &str| Choice {
            id: id.to_owned(),
            label: id.to_uppercase(),
        };
        vec![choice("cats"), choice("a&b=c"), choice("é \"%")]
    }

    proptest! {
        #[test]
        fn any_cookie_is_a_voter_or_none(line in vec(any::<u8>(), 0..100)) {
            if HeaderValue::from_bytes(&line).is_ok() {
                let _ = Cookies::Plain.voter(&headers(&line));
                let _ = Cookies::ByTls.last_choice(&headers(&line), &choices());
            }
        }
    }

    #[test]
    fn a_choice_is_found_in_the_cookie_that_was_set_for_it() {
        for cookies in [Cookies::Plain, Cookies::ByTls] {
            for choice in choices() {
                let set = cookies.set(Cookie::Choice, &choice.id);
                let pair = set.split(';').next().unwrap_or_default();
                let found = headers(format!("a=b; {pair}").as_bytes());
                assert_eq!(
                    cookies.last_choice(&found, &choices()),
                    Some(&choice),
                    "{set}"
                );
            }
        }
    }

    #[test]
    fn a_voter_is_found_beside_cookies_that_are_no_text() {
        let voter = |line: &[u8]| Cookies::Plain.voter(&headers(line));
        for line in [
            &b"a=\xe9; voter=ann"[..],
            b"voter=ann; a=\xff=\xfe",
            b"\xe9; voter = ann ;b",
            b"\xe9=1;;=;voter=ann",
            b"voter=\xe9; voter=ann",
        ] {
            assert_eq!(voter(line).as_deref(), Some("ann"), "{line:?}");
        }
        for line in [&b"voter=\xe9"[..], b"avoter=ann", b"voter", b"voter ann"] {
            assert_eq!(voter(line), None, "{line:?}");
        }
    }

    /// Any host of the domain can set the other name, and be sent first.
    #[test]
    fn by_tls_only_what_this_host_has_set_counts() {
        let line = b"voter=eve; __Host-voter=ann; choice=cats";
        assert_eq!(Cookies::ByTls.voter(&headers(line)).as_deref(), Some("ann"));
        assert_eq!(Cookies::ByTls.last_choice(&headers(line), &choices()), None);
        assert_eq!(Cookies::ByTls.voter(&headers(b"voter=eve")), None);
        let set = Cookies::ByTls.set(Cookie::Voter, "ann");
        assert!(set.starts_with("__Host-voter=ann; Path=/; "), "{set}");
        assert!(set.contains("; Secure") && !set.contains("Domain"), "{set}");
    }
}
