//! The flood: every vote from a voter of its own, and every accepted vote remembered.

use std::time::Instant;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use super::connection::{Answer, Call};
use super::engine::{Carriage, Traffic, drive};
use super::tally::{ErrorKind, Fate, Tally};
use super::{LoadError, Plan, Progress, Report};

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
    let schedule = plan.schedule()?;
    let carriage = Carriage {
        urls: &plan.urls,
        connections: plan.connections,
        timeout: plan.timeout,
        schedule,
    };
    let started_at = Timestamp::now();
    let mut sum = Tally::default();
    let mut teller = Teller::new(progress, schedule.total());
    drive(
        carriage,
        Flood::new(plan)?,
        cancel,
        |taken, mut interval| {
            let (lag_p99_us, latency_p99_us) = p99(&interval);
            interval.drain_into(&mut sum);
            teller.tell(taken, &sum, lag_p99_us, latency_p99_us);
        },
    )
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
    planned: u64,
    start: Instant,
    told_at: Instant,
    answered: u64,
}

impl<'a> Teller<'a> {
    fn new(progress: &'a watch::Sender<Progress>, planned: u64) -> Self {
        let now = Instant::now();
        Self {
            progress,
            planned,
            start: now,
            told_at: now,
            answered: 0,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for a display")]
    fn tell(&mut self, taken: u64, sum: &Tally, lag_p99_us: u64, latency_p99_us: u64) {
        let accepted = sum.accepted.len() as u64;
        let answered = accepted + sum.failed();
        let since = self.told_at.elapsed().as_secs_f64();
        let current_rate_per_s = (answered - self.answered) as f64 / since.max(1e-9);
        (self.answered, self.told_at) = (answered, Instant::now());
        self.progress.send_replace(Progress {
            elapsed: self.start.elapsed(),
            planned: self.planned,
            sent: taken,
            accepted,
            failed: sum.failed(),
            current_rate_per_s,
            lag_p99_us,
            latency_p99_us,
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
            ballots: Ballots::new(&plan.run_id, &plan.choices),
            seed: plan.seed,
        })
    }
}

impl Traffic for Flood {
    fn call(&self, lane: usize, index: u64) -> Call {
        self.posts[lane].call(self.ballots.fill(index, draw(self.seed, index)))
    }

    fn fate(&self, answer: &Answer) -> Fate {
        fate_of_vote(answer)
    }
}

/// What the answer to a vote means: only a 202 with a vote id is an acceptance.
pub(super) fn fate_of_vote(answer: &Answer) -> Fate {
    #[derive(Deserialize)]
    struct Accepted {
        vote_id: Uuid,
    }
    if answer.status != StatusCode::ACCEPTED {
        return Fate::Status(answer.status);
    }
    match serde_json::from_slice::<Accepted>(&answer.body) {
        Ok(accepted) => Fate::Accepted(accepted.vote_id.into_bytes()),
        Err(_) => Fate::Failed(ErrorKind::Unreadable),
    }
}

/// `POST /vote` to one vote app.
pub(super) struct Post {
    uri: Uri,
    headers: HeaderMap,
}

impl Post {
    pub(super) fn new(url: &Url) -> Result<Self, LoadError> {
        let (uri, mut headers) = place(url, "/vote")?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self { uri, headers })
    }

    pub(super) fn call(&self, body: Bytes) -> Call {
        let mut call = Request::new(Full::new(body));
        *call.method_mut() = Method::POST;
        *call.uri_mut() = self.uri.clone();
        call.headers_mut().clone_from(&self.headers);
        call
    }
}

/// Target and `Host` of a request to `path` below `url`.
pub(super) fn place(url: &Url, path: &str) -> Result<(Uri, HeaderMap), LoadError> {
    let refused = |reason| LoadError::Url {
        url: url.clone(),
        reason,
    };
    let uri = format!("{}{path}", url.path().trim_end_matches('/'))
        .parse()
        .map_err(|_| refused("its path cannot be asked for"))?;
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let host = HeaderValue::from_str(host).map_err(|_| refused("its host cannot be named"))?;
    Ok((uri, HeaderMap::from_iter([(HOST, host)])))
}

/// Bodies of votes: `{"voter":"NAME-NUMBER","choice":"CHOICE"}`, with all but the number prepared.
pub(super) struct Ballots {
    head: String,
    tails: Vec<String>,
}

impl Ballots {
    pub(super) fn new(name: &str, choices: &[String]) -> Self {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        // Without the closing quote, for the number follows.
        let name = quoted(&format!("{name}-"));
        let head = format!("{{\"voter\":{}", &name[..name.len() - 1]);
        let tails = choices
            .iter()
            .map(|choice| format!("\",\"choice\":{}}}", quoted(choice)))
            .collect();
        Self { head, tails }
    }

    /// The ballot of the voter `number`, who decides by the random number `draw`.
    pub(super) fn fill(&self, number: u64, draw: u64) -> Bytes {
        use std::io::Write;
        let choices = self.tails.len() as u64;
        let tail = usize::try_from(draw % choices).map_or("", |choice| self.tails[choice].as_str());
        let mut body = Vec::with_capacity(self.head.len() + 20 + tail.len());
        body.extend_from_slice(self.head.as_bytes());
        // Writing to memory does not fail.
        let _ = write!(body, "{number}");
        body.extend_from_slice(tail.as_bytes());
        body.into()
    }
}

/// A random number for `index`, the same in every run with the same seed: one step of `SplitMix64`
/// (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), which unlike a
/// sequential generator needs no state that all connections would have to share.
#[must_use]
pub fn draw(seed: u64, index: u64) -> u64 {
    let z = seed.wrapping_add((index.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
#[path = "flood_tests.rs"]
mod tests;
