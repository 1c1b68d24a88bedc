//! What every service of the stack is: configuration, JSON logs, metrics, health, shutdown.
//!
//! - [`admin`]: faults inside the service, injected through a listener of its own.
//! - [`config`]: settings by flag, environment, file and default, in that order, with errors that
//!   name the setting and where it came from.
//! - [`logs`]: one JSON object a line on standard output.
//! - [`metrics`]: a Prometheus registry and its `/metrics` answer.
//! - [`http`]: listening, serving with bounded patience, shutting down gracefully; every answer to a
//!   request has strict headers and the request's id.
//! - [`redis`]: where Redis is.
//! - [`request_id`]: a name for each request, in its answer and in what is logged about it.
//! - [`shutdown`]: SIGTERM and SIGINT as a cancellation token, and one that follows later.

pub mod admin;
pub mod config;
mod error;
mod head_timer;
pub mod http;
mod lingering;
pub mod logs;
pub mod metrics;
mod open_files;
pub mod redis;
pub mod request_id;
pub mod shutdown;
mod strict;
mod turned_away;

pub use error::Error;
