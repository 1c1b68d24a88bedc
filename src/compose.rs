//! The voting service that Compose runs on this machine, found by its containers.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;
use voteops_chaos::engine::{self, Address, EngineError, Project};
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::logs::{LogSource, Loki};
use voteops_observability::prometheus::Prometheus;
use voteops_observability::signals::Component;
use voteops_observability::snapshot::Sources;
use voteops_observability::{signals, slo};

use crate::failure::{CANNOT_ASK, USAGE};
use crate::sources::Found;
use crate::{Failure, doctor};

/// The servers of docker-compose.yml, each with the port that it listens on in its container.
const PROMETHEUS: (&str, u16) = ("prometheus", 9090);
const ALERTMANAGER: (&str, u16) = ("alertmanager", 9093);
const LOKI: (&str, u16) = ("loki", 3100);
const GATEWAY: (&str, u16) = ("gateway", 8080);
const RECEIVER: (&str, u16) = ("receiver", 9095);
/// Those that only containers reach, and this machine by their addresses, each with its password's file.
const REDIS: (&str, u16, &str) = ("redis", 6379, "redis_password");
const POSTGRES: (&str, u16, &str) = ("postgres", 5432, "postgres_password");

/// Where the passwords are unless Compose was told otherwise.
const USUAL_SECRETS: &str = ".secrets";

/// How long the engine may take where nothing can be said without it,
const PATIENCE: Duration = Duration::from_secs(5);
/// and where it is only looked whether there is one, too.
const GLANCE: Duration = Duration::from_millis(300);

/// A voting service in containers.
#[derive(Clone, Debug)]
pub(crate) struct Compose(Project);

impl Compose {
    /// The one that there is; `None` where there is none.
    ///
    /// # Errors
    /// [`Failure`] when there are several, and when the engine that there is cannot be asked.
    pub(crate) fn find() -> Result<Option<Self>, Failure> {
        let mut found = asked()?;
        if found.len() > 1 {
            let names: Vec<_> = found.iter().map(Self::name).collect();
            let told = format!(
                "several Compose projects run a voting service: {}; say which with --context",
                names.join(", ")
            );
            return Err(Failure::new(USAGE, told));
        }
        Ok(found.pop())
    }

    /// The one of this name; `None` where none has it.
    ///
    /// # Errors
    /// [`Failure`] when the engine that there is cannot be asked.
    pub(crate) fn named(name: &str) -> Result<Option<Self>, Failure> {
        let mut found = asked()?.into_iter();
        Ok(found.find(|compose| compose.name() == name))
    }

    /// The one that has this container; `None` where none has it.
    ///
    /// # Errors
    /// [`Failure`] when the engine that there is cannot be asked.
    pub(crate) fn with(container: &str) -> Result<Option<Self>, Failure> {
        let mut found = asked()?.into_iter();
        let has = |it: &Self| it.0.containers.iter().any(|it| it.id == container);
        Ok(found.find(has))
    }

    /// The names of all that there are.
    pub(crate) fn names() -> Vec<String> {
        let found = all(GLANCE).unwrap_or_default().into_iter();
        found.map(|compose| compose.0.name).collect()
    }

    /// The project's name.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// What the durations of its rules are divided by.
    pub(crate) fn time_scale(&self) -> f64 {
        self.0.time_scale
    }

    /// Where its Prometheus is reached.
    ///
    /// # Errors
    /// [`Failure`] when it is not.
    pub(crate) fn prometheus(&self) -> Result<Url, Failure> {
        self.required(PROMETHEUS)
    }

    /// Where its Alertmanager is reached.
    ///
    /// # Errors
    /// [`Failure`] when it is not.
    pub(crate) fn alertmanager(&self) -> Result<Url, Failure> {
        self.required(ALERTMANAGER)
    }

    /// Where it takes votes.
    pub(crate) fn gateway(&self) -> Option<Url> {
        self.url(GATEWAY)
    }

    /// Where a container of it that is its Redis is reached from this machine; `None` for one that is something else.
    ///
    /// # Errors
    /// [`Failure`] when it is not reached.
    pub(crate) fn redis_of(&self, container: &str) -> Result<Option<Url>, Failure> {
        let (service, ..) = REDIS;
        let mut containers = self.0.containers.iter();
        let redis = containers.find(|it| it.id == container && it.service == service);
        let url = redis.map(|redis| self.inner("redis://:PASSWORD@", "", REDIS, redis.address));
        url.transpose()
    }

