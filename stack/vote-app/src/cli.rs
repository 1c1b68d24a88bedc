//! The vote app's command line.

use std::path::PathBuf;

use clap::Parser;

/// Takes votes over HTTP and puts them in the queue.
///
/// Every setting may be given as a flag, as an environment variable or in the file, in this order
/// of precedence. Keys in the file are written with underscores.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "vote-app", version)]
pub struct Cli {
    /// Settings in TOML
    #[arg(long, env = "VOTE_APP_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Address to serve HTTP on [default: 127.0.0.1:8080]
    #[arg(long, env = "VOTE_APP_LISTEN", value_name = "HOST:PORT")]
    pub listen: Option<String>,

    /// Address to take faults on, loopback or private; faults are off without it
    #[arg(long, env = "VOTE_APP_ADMIN_LISTEN", value_name = "HOST:PORT")]
    pub admin_listen: Option<String>,

    /// The token that opens --admin-listen, at least 16 characters in a file
    #[arg(long, env = "VOTE_APP_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<String>,

    /// Redis, which holds the queue and the results cache: `redis://[USER:PASSWORD@]HOST:PORT`,
    /// `redis+sentinel://HOST:PORT,.../MASTER` or `redis+cluster://HOST:PORT,...`, with `rediss` in place
    /// of `redis` for TLS [default: `redis://127.0.0.1:6379`]
    #[arg(
        long,
        env = "VOTE_APP_REDIS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub redis_url: Option<String>,

    /// The authorities that may have signed Redis's certificate, in PEM; without it those that browsers
    /// trust
    #[arg(long, env = "VOTE_APP_REDIS_CA", value_name = "FILE")]
    pub redis_ca: Option<String>,

    /// The certificate to show to Redis, in PEM
    #[arg(long, env = "VOTE_APP_REDIS_CERTIFICATE", value_name = "FILE")]
    pub redis_certificate: Option<String>,

    /// The key of --redis-certificate, in PEM
    #[arg(long, env = "VOTE_APP_REDIS_KEY", value_name = "FILE")]
    pub redis_key: Option<String>,

    /// Replicas of Redis that must have a vote before it is answered 202; with 0 a vote that was
    /// answered can be lost when a replica takes Redis's place [default: 0]
    #[arg(long, env = "VOTE_APP_REDIS_REPLICAS", value_name = "COUNT")]
    pub redis_replicas: Option<String>,

    /// The ledger: `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`, with
    /// `?sslmode=verify-full&sslrootcert=FILE` for TLS [default: `sqlite://votes.db`]
    #[arg(
        long,
        env = "VOTE_APP_LEDGER_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub ledger_url: Option<String>,

    /// What can be voted for, at least two [default: cats=Cats,dogs=Dogs]
    #[arg(long, env = "VOTE_APP_CHOICES", value_name = "ID=LABEL,...")]
    pub choices: Option<String>,

    /// The question on the ballot [default: Cats or dogs?]
    #[arg(long, env = "VOTE_APP_TITLE", value_name = "TEXT")]
    pub title: Option<String>,

    /// This process's name in logs and metrics [default: HOST-PID]
    #[arg(long, env = "VOTE_APP_INSTANCE", value_name = "NAME")]
    pub instance: Option<String>,

    /// How long results are cached [default: 2s]
    #[arg(long, env = "VOTE_APP_RESULTS_TTL", value_name = "DURATION")]
    pub results_ttl: Option<String>,

    /// How long a request may take in all [default: 5s]
    #[arg(long, env = "VOTE_APP_REQUEST_TIMEOUT", value_name = "DURATION")]
    pub request_timeout: Option<String>,

    /// How long requests are still taken after SIGTERM, while /readyz says that no more should be sent:
    /// longer than a gateway takes to see that. Requests in flight then have 5 s more [default: 0s]
    #[arg(long, env = "VOTE_APP_SHUTDOWN_DELAY", value_name = "DURATION")]
    pub shutdown_delay: Option<String>,

    /// The largest request body taken, in bytes [default: 4096]
    #[arg(long, env = "VOTE_APP_MAX_BODY_BYTES", value_name = "BYTES")]
    pub max_body_bytes: Option<String>,

    /// Votes that may wait in the queue before further ones are answered 503; 0 sets no limit
    /// [default: 0]
    #[arg(long, env = "VOTE_APP_MAX_QUEUE_LENGTH", value_name = "VOTES")]
    pub max_queue_length: Option<String>,

    /// How full Redis may be, in per cent of its maxmemory, before votes are answered 503
    /// [default: 97]
    #[arg(long, env = "VOTE_APP_MAX_REDIS_MEMORY", value_name = "PERCENT")]
    pub max_redis_memory: Option<String>,

    /// How long a vote that is sent again with its Idempotency-Key, or from its page, is known to be the
    /// same; Redis keeps about 150 bytes for each meanwhile. It is shorter once Redis is half as full as
    /// --max-redis-memory allows, and 10s from three quarters on [default: 10m]
    #[arg(long, env = "VOTE_APP_IDEMPOTENCY_WINDOW", value_name = "DURATION")]
    pub idempotency_window: Option<String>,

    /// How long a client may take to send a request's head, or leave a connection idle
    /// [default: 10s]
    #[arg(long, env = "VOTE_APP_HEAD_TIMEOUT", value_name = "DURATION")]
    pub head_timeout: Option<String>,

    /// Connections at once, or fewer where the limit of open files leaves less room; one more is answered
    /// 503 and closed [default: 4096]
    #[arg(long, env = "VOTE_APP_MAX_CONNECTIONS", value_name = "COUNT")]
    pub max_connections: Option<String>,

    /// Votes a second that one client (an IPv4 address, or an IPv6 network of 64 bits) may send; 0
    /// sets no limit. A proxy counts as one client, unless --trusted-proxies names it [default: 0]
    #[arg(long, env = "VOTE_APP_CLIENT_RATE", value_name = "PER_SECOND")]
    pub client_rate: Option<String>,

    /// Votes that a client may send at once before --client-rate holds it back [default: 10]
    #[arg(long, env = "VOTE_APP_CLIENT_BURST", value_name = "VOTES")]
    pub client_burst: Option<String>,

    /// Proxies that are believed when they say whom a vote came from: addresses or networks, such as
    /// 10.0.0.0/8,192.0.2.7. The last address that is none of these counts [default: none]
    #[arg(long, env = "VOTE_APP_TRUSTED_PROXIES", value_name = "NETWORKS")]
    pub trusted_proxies: Option<String>,

    /// The header in which they say it, x-forwarded-for or forwarded (RFC 7239); each of them has to add
    /// to it or to replace it [default: x-forwarded-for]
    #[arg(long, env = "VOTE_APP_FORWARDED_HEADER", value_name = "NAME")]
    pub forwarded_header: Option<String>,

    /// Where browsers find the vote app behind a gateway, such as `https://vote.example`. With https cookies
    /// are sent by TLS only and no other host can set them (`__Host-`), and browsers are told to come by TLS
    /// only (HSTS); votes whose origin is another are refused. Without it the Host of the request says where
    /// it is [default: none]
    #[arg(long, env = "VOTE_APP_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,

    /// What to log: error, warn, info, debug, trace, or target=level,... [default: info]
    #[arg(long, env = "VOTE_APP_LOG_LEVEL", value_name = "LEVEL")]
    pub log_level: Option<String>,
}
