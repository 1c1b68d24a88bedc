//! What `docker-compose.yml` in a directory asks for, when it is the one of this project: secrets, and
//! ports of this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_norway::Value;

/// The setting that names the directory of the secrets.
const SECRETS: &str = "VOTEOPS_SECRETS";

/// A compose file and the settings beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compose {
    /// Where the secrets are; `None` when nothing says so.
    pub(crate) secrets_dir: Option<PathBuf>,
    /// The names of the files in it.
    pub(super) secrets: Vec<String>,
    /// The ports of this machine.
    pub(super) published: Vec<Published>,
}

/// A port of this machine that a container listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Published {
    /// The service.
    pub(super) service: String,
    /// The port.
    pub(super) port: u16,
    /// The setting that names another one.
    pub(super) setting: String,
}

impl Compose {
    /// Reads the files in `dir`; `None` when there is none of this project.
    pub(crate) fn read(dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(dir.join("docker-compose.yml")).ok()?;
        // Without it nothing is set.
        let env = std::fs::read_to_string(dir.join(".env")).unwrap_or_default();
        Self::parse(&text, |name| {
            std::env::var(name).ok().or_else(|| setting(&env, name))
        })
        .map(|compose| Self {
            secrets_dir: compose.secrets_dir.map(|secrets| dir.join(secrets)),
            ..compose
        })
    }

    fn parse(text: &str, set: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let root: Value = serde_norway::from_str(text).ok()?;
        let secrets = root["secrets"].as_mapping()?.values();
        let files = secrets.filter_map(|secret| secret["file"].as_str());
        let files = files.filter(|file| file.starts_with(&format!("${{{SECRETS}")));
        let secrets: Vec<_> = files
            .filter_map(|file| Some(file.rsplit_once('/')?.1.to_owned()))
            .collect();
        let services = root["services"].as_mapping()?.iter();
        let published = services.filter_map(|(name, service)| {
            let ports = service["ports"].as_sequence()?.iter();
            let ports = ports.filter_map(|port| published(name.as_str()?, port.as_str()?, &set));
            Some(ports.collect::<Vec<_>>())
        });
        (!secrets.is_empty()).then(|| Self {
            secrets_dir: set(SECRETS).filter(|dir| !dir.is_empty()).map(Into::into),
            secrets,
            published: published.flatten().collect(),
        })
    }
}

/// `127.0.0.1:${NAME:-PORT}:PORT`, as Compose reads it.
fn published(service: &str, text: &str, set: impl Fn(&str) -> Option<String>) -> Option<Published> {
    let (_, rest) = text.split_once("${")?;
    let (name, rest) = rest.split_once(":-")?;
    let (usual, _) = rest.split_once('}')?;
    let port = set(name).unwrap_or_else(|| usual.to_owned());
    Some(Published {
        service: service.to_owned(),
        port: port.parse().ok()?,
        setting: name.to_owned(),
    })
}

/// A setting of a file of lines `NAME=VALUE`; the last one counts.
fn setting(env: &str, name: &str) -> Option<String> {
    let settings: BTreeMap<_, _> = env
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let value = settings.get(name)?.trim();
    Some(value.trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_understood() {
        let text = include_str!("../../docker-compose.yml");
        let env = "VOTEOPS_SECRETS=./.secrets\nVOTEOPS_PROMETHEUS_PORT=9091\n";
        let compose = Compose::parse(text, |name| setting(env, name)).unwrap();
        assert_eq!(compose.secrets_dir, Some("./.secrets".into()));
        for name in ["redis_password", "vote-app.toml", "grafana_admin_password"] {
            assert!(
                compose.secrets.iter().any(|secret| secret == name),
                "{compose:?}"
            );
        }
        let port = |service: &str| {
            let mut published = compose.published.iter();
            let found = published.find(|published| published.service == service);
            found.map(|published| published.port)
        };
        assert_eq!(port("prometheus"), Some(9091));
        assert_eq!(port("grafana"), Some(3000));
        assert_eq!(port("redis"), None);
    }

    #[test]
    fn the_file_of_another_project_is_none_of_ours() {
        let other = "services: {web: {ports: ['80:80']}}\nsecrets: {a: {file: ./a}}\n";
        assert_eq!(Compose::parse(other, |_| None), None);
        assert_eq!(Compose::parse("services: {}\n", |_| None), None);
        assert_eq!(Compose::read(Path::new("/nowhere")), None);
    }
}
