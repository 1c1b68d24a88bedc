//! Releasing votes when they are due, to within a fraction of a millisecond.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use super::schedule::{Schedule, share_of_lane};

/// Votes that are due closer together than this are released together. It bounds the lag that a
/// vote may suffer for it, which must stay below 1 ms with room to spare; wake-ups are what a vote
/// costs most at moderate rates, so it should not be much shorter.
const SHORTEST_TICK: Duration = Duration::from_micros(500);

/// The votes of one URL that are due and not yet taken.
#[derive(Debug)]
struct Lane {
    released: Semaphore,
    taken: AtomicU64,
}

/// The URLs' lanes; vote i belongs to lane i modulo their number.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    total: u64,
}

impl Lanes {
    pub(super) fn new(count: usize, total: u64) -> Self {
        let lane = |_| Lane {
            released: Semaphore::new(0),
            taken: AtomicU64::new(0),
        };
        Self {
            lanes: (0..count).map(lane).collect(),
            total,
        }
    }

    /// Waits for the next vote of `lane` to be due and takes it; none when there is none left.
    pub(super) async fn take(&self, lane: usize) -> Option<u64> {
        let from = &self.lanes[lane];
        from.released.acquire().await.ok()?.forget();
        let turn = from.taken.fetch_add(1, Ordering::Relaxed);
        let index = turn * self.lanes.len() as u64 + lane as u64;
        if index < self.total {
            return Some(index);
        }
        from.taken.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// How many votes have been taken, over all lanes.
    pub(super) fn taken(&self) -> u64 {
        let taken: u64 = self
            .lanes
            .iter()
            .map(|lane| lane.taken.load(Ordering::Relaxed))
            .sum();
        taken
    }

    fn release(&self, from: u64, to: u64) {
        let lanes = self.lanes.len() as u64;
        for (lane, number) in self.lanes.iter().zip(0..) {
            let share = share_of_lane(number, lanes, from, to);
            lane.released
                .add_permits(usize::try_from(share).unwrap_or(Semaphore::MAX_PERMITS));
        }
    }

    /// Lets every taker see that nothing is left, once what is released has been taken.
    fn finish(&self, takers: usize) {
        for lane in &self.lanes {
            lane.released.add_permits(takers);
        }
    }

    /// Takes back what is released, and sends every taker away.
    fn close(&self) {
        for lane in &self.lanes {
            lane.released.close();
        }
    }
}

/// Releases every vote of `schedule` when it is due after `start`, for `takers` tasks. Returns once
/// the last is released, or when `cancel` takes back those that nobody has taken yet.
///
/// The clock is a thread of its own, because the runtime's timers round up to whole milliseconds,
/// which would use up all of the lag that a load may have.
pub(super) async fn pace(
    schedule: Schedule,
    start: Instant,
    lanes: &Arc<Lanes>,
    takers: usize,
    cancel: &CancellationToken,
) -> io::Result<()> {
    // Dropping the sender, as when this future is dropped, stops the thread.
    let (_stop, stopped) = channel::<()>();
    let (released_sender, released) = oneshot::channel();
    let releasing = Arc::clone(lanes);
    thread::Builder::new()
        .name("pacer".to_owned())
        .spawn(move || {
            release_when_due(schedule, start, &releasing, &stopped);
            let _ = released_sender.send(());
        })?;
    match cancel.run_until_cancelled(released).await {
        Some(_released) => lanes.finish(takers),
        None => lanes.close(),
    }
    Ok(())
}

fn release_when_due(schedule: Schedule, start: Instant, lanes: &Lanes, stopped: &Receiver<()>) {
    let mut released = 0;
    while released < schedule.total() {
        let elapsed = start.elapsed();
        let due = schedule.due_by(elapsed);
        lanes.release(released, due);
        released = due;
        let next = schedule
            .due_at(released)
            .saturating_sub(elapsed)
            .max(SHORTEST_TICK);
        if stopped.recv_timeout(next) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lanes_take_turns_and_end() {
        let lanes = Lanes::new(3, 8);
        lanes.release(0, 8);
        lanes.finish(1);
        let mut taken = [Vec::new(), Vec::new(), Vec::new()];
        for (lane, taken) in taken.iter_mut().enumerate() {
            while let Some(index) = lanes.take(lane).await {
                taken.push(index);
            }
        }
        assert_eq!(taken, [vec![0, 3, 6], vec![1, 4, 7], vec![2, 5]]);
        assert_eq!(lanes.taken(), 8);
    }

    #[tokio::test]
    async fn what_is_not_taken_when_cancelled_is_never_taken() {
        let lanes = Arc::new(Lanes::new(1, u64::MAX));
        let schedule = Schedule::new(1e-6, u64::MAX).unwrap();
        let cancel = CancellationToken::new();
        let pacing = pace(schedule, Instant::now(), &lanes, 1, &cancel);
        let taking = async {
            let first = lanes.take(0).await;
            cancel.cancel();
            (first, lanes.take(0).await)
        };
        let (paced, taken) = tokio::join!(pacing, taking);
        paced.unwrap();
        assert_eq!(taken, (Some(0), None));
    }
}
