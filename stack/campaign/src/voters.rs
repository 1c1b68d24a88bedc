//! Those who vote: once, until it is taken, or again and again.

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use reqwest::{Client, Response};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voteops_queue::Vote;

use crate::load::Seen;
use crate::sent::{Cast, Outcome, Voter};
use crate::sign::is_another_time;

/// How long a voter who changes the vote waits before the next.
const CHANGER_PAUSE: Duration = Duration::from_millis(5);

/// Of so many votes one has an idempotency key, and is sent again until it is answered 202; every other of
/// these is then followed by a vote without one, and sent once more after that.
const KEYED_EVERY: usize = 4;

/// How often a vote is sent at most to have it taken.
const ATTEMPTS: usize = 5;

/// How long a voter whose vote was not taken waits before it is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// All of them.
#[derive(Debug, Clone)]
pub(crate) struct Voters {
    client: Client,
    urls: Vec<String>,
    prefix: String,
    seen: watch::Sender<Seen>,
}

/// A vote that is to be cast.
#[derive(Debug, Clone, Copy)]
struct Ballot<'a> {
    voter: &'a str,
    choice: &'static str,
    key: Option<&'a str>,
}

#[derive(Deserialize)]
struct Answer {
    vote_id: Uuid,
    voter: String,
    choice: String,
}

impl Voters {
    pub(crate) fn new(
        client: &Client,
        vote_apps: &[SocketAddr],
        prefix: &str,
        seen: watch::Sender<Seen>,
    ) -> Self {
        let urls = vote_apps.iter();
        Self {
            client: client.clone(),
            urls: urls
                .map(|address| format!("http://{address}/vote"))
                .collect(),
            prefix: prefix.to_owned(),
            seen,
        }
    }

    /// Open loop: a vote is sent when it is due, whether or not those before it were answered.
    pub(crate) async fn at_rate(self, period: Duration, stop: CancellationToken) -> Vec<Voter> {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut voters = JoinSet::new();
        for number in 0_usize.. {
            tokio::select! {
                _ = ticks.tick() => (),
                () = stop.cancelled() => break,
            }
            voters.spawn(self.clone().vote(number));
        }
        voters.join_all().await
    }

    /// Votes as the number has it: without a key, with one until it is taken, or that and then otherwise.
    async fn vote(self, number: usize) -> Voter {
        let mut voter = self.voter('v', number);
        let name = voter.name.clone();
        let ballot = Ballot {
            voter: &name,
            choice: choice(number),
            key: number.is_multiple_of(KEYED_EVERY).then_some("once"),
        };
        let first = match ballot.key {
            Some(_) => self.insist(ballot, number, ATTEMPTS).await,
            None => self.cast(ballot, number).await,
        };
        let reconsiders = number.is_multiple_of(2 * KEYED_EVERY) && first.is_accepted();
        voter.casts.push(first);
        if reconsiders {
            self.reconsider(ballot, number, &mut voter).await;
        }
        voter
    }

    /// Votes for something else, and then sends the first vote once more, as if the answer had been lost:
    /// that changes nothing.
    async fn reconsider(&self, first: Ballot<'_>, number: usize, voter: &mut Voter) {
        let other = Ballot {
            choice: other_than(first.choice),
            key: None,
            ..first
        };
        for attempt in 0..ATTEMPTS {
            let cast = self.cast(other, number + attempt).await;
            let is_taken = cast.is_accepted();
            voter.casts.push(cast);
            if is_taken {
                let again = self.cast(first, number + attempt + 1).await;
                voter.repeats.push(again.outcome);
                return;
            }
            sleep(RETRY_PAUSE).await;
        }
    }

    /// Votes at one instance and then the other, each time after the answer.
    pub(crate) async fn change(self, number: usize, stop: CancellationToken) -> Voter {
        let mut voter = self.voter('c', number);
        while !stop.is_cancelled() {
            let number = number + voter.casts.len();
            let ballot = Ballot {
                voter: &voter.name,
                choice: choice(number),
                key: None,
            };
            let cast = self.cast(ballot, number).await;
            voter.casts.push(cast);
            sleep(CHANGER_PAUSE).await;
        }
        voter
    }

