//! The order of votes.

use crate::Vote;

/// How many of a position's bits count the entries of one millisecond: far more than Redis can take.
const SEQUENCE_BITS: u32 = 20;

/// Where Redis put a vote in the stream. Redis alone gives positions out and never goes back, also
/// when its clock does, so they are one order for votes that came through different vote apps with
/// different clocks. Of one voter's votes the one with the greatest position stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(i64);

/// A vote that is in the stream, with its place there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The vote.
    pub vote: Vote,
    /// Its place.
    pub position: Position,
}

impl Position {
    /// The position of the entry `MS-SEQUENCE`. What is beyond the year 2248, or beyond a million
    /// entries in one millisecond, shares the last place that can be told.
    #[must_use]
    pub fn new(ms: u64, sequence: u64) -> Self {
        let last = (1 << SEQUENCE_BITS) - 1;
        let ms = ms.min(u64::try_from(i64::MAX >> SEQUENCE_BITS).unwrap_or(u64::MAX));
        let place = (ms << SEQUENCE_BITS) | sequence.min(last);
        Self(i64::try_from(place).unwrap_or(i64::MAX))
    }

    /// The position that an entry's id, such as `1700000000000-0`, tells.
    #[must_use]
    pub fn of_entry(id: &str) -> Option<Self> {
        let (ms, sequence) = id.split_once('-')?;
        Some(Self::new(ms.parse().ok()?, sequence.parse().ok()?))
    }

    /// The position as one number that orders as positions do, for a database.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// When Redis took the vote, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn taken_at_ms(self) -> i64 {
        self.0 >> SEQUENCE_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_order_as_the_entries_of_the_stream_do() {
        let ids = [
            "0-1",
            "1700000000000-0",
            "1700000000000-1",
            "1700000000000-1048574",
            "1700000000001-0",
            "8796093022206-0",
            "18446744073709551615-18446744073709551615",
        ];
        let positions: Vec<_> = ids.iter().map(|id| Position::of_entry(id)).collect();
        assert!(positions.iter().all(Option::is_some));
        assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
        let first = Position::of_entry("1700000000000-7").unwrap();
        assert_eq!(first.taken_at_ms(), 1_700_000_000_000);
        for bad in ["", "7", "-", "1-", "-1", "a-0", "1-0-0"] {
            assert_eq!(Position::of_entry(bad), None, "{bad:?}");
        }
    }
}
