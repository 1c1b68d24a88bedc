//! What the fuzz targets in `fuzz/` do with any bytes, and the tests with their seeds. Whatever is sent is
//! a vote or a refusal, and neither is unsound. Each target tells whether it is a vote.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use voteops_queue::check_voter;

use crate::Choice;
use crate::ballot::{self, Encoding};
use crate::cookies::Cookies;
use crate::lang::Lang;
use crate::reply::{Format, Wanted};

/// Reads a form. What stands before the first line feed, if there is one, is the request's cookies.
///
/// # Panics
/// When the vote or the refusal that comes of it is unsound.
#[must_use]
pub fn form(bytes: &[u8]) -> bool {
    let feed = bytes.iter().position(|byte| *byte == b'\n');
    let (cookies, body) = match feed {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (&b""[..], bytes),
    };
    let mut headers = HeaderMap::new();
    if let Ok(cookies) = HeaderValue::from_bytes(cookies) {
        headers.insert(header::COOKIE, cookies);
    }
    let _ = Cookies::ByTls.last_choice(&headers, &choices());
    read(Encoding::Form, body, &headers)
}

/// Reads a JSON body.
///
/// # Panics
/// When the vote or the refusal that comes of it is unsound.
#[must_use]
pub fn json(bytes: &[u8]) -> bool {
    read(Encoding::Json, bytes, &HeaderMap::new())
}

/// One that needs no escape, one that does everywhere.
fn choices() -> Vec<Choice> {
    let choice = |id: &str| Choice {
        id: id.to_owned(),
        label: id.to_uppercase(),
    };
    vec![choice("cats"), choice("é&=;\"%")]
}

fn read(encoding: Encoding, body: &[u8], headers: &HeaderMap) -> bool {
    let body = Bytes::copy_from_slice(body);
    match ballot::read(encoding, &body, headers, Cookies::Plain, &choices()) {
        Ok(sent) => {
            let vote = sent.vote;
            let is_known = choices().iter().any(|choice| choice.id == vote.choice);
            assert!(is_known && check_voter(&vote.voter).is_ok(), "{vote:?}");
            true
        }
        Err(refusal) => {
            let message = &refusal.message;
            assert!(!message.contains(char::is_control), "{message:?}");
            let status = refusal.reason.status();
            for format in [Format::Html, Format::Json] {
                let lang = Lang::En;
                let answer = refusal.answer(Wanted { format, lang });
                assert!(status.is_client_error() && answer.status() == status);
            }
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seed is a vote when its name says so.
    fn replay(dir: &str, target: fn(&[u8]) -> bool) {
        let seeds = std::fs::read_dir(dir).unwrap();
        let mut votes = 0;
        for seed in seeds {
            let path = seed.unwrap().path();
            let is_vote = target(&std::fs::read(&path).unwrap());
            let name = path.file_name().unwrap().to_string_lossy();
            assert_eq!(is_vote, name.starts_with("vote"), "{name}");
            votes += usize::from(is_vote);
        }
        assert!(votes > 0, "{dir} has no vote");
    }

    #[test]
    fn the_seeds_of_the_fuzz_targets_are_what_their_names_say() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds");
        replay(&format!("{seeds}/form"), form);
        replay(&format!("{seeds}/json"), json);
    }
}
