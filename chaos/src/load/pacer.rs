//! Releasing votes when they are due, to within a fraction of a millisecond.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::schedule::{Schedule, share_of_lane};

/// Votes that are due closer together than this are released together. It bounds the lag that a
/// vote may suffer for it, which must stay below 1 ms with room to spare; wake-ups are what a vote
/// costs most at moderate rates, so it should not be much shorter.
const SHORTEST_TICK: Duration = Duration::from_micros(500);

/// The votes of one URL, on one thread, that are due and not yet taken.
#[derive(Debug)]
struct Lane {
    released: Semaphore,
    taken: AtomicU64,
}

/// All lanes, one or more for each URL; vote i belongs to lane i modulo their number.
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
        let taken = |lane: &Lane| lane.taken.load(Ordering::Relaxed);
        self.lanes.iter().map(taken).sum()
    }

    /// Some of the lanes, for a pacer of its own.
    pub(super) fn share(&self, numbers: Range<usize>) -> Share<'_> {
        Share {
            lanes: self,
            numbers,
        }
    }
}

/// The lanes that one pacer releases votes into.
#[derive(Debug)]
pub(super) struct Share<'a> {
    lanes: &'a Lanes,
    numbers: Range<usize>,
}

impl Share<'_> {
    fn lanes(&self) -> &[Lane] {
        &self.lanes.lanes[self.numbers.clone()]
    }

    fn release(&self, from: u64, to: u64) {
        let all = self.lanes.lanes.len() as u64;
        for (lane, number) in self.lanes().iter().zip(self.numbers.start as u64..) {
            let share = share_of_lane(number, all, from, to);
            lane.released
                .add_permits(usize::try_from(share).unwrap_or(Semaphore::MAX_PERMITS));
        }
    }

    /// Lets every taker see that nothing is left, once what is released has been taken.
    fn finish(&self, takers: usize) {
        for lane in self.lanes() {
            lane.released.add_permits(takers);
        }
    }

    /// Takes back what is released, and sends every taker away.
    fn close(&self) {
        for lane in self.lanes() {
            lane.released.close();
        }
    }
}

/// Releases every vote of `schedule` in the lanes of `share` when it is due after `start`, for
/// `takers` tasks. Returns once the last is released, or when `cancel` takes back those that nobody
/// has taken yet.
///
/// # Errors
/// When the system gives no timer.
pub(super) async fn pace(
    schedule: Schedule,
    start: Instant,
    share: &Share<'_>,
    takers: usize,
    cancel: &CancellationToken,
) -> io::Result<()> {
    let mut timer = Timer::new()?;
    let mut released = 0;
    while released < schedule.total() {
        let elapsed = start.elapsed();
        let due = schedule.due_by(elapsed);
        share.release(released, due);
        released = due;
        let next = schedule.due_at(released).saturating_sub(elapsed);
        let waited = timer.wait(next.max(SHORTEST_TICK));
        let Some(waited) = cancel.run_until_cancelled(waited).await else {
            share.close();
            return Ok(());
        };
        waited?;
    }
    share.finish(takers);
    Ok(())
}

/// A timer of the kernel's, because those of the runtime round up to whole milliseconds, which
/// would use up all of the lag that a load may have.
struct Timer {
    /// The runtime has no type for timers. A pipe is read in the same way, and is not checked to be
    /// one.
    descriptor: Receiver,
}

impl Timer {
    fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let descriptor = Receiver::from_owned_fd_unchecked(descriptor)?;
        Ok(Self { descriptor })
    }

    async fn wait(&mut self, duration: Duration) -> io::Result<()> {
        let never = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let setting = Itimerspec {
            it_interval: never,
            it_value: Timespec::try_from(duration).map_err(io::Error::other)?,
        };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &setting)?;
        // How often it went off, in eight bytes. Room for more lets the runtime see that there is no
        // more to read.
        let told_bytes = self.descriptor.read(&mut [0; 16]).await?;
        debug_assert_eq!(told_bytes, 8, "a timer tells one number");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Rate;

    #[tokio::test]
    async fn lanes_take_turns_and_end() {
        let lanes = Lanes::new(3, 8);
        // By two pacers, as on two threads.
        for share in [lanes.share(0..1), lanes.share(1..3)] {
            share.release(0, 8);
            share.finish(1);
        }
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
    async fn every_vote_is_released_by_the_end() {
        let lanes = Lanes::new(2, 101);
        let schedule = Schedule::over("0..20200".parse().unwrap(), Duration::from_millis(10));
        let (schedule, share) = (schedule.unwrap(), lanes.share(0..2));
        let cancel = CancellationToken::new();
        pace(schedule, Instant::now(), &share, 1, &cancel)
            .await
            .unwrap();
        for (lane, expected) in [(0, 51), (1, 50)] {
            let mut taken = 0;
            while lanes.take(lane).await.is_some() {
                taken += 1;
            }
            assert_eq!(taken, expected);
        }
    }

    #[tokio::test]
    async fn what_is_not_taken_when_cancelled_is_never_taken() {
        let lanes = Lanes::new(1, u64::MAX);
        let schedule = Schedule::of(Rate::constant(1e-6), u64::MAX).unwrap();
        let cancel = CancellationToken::new();
        let share = lanes.share(0..1);
        let pacing = pace(schedule, Instant::now(), &share, 1, &cancel);
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
