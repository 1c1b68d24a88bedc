//! What `voteops up` starts: each component's program, arguments, port and health check.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;
use voteops_observability::webhook::WEBHOOK_PATH;
use voteops_observability::{config, rules, units};

use crate::component::Kind;
use crate::data_dir::DataDir;
use crate::health::Check;
use crate::packages::{ALERTMANAGER, PROMETHEUS, REDIS, REDIS_EXPORTER, Server, find_program};
use crate::ports::Ports;
use crate::{Error, Options};

/// Redis's configuration, to the letter.
const REDIS_CONF: &str = include_str!("../../redis.conf");

/// How long the exporter waits for Redis; half of a scrape's limit.
const EXPORTER_PATIENCE: Duration = Duration::from_secs(5);

/// A component to start.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Components of a stage start together, once those of the stages before serve.
    pub(crate) stage: u8,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(&'static str, String)>,
    pub(crate) url: Option<Url>,
    pub(crate) check: Check,
}

/// The whole stack.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) specs: Vec<Spec>,
    pub(crate) webhook_port: u16,
    pub(crate) prometheus: Url,
    pub(crate) ledger_url: String,
    /// Sentences about ports that were taken.
    pub(crate) notes: Vec<String>,
}

/// Every port of the stack.
struct Layout {
    redis: u16,
    exporter: u16,
    prometheus: u16,
    alertmanager: u16,
    webhook: u16,
    vote_apps: Vec<u16>,
    workers: Vec<u16>,
}

/// Decides on ports, writes the configuration files and says what to start.
pub(crate) fn plan(options: &Options, dir: &DataDir, voteops: &Path) -> Result<Plan, Error> {
    let mut ports = Ports::default();
    let layout = Layout::choose(options, &mut ports)?;
    let builder = Builder {
        options,
        dir,
        voteops,
        layout: &layout,
    };
    let ledger_url = options
        .database_url
        .clone()
        .unwrap_or_else(|| format!("sqlite://{}", dir.root().join("votes.db").display()));

    let mut specs = vec![builder.redis()?, builder.exporter()?];
    specs.extend(builder.vote_apps(&ledger_url));
    specs.extend(builder.workers(&ledger_url));
    specs.push(builder.alertmanager()?);
    specs.push(builder.prometheus()?);
    specs.extend(builder.voters());
    specs.extend(builder.logs_and_dashboards(&mut ports)?);
    Ok(Plan {
        specs,
        webhook_port: layout.webhook,
        prometheus: local_url(layout.prometheus),
        ledger_url,
        notes: ports.notes,
    })
}

impl Layout {
    fn choose(options: &Options, ports: &mut Ports) -> Result<Self, Error> {
        let mut next = options.port_base;
        let mut take = |name: &str, usual: u16| {
            let preferred = next.unwrap_or(usual);
            let port = ports.take(name, preferred)?;
            if next.is_some() {
                next = Some(port.saturating_add(1));
            }
            Ok::<u16, Error>(port)
        };
        let vote_app = take("vote-app-1", 8080)?;
        let worker = take("worker-1", 8081)?;
        let mut layout = Self {
            redis: take("redis", 6379)?,
            exporter: take("redis-exporter", 9121)?,
            prometheus: take("prometheus", 9090)?,
            alertmanager: take("alertmanager", 9093)?,
            webhook: take("webhook", 9095)?,
            vote_apps: vec![vote_app],
            workers: vec![worker],
        };
        for index in 2..=options.vote_apps {
            layout
                .vote_apps
                .push(take(&format!("vote-app-{index}"), 8082)?);
        }
        for index in 2..=options.workers {
            layout.workers.push(take(&format!("worker-{index}"), 8083)?);
        }
        Ok(layout)
    }
}

struct Builder<'a> {
    options: &'a Options,
    dir: &'a DataDir,
    voteops: &'a Path,
    layout: &'a Layout,
}

