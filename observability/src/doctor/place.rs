//! Where servers run, and so how they are started, woken and told to read their configuration anew.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where the servers run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Processes of `voteops up` on this machine.
    Stack {
        /// The stack's data directory.
        dir: PathBuf,
        /// The processes by their components' names.
        pids: BTreeMap<String, u32>,
        /// The components' names by the addresses at which they listen, `host:port`.
        names: BTreeMap<String, String>,
    },
    /// Containers of `docker-compose.yml`.
    Compose,
    /// Somewhere that is known by addresses only.
    Elsewhere,
}

impl Place {
    /// How a server that is away is brought back.
    #[must_use]
    pub fn start(&self, server: &str) -> String {
        match self {
            Self::Stack { .. } => format!(
                "`voteops up` starts what dies again; why it does not stay: {}",
                self.look_at_log(server)
            ),
            Self::Compose => format!(
                "`docker compose up -d {server}`, and {}",
                self.look_at_log(server)
            ),
            Self::Elsewhere => {
                format!("start {server}, or name the one that runs (voteops doctor --help)")
            }
        }
    }

    /// How a server that hangs is brought back.
    #[must_use]
    pub fn wake(&self, server: &str) -> String {
        match self {
            Self::Stack { .. } => match self.pid(server) {
                Some(pid) => format!(
                    "`kill -CONT {pid}` wakes it if it stands stopped; else `kill -9 {pid}`, and `voteops up` starts it again"
                ),
                None => self.start(server),
            },
            Self::Compose => format!(
                "`docker compose unpause {server}` if it is paused, else `docker compose restart {server}`"
            ),
            Self::Elsewhere => format!("see whether {server} stands stopped, or restart it"),
        }
    }

    /// How a server is made to read its configuration anew.
    #[must_use]
    pub fn reload(&self, server: &str) -> String {
        match self {
            Self::Stack { .. } => match self.pid(server) {
                Some(pid) => format!("`kill -HUP {pid}`"),
                None => format!("send SIGHUP to {server}"),
            },
            Self::Compose => format!("`docker compose kill -s HUP {server}`"),
            Self::Elsewhere => format!("send SIGHUP to {server}"),
        }
    }

    /// How a server is started anew.
    #[must_use]
    pub fn restart(&self, server: &str) -> String {
        match self {
            Self::Stack { .. } => match self.pid(server) {
                Some(pid) => format!("`kill {pid}`, and `voteops up` starts it again"),
                None => self.start(server),
            },
            Self::Compose => format!("`docker compose restart {server}`"),
            Self::Elsewhere => format!("restart {server}"),
        }
    }

    /// How a server's last words are read.
    #[must_use]
    pub fn look_at_log(&self, server: &str) -> String {
        match self {
            Self::Stack { dir, .. } => {
                format!("`tail {}/logs/{server}.log`", dir.display())
            }
            Self::Compose => format!("`docker compose logs --tail 50 {server}`"),
            Self::Elsewhere => format!("the log of {server}"),
        }
    }

    /// How a configuration file below Prometheus's or Alertmanager's directory is checked.
    pub(super) fn check_configuration(&self, server: &str) -> String {
        let (tool, file) = if server == "alertmanager" {
            ("amtool check-config", "alertmanager.yml")
        } else {
            ("promtool check config", "prometheus.yml")
        };
        match self {
            Self::Stack { dir, .. } => format!("`{tool} {}/config/{file}`", dir.display()),
            Self::Compose => {
                format!("`docker compose exec {server} {tool} /etc/{server}/{file}`")
            }
            Self::Elsewhere => format!("`{tool} {file}`"),
        }
    }

    /// How the room where a server writes is looked at.
    pub(super) fn look_at_disk(&self, server: &str) -> String {
        match self {
            Self::Stack { dir, .. } => format!("`df -h {}`", dir.display()),
            Self::Compose => {
                format!("`docker system df` and `df -h` where the volume of {server} is")
            }
            Self::Elsewhere => format!("`df -h` where {server} writes"),
        }
    }

    /// What ships the logs. `docker-compose.yml` has Alloy do it unless it is told otherwise.
    pub(super) fn shipper(&self) -> &'static str {
        match self {
            Self::Stack { .. } => "promtail",
            Self::Compose => "alloy",
            Self::Elsewhere => "Promtail or Alloy",
        }
    }

    /// The component that listens at an address.
    pub(super) fn at(&self, address: &str) -> Option<&str> {
        match self {
            Self::Stack { names, .. } => names.get(address).map(String::as_str),
            Self::Compose | Self::Elsewhere => None,
        }
    }

    fn pid(&self, server: &str) -> Option<u32> {
        match self {
            Self::Stack { pids, .. } => pids.get(server).copied(),
            Self::Compose | Self::Elsewhere => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_out_are_commands_where_the_place_is_known() {
        let stack = Place::Stack {
            dir: "/data".into(),
            pids: [("prometheus".to_owned(), 7)].into(),
            names: [("127.0.0.1:1".to_owned(), "worker-1".to_owned())].into(),
        };
        assert_eq!(stack.at("127.0.0.1:1"), Some("worker-1"));
        assert!(stack.wake("prometheus").starts_with("`kill -CONT 7`"));
        assert!(
            stack
                .start("worker-1")
                .contains("`tail /data/logs/worker-1.log`")
        );
        assert_eq!(stack.reload("prometheus"), "`kill -HUP 7`");
        assert_eq!(
            stack.check_configuration("prometheus"),
            "`promtool check config /data/config/prometheus.yml`"
        );
        assert_eq!(
            Place::Compose.check_configuration("alertmanager"),
            "`docker compose exec alertmanager amtool check-config /etc/alertmanager/alertmanager.yml`"
        );
        assert!(
            Place::Compose
                .start("loki")
                .starts_with("`docker compose up -d loki`")
        );
        assert!(!Place::Elsewhere.start("loki").contains('`'));
    }
}
