//! What Redis hands out of the stream, and how it is read.

use redis::Value;
use uuid::Uuid;

use crate::connect::Server;
use crate::{Error, InvalidVote, Position, Vote};

/// A field of a stream entry and its value: any bytes, for anyone can write to the stream.
type Field = (Vec<u8>, Vec<u8>);

/// One entry of the stream, delivered to a reader and pending until acknowledged or buried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The entry's id in the stream, such as `1700000000000-0`.
    pub id: String,
    /// The entry's place in the order of votes, which its id tells.
    pub position: Position,
    /// What the entry turned out to be.
    pub content: Content,
    /// The entry as it was written, to be kept when it is buried.
    pub(crate) fields: Vec<Field>,
    /// Who gave it out, as the reader knows.
    pub(crate) server: Server,
}

/// What an entry turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A well-formed vote.
    Vote(Vote),
    /// Not a vote: to be buried.
    Poison(DeadReason),
    /// Deleted from the stream while pending: to be acknowledged.
    Deleted,
}

/// Why an entry was buried in the stream [`DEAD_STREAM`](crate::DEAD_STREAM).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadReason {
    /// One of `id`, `voter` and `choice` is absent or there twice.
    Fields,
    /// A value is not UTF-8.
    NotText,
    /// The id is neither a version 7 nor a version 5 UUID.
    InvalidId,
    /// The voter is empty, too long or not printable.
    InvalidVoter,
    /// The choice is empty, too long or not printable.
    InvalidChoice,
    /// The ledger cannot hold this vote, however often it is tried.
    LedgerRefused,
}

impl DeadReason {
    /// Every reason, so that a metric can start each at zero.
    pub const ALL: [Self; 6] = [
        Self::Fields,
        Self::NotText,
        Self::InvalidId,
        Self::InvalidVoter,
        Self::InvalidChoice,
        Self::LedgerRefused,
    ];

    /// A short name for logs, metrics and the dead entry itself.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Fields => "fields",
            Self::NotText => "not_text",
            Self::InvalidId => "invalid_id",
            Self::InvalidVoter => "invalid_voter",
            Self::InvalidChoice => "invalid_choice",
            Self::LedgerRefused => "ledger_refused",
        }
    }
}

impl From<InvalidVote> for DeadReason {
    fn from(invalid: InvalidVote) -> Self {
        match invalid {
            InvalidVote::Id => Self::InvalidId,
            InvalidVote::Voter => Self::InvalidVoter,
            // Keys and pages are not in the stream.
            InvalidVote::Choice | InvalidVote::Key | InvalidVote::Page => Self::InvalidChoice,
        }
    }
}

impl Entry {
    fn new(id: String, fields: Option<Vec<Field>>) -> Result<Self, Error> {
        let position =
            Position::of_entry(&id).ok_or_else(|| unexpected("the id of an entry", &id))?;
        let content = match &fields {
            None => Content::Deleted,
            Some(fields) => decode(fields).map_or_else(Content::Poison, Content::Vote),
        };
        Ok(Self {
            id,
            position,
            content,
            fields: fields.unwrap_or_default(),
            server: Server::default(),
        })
    }
}

fn decode(fields: &[Field]) -> Result<Vote, DeadReason> {
    let id = Uuid::try_parse(text(fields, "id")?).map_err(|_| DeadReason::InvalidId)?;
    Ok(Vote::new(
        id,
        text(fields, "voter")?,
        text(fields, "choice")?,
    )?)
}

fn text<'a>(fields: &'a [Field], name: &str) -> Result<&'a str, DeadReason> {
    let mut values = fields.iter().filter(|(field, _)| field == name.as_bytes());
    match (values.next(), values.next()) {
        (Some((_, value)), None) => str::from_utf8(value).map_err(|_| DeadReason::NotText),
        _ => Err(DeadReason::Fields),
    }
}

/// Reads the answer of XREADGROUP on one stream: nil, or `[[stream, entries]]` (a map in RESP3).
pub(crate) fn from_read(reply: Value) -> Result<Vec<Entry>, Error> {
    match reply {
        Value::Nil => Ok(Vec::new()),
        Value::Map(streams) => match streams.into_iter().next() {
            Some((_, entries)) => from_entries(entries),
            None => Ok(Vec::new()),
        },
        Value::Array(mut streams) => match streams.pop() {
            Some(Value::Array(mut stream)) if stream.len() == 2 => {
                from_entries(stream.pop().unwrap_or_default())
            }
            other => Err(unexpected("XREADGROUP", &other)),
        },
        other => Err(unexpected("XREADGROUP", &other)),
    }
}

