//! Where engines listen.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{EngineError, context};

/// The variable that names an engine, as Docker's own tools read it.
const VARIABLE: &str = "DOCKER_HOST";
/// That by which TCP means TLS, whatever its value.
const VERIFY: &str = "DOCKER_TLS_VERIFY";
/// That of the directory with certificates, and where that is when it is not set.
const CERTIFICATES: &str = "DOCKER_CERT_PATH";
const CERTIFICATES_OF_USER: &str = ".docker";
/// Where Docker listens unless it is told otherwise.
const DOCKER: &str = "/var/run/docker.sock";
/// Where it does below a user's runtime directory when it runs without root.
const DOCKER_OF_USER: &str = "docker.sock";
/// Where Podman does for root, and, below the user's runtime directory, for a user.
const PODMAN: &str = "/run/podman/podman.sock";
const PODMAN_OF_USER: &str = "podman/podman.sock";

/// Where an engine listens: `unix:///PATH`, `tcp://HOST:PORT` or `http://HOST:PORT`, and over TLS
/// `https://HOST:PORT#DIRECTORY`, where the directory has `ca.pem` and, for an engine that wants to
/// know its clients, `cert.pem` and `key.pem`. It is the whole address that is put on record, so that a
/// fault is undone from whatever environment.
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
    Secured {
        url: &'a str,
        certificates: &'a Path,
    },
}

impl Address {
    /// The engine that is meant when none is named, as for Docker's own tools (`resolveContextName` in
    /// cli/command/cli.go): `DOCKER_HOST`, else that of the context of `DOCKER_CONTEXT`, else of the context that
    /// `docker context use` chose, else Docker's usual one, that of this user, or Podman's.
    ///
    /// # Errors
    /// [`EngineError::None`] when there is neither, [`EngineError::NoContext`].
    pub fn usual() -> Result<Self, EngineError> {
        let variable = |name: &str| std::env::var_os(name);
        Self::chosen(variable).unwrap_or_else(Self::found)
    }

    /// The one that the environment names, by itself or by a context.
    fn chosen(variable: impl Fn(&str) -> Option<OsString>) -> Option<Result<Self, EngineError>> {
        if let Some(named) = variable(VARIABLE).filter(|value| !value.is_empty()) {
            let named = named.to_string_lossy();
            return Some(Ok(Self::in_environment(&named, variable)));
        }
        let of_context = context::address(variable).transpose()?;
        let of_context = of_context.map_err(|name| EngineError::NoContext { name });
        Some(of_context.map(Self))
    }

    /// The one whose socket is there.
    fn found() -> Result<Self, EngineError> {
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let of_user = |socket| Some(runtime_dir.as_ref()?.join(socket));
        let mut sockets = [
            Some(DOCKER.into()),
            of_user(DOCKER_OF_USER),
            of_user(PODMAN_OF_USER),
            Some(PODMAN.into()),
        ]
        .into_iter()
        .flatten();
        let found = sockets.find(|socket: &PathBuf| socket.exists());
        let found = found.ok_or(EngineError::None)?;
        Ok(Self(format!("unix://{}", found.display())))
    }

    /// The engine that a user means by `text`: as Docker's own tools do, with the certificates of
    /// `DOCKER_CERT_PATH` for `https`, and for `tcp` too where `DOCKER_TLS_VERIFY` is set.
    #[must_use]
    pub fn named(text: &str) -> Self {
        Self::in_environment(text, |name| std::env::var_os(name))
    }

    fn in_environment(text: &str, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let verified = text
            .strip_prefix("tcp://")
            .filter(|_| set(VERIFY).is_some());
        let host = match text.strip_prefix("https://").or(verified) {
            Some(host) if !host.contains('#') => host.trim_end_matches('/'),
            _ => return Self(text.to_owned()),
        };
        let of_user = || Some(PathBuf::from(set("HOME")?).join(CERTIFICATES_OF_USER));
        let directory = set(CERTIFICATES).map(PathBuf::from).or_else(of_user);
        let directory = directory.unwrap_or_default();
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        Self(format!("https://{host}#{}", directory.display()))
    }

