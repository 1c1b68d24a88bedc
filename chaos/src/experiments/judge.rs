//! What was not as the file says.

use super::casting::Cast;
use super::format::Script;
use super::report::{Alert, Expected, Load, Outcome, Report, Taken, Verdict, millis};
use super::seen::Seen;
use crate::verify::Votes;

/// A load that reaches less than this share of its rate is not the one that was written: this machine
/// was too busy, or every connection waited for an answer.
const LEAST_RATE: f64 = 0.9;

/// What became of every alert that is named or was active until the method ended at `method_s`, and
/// afterwards.
pub(super) fn alerts(script: &Script, seen: &Seen, method_s: f64) -> Vec<Alert> {
    let expect = &script.expect;
    let mut names: Vec<&str> = expect.named().collect();
    let others = seen.alerts.keys().map(String::as_str);
    let others: Vec<_> = others.filter(|name| !names.contains(name)).collect();
    names.extend(others);
    let told = names.into_iter().map(|name| {
        let is_in = |list: &[String]| list.iter().any(|named| named == name);
        let firing_s = seen.fired_s(name);
        let expected = if is_in(&expect.fires) {
            Some(Expected::Fires)
        } else {
            is_in(&expect.stays_quiet).then_some(Expected::StaysQuiet)
        };
        let sighting = seen.alerts.get(name);
        let pending_s = sighting.and_then(|sighting| sighting.pending_s.first());
        let last_firing_s = sighting.and_then(|sighting| sighting.firing_s.last());
        Alert {
            alert: name.to_owned(),
            expected,
            pending_s: pending_s.copied().map(millis),
            firing_s: firing_s.map(millis),
            last_firing_s: last_firing_s.copied().map(millis),
            ok: match expected {
                Some(Expected::Fires) => firing_s.is_some_and(|at_s| at_s <= method_s),
                Some(Expected::StaysQuiet) => firing_s.is_none(),
                None => true,
            },
        }
    });
    told.collect()
}

/// The loads as reports have them.
pub(super) fn loads(casts: &[Cast]) -> Vec<Load> {
    let loads = casts.iter().map(|cast| Load {
        step: cast.step,
        planned: cast.report.planned,
        accepted: cast.report.accepted,
        planned_rate_per_s: cast.report.planned_rate_per_s,
        achieved_rate_per_s: cast.report.achieved_rate_per_s,
        cancelled: cast.report.cancelled,
    });
    loads.collect()
}

/// Everything that was not as the file says. `lacking` is what keeps the hypothesis from holding
/// at the end.
pub(super) fn deviations(script: &Script, report: &Report, lacking: Option<&str>) -> Vec<String> {
    let mut all: Vec<String> = report.steps.iter().filter_map(of_step).collect();
    all.extend(report.alerts.iter().filter_map(of_alert));
    if let Some(lacking) = lacking {
        let within = super::told::seconds(script.hypothesis.within);
        all.push(format!(
            "the hypothesis did not hold again within {within}: {lacking}"
        ));
    }
    all.extend(report.loads.iter().filter_map(of_load));
    if script.hypothesis.votes_conserved {
        all.extend(report.votes.as_ref().and_then(of_votes));
    }
    all
}

/// The verdict on a run that somebody or something has ended, or not.
pub(super) fn verdict(ended: bool, deviations: &[String]) -> Verdict {
    match (ended, deviations) {
        (true, _) => Verdict::Aborted,
        (false, []) => Verdict::Met,
        (false, _) => Verdict::Deviated,
    }
}

fn of_step(taken: &Taken) -> Option<String> {
    let reason = taken.reason.as_deref().unwrap_or_default();
    (taken.outcome == Outcome::Unmet).then(|| format!("step {}: {reason}", taken.step))
}

fn of_alert(alert: &Alert) -> Option<String> {
    let name = &alert.alert;
    if alert.ok {
        return None;
    }
    Some(match (alert.expected, alert.firing_s) {
        (Some(Expected::StaysQuiet), Some(at_s)) => {
            format!("{name} was expected to stay quiet, and fired at {at_s:.1} s")
        }
        (_, Some(at_s)) => format!(
            "{name} was expected to fire during the method, and fired at {at_s:.1} s, after its end"
        ),
        (_, None) => format!("{name} was expected to fire, and did not"),
    })
}

