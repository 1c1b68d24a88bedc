//! One thread of a load: a share of the connections, on a runtime and a timer of their own.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::connection::Connection;
use super::engine::{SharedTally, Traffic};
use super::pacer::{Lanes, pace};
use super::schedule::Schedule;
use super::tally::{Fate, Times};

/// The work of one thread.
pub(super) struct Shard<T> {
    /// Which of the threads it is.
    pub(super) number: usize,
    pub(super) urls: Vec<Url>,
    /// How many connections it has to each URL.
    pub(super) connections: Vec<usize>,
    pub(super) timeout: Duration,
    pub(super) schedule: Schedule,
    pub(super) lanes: Arc<Lanes>,
    pub(super) traffic: Arc<T>,
    pub(super) tally: SharedTally,
    /// Is told once the connections are open.
    pub(super) ready: mpsc::Sender<()>,
    /// Tells when the first vote is due.
    pub(super) start: watch::Receiver<Option<Instant>>,
    pub(super) cancel: CancellationToken,
}

impl<T: Traffic> Shard<T> {
    /// Sends its share of the votes. Blocks until the last is answered.
    pub(super) fn run(self) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.send())
    }

    async fn send(mut self) -> io::Result<()> {
        let mut opened: Vec<_> = self
            .connections
            .iter()
            .enumerate()
            .flat_map(|(url, count)| std::iter::repeat_n(url, *count))
            .map(|url| (url, Connection::new(&self.urls[url], self.timeout)))
            .collect();
        // Opened before the first vote is due, so that it is not late. Whatever does not open fails
        // again, and is counted, when a vote needs it.
        join_all(opened.iter_mut().map(|(_, connection)| connection.open())).await;
        // Neither end is heard when the load was dropped, which ends this as well.
        let _ = self.ready.send(()).await;
        let Ok(start) = self
            .start
            .wait_for(Option::is_some)
            .await
            .map(|start| *start)
        else {
            return Ok(());
        };
        let start = start.unwrap_or_else(Instant::now);

        let first_lane = self.number * self.urls.len();
        let takers = opened.len();
        let mut workers = JoinSet::new();
        for (url, connection) in opened {
            let worker = Worker {
                url,
                lane: first_lane + url,
                lanes: Arc::clone(&self.lanes),
                traffic: Arc::clone(&self.traffic),
                tally: Arc::clone(&self.tally),
                schedule: self.schedule,
                start,
            };
            workers.spawn(worker.run(connection));
        }
        let share = self.lanes.share(first_lane..first_lane + self.urls.len());
        pace(self.schedule, start, &share, takers, &self.cancel).await?;
        while workers.join_next().await.is_some() {}
        Ok(())
    }
}

/// The user of one connection.
struct Worker<T> {
    url: usize,
    lane: usize,
    lanes: Arc<Lanes>,
    traffic: Arc<T>,
    tally: SharedTally,
    schedule: Schedule,
    start: Instant,
}

impl<T: Traffic> Worker<T> {
    async fn run(self, mut connection: Connection) {
        // Its room is used again for each request.
        let mut request = Vec::new();
        while let Some(index) = self.next(&mut connection).await {
            request.clear();
            self.traffic.write(self.url, index, &mut request);
            let due = self.schedule.due_at(index);
            let opened = connection.open().await;
            let sent = self.start.elapsed();
            let exchanged = match opened {
                Ok(()) => {
                    connection
                        .exchange(&request, |answer| self.traffic.fate(answer))
                        .await
                }
                Err(kind) => Err(kind),
            };
            let times = Times {
                due,
                sent,
                done: self.start.elapsed(),
            };
            self.tally
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .count(index, exchanged.unwrap_or_else(Fate::Failed), times);
        }
    }

    /// The next vote; meanwhile notices when the server closes the idle connection.
    async fn next(&self, connection: &mut Connection) -> Option<u64> {
        let mut next = std::pin::pin!(self.lanes.take(self.lane));
        loop {
            tokio::select! {
                biased;
                index = &mut next => return index,
                () = connection.closed() => {}
            }
        }
    }
}
