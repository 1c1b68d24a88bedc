//! Reading answers of HTTP/1 (RFC 9112) out of what has been received.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Response, Status};

use super::chunks::{self, Dechunked};
use super::tally::ErrorKind;

/// The longest body that is read; a vote app's are much shorter.
pub(super) const LONGEST_BODY_BYTES: usize = 1 << 20;
/// The longest head that is read, and the most headers in it.
const LONGEST_HEAD_BYTES: usize = 1 << 16;
const MOST_HEADERS: usize = 64;

/// An answer that has been received to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) body: Cow<'a, [u8]>,
    /// Whether the connection cannot carry another.
    pub(super) last: bool,
}

/// Reads the answer that `received` begins with; none while it is not whole. `ended` tells that
/// nothing more will come.
///
/// # Errors
/// [`ErrorKind::Unreadable`] when it is no answer, or is too long; [`ErrorKind::Broken`] when it
/// ends too early.
pub(super) fn parse(received: &[u8], ended: bool) -> Result<Option<Answer<'_>>, ErrorKind> {
    let missing = if ended {
        Err(ErrorKind::Broken)
    } else {
        Ok(None)
    };
    let mut rest = received;
    let head = loop {
        let Some((head, length)) = parse_head(rest)? else {
            return missing;
        };
        rest = &rest[length..];
        // Answers on the way to the answer, such as 100 Continue, say nothing here (RFC 9110, 15.2).
        if !(100..200).contains(&head.status) {
            break head;
        }
    };
    let Some((body, taken)) = head.body.take(rest, ended)? else {
        return missing;
    };
    Ok(Some(Answer {
        status: head.status,
        body,
        // Nothing was asked that could be answered by more.
        last: head.last || ended || taken < rest.len(),
    }))
}

/// What comes before a body.
struct Head {
    status: u16,
    body: Framing,
    last: bool,
}

/// How the end of a body is told (RFC 9112, 6.3).
#[derive(Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
    UntilEnd,
}

/// A body, and how many bytes it takes where it was received.
type Taken<'a> = (Cow<'a, [u8]>, usize);

impl Framing {
    /// The body at the start of `rest`; none while it is not whole.
    fn take(self, rest: &[u8], ended: bool) -> Result<Option<Taken<'_>>, ErrorKind> {
        let too_long = match self {
            Self::Length(length) => length > LONGEST_BODY_BYTES,
            // The marks of chunks may take as much again.
            Self::Chunked => rest.len() > 2 * LONGEST_BODY_BYTES,
            Self::UntilEnd => rest.len() > LONGEST_BODY_BYTES,
        };
        if too_long {
            return Err(ErrorKind::Unreadable);
        }
        Ok(match self {
            Self::Length(length) => rest.get(..length).map(|body| (body.into(), length)),
            Self::Chunked => {
                let whole = chunks::decode(rest).map_err(|_| ErrorKind::Unreadable)?;
                whole.map(|Dechunked { body, taken }| (body.into(), taken))
            }
            Self::UntilEnd => ended.then(|| (rest.into(), rest.len())),
        })
    }
}

/// The head at the start of `received` and its length in bytes; none while it is not whole.
fn parse_head(received: &[u8]) -> Result<Option<(Head, usize)>, ErrorKind> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_HEADERS];
    let mut response = Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        received,
        &mut headers,
    );
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if received.len() <= LONGEST_HEAD_BYTES => return Ok(None),
        Ok(Status::Partial) | Err(_) => return Err(ErrorKind::Unreadable),
    };
    Head::of(&response)
        .map(|head| Some((head, length)))
        .ok_or(ErrorKind::Unreadable)
}

impl Head {
    /// None when the headers contradict each other, or themselves.
    fn of(response: &Response<'_, '_>) -> Option<Self> {
        let status = response.code?;
        let (mut length, mut chunked, mut coded) = (None, false, false);
        // In HTTP/1.0 a connection ends with its answer unless it is said to stay.
        let mut last = response.version == Some(0);
        for Header { name, value } in &*response.headers {
            if name.eq_ignore_ascii_case("content-length") {
                let told: usize = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
                if length.is_some_and(|before| before != told) {
                    return None;
                }
                length = Some(told);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                coded = true;
                chunked = tokens(value).last().is_some_and(|last| is(last, "chunked"));
            } else if name.eq_ignore_ascii_case("connection") {
                for token in tokens(value) {
                    last = is(token, "close") || last && !is(token, "keep-alive");
                }
            }
        }
        let body = match (status, length) {
            (204 | 304, _) => Framing::Length(0),
            _ if chunked => Framing::Chunked,
            (_, Some(length)) if !coded => Framing::Length(length),
            _ => Framing::UntilEnd,
        };
        Some(Self { status, body, last })
    }
}

/// The parts of a list (RFC 9110, 5.6.1).
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn is(token: &[u8], name: &str) -> bool {
    token.eq_ignore_ascii_case(name.as_bytes())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
