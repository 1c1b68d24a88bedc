//! The servers without which there is no stack: Redis, its exporter, Alertmanager, Prometheus.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use voteops_observability::{config, rules, units};

use super::{Builder, Spec, http, local_url, wrong};
use crate::Error;
use crate::component::Kind;
use crate::health::Check;
use crate::packages::{ALERTMANAGER, PROMETHEUS, REDIS, REDIS_EXPORTER, Server};

/// Redis's configuration, to the letter.
const REDIS_CONF: &str = include_str!("../../../redis.conf");

/// How long the exporter waits for Redis; half of a scrape's limit.
const EXPORTER_PATIENCE: Duration = Duration::from_secs(5);

impl Builder<'_> {
    pub(super) fn redis(&self) -> Result<Spec, Error> {
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
            required: true,
            program: program(&REDIS)?,
            args: args.into(),
            env: Vec::new(),
            url: Some(self.redis_url()),
            admin_url: None,
            check: Check::Redis {
                address: format!("127.0.0.1:{port}"),
            },
        })
    }

    pub(super) fn exporter(&self) -> Result<Spec, Error> {
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
            required: true,
            program: program(&REDIS_EXPORTER)?,
            args: args.map(OsString::from).into(),
            env: Vec::new(),
            check: http(&url, "metrics", "redis_up 1"),
            url: Some(url),
            admin_url: None,
        })
    }

    pub(super) fn alertmanager(&self) -> Result<Spec, Error> {
        // What an earlier stack was notified of: an alert that fired when it was stopped would
        // count as told, and fire in silence. Silences stay.
        self.dir.remove("alertmanager/nflog")?;
        let receiver = local_url(self.layout.webhook);
        let text = config::alertmanager(&receiver, self.options.time_scale).map_err(wrong)?;
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
            required: true,
            program: program(&ALERTMANAGER)?,
            args: args.map(OsString::from).into(),
            env: Vec::new(),
            check: http(&url, "-/ready", ""),
            url: Some(url),
            admin_url: None,
        })
    }

    pub(super) fn prometheus(&self) -> Result<Spec, Error> {
        let scale = self.options.time_scale;
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
            required: true,
            program: program(&PROMETHEUS)?,
            args: args.into_iter().map(OsString::from).collect(),
            env: Vec::new(),
            check: http(&url, "-/ready", ""),
            url: Some(url),
            admin_url: None,
        })
    }

    /// The rule files, their durations divided by the time scale. On an unscaled stack they are
    /// in place when Prometheus starts. On a scaled one they are given back, for later: Prometheus
    /// hands its targets to the scraper once in 5 s, which nothing scales, and until then a rule on
    /// absence would fire although nothing is wrong.
    pub(super) fn rules(&self) -> Result<Vec<(String, String)>, Error> {
        let scale = self.options.time_scale;
        let mut late = Vec::new();
        for file in rules::RULE_FILES {
            let name = format!("rules/{}", file.name);
            let text = rules::scale(file.name, file.text, scale).map_err(wrong)?;
            if scale > 1.0 {
                self.dir.remove(&format!("config/{name}"))?;
                late.push((name, text));
            } else {
                self.dir.write_config(&name, &text)?;
            }
        }
        Ok(late)
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
            ("alertmanager", vec![address(&self.layout.alertmanager)]),
        ])
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
