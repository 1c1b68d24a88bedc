//! Whether a proof is tried once more, and what is told then.

use jiff::SignedDuration;

use super::report::{Report, Verdict};
use super::rule::Rule;
use super::{Error, Setup};

/// How long a scrape may be on its way, and see what began after the time that its samples bear.
const IN_FLIGHT: SignedDuration = SignedDuration::from_millis(40);

/// What one injection of the fault led to.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) report: Report,
    /// Whether votes were cast for it.
    pub(super) voted: bool,
}

impl Attempt {
    /// Whether it left nothing behind and is known to have lost no vote, so that nothing but its verdict is lost with
    /// it. Of votes nothing is known where none was accepted, or the ledger that there is could not be asked.
    fn is_whole(&self, has_ledger: bool) -> bool {
        let votes = &self.report.votes;
        let is_known = votes.accepted > 0 && (votes.audited || !has_ledger);
        let is_conserved = votes.lost == 0 && votes.duplicated == 0;
        self.report.undone && is_conserved && (is_known || !self.voted)
    }

    /// What the next one led to, with the votes of this one; this one where the next one came to nothing.
    ///
    /// # Errors
    /// [`crate::Error::NotUndone`] of the next one.
    pub(super) fn or(self, next: Result<Self, Error>) -> Result<Self, Error> {
        match next {
            Ok(mut next) => {
                next.report.votes = next.report.votes.after(self.report.votes);
                Ok(next)
            }
            Err(error @ Error::Fault(crate::Error::NotUndone { .. })) => Err(error),
            Err(_) => Ok(self),
        }
    }
}

/// Whether the rule's condition came to hold before the fault began, after all had been seen to be well, so that
/// nothing is refuted by what the alert did then. What votes were lost is told whatever the reason, and so is the
/// finding where Prometheus does not say. A fault that ends its targets is not done to them twice.
pub(super) async fn proves_nothing(setup: &Setup, rule: &Rule, found: &Attempt) -> bool {
    let voting = setup.voting.as_ref();
    let has_ledger = voting.is_some_and(|voting| voting.ledger.is_some());
    let is_refuted = found.report.verdict == Verdict::Refuted && found.is_whole(has_ledger);
    let may_be_repeated = setup.plan.spares_targets() && rule.in_grafana.is_none();
    let onset = found.report.onset.filter(|_| is_refuted && may_be_repeated);
    let Some(onset) = onset else {
        return false;
    };
    let before_s = super::scene::secs((onset - IN_FLIGHT).as_millisecond());
    let held = setup.prometheus.query(&rule.expr, Some(before_s)).await;
    held.is_ok_and(|held| !held.data.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::report::{Flood, Phase, Times, ToldBy, Votes};
    use super::super::{ManagedBy, Step};
    use super::*;

    fn votes(accepted: usize, audited: bool) -> Votes {
        Votes {
            accepted,
            recorded: if audited { accepted } else { 0 },
            audited,
            ..Votes::default()
        }
    }

    fn refuted(votes: Votes) -> Attempt {
        Attempt {
            voted: true,
            report: Report {
                alert: "WorkerDown".to_owned(),
                fault: "stall-worker".to_owned(),
                verdict: Verdict::Refuted,
                reason: "firing: not seen".to_owned(),
                phases: Step::ALL.map(|step| Phase::awaited(step, None)).into(),
                times: Times::default(),
                subject: None,
                votes,
                flood: Flood::default(),
                undone: true,
                time_scale: 1.0,
                managed_by: ManagedBy::Prometheus,
                delivery: ToldBy::Receiver,
                onset: None,
            },
        }
    }

    #[test]
    fn only_one_that_is_known_to_have_lost_nothing_is_forgotten() {
        assert!(refuted(votes(5, true)).is_whole(true));
        assert!(refuted(votes(5, false)).is_whole(false));
        let unknown = refuted(Votes::default());
        assert!(!unknown.is_whole(true), "the ledger could not be asked");
        assert!(!unknown.is_whole(false), "none was accepted");
        let silent = Attempt {
            voted: false,
            ..unknown
        };
        assert!(silent.is_whole(true));
        let lost = Votes {
            lost: 1,
            ..votes(5, true)
        };
        assert!(!refuted(lost).is_whole(true));
        let mut held = refuted(votes(5, true));
        held.report.undone = false;
        assert!(!held.is_whole(true));
    }

    #[test]
    fn what_came_before_counts_and_stands_where_nothing_comes_after() {
        let again = refuted(votes(5, true)).or(Ok(refuted(votes(7, true))));
        assert_eq!(again.unwrap().report.votes, votes(12, true));
        let unsteady = || Error::NotSteady("a target is not up".to_owned());
        for error in [Error::Interrupted, unsteady()] {
            let stood = refuted(votes(5, true)).or(Err(error)).unwrap();
            assert_eq!(stood.report.votes, votes(5, true));
        }
        let left = Error::Fault(crate::Error::NotUndone {
            id: uuid::Uuid::nil(),
            reason: "it stays paused".to_owned(),
        });
        assert!(refuted(votes(5, true)).or(Err(left)).is_err());
    }
}
