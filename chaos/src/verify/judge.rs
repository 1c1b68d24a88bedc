//! From what was seen to what it means.

use super::effect::RATE_TOLERANCE;
use super::report::{Flood, Phase, Votes};
use crate::load;

/// The first thing that is not as it was to be. `drive` is the load that was to make the alert fire.
pub(super) fn refutation(steps: &[Phase], votes: &Votes, drive: Option<&Flood>) -> Option<String> {
    if let Some(flaw) = votes.flaw() {
        return Some(flaw);
    }
    if let Some(phase) = steps.iter().find(|phase| !phase.ok) {
        return Some(told_phase(phase));
    }
    let flood = drive?;
    let least = 1.0 - RATE_TOLERANCE;
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of votes are far below 2^52"
    )]
    if (flood.accepted as f64) < least * flood.planned as f64 {
        let (accepted, planned) = (flood.accepted, flood.planned);
        return Some(format!(
            "load: {accepted} of {planned} planned votes were accepted"
        ));
    }
    let (achieved, planned) = (flood.achieved_rate_per_s, flood.planned_rate_per_s);
    (achieved < least * planned)
        .then(|| format!("load: {achieved:.0} of {planned:.0} planned votes a second were sent"))
}

/// That nothing is known of votes because none of those that were cast was accepted.
pub(super) fn unheard(cast: bool, votes: &Votes) -> Option<String> {
    (cast && votes.accepted == 0).then(|| "none of the votes of this run was accepted".to_owned())
}

fn told_phase(phase: &Phase) -> String {
    let name = phase.name.name();
    match (phase.observed_s, phase.predicted_s) {
        (Some(at_s), Some(window)) => format!(
            "{name}: seen at {at_s:.1} s, predicted between {:.1} s and {:.1} s",
            window.lo_s, window.hi_s
        ),
        _ => format!("{name}: not seen"),
    }
}

pub(super) fn told_flood(report: &load::Report) -> Flood {
    Flood {
        planned: report.planned,
        accepted: report.accepted,
        planned_rate_per_s: report.planned_rate_per_s,
        achieved_rate_per_s: report.achieved_rate_per_s,
    }
}

#[cfg(test)]
mod tests {
    use voteops_observability::replay::Window;

    use super::*;
    use crate::verify::Step;

    fn in_window() -> Vec<Phase> {
        let window = Window {
            lo_s: 1.0,
            hi_s: 2.0,
        };
        Step::ALL
            .map(|step| Phase::awaited(step, Some(window)).seen(1.5))
            .into()
    }

    fn whole() -> (Votes, Flood) {
        let votes = Votes {
            accepted: 100,
            recorded: 100,
            ..Votes::default()
        };
        let flood = Flood {
            planned: 100,
            accepted: 100,
            ..Flood::default()
        };
        (votes, flood)
    }

    #[test]
    fn all_in_order_is_not_refuted() {
        let (votes, flood) = whole();
        assert_eq!(refutation(&in_window(), &votes, Some(&flood)), None);
    }

    #[test]
    fn each_thing_that_is_not_in_order_is_named() {
        let (votes, flood) = whole();
        let lost = Votes {
            lost: 1,
            ..votes.clone()
        };
        let doubled = Votes {
            duplicated: 2,
            ..votes.clone()
        };
        let short = Flood {
            accepted: 90,
            ..flood
        };
        let slow = Flood {
            planned_rate_per_s: 50.0,
            achieved_rate_per_s: 40.0,
            ..flood
        };
        let mut late = in_window();
        late[1] = late[1].seen(2.5);
        let mut unseen = in_window();
        unseen[2] = Phase::awaited(Step::Notified, None);
        for (phases, votes, flood, named) in [
            (
                in_window(),
                lost,
                flood,
                "1 accepted votes are not in the ledger",
            ),
            (
                in_window(),
                doubled,
                flood,
                "2 votes are in the ledger twice",
            ),
            (
                in_window(),
                votes.clone(),
                short,
                "load: 90 of 100 planned votes were accepted",
            ),
            (
                in_window(),
                votes.clone(),
                slow,
                "load: 40 of 50 planned votes a second were sent",
            ),
            (
                late,
                votes.clone(),
                flood,
                "firing: seen at 2.5 s, predicted between 1.0 s and 2.0 s",
            ),
            (unseen, votes, flood, "notified: not seen"),
        ] {
            assert_eq!(
                refutation(&phases, &votes, Some(&flood)).as_deref(),
                Some(named)
            );
        }
    }

    #[test]
    fn votes_of_which_none_was_accepted_prove_nothing() {
        let (votes, _) = whole();
        assert_eq!(unheard(true, &votes), None);
        assert_eq!(unheard(false, &Votes::default()), None);
        let told = unheard(true, &Votes::default()).unwrap();
        assert!(told.starts_with("none of the votes"), "{told}");
    }
}
