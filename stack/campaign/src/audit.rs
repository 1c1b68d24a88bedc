//! Compares what was answered with what was recorded.

use std::collections::BTreeMap;

use uuid::Uuid;
use voteops_ledger::Standing;

use crate::sent::{Cast, Outcome, Sent, Voter};

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
    /// What must not be, one line each: a vote that is lost, invented, altered, overtaken or doubled, or an
    /// answer that nothing explains.
    pub violations: Vec<String>,
}

impl Audit {
    /// Compares what was `sent` with `recorded`, the votes that stand in the ledger. Votes may be refused by
    /// a status of `may_refuse` only.
    #[must_use]
    pub fn of(sent: &Sent, recorded: &[Standing], may_refuse: &[u16]) -> Self {
        let mut audit = Self::default();
        let mut standing = audit.by_voter(recorded);
        let owners = owners(sent);
        for voter in &sent.voters {
            for cast in &voter.casts {
                audit.count(&cast.outcome);
            }
            let casts = voter.casts.iter().map(|cast| &cast.outcome);
            for outcome in casts.chain(&voter.repeats) {
                audit.check_answer(&voter.name, outcome, may_refuse);
            }
            audit.check(voter, standing.remove(voter.name.as_str()), &owners);
        }
        for (name, Standing { vote_id, .. }) in standing {
            audit.violate(format!(
                "invented: vote {vote_id} of {name}, who never voted"
            ));
        }
        audit
    }

    /// Finds fault with more refusals than `most_percent`, where nothing keeps votes from being taken.
    pub fn check_refusals(&mut self, most_percent: u64) {
        let Self { sent, refused, .. } = *self;
        if refused * 100 > sent * most_percent {
            self.violate(format!(
                "refused: {refused} of {sent} votes, though whatever takes them was spared"
            ));
        }
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

    fn by_voter<'a>(&mut self, recorded: &'a [Standing]) -> BTreeMap<&'a str, &'a Standing> {
        let mut standing = BTreeMap::new();
        for vote in recorded {
            if standing.insert(vote.voter.as_str(), vote).is_some() {
                self.violate(format!("doubled: {} has two rows", vote.voter));
            }
        }
        standing
    }

    fn count(&mut self, outcome: &Outcome) {
        self.sent += 1;
        match outcome {
            Outcome::Accepted(_) => self.accepted += 1,
            Outcome::Refused(_) => self.refused += 1,
            Outcome::Unanswered | Outcome::Mistaken(_) => self.unanswered += 1,
        }
    }

    fn check_answer(&mut self, voter: &str, outcome: &Outcome, may_refuse: &[u16]) {
        match outcome {
            Outcome::Refused(status) if !may_refuse.contains(status) => {
                self.violate(format!("refused by {status}: a vote of {voter}"));
            }
            Outcome::Mistaken(what) => {
                self.violate(format!("mistaken: a vote of {voter} was answered {what}"));
            }
            _ => (),
        }
    }

    /// The last vote answered 202 stands, or one that is not known to have been taken: that may also be an
    /// earlier one, since on its own connection it may have arrived later.
    fn check(
        &mut self,
        voter: &Voter,
        stands: Option<&Standing>,
        owners: &BTreeMap<Uuid, (&str, usize)>,
    ) {
        let (name, casts) = (&voter.name, &voter.casts);
        let last = voter.last_accepted();
        let Some(Standing {
            vote_id, choice, ..
        }) = stands
        else {
            if let Some(id) = last.and_then(|last| casts[last].id()) {
                self.violate(format!("lost: vote {id} of {name}"));
            }
            return;
        };
        match owners.get(vote_id) {
            Some((owner, _)) if owner != name => {
                self.violate(format!("mixed up: {name} has vote {vote_id} of {owner}"));
            }
            Some((_, at)) if casts[*at].choice != choice => {
                self.violate(format!("altered: vote {vote_id} of {name} is for {choice}"));
            }
            Some((_, at)) if !casts[*at].is_accepted() => self.recorded_unasked += 1,
            Some((_, at)) if Some(*at) == last => (),
            Some(_) => self.violate(format!(
                "overtaken: vote {vote_id} of {name} stands before a later one"
            )),
            None if casts.iter().any(|cast| may_be(cast, choice)) => self.recorded_unasked += 1,
            None => self.violate(format!("altered: vote {vote_id} of {name} was never cast")),
        }
    }

    pub(crate) fn violate(&mut self, what: String) {
        self.violations.push(what);
    }
}

/// Whose votes have the ids that are known, and which of theirs.
fn owners(sent: &Sent) -> BTreeMap<Uuid, (&str, usize)> {
    let of = |voter: &Voter| {
        let ids = voter.casts.iter().enumerate();
        ids.filter_map(|(at, cast)| Some((cast.id()?, at)))
            .collect::<Vec<_>>()
    };
    let each = sent.voters.iter().map(|voter| (voter, of(voter)));
    each.flat_map(|(voter, ids)| {
        let owned = ids.into_iter();
        owned.map(|(id, at)| (id, (voter.name.as_str(), at)))
    })
    .collect()
}