    /// The same with keys, and no vote before the last one was taken: all but the last are certain.
    pub(crate) async fn change_surely(self, number: usize, stop: CancellationToken) -> Voter {
        let mut voter = self.voter('s', number);
        while !stop.is_cancelled() {
            let number = number + voter.casts.len();
            let key = format!("change-{number}");
            let ballot = Ballot {
                voter: &voter.name,
                choice: choice(number),
                key: Some(&key),
            };
            let mut cast = self.cast(ballot, number).await;
            while !cast.is_accepted() && !stop.is_cancelled() {
                sleep(RETRY_PAUSE).await;
                cast = self.insist(ballot, number + 1, 2).await;
            }
            voter.casts.push(cast);
            sleep(CHANGER_PAUSE).await;
        }
        voter
    }

    /// Sends one vote to one instance and then the other until it is taken.
    async fn insist(&self, ballot: Ballot<'_>, instance: usize, attempts: usize) -> Cast {
        let mut cast = self.cast(ballot, instance).await;
        for attempt in 1..attempts {
            if cast.is_accepted() {
                break;
            }
            sleep(RETRY_PAUSE).await;
            cast = self.cast(ballot, instance + attempt).await;
        }
        cast
    }

    /// Sends a vote to one of the vote apps.
    async fn cast(&self, ballot: Ballot<'_>, instance: usize) -> Cast {
        let Ballot { voter, choice, key } = ballot;
        let url = &self.urls[instance % self.urls.len()];
        let body = format!(r#"{{"voter":"{voter}","choice":"{choice}"}}"#);
        let mut request = self.client.post(url).body(body);
        request = request.header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let keyed_id = key.and_then(|key| {
            let vote = Vote::cast_with_key(voter, choice, key);
            Some(vote.ok()?.id)
        });
        let outcome = match request.send().await {
            Ok(response) => outcome(response, ballot, keyed_id).await,
            Err(_) => Outcome::Unanswered,
        };
        if let Outcome::Accepted(id) = outcome {
            self.seen.send_modify(|seen| {
                seen.accepted += 1;
                seen.odd_clocks += u64::from(is_of_another_time(id));
            });
        }
        Cast {
            choice,
            keyed_id,
            outcome,
        }
    }

    fn voter(&self, kind: char, number: usize) -> Voter {
        Voter {
            name: format!("{}{kind}{number:06}", self.prefix),
            ..Voter::default()
        }
    }
}

async fn outcome(response: Response, ballot: Ballot<'_>, keyed_id: Option<Uuid>) -> Outcome {
    let status = response.status().as_u16();
    if status != 202 {
        return Outcome::Refused(status);
    }
    // An answer that broke off after its status has no id to look for.
    let Ok(answer) = response.json::<Answer>().await else {
        return Outcome::Unanswered;
    };
    let Answer {
        vote_id,
        voter,
        choice,
    } = answer;
    let is_it = keyed_id.is_none_or(|id| id == vote_id);
    if is_it && voter == ballot.voter && choice == ballot.choice {
        Outcome::Accepted(vote_id)
    } else {
        Outcome::Mistaken(format!("as vote {vote_id} of {voter} for {choice}"))
    }
}

/// Ids of votes with a key have no time.
fn is_of_another_time(id: Uuid) -> bool {
    let Some(time) = id.get_timestamp() else {
        return false;
    };
    let (seconds, nanos) = time.to_unix();
    is_another_time(UNIX_EPOCH + Duration::new(seconds, nanos))
}

fn choice(number: usize) -> &'static str {
    if number.is_multiple_of(3) {
        "dogs"
    } else {
        "cats"
    }
}

fn other_than(choice: &str) -> &'static str {
    if choice == "dogs" { "cats" } else { "dogs" }
}
