//! A vote, and what makes its parts well formed.

use uuid::Uuid;

/// The longest voter name taken, in characters.
pub const MAX_VOTER_CHARS: usize = 128;

/// The longest choice taken, in characters.
pub const MAX_CHOICE_CHARS: usize = 64;

/// One vote as it travels through the queue. Of one voter's votes the greatest id wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// A version 7 UUID (RFC 9562, section 5.7): its order is the order of casting.
    pub id: Uuid,
    /// Who voted.
    pub voter: String,
    /// The id of what was chosen.
    pub choice: String,
}

/// Why something is not a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVote {
    /// The id is not a version 7 UUID.
    #[error("the vote id is not a version 7 UUID")]
    Id,
    /// The voter is empty, too long or not printable.
    #[error(
        "the voter must have 1 to {MAX_VOTER_CHARS} characters, none of them a control character"
    )]
    Voter,
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

    /// Puts together a vote cast earlier, checking every part.
    ///
    /// # Errors
    /// [`InvalidVote`] names the part that is not well formed.
    pub fn new(id: Uuid, voter: &str, choice: &str) -> Result<Self, InvalidVote> {
        if id.get_version_num() != 7 {
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

    /// When the vote was cast, in milliseconds since the Unix epoch, as its id tells.
    #[must_use]
    pub fn cast_at_ms(&self) -> i64 {
        let (seconds, nanos) = self
            .id
            .get_timestamp()
            .map_or((0, 0), |cast| cast.to_unix());
        i64::try_from(seconds.saturating_mul(1000) + u64::from(nanos / 1_000_000))
            .unwrap_or(i64::MAX)
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
    fn only_version_7_ids_are_votes() {
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
            1_645_557_742_000
        );
    }

    #[test]
    fn later_votes_have_greater_ids() {
        let votes: Vec<_> = (0..1000)
            .map(|_| Vote::cast("ann", "cats").unwrap().id)
            .collect();
        assert!(votes.is_sorted_by(|a, b| a < b));
    }
}
