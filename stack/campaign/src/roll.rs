//! Everybody who voted in any round, and what stood for them after it: nothing of that may go, nor change.

use std::collections::BTreeMap;

use uuid::Uuid;
use voteops_ledger::Standing;

use crate::sent::Sent;

/// The voters of all rounds.
#[derive(Debug, Default)]
pub struct Roll {
    voters: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    stood: Option<(Uuid, String)>,
    /// Whether something that was not answered may still come.
    is_doubtful: bool,
}

impl Roll {
    /// Remembers a round.
    pub fn add(&mut self, sent: &Sent, recorded: &[Standing]) {
        for voter in &sent.voters {
            let entry = Entry {
                stood: None,
                is_doubtful: voter.is_doubtful(),
            };
            self.voters.insert(voter.name.clone(), entry);
        }
        for vote in recorded {
            if let Some(entry) = self.voters.get_mut(&vote.voter) {
                entry.stood = Some((vote.vote_id, vote.choice.clone()));
            }
        }
    }

    /// What became otherwise since each voter's round, one line each; `recorded` is the whole ledger.
    #[must_use]
    pub fn changes(&self, recorded: &[Standing]) -> Vec<String> {
        let mut now: BTreeMap<&str, &Standing> = BTreeMap::new();
        let mut wrong = Vec::new();
        for vote in recorded {
            now.insert(&vote.voter, vote);
        }
        for (name, Entry { stood, is_doubtful }) in &self.voters {
            let stands = now.remove(name.as_str());
            let same = stands.map(|vote| (vote.vote_id, vote.choice.clone())) == *stood;
            if stood.is_some() && stands.is_none() {
                wrong.push(format!("gone: the row of {name}"));
            } else if !same && !is_doubtful {
                wrong.push(format!("altered after its round: the row of {name}"));
            }
        }
        let others = now.into_keys();
        wrong.extend(others.map(|name| format!("invented after its round: the row of {name}")));
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sent::{Cast, Outcome, Voter};

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn stands(voter: &str, vote_id: Uuid) -> Standing {
        Standing {
            voter: voter.to_owned(),
            vote_id,
            choice: "cats".to_owned(),
        }
    }

    /// Ann's vote was answered, Bob's was not.
    fn roll() -> Roll {
        let voter = |name: &str, outcome| Voter {
            name: name.to_owned(),
            casts: vec![Cast {
                choice: "cats",
                keyed_id: None,
                outcome,
            }],
            repeats: Vec::new(),
        };
        let voters = vec![
            voter("ann", Outcome::Accepted(A)),
            voter("bob", Outcome::Unanswered),
        ];
        let mut roll = Roll::default();
        roll.add(&Sent { voters }, &[stands("ann", A)]);
        roll
    }

    #[test]
    fn what_stands_as_it_stood_is_right_and_what_was_unknown_may_come_late() {
        assert_eq!(roll().changes(&[stands("ann", A)]).len(), 0);
        let late = [stands("ann", A), stands("bob", B)];
        assert_eq!(roll().changes(&late).len(), 0);
    }

    #[test]
    fn rows_that_are_gone_changed_or_new_are_told() {
        let first = |recorded: &[Standing]| roll().changes(recorded)[0].clone();
        assert!(first(&[]).starts_with("gone"));
        assert!(first(&[stands("ann", B)]).starts_with("altered"));
        let other = [stands("ann", A), stands("eve", B)];
        assert!(first(&other).starts_with("invented"));
        let dogs = Standing {
            choice: "dogs".to_owned(),
            ..stands("ann", A)
        };
        assert!(first(&[dogs]).starts_with("altered"));
    }
}