/// Reads the answer of XAUTOCLAIM, `[next cursor, entries, deleted ids]`, into cursor and entries.
/// Redis itself takes deleted entries off the pending list.
pub(crate) fn from_claim(reply: Value) -> Result<(String, Vec<Entry>), Error> {
    match reply {
        Value::Array(parts) => {
            let mut parts = parts.into_iter();
            let cursor = string(parts.next().unwrap_or_default())?;
            Ok((cursor, from_entries(parts.next().unwrap_or_default())?))
        }
        other => Err(unexpected("XAUTOCLAIM", &other)),
    }
}

fn from_entries(entries: Value) -> Result<Vec<Entry>, Error> {
    match entries {
        // Redis 6 claims deleted entries as bare nils, without an id to acknowledge.
        Value::Array(entries) => entries
            .into_iter()
            .filter(|entry| *entry != Value::Nil)
            .map(from_entry)
            .collect(),
        other => Err(unexpected("a list of entries", &other)),
    }
}

fn from_entry(entry: Value) -> Result<Entry, Error> {
    let parts = match entry {
        Value::Array(parts) => {
            <[Value; 2]>::try_from(parts).map_err(|parts| unexpected("an entry", &parts))?
        }
        other => return Err(unexpected("an entry", &other)),
    };
    let [id, fields] = parts;
    let fields = match fields {
        Value::Nil => None,
        Value::Array(flat) => Some(from_fields(flat)?),
        other => return Err(unexpected("the fields of an entry", &other)),
    };
    Entry::new(string(id)?, fields)
}

fn from_fields(flat: Vec<Value>) -> Result<Vec<Field>, Error> {
    let mut flat = flat.into_iter();
    let mut fields = Vec::with_capacity(flat.len() / 2);
    while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
        fields.push((bytes(name)?, bytes(value)?));
    }
    Ok(fields)
}

fn string(value: Value) -> Result<String, Error> {
    String::from_utf8(bytes(value)?).map_err(|error| unexpected("an id", &error))
}

fn bytes(value: Value) -> Result<Vec<u8>, Error> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        other => Err(unexpected("a string", &other)),
    }
}

fn unexpected(expected: &str, found: &impl std::fmt::Debug) -> Error {
    Error::Other(format!(
        "expected {expected} in the answer, found {found:?}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields<'a> = &'a [(&'a str, &'a [u8])];

    const ID: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

    fn content(fields: Fields) -> Content {
        let fields = fields
            .iter()
            .map(|(k, v)| (k.as_bytes().to_vec(), v.to_vec()))
            .collect();
        Entry::new("1-0".to_owned(), Some(fields)).unwrap().content
    }

    #[test]
    fn a_well_formed_entry_is_a_vote_whatever_else_it_carries() {
        let vote = Vote::new(Uuid::parse_str(ID).unwrap(), "ann", "cats").unwrap();
        let fields: [(&str, &[u8]); 4] = [
            ("choice", b"cats"),
            ("trace", b"\xff"),
            ("id", ID.as_bytes()),
            ("voter", b"ann"),
        ];
        assert_eq!(content(&fields), Content::Vote(vote));
    }

    #[test]
    fn poison_is_told_apart_by_reason() {
        let id = ID.as_bytes();
        let cases: [(Fields, DeadReason); 6] = [
            (&[("id", id), ("voter", b"ann")], DeadReason::Fields),
            (
                &[
                    ("id", id),
                    ("voter", b"a"),
                    ("voter", b"b"),
                    ("choice", b"c"),
                ],
                DeadReason::Fields,
            ),
            (
                &[("id", id), ("voter", b"\xff"), ("choice", b"cats")],
                DeadReason::NotText,
            ),
            (
                &[("id", b"7"), ("voter", b"ann"), ("choice", b"cats")],
                DeadReason::InvalidId,
            ),
            (
                &[("id", id), ("voter", b"a\0"), ("choice", b"cats")],
                DeadReason::InvalidVoter,
            ),
            (
                &[("id", id), ("voter", b"ann"), ("choice", b"")],
                DeadReason::InvalidChoice,
            ),
        ];
        for (fields, reason) in cases {
            assert_eq!(content(fields), Content::Poison(reason), "{fields:?}");
        }
    }

    #[test]
    fn a_reply_that_is_not_entries_is_an_error_not_a_panic() {
        for reply in [
            Value::Okay,
            Value::Array(vec![]),
            Value::Array(vec![Value::Int(1)]),
        ] {
            assert!(from_read(reply.clone()).is_err(), "{reply:?}");
            assert!(from_claim(reply.clone()).is_err(), "{reply:?}");
        }
        assert_eq!(from_read(Value::Nil).unwrap(), vec![]);
    }
}

#[cfg(test)]
#[path = "entry_proptests.rs"]
mod proptests;
