//! What every service of the stack is: configuration, JSON logs, metrics, health, shutdown.
//!
//! - [`admin`]: faults inside the service, injected through a listener of its own.
//! - [`config`]: settings by flag, environment, file and default, in that order, with errors that
//!   name the setting and where it came from.
//! - [`logs`]: one JSON object a line on standard output.
//! - [`metrics`]: a Prometheus registry and its `/metrics` answer.
//! - [`http`]: listening, serving with bounded patience, shutting down gracefully.
//! - [`shutdown`]: SIGTERM and SIGINT as a cancellation token.

pub mod admin;
pub mod config;
mod error;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod shutdown;

pub use error::Error;
