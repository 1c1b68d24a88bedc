//! The arguments of `voteops up`.

use std::path::PathBuf;

use clap::Args;

use super::console::ConfigArgs;
use super::values::{time_scale, voter_rate};

/// `voteops up`.
#[derive(Debug, Clone, Args)]
pub struct UpArgs {
    /// Where the stack writes [default: voteops in the user's data directory]
    #[arg(long, value_name = "DIR", env = "VOTEOPS_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Install missing servers with the system's package manager
    #[arg(long)]
    pub install: bool,
    /// What stands in front of it
    #[command(flatten)]
    pub front: FrontArgs,
    /// First port of a block for all components [default: each component's usual port]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..=65000))]
    pub port_base: Option<u16>,
    /// Number of workers
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub workers: u16,
    /// Number of vote apps
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub vote_apps: u16,
    /// The ledger: <sqlite://PATH> or <postgres://USER:PASSWORD@HOST/DB>
    /// [default: a SQLite file in the data directory]
    #[arg(
        long,
        value_name = "URL",
        env = "VOTEOPS_DATABASE_URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,
    /// Rate of the background voters; 0 for none
    #[arg(long, value_name = "R", default_value_t = 20.0, value_parser = voter_rate,
        allow_negative_numbers = true)]
    pub votes_per_second: f64,
    /// Divide every duration (scrapes, windows, `for`, group waits) by N; thresholds stay
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = time_scale,
        allow_negative_numbers = true)]
    pub time_scale: f64,
    /// The console's configuration
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// What stands in front of a stack that was started.
#[derive(Debug, Clone, Copy, Args)]
pub struct FrontArgs {
    /// Stay in the foreground until Ctrl-C, without the console
    #[arg(long)]
    pub no_tui: bool,
    /// Let experiments be begun from the console; each shows its plan and asks first
    #[arg(long, conflicts_with_all = ["no_tui", "detach"])]
    pub allow_chaos: bool,
    /// Return when all is healthy; `voteops down` stops the stack
    #[arg(long, conflicts_with = "no_tui")]
    pub detach: bool,
}
