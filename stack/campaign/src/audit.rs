//! Compares what was answered with what was recorded.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::load::{Outcome, Sent};

/// What became of the votes of one round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// Votes sent.
    pub sent: u64,
    /// Votes answered 202.
    pub accepted: u64,
    /// Votes answered with another status.
    pub refused: u64,
    /// Votes not answered.
    pub unanswered: u64,
    /// Votes recorded although they were refused or not answered, which may be.
    pub recorded_unasked: u64,
    /// What must not be, one line each: a vote that is lost, invented, altered or overtaken.
    pub violations: Vec<String>,
}

impl Audit {
    /// Compares what was `sent` with `recorded`, the voters in the ledger with the ids of the votes
    /// that stand.
    #[must_use]
    pub fn of(sent: &Sent, recorded: Vec<(String, Uuid)>) -> Self {
        let mut audit = Self::default();
        let mut recorded: BTreeMap<String, Uuid> = recorded.into_iter().collect();
        for (voter, outcome) in &sent.once {
            audit.count(*outcome);
            audit.check(voter, &[*outcome], recorded.remove(voter));
        }
        for (voter, outcomes) in &sent.changers {
            for outcome in outcomes {
                audit.count(*outcome);
            }
            audit.check(voter, outcomes, recorded.remove(voter));
        }
        for (voter, id) in recorded {
            audit.violate(format!("invented: vote {id} of {voter}, who never voted"));
        }
        audit
    }

    /// Adds the numbers of another audit.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        self.recorded_unasked += other.recorded_unasked;
        self.violations.extend(other.violations.iter().cloned());
    }

    fn count(&mut self, outcome: Outcome) {
        self.sent += 1;
        match outcome {
            Outcome::Accepted(_) => self.accepted += 1,
            Outcome::Refused(_) => self.refused += 1,
            Outcome::Unanswered => self.unanswered += 1,
        }
    }

    /// A voter's votes in the order of casting, and the one that stands. A vote whose answer is not
    /// known may stand, also before a later one: on its own connection it may have arrived later.
    fn check(&mut self, voter: &str, outcomes: &[Outcome], stands: Option<Uuid>) {
        let ids = || outcomes.iter().filter_map(accepted_id);
        let last = ids().next_back();
        match (last, stands) {
            (None, None) => (),
            (Some(last), None) => self.violate(format!("lost: vote {last} of {voter}")),
            (Some(last), Some(id)) if last == id => (),
            (_, Some(id)) if ids().any(|earlier| earlier == id) => {
                self.violate(format!(
                    "overtaken: vote {id} of {voter} stands before a later one"
                ));
            }
            (_, Some(_))
                if outcomes
                    .iter()
                    .any(|outcome| accepted_id(outcome).is_none()) =>
            {
                self.recorded_unasked += 1;
            }
            (_, Some(id)) => self.violate(format!("altered: vote {id} of {voter} was never cast")),
        }
    }

    fn violate(&mut self, what: String) {
        self.violations.push(what);
    }
}

fn accepted_id(outcome: &Outcome) -> Option<Uuid> {
    match outcome {
        Outcome::Accepted(id) => Some(*id),
        Outcome::Refused(_) | Outcome::Unanswered => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);
    const C: Uuid = Uuid::from_u128(3);

    fn violation(outcomes: &[Outcome], stands: Option<Uuid>) -> Option<String> {
        let sent = Sent {
            once: Vec::new(),
            changers: vec![("ann".to_owned(), outcomes.to_vec())],
        };
        let recorded = stands.map(|id| ("ann".to_owned(), id));
        let audit = Audit::of(&sent, recorded.into_iter().collect());
        let first = audit.violations.into_iter().next();
        first.map(|told| told.split(':').next().unwrap_or_default().to_owned())
    }

    #[test]
    fn an_accepted_vote_must_stand_unless_a_later_or_an_unknown_one_does() {
        use Outcome::{Accepted, Refused, Unanswered};
        let votes = [Accepted(A), Accepted(B)];
        assert_eq!(violation(&votes, Some(B)), None);
        assert_eq!(violation(&votes, Some(A)).as_deref(), Some("overtaken"));
        assert_eq!(violation(&votes, Some(C)).as_deref(), Some("altered"));
        assert_eq!(violation(&votes, None).as_deref(), Some("lost"));
        for unknown in [Refused(503), Unanswered] {
            assert_eq!(violation(&[unknown], None), None);
            assert_eq!(violation(&[unknown], Some(C)), None);
            assert_eq!(violation(&[Accepted(A), unknown], Some(C)), None);
            let lost = violation(&[Accepted(A), unknown], None);
            assert_eq!(lost.as_deref(), Some("lost"));
        }
    }

    #[test]
    fn a_voter_who_never_voted_is_invented() {
        let audit = Audit::of(&Sent::default(), vec![("eve".to_owned(), A)]);
        assert!(audit.violations[0].starts_with("invented"), "{audit:?}");
    }
}
