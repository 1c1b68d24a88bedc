//! Loki's live tail: a WebSocket (RFC 6455) that lines come by as they are written
//! (<https://grafana.com/docs/loki/latest/reference/loki-http-api/#stream-logs>).
//!
//! Loki may drop lines when it cannot keep up, and tells so; a connection may break at any time.
//! Whoever follows a tail asks for what may be missing: see [`super::Live`].

use std::time::Duration;

use futures::StreamExt;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::loki::{Stream, lines_of};
use super::{LogLine, LogQuery, Loki, MAX_LINES};
use crate::backend::{self, BackendError};
use crate::text::clean_line;

const TAIL: &str = "loki/api/v1/tail";
/// Longest silence: Loki sends a ping every second, however little is written
/// (`wsPingPeriod` in its `pkg/querier/http.go`).
const SILENCE: Duration = Duration::from_secs(30);
/// Frames that come within this time of each other are told together.
const TOGETHER: Duration = Duration::from_millis(50);
/// Largest frame.
const MAX_FRAME_BYTES: usize = 16 << 20;

/// A connection that lines come by.
#[derive(Debug)]
pub(super) struct Tail {
    socket: WebSocketStream<reqwest::Upgraded>,
    url: String,
    /// The longest silence that is waited out.
    silence: Duration,
    /// When something came last, were it a ping: whoever asks often and briefly hears a silence too.
    heard_at: Instant,
    /// Lines that came and were not told yet: a reader that is cancelled loses none.
    waiting: Batch,
}

/// Lines that came together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The lines, in the order of the frames.
    pub(super) lines: Vec<LogLine>,
    /// The time of the oldest line that Loki says it left out, in Unix nanoseconds.
    pub(super) dropped_ns: Option<i64>,
}

#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    streams: Option<Vec<Stream>>,
    #[serde(default)]
    dropped_entries: Option<Vec<Dropped>>,
}

/// A line that Loki left out; its time is RFC 3339, or in nanoseconds.
#[derive(Deserialize)]
struct Dropped {
    #[serde(default)]
    timestamp: serde_json::Value,
}

impl Dropped {
    /// The line's time; as long ago as can be when it is not told.
    fn at_ns(&self) -> i64 {
        let text = self.timestamp.as_str().unwrap_or_default();
        let rfc3339 = || {
            let at = text.parse::<jiff::Timestamp>().ok()?;
            i64::try_from(at.as_nanosecond()).ok()
        };
        let ns = text.parse().ok().or_else(|| self.timestamp.as_i64());
        ns.or_else(rfc3339).unwrap_or(0)
    }
}

impl Loki {
    /// Lines of a query from `start_ns` (Unix nanoseconds) on, as they come.
    ///
    /// # Errors
    /// [`BackendError::Refused`] for a query that Loki does not tail, [`BackendError::Status`]
    /// from a server without a tail, or any other [`BackendError`].
    pub(super) async fn tail(&self, query: &LogQuery, start_ns: i64) -> Result<Tail, BackendError> {
        let (logql, start, limit) = (
            query.to_logql(),
            start_ns.to_string(),
            MAX_LINES.to_string(),
        );
        let parameters = [
            ("query", logql.as_str()),
            ("start", &start),
            ("limit", &limit),
        ];
        let stream = self.http.web_socket(TAIL, &parameters).await?;
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MAX_FRAME_BYTES))
            .max_frame_size(Some(MAX_FRAME_BYTES));
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(limits)).await;
        Ok(Tail {
            socket,
            url: self.http.name(TAIL),
            silence: SILENCE,
            heard_at: Instant::now(),
            waiting: Batch::default(),
        })
    }
}

impl Tail {
    /// The next lines: waits for a frame, and takes those that come right after it.
    ///
    /// # Errors
    /// Why the tail is over, as a [`BackendError`].
    pub(super) async fn next(&mut self) -> Result<Batch, BackendError> {
        if self.waiting.lines.is_empty() && self.waiting.dropped_ns.is_none() {
            self.frame().await?;
        }
        let until = Instant::now() + TOGETHER;
        while self.waiting.lines.len() < MAX_LINES {
            match timeout_at(until, self.frame()).await {
                // What came before the end is told before it.
                Ok(Err(_)) | Err(_) => break,
                Ok(Ok(())) => {}
            }
        }
        Ok(std::mem::take(&mut self.waiting))
    }

    /// Takes one frame; pings are answered by the socket.
    async fn frame(&mut self) -> Result<(), BackendError> {
        let silent_at = self.heard_at + self.silence;
        let message = match timeout_at(silent_at, self.socket.next()).await {
            Err(_) => {
                return Err(BackendError::Timeout {
                    url: self.url.clone(),
                    timeout_s: self.silence.as_secs(),
                });
            }
            Ok(None) => return Err(self.over("the connection was closed")),
            Ok(Some(Err(error))) => return Err(self.broken(&error)),
            Ok(Some(Ok(message))) => message,
        };
        self.heard_at = Instant::now();
        match message {
            Message::Text(text) => self.take(text.as_bytes()),
            Message::Binary(bytes) => self.take(&bytes),
            Message::Close(Some(frame)) if !frame.reason.is_empty() => Err(BackendError::Refused {
                url: self.url.clone(),
                kind: format!("closed {}", u16::from(frame.code)),
                message: clean_line(frame.reason.as_str()).into_owned(),
            }),
            Message::Close(_) => Err(self.over("Loki closed it")),
            _ => Ok(()),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), BackendError> {
        let garbage = |reason: &str| backend::garbage(&self.url, reason, &backend::excerpt(bytes));
        let frame: Frame =
            serde_json::from_slice(bytes).map_err(|error| garbage(&error.to_string()))?;
        let lines = lines_of(frame.streams.unwrap_or_default());
        let lines = lines.map_err(|reason| garbage(&reason))?;
        self.waiting.lines.extend(lines);
        let dropped = frame.dropped_entries.unwrap_or_default();
        let known = self.waiting.dropped_ns.into_iter();
        self.waiting.dropped_ns = known.chain(dropped.iter().map(Dropped::at_ns)).min();
        Ok(())
    }

    fn over(&self, reason: &str) -> BackendError {
        BackendError::Unreachable {
            url: self.url.clone(),
            reason: reason.into(),
        }
    }

    fn broken(&self, error: &WsError) -> BackendError {
        self.over(&clean_line(&error.to_string()))
    }
}

#[cfg(test)]
#[path = "tail_tests.rs"]
mod tests;
