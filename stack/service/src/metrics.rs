//! A Prometheus registry and its `/metrics` answer.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::Error;

/// The metrics of one service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// A registry that already has the `process_*` metrics and `voteops_build_info`.
    ///
    /// # Errors
    /// [`Error::Metrics`] when a metric cannot be registered.
    pub fn new(service: &str, name: &str, version: &str) -> Result<Self, Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let opts = Opts::new(
            "voteops_build_info",
            "Always 1; the labels say what is running.",
        );
        let info = IntGaugeVec::new(opts, &["service", "name", "version"])?;
        info.with_label_values(&[service, name, version]).set(1);
        registry.register(Box::new(info))?;
        Ok(Self { registry })
    }

    /// Adds a counter with these labels.
    ///
    /// # Errors
    /// [`Error::Metrics`] when the name or a label is not valid, or the name is taken.
    pub fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.registry.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    /// Adds a gauge with these labels.
    ///
    /// # Errors
    /// [`Error::Metrics`] when the name or a label is not valid, or the name is taken.
    pub fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    /// Adds a histogram with these labels and upper bounds, in the unit that the name ends with.
    ///
    /// # Errors
    /// [`Error::Metrics`] when the name, a label or the bounds are not valid, or the name is taken.
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        bounds: &[f64],
    ) -> Result<HistogramVec, Error> {
        let opts = HistogramOpts::new(name, help).buckets(bounds.to_vec());
        let histogram = HistogramVec::new(opts, labels)?;
        self.registry.register(Box::new(histogram.clone()))?;
        Ok(histogram)
    }

    /// The answer to `GET /metrics`, in Prometheus's text format.
    #[must_use]
    pub fn answer(&self) -> Response {
        match TextEncoder::new().encode_to_string(&self.registry.gather()) {
            Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}