/// Whether a vote may be one of which the id is not known.
fn may_be(cast: &Cast, choice: &str) -> bool {
    cast.id().is_none() && cast.choice == choice
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Accepted, Mistaken, Refused, Unanswered};

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);
    const C: Uuid = Uuid::from_u128(3);

    fn cast(choice: &'static str, keyed_id: Option<Uuid>, outcome: Outcome) -> Cast {
        Cast {
            choice,
            keyed_id,
            outcome,
        }
    }

    fn cats(outcome: Outcome) -> Cast {
        cast("cats", None, outcome)
    }

    fn stands(voter: &str, vote_id: Uuid, choice: &str) -> Standing {
        Standing {
            voter: voter.to_owned(),
            vote_id,
            choice: choice.to_owned(),
        }
    }

    fn ann(casts: &[Cast]) -> Voter {
        Voter {
            name: "ann".to_owned(),
            casts: casts.to_vec(),
            repeats: Vec::new(),
        }
    }

    /// What is wrong first, in a word.
    fn first_wrong(voters: Vec<Voter>, recorded: &[Standing]) -> Option<String> {
        let audit = Audit::of(&Sent { voters }, recorded, &[503]);
        let first = audit.violations.into_iter().next();
        first.map(|told| told.split(':').next().unwrap_or_default().to_owned())
    }

    fn wrong(casts: &[Cast], id: Option<Uuid>) -> Option<String> {
        let recorded = id.map(|id| stands("ann", id, "cats"));
        first_wrong(vec![ann(casts)], recorded.as_slice())
    }

    #[test]
    fn an_accepted_vote_must_stand_unless_a_later_or_an_unknown_one_does() {
        let votes = [cats(Accepted(A)), cats(Accepted(B))];
        assert_eq!(wrong(&votes, Some(B)), None);
        assert_eq!(wrong(&votes, Some(A)).as_deref(), Some("overtaken"));
        assert_eq!(wrong(&votes, Some(C)).as_deref(), Some("altered"));
        assert_eq!(wrong(&votes, None).as_deref(), Some("lost"));
        for unknown in [cats(Refused(503)), cats(Unanswered)] {
            assert_eq!(wrong(std::slice::from_ref(&unknown), None), None);
            assert_eq!(wrong(std::slice::from_ref(&unknown), Some(C)), None);
            let votes = [cats(Accepted(A)), unknown];
            assert_eq!(wrong(&votes, Some(C)), None);
            assert_eq!(wrong(&votes, None).as_deref(), Some("lost"));
        }
    }

    #[test]
    fn a_vote_with_a_key_may_stand_under_its_own_id_only() {
        let votes = [
            cats(Accepted(A)),
            cast("cats", Some(B), Unanswered),
            cats(Accepted(C)),
        ];
        assert_eq!(wrong(&votes, Some(B)), None);
        assert_eq!(wrong(&votes, Some(C)), None);
        let other = Uuid::from_u128(4);
        assert_eq!(wrong(&votes, Some(other)).as_deref(), Some("altered"));
    }

    #[test]
    fn what_was_chosen_is_looked_at_whether_the_id_is_known_or_not() {
        for (known, id) in [(Accepted(A), A), (Unanswered, C)] {
            let recorded = [stands("ann", id, "dogs")];
            let told = first_wrong(vec![ann(&[cats(known)])], &recorded);
            assert_eq!(told.as_deref(), Some("altered"));
        }
    }

    #[test]
    fn a_vote_of_somebody_else_is_mixed_up() {
        let bob = Voter {
            name: "bob".to_owned(),
            ..ann(&[cats(Accepted(B))])
        };
        let voters = vec![ann(&[cats(Unanswered)]), bob];
        let recorded = [stands("ann", B, "cats"), stands("bob", B, "cats")];
        assert_eq!(first_wrong(voters, &recorded).as_deref(), Some("mixed up"));
    }

    #[test]
    fn rows_are_neither_doubled_nor_invented() {
        let twice = [stands("ann", A, "cats"), stands("ann", A, "cats")];
        let votes = vec![ann(&[cats(Accepted(A))])];
        assert_eq!(first_wrong(votes, &twice).as_deref(), Some("doubled"));
        let eve = [stands("eve", A, "cats")];
        assert_eq!(first_wrong(Vec::new(), &eve).as_deref(), Some("invented"));
    }

    #[test]
    fn an_answer_that_nothing_explains_is_told_also_of_a_repeat() {
        assert_eq!(
            wrong(&[cats(Refused(422))], None).as_deref(),
            Some("refused by 422")
        );
        assert_eq!(
            wrong(&[cats(Mistaken("for bob".to_owned()))], None).as_deref(),
            Some("mistaken")
        );
        let mut voter = ann(&[cats(Accepted(A))]);
        voter.repeats = vec![Refused(422)];
        let recorded = [stands("ann", A, "cats")];
        let told = first_wrong(vec![voter], &recorded);
        assert_eq!(told.as_deref(), Some("refused by 422"));
    }

    #[test]
    fn more_refusals_than_a_busy_machine_explains_are_wrong() {
        let refused = |refused, sent| {
            let mut audit = Audit {
                sent,
                refused,
                ..Audit::default()
            };
            audit.check_refusals(5);
            audit.violations.len()
        };
        assert_eq!(refused(0, 0), 0);
        assert_eq!(refused(5, 100), 0);
        assert_eq!(refused(6, 100), 1);
    }
}