    /// Where its ledger is reached from this machine.
    ///
    /// # Errors
    /// [`Failure`] when it is not.
    pub(crate) fn ledger(&self) -> Result<Url, Failure> {
        let address = self.0.address(POSTGRES.0);
        self.inner("postgres://voteops:PASSWORD@", "/votes", POSTGRES, address)
    }

    /// Where the receiver of its notifications is reached, if it is.
    pub(crate) fn receiver(&self) -> Option<Url> {
        let at = self.at(RECEIVER, self.0.address(RECEIVER.0)).ok()?;
        format!("http://{at}").parse().ok()
    }

    /// Where a server is reached that opens no port: by the address of its container, which a machine
    /// reaches that runs the container itself.
    fn at(
        &self,
        (service, port): (&str, u16),
        address: Option<IpAddr>,
    ) -> Result<SocketAddr, Failure> {
        let unreachable = |what: String| {
            let project = self.name();
            let told =
                format!("the {service} of the Compose project {project} is not reached: {what}");
            Failure::new(CANNOT_ASK, told)
        };
        let address = address.ok_or_else(|| unreachable("its container does not run".into()))?;
        let at = SocketAddr::new(address, port);
        match TcpStream::connect_timeout(&at, GLANCE) {
            Ok(_) => Ok(at),
            Err(error) => Err(unreachable(format!("{at}: {error}"))),
        }
    }

    /// The same with the password that `scripts/compose-init` made.
    fn inner(
        &self,
        before: &str,
        after: &str,
        (service, port, password): (&str, u16, &str),
        address: Option<IpAddr>,
    ) -> Result<Url, Failure> {
        let at = self.at((service, port), address)?;
        let file = self.secrets().join(password);
        let password = std::fs::read_to_string(&file).map_err(|error| {
            let told = format!("the password of {service}, {}: {error}", file.display());
            Failure::new(CANNOT_ASK, told)
        })?;
        let before = before.replace("PASSWORD", password.trim());
        let url = format!("{before}{at}{after}").parse();
        url.map_err(|_| {
            let told = format!("{} holds what no address can", file.display());
            Failure::new(CANNOT_ASK, told)
        })
    }

    /// The directory with the passwords, as Compose was told.
    fn secrets(&self) -> PathBuf {
        let directory = self.0.directory.clone().unwrap_or_default();
        let read = doctor::compose::Compose::read(&directory);
        let named = read.and_then(|compose| compose.secrets_dir);
        named.unwrap_or_else(|| directory.join(USUAL_SECRETS))
    }

    /// Its servers, to be asked.
    ///
    /// # Errors
    /// [`Failure`] when its Prometheus is not reached.
    pub(crate) fn sources(&self) -> Result<Found, Failure> {
        let alertmanager = self.url(ALERTMANAGER).as_ref().map(Alertmanager::new);
        let loki = self.url(LOKI).as_ref().map(Loki::new).transpose()?;
        let scale = self.time_scale();
        Ok(Found {
            sources: Sources {
                prometheus: Prometheus::new(&self.prometheus()?)?,
                alertmanager: alertmanager.transpose()?,
                // It wants a password, which nobody gave.
                grafana: None,
                signals: signals::shipped(scale)?,
            },
            title: if scale > 1.0 {
                format!("compose {}, time ÷{scale}", self.name())
            } else {
                format!("compose {}", self.name())
            },
            time_scale: scale,
            expected: vec![
                (Component::VoteApp, self.0.count("vote-app")),
                (Component::Worker, self.0.count("worker")),
            ],
            logs: loki.map(LogSource::Loki),
            slos: slo::shipped(scale)?,
            read_only: false,
            stack: None,
            is_composed: true,
            started: self.0.started(),
        })
    }

    fn url(&self, (service, port): (&str, u16)) -> Option<Url> {
        let at = self.0.opened(service, port)?;
        format!("http://{at}").parse().ok()
    }

    fn required(&self, (service, port): (&str, u16)) -> Result<Url, Failure> {
        self.url((service, port)).ok_or_else(|| {
            let told = format!(
                "the Compose project {} opens no port {port} of a service {service} on this machine; \
                 does it run? `docker compose up -d {service}` starts it",
                self.name()
            );
            Failure::new(CANNOT_ASK, told)
        })
    }
}

/// All that there are, where nothing can be said without them.
fn asked() -> Result<Vec<Compose>, Failure> {
    all(PATIENCE).map_err(|error| Failure::from(error).with_code(CANNOT_ASK))
}

