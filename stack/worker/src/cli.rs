//! The worker's command line.

use std::path::PathBuf;

use clap::Parser;

/// Drains the vote queue into the ledger.
///
/// Every setting may be given as a flag, as an environment variable or in the file, in this order
/// of precedence. Keys in the file are written with underscores.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "worker", version)]
pub struct Cli {
    /// Settings in TOML
    #[arg(long, env = "WORKER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Address to serve metrics and health on [default: 127.0.0.1:8081]
    #[arg(long, env = "WORKER_LISTEN", value_name = "HOST:PORT")]
    pub listen: Option<String>,

    /// Address to take faults on, loopback or private; faults are off without it
    #[arg(long, env = "WORKER_ADMIN_LISTEN", value_name = "HOST:PORT")]
    pub admin_listen: Option<String>,

    /// The token that opens --admin-listen, at least 16 characters in a file
    #[arg(long, env = "WORKER_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<String>,

    /// Redis, which holds the queue: `redis://[USER:PASSWORD@]HOST:PORT`,
    /// `redis+sentinel://HOST:PORT,.../MASTER` or `redis+cluster://HOST:PORT,...`, with `rediss` in place
    /// of `redis` for TLS [default: `redis://127.0.0.1:6379`]
    #[arg(
        long,
        env = "WORKER_REDIS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub redis_url: Option<String>,

    /// The authorities that may have signed Redis's certificate, in PEM; without it those that browsers
    /// trust
    #[arg(long, env = "WORKER_REDIS_CA", value_name = "FILE")]
    pub redis_ca: Option<String>,

    /// The certificate to show to Redis, in PEM
    #[arg(long, env = "WORKER_REDIS_CERTIFICATE", value_name = "FILE")]
    pub redis_certificate: Option<String>,

    /// The key of --redis-certificate, in PEM
    #[arg(long, env = "WORKER_REDIS_KEY", value_name = "FILE")]
    pub redis_key: Option<String>,

    /// The ledger: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`, with
    /// `?sslmode=verify-full&sslrootcert=FILE` for TLS [default: `sqlite://votes.db`]
    #[arg(
        long,
        env = "WORKER_LEDGER_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub ledger_url: Option<String>,

    /// This worker's name in the consumer group, logs and metrics; no two may share one
    /// [default: HOST-PID]
    #[arg(long, env = "WORKER_INSTANCE", value_name = "NAME")]
    pub instance: Option<String>,

    /// How many votes to record at once [default: 200]
    #[arg(long, env = "WORKER_BATCH_SIZE", value_name = "VOTES")]
    pub batch_size: Option<String>,

    /// How long a worker may hold votes before others take them over [default: 30s]
    #[arg(long, env = "WORKER_RECLAIM_IDLE", value_name = "DURATION")]
    pub reclaim_idle: Option<String>,

    /// What to log: error, warn, info, debug, trace, or target=level,... [default: info]
    #[arg(long, env = "WORKER_LOG_LEVEL", value_name = "LEVEL")]
    pub log_level: Option<String>,
}
