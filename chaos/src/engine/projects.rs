//! Voting services that Compose runs, and where they can be reached from this machine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum, PortSummary};
use jiff::Timestamp;

use super::select::{DIRECTORY, PROJECT, SERVICE};
use super::{Address, COMPONENT, Client, EngineError, TIME_SCALE};
use crate::blocking::on_own_thread;

/// A Compose project of which some containers say what part of a voting service they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// The directory that Compose was run in, if it said so.
    pub directory: Option<PathBuf>,
    /// Its containers, whether or not they run.
    pub containers: Vec<Container>,
    /// What the durations of its rules are divided by.
    pub time_scale: f64,
}

/// A container of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its whole id.
    pub id: String,
    /// Its address in one of its networks, while it runs. On Linux this machine is in each of them.
    pub address: Option<IpAddr>,
    /// The Compose service that it is of.
    pub service: String,
    /// What it is in a voting service, if it says so: `worker`, `vote-app`, `redis`, `voters`.
    pub component: Option<String>,
    /// Where its ports are opened on this machine, while it runs.
    pub opened: Vec<Opened>,
    /// When it was made; `None` while it does not run.
    pub made_at: Option<Timestamp>,
}

/// A port of a container that is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its number in the container.
    pub port: u16,
    /// Where it is reached.
    pub at: SocketAddr,
}

impl Project {
    /// Where a service's port is reached; `None` when it is not opened.
    #[must_use]
    pub fn opened(&self, service: &str, port: u16) -> Option<SocketAddr> {
        let of_service = self.containers.iter().filter(|it| it.service == service);
        let mut opened = of_service.flat_map(|container| &container.opened);
        Some(opened.find(|opened| opened.port == port)?.at)
    }

    /// The address of a service in one of its networks, as [`Container::address`]; `None` while it does not run.
    #[must_use]
    pub fn address(&self, service: &str) -> Option<IpAddr> {
        let mut of_service = self.containers.iter().filter(|it| it.service == service);
        of_service.find_map(|container| container.address)
    }

    /// How many containers it has that are such a part of a voting service.
    #[must_use]
    pub fn count(&self, component: &str) -> usize {
        let components = self.containers.iter().map(|it| it.component.as_deref());
        components.filter(|it| *it == Some(component)).count()
    }

    /// The services of which a container runs, with when the newest of each was made.
    #[must_use]
    pub fn started(&self) -> BTreeMap<String, Timestamp> {
        let mut started = BTreeMap::new();
        for container in &self.containers {
            if let Some(made_at) = container.made_at {
                let newest = started.entry(container.service.clone()).or_insert(made_at);
                *newest = made_at.max(*newest);
            }
        }
        started
    }
}

/// The Compose projects that run voting services, by their names. Only an engine of this machine is
/// asked, since its containers' ports are opened here.
///
/// Blocks for some milliseconds, for `patience` at the most.
///
/// # Errors
/// [`EngineError`].
pub fn projects(address: &Address, patience: Duration) -> Result<Vec<Project>, EngineError> {
    if !address.is_here()? {
        return Ok(Vec::new());
    }
    let found = on_own_thread(async || {
        let found = async {
            let client = Client::open(address).await?;
            client.all(&[PROJECT.to_owned()]).await
        };
        let slow = |_| EngineError::Slow {
            address: address.to_string(),
            patience_s: patience.as_secs_f64(),
        };
        tokio::time::timeout(patience, found).await.map_err(slow)?
    });
    let containers = found.map_err(|error| EngineError::NoRuntime(error.to_string()))?;
    Ok(grouped(containers?))
}