/// All that there are; none where there is no engine.
fn all(patience: Duration) -> Result<Vec<Compose>, EngineError> {
    let address = match Address::usual() {
        Ok(address) => address,
        Err(EngineError::None) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let found = engine::projects(&address, patience)?.into_iter();
    Ok(found.map(Compose).collect())
}

#[cfg(test)]
mod tests {
    use serde_norway::Value;
    use voteops_chaos::engine::Container;

    use super::*;

    /// The file with its anchors put in.
    fn services() -> Vec<(String, Value)> {
        let mut root: Value =
            serde_norway::from_str(include_str!("../docker-compose.yml")).unwrap();
        // One anchor builds on another.
        for _ in 0..2 {
            root.apply_merge().unwrap();
        }
        let services = root["services"].as_mapping().unwrap().iter();
        services
            .map(|(name, service)| (name.as_str().unwrap().to_owned(), service.clone()))
            .collect()
    }

    fn texts(value: &Value) -> Vec<&str> {
        let all = value.as_sequence().into_iter().flatten();
        all.filter_map(Value::as_str).collect()
    }

    #[test]
    fn the_redis_that_is_named_is_the_one_that_is_reached_and_nothing_else_is_one() {
        let container = |id: &str, service: &str, address: Option<&str>| Container {
            id: id.to_owned(),
            address: address.map(|address| address.parse().unwrap()),
            service: service.to_owned(),
            component: Some(service.to_owned()),
            opened: Vec::new(),
            made_at: None,
        };
        let compose = Compose(Project {
            name: "shop".to_owned(),
            directory: Some("/nowhere".into()),
            containers: vec![
                container("first", "redis", Some("127.0.0.1")),
                container("second", "redis", None),
                container("cache", "cache", Some("127.0.0.1")),
            ],
            time_scale: 1.0,
        });
        let told = compose.redis_of("second").unwrap_err().to_string();
        assert!(told.ends_with("its container does not run"), "{told}");
        for other in ["cache", "nobody"] {
            assert_eq!(compose.redis_of(other).unwrap(), None);
        }
    }

    /// That of those that run without a registry, `scripts/compose-test` asks the engine. This is all of them.
    #[test]
    fn every_container_is_fenced_bounded_and_watched() {
        for (name, it) in services() {
            let image = it["image"].as_str().unwrap();
            let (_, tag) = image.rsplit_once(':').unwrap();
            let pinned = tag.contains(|c: char| c.is_ascii_digit()) || image == "voteops:local";
            assert!(pinned, "{name}: {image}");
            assert_eq!(it["read_only"].as_bool(), Some(true), "{name}");
            assert_eq!(texts(&it["cap_drop"]), ["ALL"], "{name}");
            let options = texts(&it["security_opt"]);
            assert_eq!(options, ["no-new-privileges:true"], "{name}");
            let user = it["user"].as_str().unwrap().split(':').next().unwrap();
            assert!(user.parse::<u32>().unwrap() > 0, "{name}: {user}");
            for limit in ["mem_limit", "cpus", "pids_limit"] {
                assert!(!it[limit].is_null(), "{name}: {limit}");
            }
            assert!(it["logging"]["options"]["max-size"].is_string(), "{name}");
            assert_eq!(it["restart"].as_str(), Some("unless-stopped"), "{name}");
            assert!(it["healthcheck"]["test"].is_sequence(), "{name}");
            let waits = it["depends_on"].as_mapping().into_iter().flatten();
            for (other, wait) in waits {
                let condition = wait["condition"].as_str();
                assert_eq!(condition, Some("service_healthy"), "{name}: {other:?}");
            }
        }
    }

    #[test]
    fn what_is_published_is_so_on_loopback_and_of_the_servers_that_people_ask() {
        let mut published = Vec::new();
        for (name, it) in services() {
            for port in texts(&it["ports"]) {
                assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
                published.push(name.clone());
            }
        }
        published.sort_unstable();
        let asked = ["alertmanager", "gateway", "grafana", "loki", "prometheus"];
        assert_eq!(published, asked);
    }

    #[test]
    fn no_secret_stands_in_the_file() {
        for (name, it) in services() {
            for (key, _) in it["environment"].as_mapping().into_iter().flatten() {
                let key = key.as_str().unwrap();
                let is_secret = ["PASSWORD", "TOKEN", "SECRET"]
                    .iter()
                    .any(|it| key.contains(it));
                assert!(!is_secret || key.ends_with("_FILE"), "{name}: {key}");
            }
        }
    }
}
