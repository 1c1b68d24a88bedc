//! A vote, and what makes its parts well formed.

use uuid::Uuid;

/// The longest voter name taken, in characters.
pub const MAX_VOTER_CHARS: usize = 128;

/// The longest choice taken, in characters.
pub const MAX_CHOICE_CHARS: usize = 64;

/// One vote as it travels through the queue. Of one voter's votes the one that Redis took last
/// stands: see [`Position`](crate::Position).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// A version 7 UUID (RFC 9562, section 5.7), or for a vote with a key a version 5 one.
    pub id: Uuid,
    /// Who voted.
    pub voter: String,
    /// The id of what was chosen.
    pub choice: String,
}

/// The longest idempotency key taken, in characters.
pub const MAX_KEY_CHARS: usize = 128;

/// The namespace of the ids of votes with a key (RFC 9562, section 5.5): a version 4 UUID, drawn once.
const KEYED_VOTES: Uuid = Uuid::from_u128(0x6f0c_84f2_3c5b_4b1e_9d0a_5d1c_7a3e_92b4);

/// Why something is not a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVote {
    /// The id is neither a version 7 nor a version 5 UUID.
    #[error("the vote id is neither a version 7 nor a version 5 UUID")]
    Id,
    /// The voter is empty, too long or not printable.
    #[error(
        "the voter must have 1 to {MAX_VOTER_CHARS} characters, none of them a control character"
    )]
    Voter,
    /// The key is empty, too long or not printable ASCII.
    #[error("an idempotency key has 1 to {MAX_KEY_CHARS} printable ASCII characters")]
    Key,
    /// The id of the page is empty, too long or not printable ASCII.
    #[error("the id of a page has 1 to {MAX_KEY_CHARS} printable ASCII characters")]
    Page,
    /// The choice is empty, too long or not printable.
    #[error(
        "the choice must have 1 to {MAX_CHOICE_CHARS} characters, none of them a control character"
    )]
    Choice,
}

impl Vote {
    /// Casts a vote now: checks its parts and gives it the next id.
    ///
    /// # Errors
    /// [`InvalidVote`] names the part that is not well formed.
    pub fn cast(voter: &str, choice: &str) -> Result<Self, InvalidVote> {
        Self::new(Uuid::now_v7(), voter, choice)
    }

    /// Casts a vote of which `key` tells whether it is the same as another of this voter: the same
    /// voter and key make the same id, in every process.
    ///
    /// # Errors
    /// [`InvalidVote`] names the part that is not well formed.
    pub fn cast_with_key(voter: &str, choice: &str, key: &str) -> Result<Self, InvalidVote> {
        if !is_key(key) {
            return Err(InvalidVote::Key);
        }
        // No voter's name has a control character in it, so that no two pairs read the same.
        let name = format!("{voter}\0{key}");
        Self::new(Uuid::new_v5(&KEYED_VOTES, name.as_bytes()), voter, choice)
    }

    /// Puts together a vote cast earlier, checking every part.
    ///
    /// # Errors
    /// [`InvalidVote`] names the part that is not well formed.
    pub fn new(id: Uuid, voter: &str, choice: &str) -> Result<Self, InvalidVote> {
        if !matches!(id.get_version_num(), 5 | 7) {
            return Err(InvalidVote::Id);
        }
        check_voter(voter)?;
        check_choice(choice)?;
        Ok(Self {
            id,
            voter: voter.to_owned(),
            choice: choice.to_owned(),
        })
    }

    /// When the vote was cast, in milliseconds since the Unix epoch, by the clock of who took it; its
    /// id tells, unless it was made from a key.
    #[must_use]
    pub fn cast_at_ms(&self) -> Option<i64> {
        let (seconds, nanos) = self.id.get_timestamp()?.to_unix();
        let ms = seconds.saturating_mul(1000) + u64::from(nanos / 1_000_000);
        Some(i64::try_from(ms).unwrap_or(i64::MAX))
    }
}

/// Checks a voter's name.
///
/// # Errors
/// [`InvalidVote::Voter`] when it is empty, too long or not printable.
pub fn check_voter(voter: &str) -> Result<(), InvalidVote> {
    if is_name(voter, MAX_VOTER_CHARS) {
        Ok(())
    } else {
        Err(InvalidVote::Voter)
    }
}

/// Checks a choice's id.
///
/// # Errors
/// [`InvalidVote::Choice`] when it is empty, too long or not printable.
pub fn check_choice(choice: &str) -> Result<(), InvalidVote> {
    if is_name(choice, MAX_CHOICE_CHARS) {
        Ok(())
    } else {
        Err(InvalidVote::Choice)
    }
}

/// U+FFFD stands for bytes that were not text: two different inputs would become one name.
fn is_name(text: &str, max_chars: usize) -> bool {
    !text.is_empty()
        && text.chars().nth(max_chars).is_none()
        && !text
            .chars()
            .any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER)
}

pub(crate) fn is_key(key: &str) -> bool {
    (1..=MAX_KEY_CHARS).contains(&key.len())
        && key.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_printable() {
        assert_eq!(check_voter(&"é".repeat(MAX_VOTER_CHARS)), Ok(()));
        let too_long = "é".repeat(MAX_VOTER_CHARS + 1);
        for bad in ["", "a\0b", "a\nb", "\u{85}", "a\u{fffd}", &too_long] {
            assert_eq!(check_voter(bad), Err(InvalidVote::Voter), "{bad:?}");
        }
        assert_eq!(
            check_choice(&"x".repeat(MAX_CHOICE_CHARS + 1)),
            Err(InvalidVote::Choice)
        );
    }

    #[test]
    fn only_ids_of_versions_7_and_5_are_votes() {
        assert_eq!(
            Vote::new(Uuid::new_v4(), "ann", "cats"),
            Err(InvalidVote::Id)
        );
        assert_eq!(Vote::new(Uuid::max(), "ann", "cats"), Err(InvalidVote::Id));
    }

    #[test]
    fn the_time_of_casting_is_in_the_id() {
        // The example of RFC 9562, appendix A.6: 2022-02-22 19:22:22 UTC.
        let id = Uuid::parse_str("017f22e2-79b0-7cc3-98c4-dc0c0c07398f").unwrap();
        assert_eq!(
            Vote::new(id, "ann", "cats").unwrap().cast_at_ms(),
            Some(1_645_557_742_000)
        );
    }

    #[test]
    fn later_votes_have_greater_ids() {
        let votes: Vec<_> = (0..1000)
            .map(|_| Vote::cast("ann", "cats").unwrap().id)
            .collect();
        assert!(votes.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn voter_and_key_make_the_id_and_the_choice_does_not() {
        let id = |voter, choice, key| Vote::cast_with_key(voter, choice, key).map(|vote| vote.id);
        let vote = id("ann", "cats", "k1").unwrap();
        assert_eq!(id("ann", "dogs", "k1"), Ok(vote));
        for (voter, key) in [("ann", "k2"), ("bob", "k1"), ("annk", "1")] {
            assert_ne!(id(voter, "cats", key), Ok(vote), "{voter} {key}");
        }
        let too_long = "k".repeat(MAX_KEY_CHARS + 1);
        for bad in ["", "a\0b", "é", &too_long] {
            assert_eq!(id("ann", "cats", bad), Err(InvalidVote::Key), "{bad:?}");
        }
    }
}
