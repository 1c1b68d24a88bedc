//! Background voters: a gentle, endless load, so that a stack shows life.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use url::Url;

use super::answer::Answer;
use super::ballots::{Ballots, draw};
use super::engine::{Carriage, Traffic, drive};
use super::flood::fate_of_vote;
use super::plan::require_urls;
use super::request::{Get, Post};
use super::schedule::Schedule;
use super::tally::{Fate, Tally};
use super::{Choice, LoadError, Rate};

/// After so many votes, one request looks at the results.
const VOTES_PER_VIEW: u32 = 9;

/// One in so many requests looks at the results instead of voting.
const RESULTS_EVERY: u64 = VOTES_PER_VIEW as u64 + 1;

/// How slow answers may become before voters wait for each other, in seconds. What they held back
/// would come all at once when answers are fast again, which no crowd does.
const SLOWEST_S: f64 = 2.0;

/// How many connections the voters share for each URL, at the least and at the most.
const CONNECTIONS_PER_URL: RangeInclusive<usize> = 4..=64;

/// How long voters wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who votes in the background.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The vote apps, which take turns.
    pub urls: Vec<Url>,
    /// Votes per second, over all URLs; may be a fraction.
    pub votes_per_second: f64,
    /// How many voters there are. They come back and change their minds, so that the ledger, which
    /// keeps one row per voter, does not grow without bound.
    pub voters: u64,
    /// What the voters' names begin with.
    pub name: String,
    /// What is voted for.
    pub choices: Vec<String>,
    /// Decides who votes when and for what.
    pub seed: u64,
}

/// Votes until `shutdown`. Errors do not end it: whether votes are being answered is logged when
/// it changes, and only then.
///
/// # Errors
/// [`LoadError`] when the plan cannot be carried out.
pub async fn run(plan: &Plan, shutdown: &CancellationToken) -> Result<(), LoadError> {
    let votes_per_request = f64::from(VOTES_PER_VIEW) / f64::from(VOTES_PER_VIEW + 1);
    let requests_per_s = plan.votes_per_second / votes_per_request;
    let connections = connections(requests_per_s, plan.urls.len());
    require_urls(&plan.urls, connections)?;
    let rate = Rate::constant(requests_per_s);
    let schedule = Schedule::of(rate, u64::MAX)?;
    let carriage = Carriage {
        urls: &plan.urls,
        connections,
        timeout: TIMEOUT,
        schedule,
    };
    let mut mood = Mood::Unknown;
    drive(carriage, Voters::new(plan)?, shutdown, |_, interval| {
        mood.observe(&interval);
    })
    .await
    .map_err(LoadError::Thread)
}

/// How many connections the voters need, over all URLs.
fn connections(requests_per_s: f64, urls: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped below"
    )]
    let at_once = (requests_per_s * SLOWEST_S).ceil() as usize;
    let (least, most) = CONNECTIONS_PER_URL.into_inner();
    urls * at_once.div_ceil(urls.max(1)).clamp(least, most)
}

/// Whether the voters were served when last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Unknown,
    Served,
    Failing,
}

impl Mood {
    /// Logs when what was counted since last time changes the mood.
    fn observe(&mut self, interval: &Tally) {
        let now = match interval {
            _ if interval.failed() > 0 => Self::Failing,
            _ if interval.accepted.is_empty() && interval.shown == 0 => *self,
            _ => Self::Served,
        };
        if now != *self {
            *self = now;
            if now == Self::Failing {
                let (rejected, errors) = (&interval.statuses, &interval.errors);
                tracing::warn!(?rejected, ?errors, "votes are not accepted");
            } else {
                tracing::info!("votes are accepted");
            }
        }
    }
}

struct Voters {
    places: Vec<Place>,
    ballots: Ballots,
    population: u64,
    seed: u64,
}

/// One vote app.
struct Place {
    post: Post,
    results: Get,
}

impl Voters {
    fn new(plan: &Plan) -> Result<Self, LoadError> {
        if plan.voters == 0 {
            return Err(LoadError::Missing("the number of voters"));
        }
        let place = |url| {
            Ok(Place {
                post: Post::new(url)?,
                results: Get::new(url, "/results")?,
            })
        };
        let places = plan
            .urls
            .iter()
            .map(place)
            .collect::<Result<_, LoadError>>()?;
        let choices: Vec<_> = plan.choices.iter().map(Choice::plain).collect();
        let ballots = Ballots::new(&plan.name, &choices)?;
        Ok(Self {
            places,
            ballots,
            population: plan.voters,
            seed: plan.seed,
        })
    }
}

impl Traffic for Voters {
    fn write(&self, url: usize, index: u64, request: &mut Vec<u8>) {
        let place = &self.places[url];
        if index % RESULTS_EVERY == RESULTS_EVERY - 1 {
            return place.results.write(request);
        }
        let random = draw(self.seed, index);
        // Two independent draws, or every voter would keep to one choice.
        let (head, tail) = self.ballots.body(draw(random, index));
        place
            .post
            .write(head, random % self.population, tail, request);
    }

    fn fate(&self, answer: &Answer<'_>) -> Fate {
        if answer.status == 200 {
            Fate::Shown
        } else {
            fate_of_vote(answer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_have_connections_for_answers_that_are_slow() {
        assert_eq!(connections(0.5, 2), 8);
        assert_eq!(connections(22.3, 2), 46);
        assert_eq!(connections(22.3, 1), 45);
        assert_eq!(connections(5_000.0, 3), 192);
    }
}
