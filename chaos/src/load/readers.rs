//! Readers of the results: an endless load that changes nothing.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode, Uri};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::LoadError;
use super::connection::{Answer, Call};
use super::engine::{Carriage, Traffic, drive};
use super::flood::{fate_of_vote, place};
use super::plan::require_urls;
use super::schedule::Schedule;
use super::tally::Fate;

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
    let connections = urls.len() * CONNECTIONS_PER_URL;
    require_urls(urls, connections)?;
    let carriage = Carriage {
        urls,
        connections,
        timeout: TIMEOUT,
        schedule: Schedule::new(rate_per_s, u64::MAX)?,
    };
    let places = urls.iter().map(|url| place(url, "/results"));
    let readers = Readers {
        places: places.collect::<Result<_, _>>()?,
    };
    drive(carriage, readers, stop, |_, _| {})
        .await
        .map_err(LoadError::Thread)
}

struct Readers {
    places: Vec<(Uri, HeaderMap)>,
}

impl Traffic for Readers {
    fn call(&self, lane: usize, _: u64) -> Call {
        let (uri, headers) = &self.places[lane];
        let mut call = Request::new(Full::new(Bytes::new()));
        *call.uri_mut() = uri.clone();
        call.headers_mut().clone_from(headers);
        call
    }

    fn fate(&self, answer: &Answer) -> Fate {
        if answer.status == StatusCode::OK {
            Fate::Shown
        } else {
            fate_of_vote(answer)
        }
    }
}
