//! Which containers are meant.

use super::client::Seen;
use super::{Address, COMPONENT, Client, EngineError};
use crate::blocking::on_own_thread;
use crate::identity::Identity;
use crate::record::Target;

/// The labels by which Compose, and Podman's Compose after it, knows its containers.
pub(super) const PROJECT: &str = "com.docker.compose.project";
pub(super) const SERVICE: &str = "com.docker.compose.service";
/// That of the directory in which Compose was run.
pub(super) const DIRECTORY: &str = "com.docker.compose.project.working_dir";

/// What containers have to be to be meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// These names or ids; where there are none, all that have the labels.
    pub names: Vec<String>,
    /// The Compose service that they are of.
    pub service: Option<String>,
    /// The Compose project that they are of.
    pub project: Option<String>,
    /// Labels, each `KEY` or `KEY=VALUE`.
    pub labels: Vec<String>,
}

impl Selection {
    /// Whether anything is said at all; without that, none is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn all_labels(&self) -> Vec<String> {
        let of = |label: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("{label}={value}"))
        };
        let compose = [of(SERVICE, &self.service), of(PROJECT, &self.project)];
        let compose = compose.into_iter().flatten();
        compose.chain(self.labels.iter().cloned()).collect()
    }
}

/// The running containers that are meant, by their names. One that was named is there too when it
/// does not run, and is refused later by its own name; a paused one is, too.
///
/// Blocks for some milliseconds, up to seconds when the engine is slow.
///
/// # Errors
/// [`EngineError`]; [`EngineError::Refused`] for a name that no container has, and when containers
/// of several projects would be meant by a service alone.
pub fn containers(address: &Address, selection: &Selection) -> Result<Vec<Target>, EngineError> {
    if selection.is_empty() {
        return Ok(Vec::new());
    }
    let found = on_own_thread(async || find(address, selection).await);
    found.map_err(|error| EngineError::NoRuntime(error.to_string()))?
}

async fn find(address: &Address, selection: &Selection) -> Result<Vec<Target>, EngineError> {
    let client = Client::open(address).await?;
    let mut seen = Vec::new();
    if selection.names.is_empty() {
        let labels = selection.all_labels();
        let running = client.running(&labels).await?;
        one_project(selection, &running)?;
        for container in running {
            let id = container.id.unwrap_or_default();
            match client.seen(&id).await {
                Ok(container) => seen.push(container),
                // It has ended since.
                Err(EngineError::NoContainer) => {}
                Err(error) => return Err(error),
            }
        }
        seen.sort_by_key(|container: &Seen| natural(&container.name));
    } else {
        for name in &selection.names {
            seen.push(named(&client, name).await?);
        }
    }
    Ok(seen.into_iter().map(target).collect())
}

async fn named(client: &Client, name: &str) -> Result<Seen, EngineError> {
    let seen = client.seen(name).await;
    seen.map_err(|error| match error {
        EngineError::NoContainer => EngineError::Refused(format!(
            "no container has the name or id {name}; `docker ps` lists them"
        )),
        other => other,
    })
}

/// Refuses a service, or a part of a voting service, that several projects have.
fn one_project(
    selection: &Selection,
    running: &[bollard::models::ContainerSummary],
) -> Result<(), EngineError> {
    let component = || {
        let mut labels = selection.labels.iter();
        labels.find_map(|label| label.strip_prefix(COMPONENT)?.strip_prefix('='))
    };
    let service = selection.service.as_deref().or_else(component);
    let Some(service) = service.filter(|_| selection.project.is_none()) else {
        return Ok(());
    };
    let projects = running
        .iter()
        .filter_map(|container| container.labels.as_ref()?.get(PROJECT).cloned());
    let mut projects: Vec<_> = projects.collect();
    projects.sort_unstable();
    projects.dedup();
    if projects.len() > 1 {
        let told = projects.join(", ");
        return Err(EngineError::Refused(format!(
            "the projects {told} all have a service {service}; say which with --project"
        )));
    }
    Ok(())
}

fn target(seen: Seen) -> Target {
    Target {
        name: seen.name,
        identity: Identity::Container(seen.id),
        admin_url: None,
    }
}

/// A name by which `worker-10` comes after `worker-9`.
fn natural(name: &str) -> (String, u64) {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (word, number) = name.split_at(name.len() - digits);
    (word.to_owned(), number.parse().unwrap_or(0))
}

/// Whether it is the container that this process is in, which has to undo what it does.
pub(crate) fn is_own(target: &Target) -> bool {
    // A container's host name is the beginning of its id unless somebody gave it another.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let container = target.identity.container();
    container.is_some_and(|container| host.len() == super::SHORT && container.id.starts_with(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_by_their_numbers() {
        let mut names = ["worker-10", "worker-9", "app-1", "redis"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["app-1", "redis", "worker-9", "worker-10"]);
    }

    #[test]
    fn what_is_said_becomes_labels() {
        let selection = Selection {
            service: Some("worker".to_owned()),
            project: Some("shop".to_owned()),
            labels: vec!["tier=back".to_owned()],
            ..Selection::default()
        };
        let labels = [
            "com.docker.compose.service=worker",
            "com.docker.compose.project=shop",
            "tier=back",
        ];
        assert_eq!(selection.all_labels(), labels);
        assert!(!selection.is_empty());
        assert!(Selection::default().is_empty());
    }
}