    /// Whether the engine is one of this machine, which its socket is: over TCP it may be whose it will.
    ///
    /// # Errors
    /// [`EngineError::Address`].
    pub fn is_here(&self) -> Result<bool, EngineError> {
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
            Some(("https", _)) => match self.0.split_once('#') {
                Some((url, directory)) if directory.starts_with('/') => Ok(Way::Secured {
                    url,
                    certificates: Path::new(directory),
                }),
                _ => Err(refused(
                    "after its # stands no absolute path of a directory with ca.pem",
                )),
            },
            Some(("ssh", _)) => Err(refused(
                "SSH is not spoken; forward its socket (ssh -L) and name that",
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
        let way = |text: &str| Address::from(text).way().map(|way| format!("{way:?}"));
        assert_eq!(
            way("https://a:2376#/certs").unwrap(),
            "Secured { url: \"https://a:2376\", certificates: \"/certs\" }"
        );
        for text in [
            "unix://a",
            "https://host",
            "https://host#certs",
            "ssh://host",
            "/run/x.sock",
            "",
        ] {
            let told = way(text).unwrap_err().to_string();
            assert!(told.contains("unix:///PATH"), "{told}");
        }
    }

    #[test]
    fn a_named_engine_comes_before_a_context_as_in_dockers_own_tools() {
        let config = tempfile::tempdir().unwrap();
        let meta = config.path().join("contexts/meta/aa");
        std::fs::create_dir_all(&meta).unwrap();
        let host = "unix:///run/user/1000/docker.sock";
        let context =
            format!("{{\"Name\":\"own\",\"Endpoints\":{{\"docker\":{{\"Host\":{host:?}}}}}}}");
        std::fs::write(meta.join("meta.json"), context).unwrap();
        let chosen = |variables: &[(&str, &str)]| {
            let directory = [("DOCKER_CONFIG", config.path().to_str().unwrap())];
            let value = |name: &str| {
                let mut all = variables.iter().chain(&directory);
                Some(OsString::from(all.find(|(key, _)| *key == name)?.1))
            };
            Address::chosen(value).map(|address| address.map(|it| it.to_string()))
        };
        let context = ("DOCKER_CONTEXT", "own");
        assert_eq!(
            chosen(&[("DOCKER_HOST", "tcp://a:2375"), context]),
            Some(Ok("tcp://a:2375".to_owned()))
        );
        assert_eq!(
            chosen(&[("DOCKER_HOST", ""), context]),
            Some(Ok(host.to_owned()))
        );
        assert_eq!(chosen(&[]), None);
        let lost = chosen(&[("DOCKER_CONTEXT", "lost")]);
        let name = "lost".to_owned();
        assert_eq!(lost, Some(Err(EngineError::NoContext { name })));
    }

    #[test]
    fn tls_is_meant_as_dockers_own_tools_mean_it() {
        let meant = |text: &str, variables: &[(&str, &str)]| {
            let value = |name: &str| {
                let mut all = variables.iter();
                Some(OsString::from(all.find(|(key, _)| *key == name)?.1))
            };
            Address::in_environment(text, value).to_string()
        };
        let (host, verify) = ("tcp://a:2376", ("DOCKER_TLS_VERIFY", "1"));
        let certificates = ("DOCKER_CERT_PATH", "/certs");
        let home = ("HOME", "/home/u");
        assert_eq!(meant(host, &[certificates]), host);
        assert_eq!(meant(host, &[("DOCKER_TLS_VERIFY", "")]), host);
        assert_eq!(
            meant(host, &[verify, certificates]),
            "https://a:2376#/certs"
        );
        assert_eq!(
            meant(host, &[verify, home]),
            "https://a:2376#/home/u/.docker"
        );
        assert_eq!(
            meant("https://a:1", &[certificates, home]),
            "https://a:1#/certs"
        );
        assert_eq!(
            meant("https://a:1#/own", &[verify, certificates]),
            "https://a:1#/own"
        );
        let socket = "unix:///run/docker.sock";
        assert_eq!(meant(socket, &[verify, certificates]), socket);
    }
}
