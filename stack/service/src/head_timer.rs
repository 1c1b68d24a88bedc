//! The patience with clients that are slow to send a request's head.
//!
//! The HTTP server sets a deadline for each head, and drops it when the head is there, which mostly is at
//! once. To arm a timer of the runtime each time would cost about as much as reading the head. So each
//! connection has one that stays armed; when it fires, it is seen whether the deadline has moved on.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::time;

/// The timer of one connection.
pub(crate) struct HeadTimer(Armed);

type Armed = Arc<Mutex<Pin<Box<time::Sleep>>>>;

impl HeadTimer {
    /// Armed for the first deadline, which is after `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        Self(Arc::new(Mutex::new(Box::pin(time::sleep(patience)))))
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let deadline = deadline.into();
        let armed = self.0.clone();
        Box::pin(Head { deadline, armed })
    }
}

/// The wait for one head.
struct Head {
    deadline: time::Instant,
    armed: Armed,
}

impl Sleep for Head {}

impl Future for Head {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        if armed.deadline() > self.deadline {
            armed.as_mut().reset(self.deadline);
        }
        while armed.deadline() < self.deadline {
            ready!(armed.as_mut().poll(context));
            armed.as_mut().reset(self.deadline);
        }
        armed.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn each_deadline_is_kept_whatever_was_armed_before() {
        let (timer, started) = (HeadTimer::new(Duration::from_mins(1)), Instant::now());
        let wait = |at_ms| timer.sleep_until(started + Duration::from_millis(at_ms));
        for at_ms in [20, 50, 40, 60] {
            wait(at_ms).await;
            assert!(started.elapsed() >= Duration::from_millis(at_ms));
        }
        let mut dropped = wait(60_000);
        let polled = poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context)));
        assert!(polled.await.is_pending());
        drop(dropped);
        wait(80).await;
        assert!(started.elapsed() >= Duration::from_millis(80));
    }
}