fn grouped(containers: Vec<ContainerSummary>) -> Vec<Project> {
    let mut projects: BTreeMap<String, Project> = BTreeMap::new();
    for container in containers {
        let labels = container.labels.unwrap_or_default();
        let label = |name: &str| labels.get(name).cloned();
        let (Some(project), Some(service)) = (label(PROJECT), label(SERVICE)) else {
            continue;
        };
        let networks = container.network_settings.and_then(|it| it.networks);
        let mut addresses = networks
            .unwrap_or_default()
            .into_values()
            .filter_map(|network| network.ip_address?.parse().ok());
        let ports = container.ports.unwrap_or_default();
        let mut opened: Vec<_> = ports.iter().filter_map(opened).collect();
        opened.sort_by_key(|opened| opened.at.is_ipv6());
        let project = projects.entry(project).or_insert_with_key(|name| Project {
            name: name.clone(),
            directory: label(DIRECTORY).map(PathBuf::from),
            containers: Vec::new(),
            time_scale: 1.0,
        });
        let scale = label(TIME_SCALE).and_then(|scale| scale.parse::<f64>().ok());
        if let Some(scale) = scale.filter(|scale| scale.is_finite() && *scale >= 1.0) {
            project.time_scale = scale;
        }
        project.containers.push(Container {
            id: container.id.unwrap_or_default(),
            address: addresses.next(),
            service,
            component: label(COMPONENT),
            opened,
            made_at: container
                .created
                .filter(|_| container.state == Some(ContainerSummaryStateEnum::RUNNING))
                .and_then(|at_s| Timestamp::from_second(at_s).ok()),
        });
    }
    projects
        .into_values()
        .filter(|project| project.containers.iter().any(|it| it.component.is_some()))
        .collect()
}

fn opened(port: &PortSummary) -> Option<Opened> {
    let ip: IpAddr = port.ip.as_deref()?.parse().ok()?;
    let ip = match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Some(Opened {
        port: port.private_port,
        at: SocketAddr::new(ip, port.public_port?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(labels: &[(&str, &str)], ports: &[(&str, u16, Option<u16>)]) -> ContainerSummary {
        let labels = labels.iter();
        let ports = ports
            .iter()
            .map(|(ip, private_port, public_port)| PortSummary {
                ip: Some((*ip).to_owned()),
                private_port: *private_port,
                public_port: *public_port,
                typ: None,
            });
        ContainerSummary {
            labels: Some(
                labels
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
            ),
            ports: Some(ports.collect()),
            ..ContainerSummary::default()
        }
    }

    #[test]
    fn of_a_service_the_newest_container_that_runs_tells_its_start() {
        let made = |service: &'static str, created, state| ContainerSummary {
            created: Some(created),
            state: Some(state),
            ..container(
                &[(PROJECT, "shop"), (SERVICE, service), (COMPONENT, service)],
                &[],
            )
        };
        let found = grouped(vec![
            made("worker", 20, ContainerSummaryStateEnum::RUNNING),
            made("worker", 10, ContainerSummaryStateEnum::RUNNING),
            made("worker", 30, ContainerSummaryStateEnum::EXITED),
            made("redis", 40, ContainerSummaryStateEnum::EXITED),
        ]);
        let at = Timestamp::from_second(20).unwrap();
        assert_eq!(found[0].started(), [("worker".to_owned(), at)].into());
    }

    #[test]
    fn containers_are_told_by_project_with_the_ports_that_are_opened() {
        let of = |service: &'static str| [(PROJECT, "shop"), (SERVICE, service)];
        let worker = [
            (PROJECT, "shop"),
            (SERVICE, "worker"),
            (COMPONENT, "worker"),
        ];
        let found = grouped(vec![
            container(&worker, &[("", 8081, None)]),
            container(&worker, &[]),
            container(
                &of("prometheus"),
                &[("::", 9090, Some(32769)), ("127.0.0.1", 9090, Some(32768))],
            ),
            container(
                &[(PROJECT, "shop"), (SERVICE, "x"), (TIME_SCALE, "30")],
                &[],
            ),
            container(&of("gateway"), &[("0.0.0.0", 8080, Some(80))]),
            container(&[(PROJECT, "blog"), (SERVICE, "web")], &[]),
        ]);
        let [shop] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(shop.name, "shop");
        assert!((shop.time_scale - 30.0).abs() < f64::EPSILON);
        assert_eq!(shop.count("worker"), 2);
        assert_eq!(shop.count("vote-app"), 0);
        let at = |service, port| shop.opened(service, port).map(|at| at.to_string());
        assert_eq!(at("prometheus", 9090).unwrap(), "127.0.0.1:32768");
        assert_eq!(at("gateway", 8080).unwrap(), "127.0.0.1:80");
        assert_eq!(at("worker", 8081), None);
        assert_eq!(at("gateway", 8081), None);
    }
}
