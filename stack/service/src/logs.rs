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

/// Lets one event through per interval and counts the others, so that a thousand refused requests
/// a second are one line a second.
#[derive(Debug)]
pub struct Throttle {
    interval: Duration,
    state: Mutex<(Option<Instant>, u64)>,
}

impl Throttle {
    /// Lets one event through every `interval`.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            state: Mutex::new((None, 0)),
        }
    }

    /// How many events were held back since the last one let through; `None` holds this one back.
    pub fn pass(&self) -> Option<u64> {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (last, held_back) = &mut *state;
        if last.is_some_and(|last| last.elapsed() < self.interval) {
            *held_back += 1;
            return None;
        }
        *last = Some(Instant::now());
        Some(std::mem::take(held_back))
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
        throttle.state.lock().unwrap().0 = None;
        assert_eq!(throttle.pass(), Some(2));
    }
}
