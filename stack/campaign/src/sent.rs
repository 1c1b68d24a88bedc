//! What was sent in a round, as its voters know it.

use uuid::Uuid;

/// What became of a vote as far as the voter knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Answered 202: it must be recorded.
    Accepted(Uuid),
    /// Answered with another status: it may be recorded.
    Refused(u16),
    /// Not answered: it may be recorded.
    Unanswered,
    /// Answered 202, but with what was not sent.
    Mistaken(String),
}

/// One vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    /// What was chosen.
    pub choice: &'static str,
    /// The id of a vote with an idempotency key: its voter and its key tell.
    pub keyed_id: Option<Uuid>,
    /// What it was answered; with a key, the last time it was sent.
    pub outcome: Outcome,
}

/// One voter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Voter {
    /// Nobody else's name.
    pub name: String,
    /// Votes in the order of casting. With or without a key, each is sent after the answer to the one before.
    pub casts: Vec<Cast>,
    /// What votes were answered that were sent once more after they had been accepted, and after a later one.
    pub repeats: Vec<Outcome>,
}

/// What was sent in one round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Everybody who voted.
    pub voters: Vec<Voter>,
}

impl Cast {
    /// The vote's id, where it is known.
    #[must_use]
    pub fn id(&self) -> Option<Uuid> {
        match self.outcome {
            Outcome::Accepted(id) => Some(id),
            _ => self.keyed_id,
        }
    }

    /// Whether it was answered 202.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.outcome, Outcome::Accepted(_))
    }
}

impl Voter {
    /// The place of the last vote that was answered 202.
    #[must_use]
    pub fn last_accepted(&self) -> Option<usize> {
        self.casts.iter().rposition(Cast::is_accepted)
    }

    /// Whether another vote may come to stand than the one that does, since not all was answered.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        !self.casts.iter().all(Cast::is_accepted)
    }
}
