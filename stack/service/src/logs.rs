//! One JSON object a line on standard output: `timestamp`, `level`, `target`, `message`, and the
//! event's fields beside them.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::Error;

/// Sends this process's logs to standard output. `filter` is as
/// [`log_filter`](crate::config::Given::log_filter) takes it.
///
/// # Errors
/// [`Error::Logs`] when the filter is none, or logs were set up before.
pub fn init(filter: &str) -> Result<(), Error> {
    let filter = EnvFilter::try_new(filter).map_err(|error| Error::Logs(error.to_string()))?;
    tracing::subscriber::set_global_default(subscriber(filter, std::io::stdout))
        .map_err(|error| Error::Logs(error.to_string()))
}

pub(crate) fn subscriber<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(writer)
        // On a disk that is full nobody can be told that a line is not written, and whoever tried would panic.
        .log_internal_errors(false)
        .finish()
}

/// Lets some events through per interval and counts the others, so that a thousand refused requests
/// a second are a few lines a second.
#[derive(Debug)]
pub struct Throttle {
    most: u32,
    interval: Duration,
    state: Mutex<State>,
}

/// What a throttle did.
#[derive(Debug, Default)]
struct State {
    /// When the interval began.
    since: Option<Instant>,
    /// How many were let through since.
    passed: u32,
    /// How many were held back since the last one was let through.
    held_back: u64,
}

impl Throttle {
    /// Lets one event through every `interval`.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self::burst(1, interval)
    }

    /// Lets the first `most` events of every `interval` through.
    #[must_use]
    pub fn burst(most: u32, interval: Duration) -> Self {
        Self {
            most,
            interval,
            state: Mutex::default(),
        }
    }

    /// How many events were held back since the last one let through; `None` holds this one back.
    pub fn pass(&self) -> Option<u64> {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if state
            .since
            .is_none_or(|since| since.elapsed() >= self.interval)
        {
            state.since = Some(Instant::now());
            state.passed = 0;
        }
        if state.passed >= self.most {
            state.held_back += 1;
            return None;
        }
        state.passed += 1;
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::*;

    /// Keeps what is logged.
    #[derive(Clone, Default)]
    pub(crate) struct Lines(pub(crate) Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_flat_json_line() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(EnvFilter::new("info"), move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("batch", size = 3).entered();
            tracing::debug!("hidden");
            tracing::warn!(target: "app", votes = 2, "two\nlines");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["target"], "app");
        assert_eq!(line["message"], "two\nlines");
        assert_eq!(line["votes"], 2);
        let keys: Vec<_> = line.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["level", "message", "target", "timestamp", "votes"]);
    }

    #[test]
    fn a_throttle_counts_what_it_holds_back() {
        let throttle = Throttle::new(Duration::from_hours(1));
        assert_eq!(throttle.pass(), Some(0));
        assert_eq!(throttle.pass(), None);
        assert_eq!(throttle.pass(), None);
        throttle.state.lock().unwrap().since = None;
        assert_eq!(throttle.pass(), Some(2));
    }

    #[test]
    fn a_burst_passes_whole_and_no_more_of_its_interval() {
        let throttle = Throttle::burst(3, Duration::from_hours(1));
        let passes = || [(); 5].map(|()| throttle.pass());
        assert_eq!(passes(), [Some(0), Some(0), Some(0), None, None]);
        throttle.state.lock().unwrap().since = None;
        assert_eq!(passes(), [Some(2), Some(0), Some(0), None, None]);
    }
}