impl Builder<'_> {
    fn redis(&self) -> Result<Spec, Error> {
        let file = self.dir.write_config("redis.conf", REDIS_CONF)?;
        let port = self.layout.redis;
        let args = [
            file.into_os_string(),
            "--port".into(),
            port.to_string().into(),
            "--bind".into(),
            "127.0.0.1".into(),
            "--dir".into(),
            self.dir.root().join("redis").into(),
        ];
        Ok(Spec {
            name: "redis".into(),
            kind: Kind::Redis,
            stage: 0,
            program: program(&REDIS)?,
            args: args.into(),
            env: Vec::new(),
            url: Some(self.redis_url()),
            check: Check::Redis {
                address: format!("127.0.0.1:{port}"),
            },
        })
    }

    fn exporter(&self) -> Result<Spec, Error> {
        let url = local_url(self.layout.exporter);
        let args = [
            format!("--redis.addr={}", self.redis_url()),
            format!("--web.listen-address=127.0.0.1:{}", self.layout.exporter),
            "--check-single-keys=db0=votes".into(),
            // Shorter than the scrape's limit, so that a Redis that hangs is told as down and
            // not as a failed scrape.
            format!(
                "--connection-timeout={}ms",
                units::scaled(EXPORTER_PATIENCE, self.options.time_scale).as_millis()
            ),
        ];
        Ok(Spec {
            name: "redis-exporter".into(),
            kind: Kind::RedisExporter,
            stage: 1,
            program: program(&REDIS_EXPORTER)?,
            args: args.map(OsString::from).into(),
            env: Vec::new(),
            check: http(&url, "metrics", "redis_up 1"),
            url: Some(url),
        })
    }

    fn vote_apps(&self, ledger_url: &str) -> impl Iterator<Item = Spec> {
        let ports = self.layout.vote_apps.iter().enumerate();
        ports.map(move |(index, port)| {
            let name = format!("vote-app-{}", index + 1);
            let env = vec![("VOTE_APP_LEDGER_URL", ledger_url.to_owned())];
            self.service(name, Kind::VoteApp, *port, env)
        })
    }

    fn workers(&self, ledger_url: &str) -> impl Iterator<Item = Spec> {
        let ports = self.layout.workers.iter().enumerate();
        ports.map(move |(index, port)| {
            let name = format!("worker-{}", index + 1);
            let env = vec![("WORKER_LEDGER_URL", ledger_url.to_owned())];
            self.service(name, Kind::Worker, *port, env)
        })
    }

    /// A service of our own, run by this very program. The ledger's address goes through the
    /// environment: it may hold a password, and arguments are for everyone to see.
    fn service(
        &self,
        name: String,
        kind: Kind,
        port: u16,
        env: Vec<(&'static str, String)>,
    ) -> Spec {
        let url = local_url(port);
        let service = if kind == Kind::Worker {
            "worker"
        } else {
            "vote-app"
        };
        let args = [
            "internal".to_owned(),
            service.to_owned(),
            format!("--listen=127.0.0.1:{port}"),
            format!("--redis-url={}", self.redis_url()),
            format!("--instance={name}"),
        ];
        Spec {
            name,
            kind,
            stage: 1,
            program: self.voteops.to_owned(),
            args: args.map(OsString::from).into(),
            env,
            check: http(&url, "readyz", ""),
            url: Some(url),
        }
    }

    fn alertmanager(&self) -> Result<Spec, Error> {
        let webhook = format!("http://127.0.0.1:{}{WEBHOOK_PATH}", self.layout.webhook);
        let text = config::alertmanager(&webhook, self.options.time_scale).map_err(wrong)?;
        let file = self.dir.write_config("alertmanager.yml", &text)?;
        let url = local_url(self.layout.alertmanager);
        let args = [
            format!("--config.file={}", file.display()),
            format!(
                "--storage.path={}",
                self.dir.root().join("alertmanager").display()
            ),
            format!(
                "--web.listen-address=127.0.0.1:{}",
                self.layout.alertmanager
            ),
            "--cluster.listen-address=".into(),
        ];
        Ok(Spec {
            name: "alertmanager".into(),
            kind: Kind::Alertmanager,
            stage: 1,
            program: program(&ALERTMANAGER)?,
            args: args.map(OsString::from).into(),
            env: Vec::new(),
            check: http(&url, "-/ready", ""),
            url: Some(url),
        })
    }

    fn prometheus(&self) -> Result<Spec, Error> {
        let scale = self.options.time_scale;
        for file in rules::RULE_FILES {
            let text = rules::scale(file.name, file.text, scale).map_err(wrong)?;
            self.dir
                .write_config(&format!("rules/{}", file.name), &text)?;
        }
        let rule_files = self.dir.root().join("config/rules/*.yml");
        let alertmanager = format!("127.0.0.1:{}", self.layout.alertmanager);
        let text = config::prometheus(
            &self.targets(),
            &rule_files.to_string_lossy(),
            &alertmanager,
            scale,
        );
        let file = self
            .dir
            .write_config("prometheus.yml", &text.map_err(wrong)?)?;
        // Samples of different time scales must not meet in one window.
        let data = self.dir.root().join(format!("prometheus-x{scale}"));
        let url = local_url(self.layout.prometheus);
        let mut args = vec![
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", data.display()),
            "--storage.tsdb.retention.time=7d".into(),
            format!("--web.listen-address=127.0.0.1:{}", self.layout.prometheus),
        ];
        args.extend(scaled_flags(scale));
        Ok(Spec {
            name: "prometheus".into(),
            kind: Kind::Prometheus,
            stage: 2,
            program: program(&PROMETHEUS)?,
            args: args.into_iter().map(OsString::from).collect(),
            env: Vec::new(),
            check: http(&url, "-/ready", ""),
            url: Some(url),
        })
    }

    fn targets(&self) -> BTreeMap<&'static str, Vec<String>> {
        let address = |port: &u16| format!("127.0.0.1:{port}");
        BTreeMap::from([
            ("prometheus", vec![address(&self.layout.prometheus)]),
            (
                "vote_app",
                self.layout.vote_apps.iter().map(address).collect(),
            ),
            ("worker", self.layout.workers.iter().map(address).collect()),
            ("redis", vec![address(&self.layout.exporter)]),
        ])
    }

    fn voters(&self) -> Option<Spec> {
        if self.options.votes_per_second <= 0.0 {
            return None;
        }
        let rate = format!("--rate={}", self.options.votes_per_second);
        let urls = self
            .layout
            .vote_apps
            .iter()
            .map(|port| format!("--url={}", local_url(*port)));
        let args = ["internal".into(), "voters".into(), rate]
            .into_iter()
            .chain(urls);
        Some(Spec {
            name: "voters".into(),
            kind: Kind::Voters,
            stage: 2,
            program: self.voteops.to_owned(),
            args: args.map(OsString::from).collect(),
            env: Vec::new(),
            url: None,
            check: Check::Running,
        })
    }

    /// Loki with its shipper, and Grafana: those whose programs are there.
    fn logs_and_dashboards(&self, ports: &mut Ports) -> Result<Vec<Spec>, Error> {
        let mut specs = Vec::new();
        let loki = find_program("loki");
        let loki_url = match loki {
            Some(program) => {
                let spec = self.loki(program, ports)?;
                let url = spec.url.clone();
                specs.push(spec);
                url
            }
            None => None,
        };
        if let Some(loki_url) = &loki_url {
            specs.extend(self.promtail(loki_url, ports)?);
        }
        specs.extend(self.grafana(loki_url.as_ref(), ports)?);
        Ok(specs)
    }

    fn loki(&self, program: PathBuf, ports: &mut Ports) -> Result<Spec, Error> {
        let (http_port, grpc_port) = (ports.take("loki", 3100)?, ports.take("loki", 9096)?);
        let dir = self.dir.root().join("loki");
        let text = config::loki(http_port, grpc_port, &dir.to_string_lossy()).map_err(wrong)?;
        let file = self.dir.write_config("loki.yml", &text)?;
        let url = local_url(http_port);
        Ok(Spec {
            name: "loki".into(),
            kind: Kind::Loki,
            stage: 1,
            program,
            args: vec![format!("-config.file={}", file.display()).into()],
            env: Vec::new(),
            check: http(&url, "ready", ""),
            url: Some(url),
        })
    }

    fn promtail(&self, loki: &Url, ports: &mut Ports) -> Result<Option<Spec>, Error> {
        let promtail = find_program("promtail");
        let Some(program) = promtail.clone().or_else(|| find_program("alloy")) else {
            return Ok(None);
        };
        let port = ports.take("promtail", 9080)?;
        let root = self.dir.root();
        let text = config::promtail(
            port,
            &root.join("promtail-positions.yaml").to_string_lossy(),
            loki.as_str().trim_end_matches('/'),
            &root.join("logs/*.log").to_string_lossy(),
        );
        let file = self
            .dir
            .write_config("promtail.yml", &text.map_err(wrong)?)?;
        let file = file.to_string_lossy().into_owned();
        let (args, ready) = if promtail.is_some() {
            (vec![format!("-config.file={file}")], "ready")
        } else {
            let listen = format!("--server.http.listen-addr=127.0.0.1:{port}");
            let store = format!("--storage.path={}", root.join("alloy").display());
            let format = "--config.format=promtail".to_owned();
            (vec!["run".into(), format, listen, store, file], "-/ready")
        };
        let url = local_url(port);
        Ok(Some(Spec {
            name: "promtail".into(),
            kind: Kind::Promtail,
            stage: 2,
            program,
            args: args.into_iter().map(OsString::from).collect(),
            env: Vec::new(),
            check: http(&url, ready, ""),
            url: Some(url),
        }))
    }

    fn grafana(&self, loki: Option<&Url>, ports: &mut Ports) -> Result<Option<Spec>, Error> {
        let (program, args) = match (find_program("grafana"), find_program("grafana-server")) {
            (Some(program), _) => (program, vec!["server"]),
            (None, Some(program)) => (program, vec![]),
            (None, None) => return Ok(None),
        };
        let mut urls = BTreeMap::from([
            ("prometheus", local_url(self.layout.prometheus).to_string()),
            (
                "alertmanager",
                local_url(self.layout.alertmanager).to_string(),
            ),
        ]);
        urls.extend(loki.map(|url| ("loki", url.to_string())));
        let text = config::grafana_datasources(&urls).map_err(wrong)?;
        self.dir
            .write_config("grafana/datasources/voteops.yml", &text)?;
        let port = ports.take("grafana", 3000)?;
        let root = self.dir.root();
        let path = |sub: &str| root.join(sub).to_string_lossy().into_owned();
        let url = local_url(port);
        Ok(Some(Spec {
            name: "grafana".into(),
            kind: Kind::Grafana,
            stage: 2,
            program,
            args: args
                .into_iter()
                .map(OsString::from)
                .chain(["--homepath".into(), "/usr/share/grafana".into()])
                .collect(),
            env: vec![
                ("GF_SERVER_HTTP_ADDR", "127.0.0.1".into()),
                ("GF_SERVER_HTTP_PORT", port.to_string()),
                ("GF_PATHS_DATA", path("grafana")),
                ("GF_PATHS_LOGS", path("grafana/logs")),
                ("GF_PATHS_PLUGINS", path("grafana/plugins")),
                ("GF_PATHS_PROVISIONING", path("config/grafana")),
                ("GF_AUTH_ANONYMOUS_ENABLED", "true".into()),
                ("GF_ANALYTICS_REPORTING_ENABLED", "false".into()),
                ("GF_ANALYTICS_CHECK_FOR_UPDATES", "false".into()),
            ],
            check: http(&url, "api/health", ""),
            url: Some(url),
        }))
    }

    fn redis_url(&self) -> Url {
        parsed(&format!("redis://127.0.0.1:{}", self.layout.redis))
    }
}

