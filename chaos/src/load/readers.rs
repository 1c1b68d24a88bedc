//! Readers of the results: an endless load that changes nothing.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use url::Url;

use super::answer::Answer;
use super::engine::{Carriage, Traffic, drive};
use super::flood::fate_of_vote;
use super::plan::require_urls;
use super::request::Get;
use super::schedule::Schedule;
use super::tally::Fate;
use super::{LoadError, Rate};

/// How many connections the readers share for each URL.
const CONNECTIONS_PER_URL: usize = 4;
/// How long readers wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the results of the vote apps at `urls`, which take turns, `rate_per_s` times a second over
/// all of them, until `stop`. Errors do not end it.
///
/// # Errors
/// [`LoadError`] when that cannot be carried out.
pub async fn run(urls: &[Url], rate_per_s: f64, stop: &CancellationToken) -> Result<(), LoadError> {
    let carriage = carriage(urls, rate_per_s)?;
    let pages = urls.iter().map(|url| Get::new(url, "/results"));
    let readers = Readers {
        pages: pages.collect::<Result<_, _>>()?,
    };
    drive(carriage, readers, stop, |_, _| {})
        .await
        .map_err(LoadError::Thread)
}

/// Whether the results can be read so, without reading any.
///
/// # Errors
/// [`LoadError`] when that cannot be carried out.
pub fn check(urls: &[Url], rate_per_s: f64) -> Result<(), LoadError> {
    carriage(urls, rate_per_s).map(drop)
}

fn carriage(urls: &[Url], rate_per_s: f64) -> Result<Carriage<'_>, LoadError> {
    let connections = urls.len() * CONNECTIONS_PER_URL;
    require_urls(urls, connections)?;
    Ok(Carriage {
        urls,
        connections,
        timeout: TIMEOUT,
        schedule: Schedule::of(Rate::constant(rate_per_s), u64::MAX)?,
    })
}

struct Readers {
    pages: Vec<Get>,
}

impl Traffic for Readers {
    fn write(&self, url: usize, _: u64, request: &mut Vec<u8>) {
        self.pages[url].write(request);
    }

    fn fate(&self, answer: &Answer<'_>) -> Fate {
        if answer.status == 200 {
            Fate::Shown
        } else {
            fate_of_vote(answer)
        }
    }
}
