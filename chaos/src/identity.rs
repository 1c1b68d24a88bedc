//! Who a target is, by more than a name or a number: whatever was restarted, made anew or given the
//! same id is somebody else, and is never touched in its stead.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::engine::ContainerId;
use crate::process::Process;

/// Who a target is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Identity {
    /// A process of this machine.
    Process(Process),
    /// A container of an engine.
    Container(ContainerId),
    /// A service that is known by its admin listener only.
    Listener(Instance),
}

/// One life of a service, as its admin listener tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Instance {
    /// Another after each start of the service.
    pub instance: Uuid,
}

impl Identity {
    /// The process, if it is one.
    #[must_use]
    pub fn process(&self) -> Option<Process> {
        match self {
            Self::Process(process) => Some(*process),
            Self::Container(_) | Self::Listener(_) => None,
        }
    }

    /// The container, if it is one.
    #[must_use]
    pub fn container(&self) -> Option<&ContainerId> {
        match self {
            Self::Container(container) => Some(container),
            Self::Process(_) | Self::Listener(_) => None,
        }
    }

    /// The same for each life of a process id, a container or a listener.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Process(process) => process.pid.to_string(),
            Self::Container(container) => container.id.clone(),
            Self::Listener(listener) => listener.instance.to_string(),
        }
    }

    /// The command that lets it go on by hand once it is stopped.
    #[must_use]
    pub fn continuing(&self) -> String {
        match self {
            Self::Process(process) => format!("kill -CONT {}", process.pid),
            Self::Container(container) => format!("docker unpause {}", container.short()),
            Self::Listener(_) => "a restart".to_owned(),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(process) => process.fmt(f),
            Self::Container(container) => container.fmt(f),
            Self::Listener(_) => f.write_str("known by its admin listener"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_is_told_apart_on_disk() {
        let process = Identity::Process(Process {
            pid: 7,
            start_ticks: 42,
        });
        let container = Identity::Container(ContainerId {
            engine: "unix:///run/docker.sock".to_owned(),
            id: "0123456789abcdef".to_owned(),
            started_at: "2026-11-29T01:02:03Z".parse().unwrap(),
        });
        let listener = Identity::Listener(Instance {
            instance: Uuid::from_u128(1),
        });
        for (identity, on_disk) in [
            (process, json!({ "pid": 7, "start_ticks": 42 })),
            (
                container,
                json!({
                    "engine": "unix:///run/docker.sock",
                    "container": "0123456789abcdef",
                    "started_at": "2026-11-29T01:02:03Z",
                }),
            ),
            (listener, json!({ "instance": Uuid::from_u128(1) })),
        ] {
            assert_eq!(serde_json::to_value(&identity).unwrap(), on_disk);
            let read: Identity = serde_json::from_value(on_disk).unwrap();
            assert_eq!(read, identity);
        }
    }
}
