//! The servers that the stack needs: where they are, and how this system installs them.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use crate::Error;

/// A server that the stack runs but does not ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// What a person calls it.
    pub title: &'static str,
    /// Its program's names: upstream's, and distributions'.
    pub programs: &'static [&'static str],
    /// Its package with each [`MANAGERS`] entry; `None` where it is not packaged.
    packages: [Option<&'static str>; 5],
}

/// The queue and the results cache.
pub const REDIS: Server = Server {
    title: "Redis",
    programs: &["redis-server"],
    packages: [
        Some("redis-server"),
        Some("redis"),
        Some("redis"),
        Some("redis"),
        Some("redis"),
    ],
};
/// Redis's metrics.
pub const REDIS_EXPORTER: Server = Server {
    title: "Redis exporter",
    programs: &["redis_exporter", "prometheus-redis-exporter"],
    packages: [
        Some("prometheus-redis-exporter"),
        None,
        None,
        Some("prometheus-redis-exporter"),
        None,
    ],
};
/// Metrics and alert rules.
pub const PROMETHEUS: Server = Server {
    title: "Prometheus",
    programs: &["prometheus"],
    packages: [
        Some("prometheus"),
        Some("golang-github-prometheus"),
        Some("prometheus"),
        Some("prometheus"),
        Some("prometheus"),
    ],
};
/// Notifications.
pub const ALERTMANAGER: Server = Server {
    title: "Alertmanager",
    programs: &["alertmanager", "prometheus-alertmanager"],
    packages: [
        Some("prometheus-alertmanager"),
        Some("golang-github-prometheus-alertmanager"),
        Some("alertmanager"),
        Some("alertmanager"),
        Some("alertmanager"),
    ],
};
/// The servers without which there is no stack.
pub const REQUIRED: [Server; 4] = [REDIS, REDIS_EXPORTER, PROMETHEUS, ALERTMANAGER];

/// Package managers, in the order of [`Server`]'s packages: program, and the command before the
/// packages' names.
const MANAGERS: [(&str, &str); 5] = [
    (
        "apt-get",
        "apt-get update && apt-get install -y --no-install-recommends",
    ),
    ("dnf", "dnf install -y"),
    ("pacman", "pacman -S --needed --noconfirm"),
    ("apk", "apk add"),
    ("brew", "brew install"),
];

impl Server {
    /// The program's path, if it is on PATH or where Debian keeps servers.
    #[must_use]
    pub fn find(&self) -> Option<PathBuf> {
        self.programs
            .iter()
            .find_map(|program| find_program(program))
    }
}

/// The path of `program` on PATH, `/usr/sbin` and `/usr/local/sbin`, which a user's PATH may lack.
#[must_use]
pub fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs =
        std::env::split_paths(&path).chain(["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from));
    dirs.map(|dir| dir.join(program)).find(|file| {
        rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok() && file.is_file()
    })
}

/// Servers that are not installed, and what installs them here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    servers: Vec<Server>,
    manager: Option<usize>,
}

/// The required servers that are not installed; `None` when all are there.
#[must_use]
pub fn missing() -> Option<Missing> {
    let servers: Vec<_> = REQUIRED
        .into_iter()
        .filter(|server| server.find().is_none())
        .collect();
    let manager = MANAGERS
        .iter()
        .position(|(program, _)| find_program(program).is_some());
    (!servers.is_empty()).then_some(Missing { servers, manager })
}

impl Missing {
    /// The exact command that installs what this system packages, with sudo where it is needed.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        let index = self.manager?;
        let packages: Vec<_> = self
            .servers
            .iter()
            .filter_map(|server| server.packages[index])
            .collect();
        if packages.is_empty() {
            return None;
        }
        let (program, command) = MANAGERS[index];
        let root = rustix::process::geteuid().is_root() || program == "brew";
        let sudo = if root { "" } else { "sudo " };
        let command = command.replace("&& ", &format!("&& {sudo}"));
        Some(format!("{sudo}{command} {}", packages.join(" ")))
    }

    /// Those that this system's package manager does not have.
    fn unpackaged(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter(|server| {
            self.manager
                .is_none_or(|index| server.packages[index].is_none())
        })
    }

    /// Runs the install command, its output going to standard error.
    ///
    /// # Errors
    /// [`Error::Install`], or [`Error::Missing`] when something is missing still.
    pub fn install(&self) -> Result<(), Error> {
        let Some(command) = self.command() else {
            return Err(Error::Missing(self.clone()));
        };
        let failed = |reason: String| Error::Install {
            command: command.clone(),
            reason,
        };
        let status = Command::new("sh")
            .args(["-c", &format!("{{ {command}; }} >&2")])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status()
            .map_err(|error| failed(error.to_string()))?;
        if !status.success() {
            return Err(failed(status.to_string()));
        }
        match missing() {
            None => Ok(()),
            Some(rest) => Err(Error::Missing(rest)),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles: Vec<_> = self.servers.iter().map(|server| server.title).collect();
        write!(f, "not installed: {}", titles.join(", "))?;
        if let Some(command) = self.command() {
            write!(
                f,
                "; install with `{command}`, or let `voteops up --install` run that"
            )?;
        }
        for server in self.unpackaged() {
            write!(
                f,
                "; {} is not packaged for this system: put upstream's `{}` on PATH",
                server.title, server.programs[0]
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_missing(manager: Option<usize>) -> Missing {
        Missing {
            servers: REQUIRED.to_vec(),
            manager,
        }
    }

    #[test]
    fn the_command_names_this_systems_packages() {
        let command = all_missing(Some(0)).command().unwrap();
        assert!(command.ends_with(
            "apt-get install -y --no-install-recommends redis-server \
             prometheus-redis-exporter prometheus prometheus-alertmanager"
        ));
        assert!(command.contains("apt-get update && "));
    }

    #[test]
    fn what_is_not_packaged_is_told_with_the_way_out() {
        let told = all_missing(Some(4)).to_string();
        assert!(
            told.contains("brew install redis prometheus alertmanager"),
            "{told}"
        );
        assert!(told.contains("Redis exporter is not packaged"), "{told}");
        let told = all_missing(None).to_string();
        assert!(
            told.contains("put upstream's `prometheus` on PATH"),
            "{told}"
        );
    }
}
