//! Where engines listen.

use std::fmt;
use std::path::{Path, PathBuf};

use super::EngineError;

/// The variable that names an engine, as Docker's own tools read it.
const VARIABLE: &str = "DOCKER_HOST";
/// Where Docker listens unless it is told otherwise.
const DOCKER: &str = "/var/run/docker.sock";
/// Where Podman does for root, and, below the user's runtime directory, for a user.
const PODMAN: &str = "/run/podman/podman.sock";
const PODMAN_OF_USER: &str = "podman/podman.sock";

/// Where an engine listens: `unix:///PATH`, `tcp://HOST:PORT` or `http://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How an engine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way<'a> {
    Socket(&'a Path),
    Plain(&'a str),
}

impl Address {
    /// The engine that is meant when none is named: that of `DOCKER_HOST`, else Docker's usual one,
    /// else Podman's.
    ///
    /// # Errors
    /// [`EngineError::None`] when there is neither.
    pub fn usual() -> Result<Self, EngineError> {
        let named = std::env::var(VARIABLE).ok();
        if let Some(named) = named.filter(|named| !named.is_empty()) {
            return Ok(Self(named));
        }
        let of_user = std::env::var_os("XDG_RUNTIME_DIR");
        let of_user = of_user.map(|dir| PathBuf::from(dir).join(PODMAN_OF_USER));
        let mut sockets = [Some(DOCKER.into()), of_user, Some(PODMAN.into())]
            .into_iter()
            .flatten();
        let found = sockets.find(|socket: &PathBuf| socket.exists());
        let found = found.ok_or(EngineError::None)?;
        Ok(Self(format!("unix://{}", found.display())))
    }

    /// Whether the engine is one of this machine.
    pub(super) fn is_here(&self) -> Result<bool, EngineError> {
        Ok(matches!(self.way()?, Way::Socket(_)))
    }

    /// How it is reached.
    pub(super) fn way(&self) -> Result<Way<'_>, EngineError> {
        let refused = |reason| EngineError::Address {
            address: self.0.clone(),
            reason,
        };
        match self.0.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Way::Socket(Path::new(path))),
            Some(("unix", _)) => Err(refused("the socket's path is not absolute")),
            Some(("tcp" | "http", _)) => Ok(Way::Plain(&self.0)),
            Some(("https" | "ssh", _)) => Err(refused(
                "neither TLS nor SSH is spoken; forward its socket and name that",
            )),
            _ => Err(refused("it is none")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_socket_or_plain() {
        let way = |text: &str| {
            let address = Address::from(text);
            address.way().map(|way| format!("{way:?}"))
        };
        assert_eq!(way("unix:///a/b.sock").unwrap(), "Socket(\"/a/b.sock\")");
        assert_eq!(
            way("tcp://127.0.0.1:2375").unwrap(),
            "Plain(\"tcp://127.0.0.1:2375\")"
        );
        for text in ["unix://a", "https://host", "ssh://host", "/run/x.sock", ""] {
            let told = way(text).unwrap_err().to_string();
            assert!(told.contains("unix:///PATH"), "{told}");
        }
    }
}
