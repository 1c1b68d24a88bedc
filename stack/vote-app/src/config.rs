//! The vote app's settings.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use voteops_ledger::Ledger;
use voteops_queue::{Access, check_choice};
use voteops_service::admin::AdminConfig;
use voteops_service::config::{ConfigError, FileValue, Given, Settings, default_instance};
use voteops_service::{http, redis};

use crate::limiter::ClientRate;
use crate::{Cli, Forwarding, Proxies, PublicUrl, pressure};

/// The largest request body that may be allowed, in bytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The most connections that may be allowed.
const MAX_CONNECTIONS: usize = 1_000_000;

/// The most replicas that may have to have a vote.
const MAX_REPLICAS: usize = 100;

/// The highest rate per client that may be set.
const MAX_CLIENT_RATE: usize = 1_000_000;

/// The vote app's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to serve HTTP on.
    pub listen: SocketAddr,
    /// Where faults are taken; `None` when they are not.
    pub admin: Option<AdminConfig>,
    /// Redis, which holds the queue and the results cache.
    pub redis: Access,
    /// The ledger.
    pub ledger_url: String,
    /// What can be voted for, in the ballot's order.
    pub choices: Vec<Choice>,
    /// The question on the ballot.
    pub title: String,
    /// This process's name in logs and metrics.
    pub instance: String,
    /// How long results are cached.
    pub results_ttl: Duration,
    /// How long a request may take in all.
    pub request_timeout: Duration,
    /// How long requests are still taken once the app says that it is not ready any more.
    pub shutdown_delay: Duration,
    /// The largest request body taken, in bytes.
    pub max_body_bytes: usize,
    /// When votes are refused before Redis has to.
    pub pressure: pressure::Limits,
    /// How long a vote that is sent again is known to be the same, while Redis is not half full.
    pub idempotency_window: Duration,
    /// What clients may take.
    pub http: http::Limits,
    /// How many votes one client may send; `None` when there is no limit.
    pub client_rate: Option<ClientRate>,
    /// Who is believed when it says whom a vote came from.
    pub proxies: Proxies,
    /// Where browsers find the vote app, if that was told.
    pub public_url: Option<PublicUrl>,
    /// What to log.
    pub log_filter: String,
}

/// Something that can be voted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is recorded.
    pub id: String,
    /// What the voter reads.
    pub label: String,
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
    redis_replicas: Option<FileValue>,
    ledger_url: Option<FileValue>,
    choices: Option<FileValue>,
    title: Option<FileValue>,
    instance: Option<FileValue>,
    results_ttl: Option<FileValue>,
    request_timeout: Option<FileValue>,
    shutdown_delay: Option<FileValue>,
    max_body_bytes: Option<FileValue>,
    max_queue_length: Option<FileValue>,
    max_redis_memory: Option<FileValue>,
    idempotency_window: Option<FileValue>,
    head_timeout: Option<FileValue>,
    max_connections: Option<FileValue>,
    client_rate: Option<FileValue>,
    client_burst: Option<FileValue>,
    trusted_proxies: Option<FileValue>,
    forwarded_header: Option<FileValue>,
    public_url: Option<FileValue>,
    log_level: Option<FileValue>,
}