fn of_load(load: &Load) -> Option<String> {
    let (achieved, planned) = (load.achieved_rate_per_s, load.planned_rate_per_s);
    (!load.cancelled && achieved < LEAST_RATE * planned).then(|| {
        format!(
            "step {}: {achieved:.0} of {planned:.0} votes a second were sent",
            load.step
        )
    })
}

fn of_votes(votes: &Votes) -> Option<String> {
    let unheard = || "none of the experiment's votes was accepted".to_owned();
    // Nothing is known of votes of which none was accepted.
    votes.flaw().or_else(|| (votes.accepted == 0).then(unheard))
}

#[cfg(test)]
mod tests {
    use super::super::seen::Sighting;
    use super::*;
    use crate::experiments::parse;

    const FILE: &str = "title = \"x\"\n[expect]\nfires = [\"WorkerDown\"]\n\
                        stays_quiet = [\"RedisDown\"]\n[[method]]\nwait = \"1s\"\n";

    /// What was seen of alerts that fired at these times.
    fn seen(fired: &[(&str, f64)]) -> Seen {
        let mut seen = Seen::default();
        for (alert, at_s) in fired {
            let sighting = Sighting {
                pending_s: vec![at_s / 2.0],
                firing_s: vec![*at_s, at_s + 0.5],
            };
            seen.alerts.insert((*alert).to_owned(), sighting);
        }
        seen
    }

    fn deviating(fired: &[(&str, f64)]) -> Vec<String> {
        let script = parse(FILE).unwrap();
        let alerts = alerts(&script, &seen(fired), 10.0);
        alerts.iter().filter_map(of_alert).collect()
    }

    #[test]
    fn alerts_are_held_to_what_is_expected_of_them() {
        assert_eq!(deviating(&[("WorkerDown", 3.0)]), Vec::<String>::new());
        assert_eq!(
            deviating(&[("WorkerDown", 3.0), ("RedisMemoryHigh", 1.0)]),
            Vec::<String>::new()
        );
        assert_eq!(
            deviating(&[("RedisDown", 4.0)]),
            [
                "WorkerDown was expected to fire, and did not",
                "RedisDown was expected to stay quiet, and fired at 4.0 s"
            ]
        );
        let late = "WorkerDown was expected to fire during the method, and fired at 12.0 s, after \
                    its end";
        assert_eq!(deviating(&[("WorkerDown", 12.0)]), [late]);
    }

    #[test]
    fn a_load_that_was_not_sent_is_told_unless_it_was_ended() {
        let load = Load {
            step: 2,
            planned: 100,
            accepted: 0,
            planned_rate_per_s: 50.0,
            achieved_rate_per_s: 44.0,
            cancelled: false,
        };
        let told = of_load(&load).unwrap();
        assert_eq!(told, "step 2: 44 of 50 votes a second were sent");
        let ended = Load {
            cancelled: true,
            ..load
        };
        assert_eq!(of_load(&ended), None);
        let kept = Load {
            achieved_rate_per_s: 45.5,
            ..load
        };
        assert_eq!(of_load(&kept), None);
    }

    #[test]
    fn votes_have_to_be_counted_once_and_some_of_them_at_all() {
        let votes = |accepted, lost, duplicated| Votes {
            accepted,
            recorded: accepted - lost,
            lost,
            duplicated,
            lost_ids: Vec::new(),
            audited: true,
        };
        assert_eq!(of_votes(&votes(5, 0, 0)), None);
        for (votes, told) in [
            (votes(5, 2, 1), "2 accepted votes are not in the ledger"),
            (votes(5, 0, 1), "1 votes are in the ledger twice"),
            (
                votes(0, 0, 0),
                "none of the experiment's votes was accepted",
            ),
        ] {
            assert_eq!(of_votes(&votes).as_deref(), Some(told));
        }
    }

    #[test]
    fn a_run_that_was_ended_tells_nothing_of_the_hypothesis() {
        assert_eq!(verdict(false, &[]), Verdict::Met);
        assert_eq!(verdict(false, &["x".into()]), Verdict::Deviated);
        assert_eq!(verdict(true, &["x".into()]), Verdict::Aborted);
    }
}
