//! Containers of Docker, or of whatever else speaks its API, such as Podman: which there are, what
//! they are doing, pausing and killing them, and running programs in them.
//!
//! A container is known by its id together with the time of its start: one that was made anew has
//! another id, and one that was started again another start. Protocol: the Engine API,
//! <https://docs.docker.com/reference/api/engine/>; the version is agreed upon with the engine.

mod address;
mod client;
mod context;
mod error;
mod exec;
mod projects;
mod select;
mod tls;
mod version;

use std::fmt;

use futures::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::blocking::on_own_thread;
use crate::record::Target;

pub(crate) use client::Client;

pub use address::Address;
pub use error::EngineError;
pub(crate) use exec::Ran;
pub use projects::{Container, Opened, Project, projects};
pub(crate) use select::is_own;
pub use select::{Selection, containers};

/// The label by which the containers of a voting service tell what they are.
pub const COMPONENT: &str = "voteops.component";
/// The label by which one of them tells what the durations of its rules are divided by.
const TIME_SCALE: &str = "voteops.time-scale";
/// Characters of an id that are enough to tell containers apart, as `docker ps` has them.
const SHORT: usize = 12;

/// One life of a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerId {
    /// The address of its engine, such as `unix:///var/run/docker.sock`.
    pub engine: String,
    /// The container's whole id.
    #[serde(rename = "container")]
    pub id: String,
    /// When it was started.
    pub started_at: Timestamp,
}

impl ContainerId {
    /// As much of its id as one reads.
    #[must_use]
    pub fn short(&self) -> &str {
        self.id.get(..SHORT).unwrap_or(&self.id)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container {}", self.short())
    }
}

/// What has become of one life of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It runs.
    Running,
    /// It is paused.
    Paused,
    /// It has ended; the container is still there.
    Ended,
    /// It has ended, and another has begun, which may have ended too.
    Restarted,
    /// The container is not there any more.
    Gone,
}

/// Asks the engines of those targets that are containers, all at the same time, and gives the
/// answers in the order of the targets. Blocks for as long as the slowest takes, some seconds for each
/// thing that it is asked.
pub(crate) fn ask_each<T: Send>(
    targets: &[Target],
    question: impl AsyncFn(&Client, &ContainerId) -> Result<T, EngineError> + Sync,
) -> Vec<Option<Result<T, EngineError>>> {
    let is_container = |target: &Target| target.identity.container().is_some();
    if !targets.iter().any(is_container) {
        return targets.iter().map(|_| None).collect();
    }
    let ask = async |target: &Target| {
        let container = target.identity.container()?;
        let address = Address::from(container.engine.as_str());
        let answer = match Client::open(&address).await {
            Ok(client) => question(&client, container).await,
            Err(error) => Err(error),
        };
        Some(answer)
    };
    let asked = on_own_thread(async || join_all(targets.iter().map(&ask)).await);
    asked.unwrap_or_else(|error| {
        let told = |target: &Target| {
            is_container(target).then(|| Err(EngineError::NoRuntime(error.to_string())))
        };
        targets.iter().map(told).collect()
    })
}

/// What each of the targets that are containers is doing.
pub(crate) fn lives(targets: &[Target]) -> Vec<Option<Result<Life, EngineError>>> {
    ask_each(targets, async |client, container| {
        client.life(container).await
    })
}

/// The hosts by which each of the targets that are containers is known; none where that is not told.
pub(crate) fn hosts(targets: &[Target]) -> Vec<Vec<String>> {
    let asked = ask_each(targets, async |client, container| {
        Ok(client.seen(&container.id).await?.hosts)
    });
    let told = asked.into_iter().map(|hosts| hosts.and_then(Result::ok));
    told.map(Option::unwrap_or_default).collect()
}
