//! The arguments that say where the targets of a fault are.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use url::Url;

use super::values::http_url;

/// By which means targets are touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Via {
    /// Signals to processes
    Process,
    /// The API of a container engine
    Docker,
    /// The admin listeners of services
    Http,
}

/// Where the targets are, when they are not those of a stack of `voteops up`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Other targets")]
pub struct ReachArgs {
    /// Touch processes, containers, or services by their admin listeners; by default what the other arguments
    /// name, else what is found
    #[arg(long, value_enum)]
    pub via: Option<Via>,
    /// A process, by its id; may be given more than once
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..), conflicts_with_all = ["container", "service", "project", "label", "engine"])]
    pub pid: Vec<i32>,
    /// The processes of a systemd unit; may be given more than once
    #[arg(long, value_name = "UNIT", conflicts_with_all = ["container", "service", "project", "label", "engine"])]
    pub unit: Vec<String>,
    /// A container, by its name or id; may be given more than once
    #[arg(long, value_name = "NAME", conflicts_with_all = ["service", "project", "label"])]
    pub container: Vec<String>,
    /// The containers of a Compose service
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// The containers of a Compose project
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// The containers that have a label; may be given more than once
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub label: Vec<String>,
    /// The container engine, when it is not that of `DOCKER_HOST`, the Docker context or its usual place: `unix:///PATH`,
    /// `tcp://HOST:PORT`, or `https://HOST:PORT` with the certificates of `DOCKER_CERT_PATH`
    #[arg(long, value_name = "unix://PATH|tcp://HOST:PORT")]
    pub engine: Option<String>,
}

/// Services that take faults themselves, when they are not those of a stack of `voteops up`: by their
/// admin listeners, or by their containers, which are asked from inside.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Other targets")]
pub struct AskedArgs {
    /// Containers
    #[command(flatten)]
    pub reach: ReachArgs,
    /// A service, by its admin listener; may be given more than once
    #[arg(long, value_name = "URL", value_parser = http_url, requires = "admin_token_file", conflicts_with_all = ["pid", "unit", "container", "service", "project", "label", "engine"])]
    pub admin: Vec<Url>,
    /// The file with the token that opens it
    #[arg(long, value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
}
