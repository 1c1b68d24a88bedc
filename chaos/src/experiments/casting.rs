//! The votes of an experiment: sent by its load steps, and counted in the ledger at the end.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;
use voteops_ledger::Ledger;

use super::format::{Amount, LoadStep};
use crate::load;
use crate::verify::{Votes, conservation};

/// The least and the most connections that votes are sent over. A vote app that hangs keeps each for
/// as long as an answer is waited for, and a load is to go on all the same.
const CONNECTIONS: std::ops::RangeInclusive<u32> = 32..=256;
/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last accepted votes may take into the ledger.
const COUNT_PATIENCE: Duration = Duration::from_secs(20);

/// Who takes the votes, and what can be voted for.
#[derive(Clone, Debug)]
pub struct Polls {
    /// The vote apps.
    pub vote_apps: Vec<Url>,
    /// The ballot's choices.
    pub choices: Vec<String>,
}

/// Votes that were sent in a step.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    /// The step's number.
    pub(super) step: usize,
    /// What the voters' names begin with.
    pub(super) run_id: String,
    /// What became of them.
    pub(super) report: load::Report,
}

/// The load of a step as the open-loop load takes it. `run_id` begins the names of its voters.
///
/// # Errors
/// What cannot be sent, in words.
pub(super) fn load_plan(
    load: &LoadStep,
    polls: &Polls,
    run_id: String,
) -> Result<load::Plan, String> {
    let (rate, extent) = match load.amount {
        Amount::Votes(votes) => (
            load::Rate::constant(load.highest_per_s()),
            load::Extent::Votes(votes),
        ),
        Amount::Rate {
            from_per_s,
            to_per_s,
        } => (
            load::Rate {
                from_per_s,
                to_per_s,
            },
            load::Extent::Duration(load.length),
        ),
    };
    let choices = if load.choices.is_empty() {
        polls.choices.iter().map(load::Choice::plain).collect()
    } else {
        let weighted = load.choices.iter();
        let weighted = weighted.map(|(id, weight)| load::Choice {
            id: id.clone(),
            weight: *weight,
        });
        weighted.collect()
    };
    let plan = load::Plan {
        connections: connections(load).max(polls.vote_apps.len()),
        urls: polls.vote_apps.clone(),
        rate,
        extent,
        run_id,
        seed: load.seed,
        choices,
        timeout: TIMEOUT,
    };
    match plan.schedule() {
        Ok(_) => Ok(plan),
        Err(error) => Err(format!("{load}: {error}")),
    }
}

/// As many connections as votes are under way when none is answered, within bounds.
fn connections(load: &LoadStep) -> usize {
    let held = load.highest_per_s() * TIMEOUT.as_secs_f64();
    let mut counts = CONNECTIONS;
    let enough = counts.find(|count| f64::from(*count) >= held);
    let count = enough.unwrap_or(*CONNECTIONS.end());
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Sends the votes of a step until all are sent or `cancel` is cancelled; what was accepted is
/// in the report either way.
///
/// # Errors
/// Why they cannot be sent.
pub(super) async fn cast(
    step: usize,
    plan: load::Plan,
    cancel: &CancellationToken,
) -> Result<Cast, String> {
    // Nobody listens to the load's own progress here.
    let (progress, _) = watch::channel(load::Progress::default());
    let report = load::flood(&plan, &progress, cancel).await;
    Ok(Cast {
        step,
        run_id: plan.run_id,
        report: report.map_err(|error| error.to_string())?,
    })
}

/// Compares what was accepted with the ledger's rows of all voters of `run_id`, until all of it is
/// there or patience ends.
///
/// # Errors
/// When the ledger cannot be asked.
pub(super) async fn count(
    casts: &[Cast],
    ledger: &Ledger,
    run_id: &str,
) -> Result<Votes, voteops_ledger::Error> {
    let accepted: Vec<(String, Uuid)> = casts
        .iter()
        .flat_map(|cast| {
            let votes = cast.report.accepted_votes.iter();
            votes.map(|vote| (format!("{}-{}", cast.run_id, vote.index), vote.vote_id))
        })
        .collect();
    let deadline = Instant::now() + COUNT_PATIENCE;
    loop {
        let recorded = ledger.recorded(&format!("{run_id}-")).await?;
        let votes = conservation::compare(&accepted, &recorded);
        if votes.lost == 0 || Instant::now() > deadline {
            return Ok(votes);
        }
        sleep(Duration::from_millis(200)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polls() -> Polls {
        Polls {
            vote_apps: vec!["http://127.0.0.1:1".parse().unwrap()],
            choices: vec!["cats".into(), "dogs".into()],
        }
    }

    fn step(amount: Amount, choices: &[(&str, u32)]) -> LoadStep {
        let choices = choices
            .iter()
            .map(|(choice, weight)| ((*choice).to_owned(), *weight));
        LoadStep {
            amount,
            length: Duration::from_secs(4),
            choices: choices.collect(),
            seed: 7,
        }
    }

    fn chosen(plan: &load::Plan) -> Vec<(&str, u32)> {
        let choices = plan.choices.iter();
        choices.map(|choice| (&*choice.id, choice.weight)).collect()
    }

    #[test]
    fn a_number_of_votes_is_spread_over_the_time() {
        let plan = load_plan(&step(Amount::Votes(100), &[]), &polls(), "x".into()).unwrap();
        assert_eq!(plan.rate, load::Rate::constant(25.0));
        assert_eq!((plan.schedule().unwrap().total(), plan.seed), (100, 7));
        assert_eq!(chosen(&plan), [("cats", 1), ("dogs", 1)]);
    }

    #[test]
    fn weights_and_ramps_are_kept_and_what_cannot_be_sent_is_told() {
        let ramp = |from_per_s, to_per_s| Amount::Rate {
            from_per_s,
            to_per_s,
        };
        let weighted = step(ramp(10.0, 20.0), &[("cats", 3), ("dogs", 1)]);
        let plan = load_plan(&weighted, &polls(), "x".into()).unwrap();
        assert_eq!(plan.schedule().unwrap().total(), 60);
        assert_eq!(chosen(&plan), [("cats", 3), ("dogs", 1)]);
        let nothing = step(ramp(0.0, 0.0), &[]);
        let told = load_plan(&nothing, &polls(), "x".into()).unwrap_err();
        assert!(told.contains("cannot be kept"), "{told}");
    }
}