impl Config {
    /// Puts together flags, environment, file and defaults. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// [`ConfigError`] names the first setting that is not usable.
    pub fn load(mut cli: Cli) -> Result<Self, ConfigError> {
        let settings = Settings::<Keys>::load("VOTE_APP", cli.config.as_deref())?;
        let http = http_limits(&settings, &mut cli)?;
        let (proxies, public_url) = gateway(&settings, &mut cli)?;
        let redis = redis_access(&settings, &mut cli)?;
        let keys = &settings.keys;
        let get = |key, given, file: &Option<FileValue>, default: &str| {
            settings.get(key, given, file.as_ref(), default)
        };
        let ledger_url = get(
            "ledger-url",
            cli.ledger_url,
            &keys.ledger_url,
            "sqlite://votes.db",
        );
        Ledger::connect(ledger_url.text()).map_err(|error| ledger_url.error(error.to_string()))?;
        Ok(Self {
            listen: get("listen", cli.listen, &keys.listen, "127.0.0.1:8080")
                .parse("an IP address and a port, such as 127.0.0.1:8080")?,
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
            choices: choices(&get(
                "choices",
                cli.choices,
                &keys.choices,
                "cats=Cats,dogs=Dogs",
            ))?,
            title: name(&get("title", cli.title, &keys.title, "Cats or dogs?"))?,
            instance: name(&get(
                "instance",
                cli.instance,
                &keys.instance,
                &default_instance(),
            ))?,
            results_ttl: get("results-ttl", cli.results_ttl, &keys.results_ttl, "2s").duration()?,
            request_timeout: get(
                "request-timeout",
                cli.request_timeout,
                &keys.request_timeout,
                "5s",
            )
            .duration()?,
            shutdown_delay: get(
                "shutdown-delay",
                cli.shutdown_delay,
                &keys.shutdown_delay,
                "0s",
            )
            .duration_or_none()?,
            max_body_bytes: get(
                "max-body-bytes",
                cli.max_body_bytes,
                &keys.max_body_bytes,
                "4096",
            )
            .number(1, MAX_BODY_BYTES)?,
            pressure: pressure_limits(
                &get(
                    "max-queue-length",
                    cli.max_queue_length,
                    &keys.max_queue_length,
                    "0",
                ),
                &get(
                    "max-redis-memory",
                    cli.max_redis_memory,
                    &keys.max_redis_memory,
                    "97",
                ),
            )?,
            idempotency_window: get(
                "idempotency-window",
                cli.idempotency_window,
                &keys.idempotency_window,
                "10m",
            )
            .duration()?,
            http,
            client_rate: client_rate(
                &get("client-rate", cli.client_rate, &keys.client_rate, "0"),
                &get("client-burst", cli.client_burst, &keys.client_burst, "10"),
            )?,
            proxies,
            public_url,
            log_filter: get("log-level", cli.log_level, &keys.log_level, "info").log_filter()?,
        })
    }
}

impl Config {
    /// How long a request's body may take, and then Redis: half of the request's time each.
    pub(crate) fn patience(&self) -> Duration {
        self.request_timeout / 2
    }

    /// Whether voters come by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(PublicUrl::is_https)
    }
}

fn http_limits(settings: &Settings<Keys>, cli: &mut Cli) -> Result<http::Limits, ConfigError> {
    let keys = &settings.keys;
    let head_timeout = settings.get(
        "head-timeout",
        cli.head_timeout.take(),
        keys.head_timeout.as_ref(),
        "10s",
    );
    let max_connections = settings.get(
        "max-connections",
        cli.max_connections.take(),
        keys.max_connections.as_ref(),
        "4096",
    );
    Ok(http::Limits {
        head_timeout: head_timeout.duration()?,
        max_connections: max_connections.number(1, MAX_CONNECTIONS)?,
    })
}

/// What is to be known of a gateway in front of the vote app.
fn gateway(
    settings: &Settings<Keys>,
    cli: &mut Cli,
) -> Result<(Proxies, Option<PublicUrl>), ConfigError> {
    let keys = &settings.keys;
    let known = settings.get(
        "trusted-proxies",
        cli.trusted_proxies.take(),
        keys.trusted_proxies.as_ref(),
        "",
    );
    let header = settings.get(
        "forwarded-header",
        cli.forwarded_header.take(),
        keys.forwarded_header.as_ref(),
        "x-forwarded-for",
    );
    let url = settings.get(
        "public-url",
        cli.public_url.take(),
        keys.public_url.as_ref(),
        "",
    );
    Ok((proxies(&known, &header)?, public_url(&url)?))
}

fn proxies(known: &Given, header: &Given) -> Result<Proxies, ConfigError> {
    let named = |text: &str| {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let net = text.parse().ok().or_else(address);
        net.ok_or_else(|| {
            let expected = "expected addresses or networks, such as 10.0.0.0/8,fd00::1";
            known.error(format!("{text:?} is neither; {expected}"))
        })
    };
    let texts = known.text().split(',').map(str::trim);
    let nets = texts.filter(|text| !text.is_empty()).map(named);
    let nets = nets.collect::<Result<Vec<_>, _>>()?;
    let header = Forwarding::named(header.text())
        .ok_or_else(|| header.error("expected x-forwarded-for or forwarded"))?;
    Ok(Proxies::new(nets, header))
}

fn public_url(given: &Given) -> Result<Option<PublicUrl>, ConfigError> {
    if given.text().is_empty() {
        return Ok(None);
    }
    let url = PublicUrl::parse(given.text());
    let expected = "expected a scheme and a host only, such as https://vote.example";
    url.map(Some).ok_or_else(|| given.error(expected))
}

