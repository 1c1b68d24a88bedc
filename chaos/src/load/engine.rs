//! Connections that take votes as they fall due, and the collecting of what became of them.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::connection::{Answer, Call, Connection};
use super::pacer::{Lanes, pace};
use super::schedule::Schedule;
use super::tally::{Fate, Tally, Times};

/// How often the tallies are collected.
const COLLECT_INTERVAL: Duration = Duration::from_millis(250);

/// What is sent, and what an answer means.
pub(super) trait Traffic: Send + Sync + 'static {
    /// The request that is `index` in the schedule, to the URL of number `lane`.
    fn call(&self, lane: usize, index: u64) -> Call;

    /// What became of it.
    fn fate(&self, answer: &Answer) -> Fate;
}

/// How the load is carried.
#[derive(Clone, Debug)]
pub(super) struct Carriage<'a> {
    pub(super) urls: &'a [Url],
    pub(super) connections: usize,
    pub(super) timeout: Duration,
    pub(super) schedule: Schedule,
}

/// What one connection shares with the collector.
type SharedTally = Arc<Mutex<Tally>>;

/// Sends `traffic` until the schedule is through or `cancel` stops it; answers to what had been sent
/// by then are waited for. Calls `collected` a few times per second with the number of votes taken
/// and what was counted since the call before, and once more at the end.
pub(super) async fn drive<T: Traffic>(
    carriage: Carriage<'_>,
    traffic: T,
    cancel: &CancellationToken,
    mut collected: impl FnMut(u64, Tally),
) -> io::Result<()> {
    let Carriage {
        urls,
        connections,
        timeout,
        schedule,
    } = carriage;
    let lanes = Arc::new(Lanes::new(urls.len(), schedule.total()));
    let traffic = Arc::new(traffic);
    let mut opened: Vec<_> = (0..connections)
        .map(|number| Connection::new(&urls[number % urls.len()], timeout))
        .collect();
    // Opened before the first vote is due, so that it is not late. Whatever does not open fails
    // again, and is counted, when a vote needs it.
    join_all(opened.iter_mut().map(Connection::open)).await;

    let start = Instant::now();
    let mut tasks = JoinSet::new();
    let mut tallies = Vec::with_capacity(connections);
    for (number, connection) in opened.into_iter().enumerate() {
        let tally = SharedTally::default();
        tallies.push(Arc::clone(&tally));
        let lane = number % urls.len();
        let worker = Worker {
            lane,
            lanes: Arc::clone(&lanes),
            traffic: Arc::clone(&traffic),
            schedule,
            start,
        };
        tasks.spawn(worker.run(connection, tally));
    }

    let sending = async {
        let paced = pace(schedule, start, &lanes, connections, cancel).await;
        while tasks.join_next().await.is_some() {}
        paced
    };
    let collect = || {
        let mut sum = Tally::default();
        for tally in &tallies {
            tally
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .drain_into(&mut sum);
        }
        sum
    };
    let mut ticks = interval(COLLECT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sending = std::pin::pin!(sending);
    let sent = loop {
        tokio::select! {
            sent = &mut sending => break sent,
            _ = ticks.tick() => collected(lanes.taken(), collect()),
        }
    };
    collected(lanes.taken(), collect());
    sent
}

/// The user of one connection.
struct Worker<T> {
    lane: usize,
    lanes: Arc<Lanes>,
    traffic: Arc<T>,
    schedule: Schedule,
    start: Instant,
}

impl<T: Traffic> Worker<T> {
    async fn run(self, mut connection: Connection, tally: SharedTally) {
        while let Some(index) = self.next(&mut connection).await {
            let due = self.schedule.due_at(index);
            let opened = connection.open().await;
            let sent = self.start.elapsed();
            let fate = match opened {
                Ok(()) => match connection
                    .exchange(self.traffic.call(self.lane, index))
                    .await
                {
                    Ok(answer) => self.traffic.fate(&answer),
                    Err(kind) => Fate::Failed(kind),
                },
                Err(kind) => Fate::Failed(kind),
            };
            let times = Times {
                due,
                sent,
                done: self.start.elapsed(),
            };
            tally
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .count(index, fate, times);
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