/// Prometheus's own delays, divided by the time scale like everything else; its defaults are
/// left alone on an unscaled stack.
fn scaled_flags(scale: f64) -> Vec<String> {
    #[expect(clippy::float_cmp, reason = "exactly 1 is the unscaled stack")]
    if scale == 1.0 {
        return Vec::new();
    }
    let flag = |name: &str, default: Duration| {
        format!(
            "--{name}={}",
            units::prometheus_duration(units::scaled(default, scale))
        )
    };
    vec![
        flag("query.lookback-delta", Duration::from_mins(5)),
        flag("rules.alert.for-grace-period", Duration::from_mins(10)),
        flag("rules.alert.resend-delay", Duration::from_mins(1)),
    ]
}

fn program(server: &Server) -> Result<PathBuf, Error> {
    server.find().ok_or_else(|| {
        crate::packages::missing().map_or_else(
            || Error::Startup(format!("{} vanished from PATH", server.title)),
            Error::Missing,
        )
    })
}

fn http(base: &Url, path: &str, contains: &'static str) -> Check {
    Check::Http {
        url: parsed(&format!("{base}{path}")),
        contains,
    }
}

fn local_url(port: u16) -> Url {
    parsed(&format!("http://127.0.0.1:{port}"))
}

#[expect(
    clippy::expect_used,
    reason = "scheme, loopback address and port always make a URL"
)]
fn parsed(url: &str) -> Url {
    url.parse()
        .expect("a URL made of a scheme, the loopback address and a port")
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::Config(error.to_string())
}
