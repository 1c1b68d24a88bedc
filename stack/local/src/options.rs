//! What a person asks of `voteops up`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The stack to run. It is handed to the supervisor as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Where everything that the stack writes goes.
    pub data_dir: PathBuf,
    /// First port of a block; without it every component tries its usual port.
    pub port_base: Option<u16>,
    /// Number of workers.
    pub workers: u16,
    /// Number of vote apps.
    pub vote_apps: u16,
    /// The ledger's address; without it a SQLite file in the data directory.
    pub database_url: Option<String>,
    /// Rate of the background voters; 0 starts none.
    pub votes_per_second: f64,
    /// What every duration is divided by.
    pub time_scale: f64,
    /// Whether the supervisor stops when its standard input ends.
    pub attached: bool,
}
