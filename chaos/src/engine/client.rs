//! What an engine is asked for.

use std::future::Future;
use std::time::Duration;

use bollard::errors::Error as ApiError;
use bollard::models::{ContainerInspectResponse, ContainerSummary};
use bollard::query_parameters::{KillContainerOptionsBuilder, ListContainersOptionsBuilder};
use bollard::{API_DEFAULT_VERSION, Docker};
use jiff::Timestamp;

use super::address::Way;
use super::{Address, ContainerId, EngineError, Life, tls, version};

/// How long an engine may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks one engine.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    docker: Docker,
    address: Address,
}

/// A container, as far as it matters whether and how it may be touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: ContainerId,
    /// Without the slash that the API puts before it.
    pub(crate) name: String,
    pub(crate) life: Life,
    /// Whether it is removed as soon as it ends.
    pub(crate) is_removed_at_end: bool,
    /// By what it is known in its networks: its addresses, and its name.
    pub(crate) hosts: Vec<String>,
}

impl Client {
    /// Agrees with the engine at `address` on a version of the API, unless that was done before.
    pub(crate) async fn open(address: &Address) -> Result<Self, EngineError> {
        let patience_s = PATIENCE.as_secs();
        let agreed = version::agreed(address);
        let version = agreed.as_ref().unwrap_or(API_DEFAULT_VERSION);
        let docker = match address.way()? {
            Way::Socket(path) => {
                Docker::connect_with_unix(&path.to_string_lossy(), patience_s, version)
            }
            Way::Plain(text) => Docker::connect_with_http(text, patience_s, version),
            Way::Secured { url, certificates } => {
                Ok(tls::connect(address, url, certificates, patience_s)?)
            }
        };
        let mut docker = docker.map_err(|error| EngineError::of(address, error))?;
        if agreed.is_none() {
            docker = timely(address, docker.negotiate_version()).await?;
            version::remember(address, docker.client_version());
        }
        Ok(Self {
            docker,
            address: address.clone(),
        })
    }

    /// The API itself, for what is asked elsewhere.
    pub(super) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Where the engine listens.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// The running containers that have all of the labels, each `KEY` or `KEY=VALUE`.
    pub(crate) async fn running(
        &self,
        labels: &[String],
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        self.list(labels, false).await
    }

    /// The containers that have all of the labels, whether or not they run.
    pub(crate) async fn all(
        &self,
        labels: &[String],
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        self.list(labels, true).await
    }

    async fn list(
        &self,
        labels: &[String],
        ended_too: bool,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        let filters = [("label".to_owned(), labels.to_vec())].into();
        let options = ListContainersOptionsBuilder::new().filters(&filters);
        let options = options.all(ended_too).build();
        timely(&self.address, self.docker.list_containers(Some(options))).await
    }

    /// The container that has this id or name.
    pub(crate) async fn seen(&self, name: &str) -> Result<Seen, EngineError> {
        let inspected = self.inspected(name).await?;
        let (started_at, life) = self.started(&inspected)?;
        let name = inspected.name.unwrap_or_default();
        let removed = inspected.host_config.and_then(|config| config.auto_remove);
        let name = name.trim_start_matches('/').to_owned();
        let networks = inspected.network_settings.and_then(|it| it.networks);
        let networks = networks.unwrap_or_default().into_values();
        let addresses = networks.flat_map(|network| {
            [network.ip_address, network.global_ipv6_address]
                .into_iter()
                .flatten()
        });
        let known = addresses.filter(|address| !address.is_empty());
        Ok(Seen {
            hosts: known.chain([name.clone()]).collect(),
            id: ContainerId {
                engine: self.address.to_string(),
                id: inspected.id.unwrap_or_default(),
                started_at,
            },
            name,
            life,
            is_removed_at_end: removed.unwrap_or(false),
        })
    }

    /// What has become of this life of the container.
    pub(crate) async fn life(&self, container: &ContainerId) -> Result<Life, EngineError> {
        let inspected = match self.inspected(&container.id).await {
            Ok(inspected) => inspected,
            Err(EngineError::NoContainer) => return Ok(Life::Gone),
            Err(error) => return Err(error),
        };
        let (started_at, life) = self.started(&inspected)?;
        Ok(if started_at == container.started_at {
            life
        } else {
            Life::Restarted
        })
    }

    pub(crate) async fn pause(&self, container: &ContainerId) -> Result<(), EngineError> {
        timely(&self.address, self.docker.pause_container(&container.id)).await
    }

    pub(crate) async fn unpause(&self, container: &ContainerId) -> Result<(), EngineError> {
        timely(&self.address, self.docker.unpause_container(&container.id)).await
    }

    /// Ends it with SIGKILL.
    pub(crate) async fn kill(&self, container: &ContainerId) -> Result<(), EngineError> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        let killing = self.docker.kill_container(&container.id, Some(options));
        timely(&self.address, killing).await
    }

    pub(crate) async fn start(&self, container: &ContainerId) -> Result<(), EngineError> {
        timely(
            &self.address,
            self.docker.start_container(&container.id, None),
        )
        .await
    }

    async fn inspected(&self, name: &str) -> Result<ContainerInspectResponse, EngineError> {
        timely(&self.address, self.docker.inspect_container(name, None)).await
    }

    /// When it was started last, and whether it is still running since.
    fn started(
        &self,
        inspected: &ContainerInspectResponse,
    ) -> Result<(Timestamp, Life), EngineError> {
        let foreign = |reason: &str| EngineError::Foreign {
            address: self.address.to_string(),
            reason: reason.to_owned(),
        };
        let state = inspected.state.as_ref();
        let state = state.ok_or_else(|| foreign("a container has no state"))?;
        let started_at = state.started_at.as_deref().and_then(|at| at.parse().ok());
        let started_at = started_at.ok_or_else(|| foreign("a container has no time of start"))?;
        let is = |flag: Option<bool>| flag.unwrap_or(false);
        let life = match () {
            // Podman has a paused container neither running nor ended.
            () if is(state.paused) => Life::Paused,
            () if is(state.running) => Life::Running,
            () => Life::Ended,
        };
        Ok((started_at, life))
    }
}

/// The answer of an engine, unless it takes too long.
pub(super) async fn timely<T>(
    address: &Address,
    answer: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, EngineError> {
    let slow = || EngineError::Slow {
        address: address.to_string(),
        patience_s: PATIENCE.as_secs_f64(),
    };
    within(PATIENCE, slow, address, answer).await
}

/// The same within another time. Which version of the API the engine speaks is asked again after it was away.
pub(super) async fn within<T>(
    patience: Duration,
    slow: impl FnOnce() -> EngineError,
    address: &Address,
    answer: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, EngineError> {
    let answer = match tokio::time::timeout(patience, answer).await {
        Ok(Err(ApiError::RequestTimeoutError)) | Err(_) => Err(slow()),
        Ok(answer) => answer.map_err(|error| EngineError::of(address, error)),
    };
    if !matches!(answer, Ok(_) | Err(EngineError::NoContainer)) {
        version::forget(address);
    }
    answer
}
