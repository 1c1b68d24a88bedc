//! Connections that take votes as they fall due, and the collecting of what became of them.

use std::io;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::answer::Answer;
use super::pacer::Lanes;
use super::schedule::Schedule;
use super::shard::Shard;
use super::tally::{Fate, Tally};

/// How often the tallies are collected.
const COLLECT_INTERVAL: Duration = Duration::from_millis(250);

/// What is sent, and what an answer means.
pub(super) trait Traffic: Send + Sync + 'static {
    /// Writes the request that is `index` in the schedule, to the URL of number `url`.
    fn write(&self, url: usize, index: u64, request: &mut Vec<u8>);

    /// What became of it.
    fn fate(&self, answer: &Answer<'_>) -> Fate;
}

/// How the load is carried.
#[derive(Clone, Debug)]
pub(super) struct Carriage<'a> {
    pub(super) urls: &'a [Url],
    pub(super) connections: usize,
    pub(super) timeout: Duration,
    pub(super) schedule: Schedule,
}

/// What a thread shares with the collector.
pub(super) type SharedTally = Arc<Mutex<Tally>>;

/// Sends `traffic` until the schedule is through or `cancel` stops it; answers to what had been sent
/// by then are waited for. Calls `collected` a few times per second with the number of votes taken
/// and what was counted since the call before, and once more at the end.
///
/// The votes are sent by threads of their own, each with a share of the connections, a timer and a
/// runtime, so that sending one wakes nobody else: waking another thread costs more than the vote.
pub(super) async fn drive<T: Traffic>(
    carriage: Carriage<'_>,
    traffic: T,
    cancel: &CancellationToken,
    mut collected: impl FnMut(u64, Tally),
) -> io::Result<()> {
    let cancel = cancel.child_token();
    // When this is dropped, the threads are to end as well.
    let _end = cancel.clone().drop_guard();
    let mut crew = Crew::gather(&carriage, traffic, &cancel)?;
    let ends = std::mem::take(&mut crew.ends);
    crew.start().await;

    let mut sending = std::pin::pin!(all_ended(ends));
    let first = tokio::time::Instant::now() + COLLECT_INTERVAL;
    let mut ticks = interval_at(first, COLLECT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let sent = loop {
        tokio::select! {
            sent = &mut sending => break sent,
            _ = ticks.tick() => collected(crew.lanes.taken(), crew.collect()),
        }
    };
    collected(crew.lanes.taken(), crew.collect());
    sent
}

/// What a thread sends when it ends, and why when that is too early.
type End = oneshot::Receiver<io::Result<()>>;

/// The threads that send.
struct Crew {
    lanes: Arc<Lanes>,
    tallies: Vec<SharedTally>,
    ends: Vec<End>,
    /// Each tells once when its connections are open.
    ready: mpsc::Receiver<()>,
    start: watch::Sender<Option<Instant>>,
}

impl Crew {
    /// Starts the threads, which open their connections and wait.
    fn gather<T: Traffic>(
        carriage: &Carriage<'_>,
        traffic: T,
        cancel: &CancellationToken,
    ) -> io::Result<Self> {
        let threads = threads(carriage);
        let lanes = carriage.urls.len() * threads;
        let lanes = Arc::new(Lanes::new(lanes, carriage.schedule.total()));
        let traffic = Arc::new(traffic);
        let (is_ready, ready) = mpsc::channel(threads);
        let (start, started) = watch::channel(None);
        let (mut tallies, mut ends) = (Vec::new(), Vec::new());
        for number in 0..threads {
            let tally = SharedTally::default();
            tallies.push(Arc::clone(&tally));
            ends.push(spawn(Shard {
                number,
                urls: carriage.urls.to_vec(),
                connections: connections_of(number, threads, carriage),
                timeout: carriage.timeout,
                schedule: carriage.schedule,
                lanes: Arc::clone(&lanes),
                traffic: Arc::clone(&traffic),
                tally,
                ready: is_ready.clone(),
                start: started.clone(),
                cancel: cancel.clone(),
            })?);
        }
        Ok(Self {
            lanes,
            tallies,
            ends,
            ready,
            start,
        })
    }

    /// Waits until all connections are open, as far as they can be, and begins.
    async fn start(&mut self) {
        for _ in &self.tallies {
            // Nothing, when a thread has ended already; why is told at the end.
            self.ready.recv().await;
        }
        self.start.send_replace(Some(Instant::now()));
    }

    /// What was counted since it was last asked.
    fn collect(&self) -> Tally {
        let mut sum = Tally::default();
        for tally in &self.tallies {
            // Added up after the lock is free again, for the thread waits for it.
            let mut fresh = Tally::default();
            std::mem::swap(
                &mut *tally.lock().unwrap_or_else(PoisonError::into_inner),
                &mut fresh,
            );
            sum.add(fresh);
        }
        sum
    }
}

/// Waits until every thread has ended, or one has too early.
async fn all_ended(ends: Vec<End>) -> io::Result<()> {
    for end in ends {
        let ended = end.await;
        ended.unwrap_or_else(|_| Err(io::Error::other("it has panicked")))?;
    }
    Ok(())
}

/// What one thread sends with ease. It sends twice that at most on a machine of 2026, with a core of its own.
const THREAD_RATE_PER_S: f64 = 50_000.0;

/// How many threads send on this machine; no more than have a connection for each URL.
fn threads(carriage: &Carriage<'_>) -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let at_most = carriage.connections / carriage.urls.len();
    let wanted = wanted_threads(cores, carriage.schedule.highest_rate_per_s());
    wanted.min(at_most).max(1)
}

/// One thread for each two cores, since the service needs cores as well, or up to one for each core at
/// rates that need them.
fn wanted_threads(cores: usize, highest_per_s: f64) -> usize {
    let carry_it = |threads: usize| {
        let threads = u32::try_from(threads).unwrap_or(u32::MAX);
        f64::from(threads) * THREAD_RATE_PER_S >= highest_per_s
    };
    let needed = (1..cores).find(|threads| carry_it(*threads));
    (cores / 2).max(needed.unwrap_or(cores))
}

/// How many connections to each URL a thread of many has.
fn connections_of(number: usize, threads: usize, carriage: &Carriage<'_>) -> Vec<usize> {
    let (urls, connections) = (carriage.urls.len(), carriage.connections);
    let share = |of: usize, at: usize, whole: usize| whole / of + usize::from(at < whole % of);
    let of_url = |url| share(urls, url, connections);
    (0..urls)
        .map(|url| share(threads, number, of_url(url)))
        .collect()
}

fn spawn<T: Traffic>(shard: Shard<T>) -> io::Result<End> {
    let (sender, end) = oneshot::channel();
    let name = format!("load-{}", shard.number);
    thread::Builder::new().name(name).spawn(move || {
        // Nobody is there to be told when the load was dropped.
        let _ = sender.send(shard.run());
    })?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load::Rate;

    #[test]
    fn threads_leave_cores_to_the_service_unless_the_rate_needs_them() {
        assert_eq!(wanted_threads(1, 1e6), 1);
        assert_eq!(wanted_threads(2, 10_000.0), 1);
        assert_eq!(wanted_threads(2, 60_000.0), 2);
        assert_eq!(wanted_threads(8, 60_000.0), 4);
        assert_eq!(wanted_threads(8, 240_000.0), 5);
        assert_eq!(wanted_threads(8, 1e8), 8);
    }

    proptest! {
        #[test]
        fn threads_share_every_connection_and_each_has_one_for_each_url(
            urls in 1..5_usize, more in 0..40_usize, threads in 1..9_usize
        ) {
            let connections = urls * threads + more;
            let all = vec![Url::parse("http://localhost").unwrap(); urls];
            let carriage = Carriage {
                urls: &all,
                connections,
                timeout: Duration::ZERO,
                schedule: Schedule::of(Rate::constant(1.0), 1).unwrap(),
            };
            let shares: Vec<_> = (0..threads)
                .map(|number| connections_of(number, threads, &carriage))
                .collect();
            prop_assert_eq!(shares.iter().flatten().sum::<usize>(), connections);
            prop_assert!(shares.iter().flatten().all(|share| *share >= 1));
        }
    }
}