fn redis_access(settings: &Settings<Keys>, cli: &mut Cli) -> Result<Access, ConfigError> {
    let keys = &settings.keys;
    let get = |key, given: &mut Option<String>, file: &Option<FileValue>, default: &str| {
        settings.get(key, given.take(), file.as_ref(), default)
    };
    let mut access = redis::access(
        &get(
            "redis-url",
            &mut cli.redis_url,
            &keys.redis_url,
            "redis://127.0.0.1:6379",
        ),
        &get("redis-ca", &mut cli.redis_ca, &keys.redis_ca, ""),
        &get(
            "redis-certificate",
            &mut cli.redis_certificate,
            &keys.redis_certificate,
            "",
        ),
        &get("redis-key", &mut cli.redis_key, &keys.redis_key, ""),
    )?;
    access.replicas = get(
        "redis-replicas",
        &mut cli.redis_replicas,
        &keys.redis_replicas,
        "0",
    )
    .number(0, MAX_REPLICAS)?;
    Ok(access)
}

fn pressure_limits(
    length: &Given,
    memory_percent: &Given,
) -> Result<pressure::Limits, ConfigError> {
    Ok(pressure::Limits {
        length: length.number(0, usize::MAX)? as u64,
        memory_percent: memory_percent.number(1, 100)? as u64,
    })
}

fn client_rate(per_s: &Given, burst: &Given) -> Result<Option<ClientRate>, ConfigError> {
    let per_s = per_s.number(0, MAX_CLIENT_RATE)?;
    Ok(ClientRate::new(per_s, burst.number(1, MAX_CLIENT_RATE)?))
}

fn name(given: &Given) -> Result<String, ConfigError> {
    match given.text().trim() {
        "" => Err(given.error("expected a text that is not empty")),
        name => Ok(name.to_owned()),
    }
}

fn choices(given: &Given) -> Result<Vec<Choice>, ConfigError> {
    let mut choices: Vec<Choice> = Vec::new();
    for pair in given.text().split(',') {
        let parts = pair
            .split_once('=')
            .map(|(id, label)| (id.trim(), label.trim()));
        let (id, label) = match parts {
            Some((id, label)) if !label.is_empty() => (id, label),
            _ => return Err(given.error(format!("expected ID=LABEL, found {pair:?}"))),
        };
        check_choice(id).map_err(|error| given.error(format!("{id:?}: {error}")))?;
        if choices.iter().any(|choice| choice.id == id) {
            return Err(given.error(format!("{id:?} is there twice")));
        }
        choices.push(Choice {
            id: id.to_owned(),
            label: label.to_owned(),
        });
    }
    if choices.len() < 2 {
        return Err(given.error("expected at least two choices, such as cats=Cats,dogs=Dogs"));
    }
    Ok(choices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(set: impl FnOnce(&mut Cli)) -> Result<Config, String> {
        let mut cli = Cli::default();
        set(&mut cli);
        Config::load(cli).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn choices_are_at_least_two_distinct_pairs() {
        let config = load(|cli| cli.choices = Some("a=One, b = Two=2".to_owned())).unwrap();
        let labels: Vec<_> = config.choices.iter().map(|c| (&*c.id, &*c.label)).collect();
        assert_eq!(labels, [("a", "One"), ("b", "Two=2")]);
        for (bad, reason) in [
            ("a=One", "at least two"),
            ("a=One,a=Two", "twice"),
            ("a=One,b", "expected ID=LABEL, found \"b\""),
            ("a=One,=Two", "must have 1 to 64"),
            ("a=One,b=", "expected ID=LABEL"),
        ] {
            let error = load(|cli| cli.choices = Some(bad.to_owned())).unwrap_err();
            assert!(
                error.starts_with("choices = ") && error.contains(reason),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn bad_urls_are_told_in_one_line_without_passwords() {
        let error = load(|cli| cli.ledger_url = Some("mysql://a:pw@b/c".to_owned()));
        let error = error.unwrap_err();
        assert!(error.starts_with("ledger-url = \"mysql://a:***@b/c\" (from --ledger-url)"));
        assert!(
            error.contains("sqlite://PATH") && !error.contains("pw"),
            "{error}"
        );
        let error = load(|cli| cli.redis_url = Some("http://x".to_owned())).unwrap_err();
        assert!(error.contains("redis://HOST:PORT"), "{error}");
    }
}
