//! Whether every vote that was accepted is recorded exactly once.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::report::Votes;

/// Lost votes that are listed by their ids.
const LISTED: usize = 100;

/// Compares the votes that were answered 202 with the ledger's rows of the run's voters.
pub(super) fn compare(accepted: &[Uuid], recorded: &[(String, Uuid)]) -> Votes {
    let mut rows: HashMap<Uuid, usize> = HashMap::with_capacity(recorded.len());
    let mut voters: HashSet<&str> = HashSet::with_capacity(recorded.len());
    // Every voter of a run votes once: a second row of a voter is a vote that counts twice, and
    // so is a second row of a vote.
    let mut duplicated = 0;
    for (voter, id) in recorded {
        let count = rows.entry(*id).or_default();
        *count += 1;
        let new_voter = voters.insert(voter);
        duplicated += usize::from(*count > 1 || !new_voter);
    }
    let lost: Vec<Uuid> = accepted
        .iter()
        .copied()
        .filter(|id| !rows.contains_key(id))
        .collect();
    Votes {
        accepted: accepted.len(),
        recorded: accepted.len() - lost.len(),
        lost: lost.len(),
        duplicated,
        lost_ids: lost.into_iter().take(LISTED).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[test]
    fn each_vote_once_is_conserved() {
        let rows = [
            ("a".into(), id(1)),
            ("b".into(), id(2)),
            ("c".into(), id(3)),
        ];
        // c's vote was answered with an error and recorded nevertheless, which loses nothing.
        let votes = compare(&[id(1), id(2)], &rows);
        assert_eq!(
            (votes.accepted, votes.recorded, votes.lost, votes.duplicated),
            (2, 2, 0, 0)
        );
    }

    #[test]
    fn a_missing_vote_is_listed_and_a_second_row_is_counted() {
        let rows = [
            ("a".into(), id(1)),
            ("a".into(), id(4)),
            ("b".into(), id(1)),
        ];
        let votes = compare(&[id(1), id(2)], &rows);
        assert_eq!((votes.recorded, votes.lost, votes.duplicated), (1, 1, 2));
        assert_eq!(votes.lost_ids, [id(2)]);
    }
}
