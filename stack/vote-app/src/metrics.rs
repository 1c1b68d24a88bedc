//! What the vote app measures.

use std::time::Duration;

use axum::http::StatusCode;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use voteops_service::metrics::Metrics as Registry;

use crate::Config;
use crate::pressure::Cause;
use crate::reply::Reason;

/// Upper bounds in seconds. Close together around 300 ms, the threshold of the latency alert:
/// a quantile is only as sharp as the bucket it falls in.
const BOUNDS_SECONDS: [f64; 15] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 1.0, 2.5, 5.0,
];

/// Requests that must be there from the start: a rate over a series that begins with its first
/// increment does not see that increment.
const EXPECTED: [(&str, &str, StatusCode); 6] = [
    ("GET", "/", StatusCode::OK),
    ("POST", "/vote", StatusCode::ACCEPTED),
    ("POST", "/vote", StatusCode::UNPROCESSABLE_ENTITY),
    ("POST", "/vote", StatusCode::SERVICE_UNAVAILABLE),
    ("GET", "/results", StatusCode::OK),
    ("GET", "/results", StatusCode::SERVICE_UNAVAILABLE),
];

/// What the vote app measures.
pub(crate) struct Metrics {
    pub(crate) registry: Registry,
    /// `http_request_duration_seconds{method,route,status}`
    requests: HistogramVec,
    /// Those of [`EXPECTED`], which need not be looked up.
    expected: [Histogram; EXPECTED.len()],
    /// `votes_accepted_total{choice}`
    pub(crate) accepted: IntCounterVec,
    /// `votes_repeated_total`
    pub(crate) repeated: IntCounter,
    /// `vote_app_idempotency_window_seconds`
    window: IntGauge,
    /// `vote_app_backpressure{cause}`
    pub(crate) backpressure: IntGaugeVec,
    /// `votes_rejected_total{reason}`
    pub(crate) rejected: IntCounterVec,
}

impl Metrics {
    pub(crate) fn new(config: &Config) -> Result<Self, voteops_service::Error> {
        let registry = Registry::new("vote-app", &config.instance, env!("CARGO_PKG_VERSION"))?;
        let requests = registry.histogram(
            "http_request_duration_seconds",
            "Time from a request's head to its answer's head; status 499: the client left first.",
            &["method", "route", "status"],
            &BOUNDS_SECONDS,
        )?;
        let accepted = registry.counter(
            "votes_accepted_total",
            "Votes that Redis has confirmed.",
            &["choice"],
        )?;
        let none: &[&str] = &[];
        let repeated = registry.counter(
            "votes_repeated_total",
            "Votes that were taken before, by their idempotency key.",
            none,
        )?;
        let window = registry.gauge(
            "vote_app_idempotency_window_seconds",
            "How long votes that may be sent again are remembered; shorter as Redis fills.",
            none,
        )?;
        let backpressure = registry.gauge(
            "vote_app_backpressure",
            "1 while votes are refused because the limit is reached.",
            &["cause"],
        )?;
        for cause in Cause::ALL {
            backpressure.with_label_values(&[cause.slug()]).set(0);
        }
        let rejected = registry.counter("votes_rejected_total", "Votes not taken.", &["reason"])?;
        let expected = EXPECTED.map(|(method, route, status)| {
            requests.with_label_values(&[method, route, status.as_str()])
        });
        for choice in &config.choices {
            accepted.with_label_values(&[choice.id.as_str()]);
        }
        for reason in Reason::OF_VOTES {
            rejected.with_label_values(&[reason.slug()]);
        }
        let metrics = Self {
            registry,
            requests,
            expected,
            accepted,
            repeated: repeated.with_label_values(none),
            window: window.with_label_values(none),
            backpressure,
            rejected,
        };
        metrics.show_window(config.idempotency_window);
        Ok(metrics)
    }

    /// Tells how long votes are remembered.
    pub(crate) fn show_window(&self, window: Duration) {
        self.window
            .set(i64::try_from(window.as_secs()).unwrap_or(i64::MAX));
    }

    /// Counts a request; `status` may be one that no server sends.
    pub(crate) fn observe(&self, method: &str, route: &str, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let is_it = |known: &(&str, &str, StatusCode)| {
            known.2.as_u16() == status && known.1 == route && known.0 == method
        };
        match EXPECTED.iter().position(is_it) {
            Some(place) => self.expected[place].observe(seconds),
            None => self
                .requests
                .with_label_values(&[method, route, &status.to_string()])
                .observe(seconds),
        }
    }
}
