//! Votes at a constant rate, whatever becomes of them, and what each was answered.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Voters who change their vote again and again, in each round.
const CHANGERS: usize = 4;

/// How long a voter whose vote was not taken waits before the next.
const CHANGER_PAUSE: Duration = Duration::from_millis(5);

/// Of so many votes one has an idempotency key, and is sent again until it is answered 202.
const KEYED_EVERY: usize = 4;

/// How often a vote with a key is sent at most.
const ATTEMPTS: usize = 5;

/// How long a voter whose vote was not taken waits before it is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// What became of a vote as far as the voter knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered 202: it must be recorded.
    Accepted(Uuid),
    /// Answered with another status: it may be recorded.
    Refused(u16),
    /// Not answered: it may be recorded.
    Unanswered,
}

/// What was sent in one round.
#[derive(Debug, Default)]
pub struct Sent {
    /// Voters of one vote each.
    pub once: Vec<(String, Outcome)>,
    /// Voters with many votes, each sent after the answer to the one before.
    pub changers: Vec<(String, Vec<Outcome>)>,
}

/// A load that is under way.
#[derive(Debug)]
pub struct Load {
    stop: CancellationToken,
    once: tokio::task::JoinHandle<Vec<(String, Outcome)>>,
    changers: JoinSet<(String, Vec<Outcome>)>,
}

#[derive(Deserialize)]
struct Answer {
    vote_id: Uuid,
}

impl Load {
    /// Begins to send `rate_per_s` votes a second, in turn to each of `vote_apps`, of voters whose
    /// names begin with `prefix`.
    #[must_use]
    pub fn begin(client: &Client, vote_apps: &[SocketAddr], prefix: &str, rate_per_s: u32) -> Self {
        let stop = CancellationToken::new();
        let voters = Voters {
            client: client.clone(),
            urls: vote_apps
                .iter()
                .map(|address| format!("http://{address}/vote"))
                .collect(),
            prefix: prefix.to_owned(),
        };
        let mut changers = JoinSet::new();
        for number in 0..CHANGERS {
            changers.spawn(voters.clone().change(number, stop.clone()));
        }
        let once = tokio::spawn(voters.at_rate(rate_per_s, stop.clone()));
        Self {
            stop,
            once,
            changers,
        }
    }

    /// Sends no more, and waits for every answer.
    ///
    /// # Errors
    /// When a task of it panicked.
    pub async fn end(self) -> Result<Sent, tokio::task::JoinError> {
        self.stop.cancel();
        let changers = self.changers.join_all().await;
        Ok(Sent {
            once: self.once.await?,
            changers,
        })
    }
}

#[derive(Clone)]
struct Voters {
    client: Client,
    urls: Vec<String>,
    prefix: String,
}

impl Voters {
    /// Open loop: a vote is sent when it is due, whether or not those before it were answered.
    async fn at_rate(self, rate_per_s: u32, stop: CancellationToken) -> Vec<(String, Outcome)> {
        let mut ticks = interval(Duration::from_secs(1) / rate_per_s);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut casts = JoinSet::new();
        for number in 0_usize.. {
            tokio::select! {
                _ = ticks.tick() => (),
                () = stop.cancelled() => break,
            }
            let voters = self.clone();
            casts.spawn(async move {
                let voter = format!("{}v{number:06}", voters.prefix);
                let outcome = if number.is_multiple_of(KEYED_EVERY) {
                    voters.insist(number, &voter).await
                } else {
                    voters.cast(number, number, &voter, None).await
                };
                (voter, outcome)
            });
        }
        casts.join_all().await
    }

    /// Votes at one instance and then the other, each time after the answer.
    async fn change(self, number: usize, stop: CancellationToken) -> (String, Vec<Outcome>) {
        let voter = format!("{}c{number}", self.prefix);
        let mut outcomes = Vec::new();
        while !stop.is_cancelled() {
            let number = number + outcomes.len();
            let outcome = self.cast(number, number, &voter, None).await;
            outcomes.push(outcome);
            tokio::time::sleep(CHANGER_PAUSE).await;
        }
        (voter, outcomes)
    }

    /// Sends one vote to one instance and then the other until it is taken.
    async fn insist(&self, number: usize, voter: &str) -> Outcome {
        let mut outcome = Outcome::Unanswered;
        for attempt in 0..ATTEMPTS {
            outcome = self
                .cast(number, number + attempt, voter, Some("once"))
                .await;
            if matches!(outcome, Outcome::Accepted(_)) {
                break;
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        outcome
    }

    /// `number` decides about the choice, `instance` about the vote app.
    async fn cast(
        &self,
        number: usize,
        instance: usize,
        voter: &str,
        key: Option<&str>,
    ) -> Outcome {
        let choice = if number.is_multiple_of(3) {
            "dogs"
        } else {
            "cats"
        };
        let url = &self.urls[instance % self.urls.len()];
        let body = format!(r#"{{"voter":"{voter}","choice":"{choice}"}}"#);
        let request = self.client.post(url).body(body);
        let mut request = request.header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let Ok(answer) = request.send().await else {
            return Outcome::Unanswered;
        };
        let status = answer.status().as_u16();
        if status != 202 {
            return Outcome::Refused(status);
        }
        // An answer that broke off after its status has no id to look for.
        match answer.json::<Answer>().await {
            Ok(answer) => Outcome::Accepted(answer.vote_id),
            Err(_) => Outcome::Unanswered,
        }
    }
}
