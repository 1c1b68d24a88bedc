//! Whether every vote that was accepted is recorded exactly once.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::report::Votes;

/// Lost votes that are listed by their ids.
const LISTED: usize = 100;

/// Compares the votes that were answered 202, each of a voter of its own, with the ledger's rows
/// of these voters. A vote is recorded when the row of its voter has its id; a voter with another
/// id is a lost vote. A row that no answer promised is no fault: its answer was lost on the way.
pub(crate) fn compare(accepted: &[(String, Uuid)], rows: &[(String, Uuid)]) -> Votes {
    let recorded: HashMap<&str, Uuid> = rows
        .iter()
        .map(|(voter, id)| (voter.as_str(), *id))
        .collect();
    let lost: Vec<Uuid> = accepted
        .iter()
        .filter(|(voter, id)| recorded.get(voter.as_str()) != Some(id))
        .map(|(_, id)| *id)
        .collect();
    Votes {
        accepted: accepted.len(),
        recorded: accepted.len() - lost.len(),
        lost: lost.len(),
        duplicated: twice(rows) + repeated(accepted.iter().map(|(_, id)| *id)),
        lost_ids: lost.into_iter().take(LISTED).collect(),
        audited: true,
    }
}

/// Rows that count a second time: every voter of a run votes once, so a second row of a voter is
/// one, and so is a second row of a vote.
fn twice(rows: &[(String, Uuid)]) -> usize {
    let mut voters = HashSet::with_capacity(rows.len());
    let mut ids = HashSet::with_capacity(rows.len());
    let mut again = 0;
    for (voter, id) in rows {
        let (new_voter, new_id) = (voters.insert(voter.as_str()), ids.insert(*id));
        again += usize::from(!(new_voter && new_id));
    }
    again
}

/// Ids that were given to more than one vote.
fn repeated(ids: impl Iterator<Item = Uuid>) -> usize {
    let mut seen = HashSet::new();
    ids.filter(|id| !seen.insert(*id)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(voter: &str, id: u128) -> (String, Uuid) {
        (voter.into(), Uuid::from_u128(id))
    }

    #[test]
    fn each_vote_once_is_conserved() {
        let accepted = [vote("a", 1), vote("b", 2)];
        // c's vote was answered with an error and recorded nevertheless, which loses nothing.
        let rows = [vote("a", 1), vote("b", 2), vote("c", 3)];
        let votes = compare(&accepted, &rows);
        assert_eq!(
            (votes.accepted, votes.recorded, votes.lost, votes.duplicated),
            (2, 2, 0, 0)
        );
    }

    #[test]
    fn a_vote_that_is_missing_or_another_is_lost() {
        let accepted = [vote("a", 1), vote("b", 2), vote("c", 3)];
        let votes = compare(&accepted, &[vote("a", 1), vote("b", 9)]);
        assert_eq!((votes.recorded, votes.lost), (1, 2));
        assert_eq!(votes.lost_ids, [Uuid::from_u128(2), Uuid::from_u128(3)]);
    }

    #[test]
    fn a_second_row_and_an_id_given_twice_are_counted() {
        let rows = [vote("a", 1), vote("a", 4), vote("b", 1)];
        assert_eq!(compare(&[vote("a", 1)], &rows).duplicated, 2);
        let accepted = [vote("a", 1), vote("b", 1)];
        assert_eq!(
            compare(&accepted, &[vote("a", 1), vote("b", 2)]).duplicated,
            1
        );
    }
}
