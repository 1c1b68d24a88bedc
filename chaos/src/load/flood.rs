//! The flood: every vote from a voter of its own, and every accepted vote remembered.

use std::time::Instant;

use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::answer::Answer;
use super::ballots::{Ballots, draw};
use super::engine::{Carriage, Traffic, drive};
use super::limits::make_room;
use super::request::Post;
use super::schedule::Schedule;
use super::spread::Spread;
use super::tally::{ErrorKind, Fate, Tally};
use super::{LoadError, Plan, Progress, Report};

/// A rate over a shorter time than this says nothing.
const SHORTEST_INTERVAL_S: f64 = 0.05;
/// The status of a vote that was accepted.
const ACCEPTED: u16 = 202;

/// Carries out `plan`, telling `progress` a few times per second. When `cancel` stops it, no
/// further vote is sent, answers to those in flight are waited for, and the report is of what was
/// done so far: every vote that was accepted is in it.
///
/// # Errors
/// [`LoadError`] when the plan cannot be carried out. Servers that do not answer are not an error
/// but counted in the report.
pub async fn flood(
    plan: &Plan,
    progress: &watch::Sender<Progress>,
    cancel: &CancellationToken,
) -> Result<Report, LoadError> {
    let schedule = plan.checked()?;
    make_room(&plan.urls, plan.connections)?;
    let carriage = Carriage {
        urls: &plan.urls,
        connections: plan.connections,
        timeout: plan.timeout,
        schedule,
    };
    let started_at = Timestamp::now();
    let mut sum = Tally::default();
    let mut teller = Teller::new(progress, schedule);
    drive(carriage, Flood::new(plan)?, cancel, |taken, interval| {
        let (lag_p99_us, latency_p99_us) = p99(&interval);
        sum.add(interval);
        teller.tell(taken, &sum, lag_p99_us, latency_p99_us);
    })
    .await
    .map_err(LoadError::Thread)?;
    Ok(Report::new(
        schedule,
        sum,
        started_at,
        cancel.is_cancelled(),
    ))
}

fn p99(interval: &Tally) -> (u64, u64) {
    (
        interval.lag_us.value_at_quantile(0.99),
        interval.latency_us.value_at_quantile(0.99),
    )
}

/// Turns what was counted into [`Progress`].
struct Teller<'a> {
    progress: &'a watch::Sender<Progress>,
    schedule: Schedule,
    start: Instant,
    told_at: Instant,
    taken: u64,
    rate_per_s: f64,
}

impl<'a> Teller<'a> {
    fn new(progress: &'a watch::Sender<Progress>, schedule: Schedule) -> Self {
        let now = Instant::now();
        Self {
            progress,
            schedule,
            start: now,
            told_at: now,
            taken: 0,
            rate_per_s: 0.0,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for a display")]
    fn tell(&mut self, taken: u64, sum: &Tally, lag_p99_us: u64, latency_p99_us: u64) {
        let since_s = self.told_at.elapsed().as_secs_f64();
        if since_s >= SHORTEST_INTERVAL_S {
            self.rate_per_s = (taken - self.taken) as f64 / since_s;
            (self.taken, self.told_at) = (taken, Instant::now());
        }
        let elapsed = self.start.elapsed();
        self.progress.send_replace(Progress {
            elapsed,
            planned: self.schedule.total(),
            sent: taken,
            accepted: sum.accepted.len() as u64,
            failed: sum.failed(),
            in_flight: taken.saturating_sub(sum.done()),
            planned_rate_per_s: self.schedule.rate_at_per_s(elapsed),
            current_rate_per_s: self.rate_per_s,
            lag_p99_us,
            latency_p99_us,
            latency: Spread::of(&sum.latency_us),
        });
    }
}

/// The flood's requests, prepared as far as they are all alike.
struct Flood {
    posts: Vec<Post>,
    ballots: Ballots,
    seed: u64,
}

impl Flood {
    fn new(plan: &Plan) -> Result<Self, LoadError> {
        let posts = plan.urls.iter().map(Post::new).collect::<Result<_, _>>()?;
        Ok(Self {
            posts,
            ballots: Ballots::new(&plan.run_id, &plan.choices)?,
            seed: plan.seed,
        })
    }
}

impl Traffic for Flood {
    fn write(&self, url: usize, index: u64, request: &mut Vec<u8>) {
        let (head, tail) = self.ballots.body(draw(self.seed, index));
        self.posts[url].write(head, index, tail, request);
    }

    fn fate(&self, answer: &Answer<'_>) -> Fate {
        fate_of_vote(answer)
    }
}

/// What the answer to a vote means: only a 202 with a vote id is an acceptance.
pub(super) fn fate_of_vote(answer: &Answer<'_>) -> Fate {
    #[derive(Deserialize)]
    struct Accepted {
        vote_id: Uuid,
    }
    if answer.status != ACCEPTED {
        return Fate::Status(answer.status);
    }
    match serde_json::from_slice::<Accepted>(&answer.body) {
        Ok(accepted) => Fate::Accepted(accepted.vote_id.into_bytes()),
        Err(_) => Fate::Failed(ErrorKind::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_202_with_a_vote_id_is_an_acceptance() {
        let fate = |status, body: &'static str| {
            fate_of_vote(&Answer {
                status,
                last: false,
                body: body.as_bytes().into(),
            })
        };
        let id = r#"{"status":"queued","vote_id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#;
        assert!(matches!(fate(202, id), Fate::Accepted([1, 0x89, ..])));
        assert!(matches!(fate(200, id), Fate::Status(200)));
        for body in ["", "{}", r#"{"vote_id":"7"}"#, "<html>"] {
            let fate = fate(202, body);
            assert!(
                matches!(fate, Fate::Failed(ErrorKind::Unreadable)),
                "{body}"
            );
        }
    }
}
