//! The worker's settings.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use voteops_ledger::Ledger;
use voteops_queue::Access;
use voteops_service::admin::AdminConfig;
use voteops_service::config::{ConfigError, FileValue, Settings, default_instance};
use voteops_service::redis;

use crate::Cli;

/// The most votes that may be recorded at once.
const MAX_BATCH_SIZE: usize = 5000;

/// The worker's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to serve metrics and health on.
    pub listen: SocketAddr,
    /// Where faults are taken; `None` when they are not.
    pub admin: Option<AdminConfig>,
    /// Redis, which holds the queue.
    pub redis: Access,
    /// The ledger.
    pub ledger_url: String,
    /// This worker's name in the consumer group, logs and metrics.
    pub instance: String,
    /// How many votes to record at once.
    pub batch_size: usize,
    /// How long a worker may hold votes before others take them over.
    pub reclaim_idle: Duration,
    /// What to log.
    pub log_filter: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    listen: Option<FileValue>,
    admin_listen: Option<FileValue>,
    admin_token_file: Option<FileValue>,
    redis_url: Option<FileValue>,
    redis_ca: Option<FileValue>,
    redis_certificate: Option<FileValue>,
    redis_key: Option<FileValue>,
    ledger_url: Option<FileValue>,
    instance: Option<FileValue>,
    batch_size: Option<FileValue>,
    reclaim_idle: Option<FileValue>,
    log_level: Option<FileValue>,
}

impl Config {
    /// Puts together flags, environment, file and defaults. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// [`ConfigError`] names the first setting that is not usable.
    pub fn load(cli: Cli) -> Result<Self, ConfigError> {
        let settings = Settings::<Keys>::load("WORKER", cli.config.as_deref())?;
        let keys = &settings.keys;
        let get = |key, given, file: &Option<FileValue>, default: &str| {
            settings.get(key, given, file.as_ref(), default)
        };
        let redis = redis::access(
            &get(
                "redis-url",
                cli.redis_url,
                &keys.redis_url,
                "redis://127.0.0.1:6379",
            ),
            &get("redis-ca", cli.redis_ca, &keys.redis_ca, ""),
            &get(
                "redis-certificate",
                cli.redis_certificate,
                &keys.redis_certificate,
                "",
            ),
            &get("redis-key", cli.redis_key, &keys.redis_key, ""),
        )?;
        let ledger_url = get(
            "ledger-url",
            cli.ledger_url,
            &keys.ledger_url,
            "sqlite://votes.db",
        );
        Ledger::connect(ledger_url.text()).map_err(|error| ledger_url.error(error.to_string()))?;
        let instance = get(
            "instance",
            cli.instance,
            &keys.instance,
            &default_instance(),
        );
        if instance.text().trim().is_empty() {
            return Err(instance.error("expected a name that is not empty"));
        }
        Ok(Self {
            listen: get("listen", cli.listen, &keys.listen, "127.0.0.1:8081")
                .parse("an IP address and a port, such as 127.0.0.1:8081")?,
            admin: AdminConfig::read(
                &get("admin-listen", cli.admin_listen, &keys.admin_listen, ""),
                &get(
                    "admin-token-file",
                    cli.admin_token_file,
                    &keys.admin_token_file,
                    "",
                ),
            )?,
            redis,
            ledger_url: ledger_url.text().to_owned(),
            instance: instance.text().trim().to_owned(),
            batch_size: get("batch-size", cli.batch_size, &keys.batch_size, "200")
                .number(1, MAX_BATCH_SIZE)?,
            reclaim_idle: get("reclaim-idle", cli.reclaim_idle, &keys.reclaim_idle, "30s")
                .duration()?,
            log_filter: get("log-level", cli.log_level, &keys.log_level, "info").log_filter()?,
        })
    }
}
