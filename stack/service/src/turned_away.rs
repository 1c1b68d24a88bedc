//! What clients are told when there are too many connections.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{SendFlags, send};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::lingering::Lingering;
use crate::logs::Throttle;
use crate::request_id::{self, REQUEST_ID};
use crate::strict;

/// In each of the languages that pages are in.
const BODY: &str = "There are too many connections right now. Please try again in a few seconds.\n\
     Koneksi sedang terlalu banyak. Silakan coba lagi beberapa detik kemudian.\n";

/// How many are waited for until they have read it: one for so many that are served.
const SERVED_FOR_EACH: usize = 32;

/// How many are waited for, at least and at most. The others may lose the answer.
const PLACES: (usize, usize) = (8, 128);

/// How often it is told that there are too many.
const WARNINGS: Duration = Duration::from_secs(1);

/// Answers connections beyond the limit.
pub(crate) struct TurnedAway {
    /// The answer, up to the request's id.
    head: String,
    places: Arc<Semaphore>,
    warnings: Throttle,
}

impl TurnedAway {
    /// Of a listener that serves so many at once.
    pub(crate) fn beyond(most: usize) -> Self {
        let (fewest, greatest) = PLACES;
        let places = (most / SERVED_FOR_EACH).clamp(fewest, greatest);
        Self {
            head: head(),
            places: Arc::new(Semaphore::new(places)),
            warnings: Throttle::new(WARNINGS),
        }
    }

    /// Answers and closes. Whoever does not read it is not waited for, or for a short time.
    pub(crate) fn answer(&self, stream: TcpStream) {
        let id = request_id::new();
        if let Some(held_back) = self.warnings.pass() {
            tracing::warn!(
                request_id = id,
                held_back,
                "there are too many connections; one more was answered 503"
            );
        }
        let answer = format!("{}{id}\r\n\r\n{BODY}", self.head);
        // Not by the runtime, which does not know yet whether it can be written to. What is new has room for it.
        if send(
            &stream,
            answer.as_bytes(),
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        )
        .is_err()
        {
            return;
        }
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            tokio::spawn(async move {
                // Who is gone has nothing to read.
                let _ = Lingering::new(stream).close().await;
                drop(place);
            });
        }
    }
}

fn head() -> String {
    let mut head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\nconnection: close\r\n\
         content-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n",
        BODY.len()
    );
    for (name, value) in strict::texts() {
        // A string takes all that is written to it.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "{REQUEST_ID}: ");
    head
}
