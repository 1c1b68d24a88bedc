//! Reads what a voter sent.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use serde_json::error::Category;
use uuid::{NoContext, Timestamp, Uuid};
use voteops_queue::{InvalidVote, Page, Vote};

use crate::Choice;
use crate::cookies::Cookies;
use crate::reply::{Reason, Refusal};

/// The header that makes a vote that is sent again the same vote
/// (draft-ietf-httpapi-idempotency-key-header).
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The field of the form that names the page it stands on, once.
pub(crate) const PAGE_FIELD: &str = "page";

/// What the body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Form,
    Json,
}

/// What the body says. Other fields are passed over.
#[derive(Debug, Default, Deserialize)]
struct Fields {
    choice: Option<String>,
    voter: Option<String>,
    /// Only the ballot's form has it; programs have the header.
    #[serde(skip)]
    page: Option<String>,
}

/// A vote as it was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) vote: Vote,
    pub(crate) sameness: Sameness,
}

/// What tells whether a vote is one that was sent before.
#[derive(Debug)]
pub(crate) enum Sameness {
    /// Nothing: it is taken as often as it comes.
    Unknown,
    /// The header `Idempotency-Key`, of which its id is made. It stands for one choice.
    Key,
    /// The page that it was chosen on, from which another choice may come later.
    Page(Page),
}

impl Encoding {
    /// What `Content-Type` says.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let given = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media = given
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        match media.to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "application/x-www-form-urlencoded" => Ok(Self::Form),
            _ => Err(Refusal::new(
                Reason::MediaType,
                "Send the vote as application/json or application/x-www-form-urlencoded.",
            )),
        }
    }
}

/// Reads a vote for one of `choices`; a voter in the body goes before the one in the cookie, and a key
/// in the header before the page.
pub(crate) fn read(
    encoding: Encoding,
    body: &Bytes,
    headers: &HeaderMap,
    cookies: Cookies,
    choices: &[Choice],
) -> Result<Sent, Refusal> {
    if body.is_empty() {
        return Err(Refusal::new(
            Reason::EmptyBody,
            "The request has no body; send a choice.",
        ));
    }
    let fields = match encoding {
        Encoding::Form => from_form(body)?,
        Encoding::Json => from_json(body)?,
    };
    let choice = known_choice(fields.choice, choices)?;
    let voter = fields
        .voter
        .or_else(|| cookies.voter(headers))
        .ok_or_else(|| {
            Refusal::new(
                Reason::MissingVoter,
                "It is not known who votes: allow cookies and open the ballot, or send a voter.",
            )
        })?;
    let key = headers.get(IDEMPOTENCY_KEY);
    cast(&voter, &choice, key, fields.page.as_deref()).map_err(|invalid| {
        let reason = match invalid {
            InvalidVote::Voter => Reason::InvalidVoter,
            InvalidVote::Id | InvalidVote::Choice | InvalidVote::Key | InvalidVote::Page => {
                Reason::InvalidFields
            }
        };
        Refusal::new(reason, format!("This is not a vote: {invalid}."))
    })
}

fn known_choice(given: Option<String>, choices: &[Choice]) -> Result<String, Refusal> {
    let known = || {
        let ids: Vec<_> = choices.iter().map(|choice| choice.id.as_str()).collect();
        ids.join(", ")
    };
    let choice = given.filter(|choice| !choice.is_empty()).ok_or_else(|| {
        let message = format!("Choose one of: {}.", known());
        Refusal::new(Reason::MissingChoice, message)
    })?;
    if choices.iter().any(|known| known.id == choice) {
        return Ok(choice);
    }
    let message = format!("There is no such choice. Choose one of: {}.", known());
    Err(Refusal::new(Reason::UnknownChoice, message))
}

fn cast(
    voter: &str,
    choice: &str,
    key: Option<&HeaderValue>,
    page: Option<&str>,
) -> Result<Sent, InvalidVote> {
    // Checked also where the key goes before it: what is not well formed is refused.
    let page = page.map(|page| Page::new(voter, page)).transpose()?;
    let (vote, sameness) = match (key, page) {
        (Some(key), _) => {
            let vote = Vote::cast_with_key(voter, choice, unquoted(key))?;
            (vote, Sameness::Key)
        }
        (None, Some(page)) => (Vote::cast(voter, choice)?, Sameness::Page(page)),
        (None, None) => (Vote::cast(voter, choice)?, Sameness::Unknown),
    };
    Ok(Sent { vote, sameness })
}

/// A key in double quotes, as the draft has it, or without, as most clients send it. What is not
/// ASCII is no key.
fn unquoted(key: &HeaderValue) -> &str {
    let key = key.to_str().unwrap_or_default();
    let inner = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
    inner.unwrap_or(key)
}

fn from_json(body: &Bytes) -> Result<Fields, Refusal> {
    if body.trim_ascii_start().starts_with(b"[") {
        // It would be taken for the fields in their order.
        return Err(Refusal::new(
            Reason::InvalidFields,
            "Expected an object with the texts choice and voter, found a list.",
        ));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Refusal::new(
            Reason::InvalidFields,
            format!("Expected an object with the texts choice and voter: {error}."),
        ),
        _ => Refusal::new(
            Reason::InvalidJson,
            format!("The body is not JSON: {error}."),
        ),
    })
}

fn from_form(body: &Bytes) -> Result<Fields, Refusal> {
    let mut fields = Fields::default();
    for (name, value) in url::form_urlencoded::parse(body) {
        let field = match &*name {
            "choice" => &mut fields.choice,
            "voter" => &mut fields.voter,
            PAGE_FIELD => &mut fields.page,
            _ => continue,
        };
        if field.replace(value.into_owned()).is_some() {
            return Err(Refusal::new(
                Reason::InvalidFields,
                format!("{name} is there twice."),
            ));
        }
    }
    Ok(fields)
}

/// A name for a voter who has none: it begins with the time, as those of voters who come at the same time do
/// (UUID 7). Ledgers are ordered by name, so that new voters are written side by side, however many
/// rows there are elsewhere. All else is random, 74 bits: who knows a name can vote in it.
pub(crate) fn new_name() -> String {
    Uuid::new_v7(Timestamp::now(NoContext)).to_string()
}

#[cfg(test)]
#[path = "ballot_tests.rs"]
mod tests;
