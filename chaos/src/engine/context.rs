//! The engine of the context that `docker context use` chose.
//!
//! A context is a directory below `contexts/meta` in Docker's own configuration (`~/.docker`), with a file
//! `meta.json`; its certificates are below `contexts/tls`, in a directory of the same name
//! (<https://docs.docker.com/engine/manage-resources/contexts/>).

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The variable that names a context, and the name of the one that is none.
pub(super) const VARIABLE: &str = "DOCKER_CONTEXT";
const DEFAULT: &str = "default";
/// The variable of the directory with Docker's configuration, and where that is otherwise.
const CONFIG: &str = "DOCKER_CONFIG";
const CONFIG_OF_USER: &str = ".docker";

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "currentContext")]
    current: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    host: String,
}

/// The address of the engine of the context that is in use: `https://HOST:PORT#DIRECTORY` where it has
/// certificates. `None` where none is in use; the name of one that is not there.
pub(super) fn address(
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<String>, String> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let of_user = || Some(PathBuf::from(set("HOME")?).join(CONFIG_OF_USER));
    let Some(dir) = set(CONFIG).map(PathBuf::from).or_else(of_user) else {
        return Ok(None);
    };
    let named = set(VARIABLE).and_then(|name| name.into_string().ok());
    let chosen = || read::<Config>(&dir.join("config.json"))?.current;
    let Some(name) = named.or_else(chosen).filter(|name| name != DEFAULT) else {
        return Ok(None);
    };
    of_name(&dir, &name).map(Some).ok_or(name)
}

/// The address of a context's engine. Directories are called by a digest of the name, which is in the file, too.
fn of_name(dir: &Path, name: &str) -> Option<String> {
    let entries = fs::read_dir(dir.join("contexts/meta")).ok()?;
    let mut found = entries.flatten().filter_map(|entry| {
        let meta: Meta = read(&entry.path().join("meta.json"))?;
        (meta.name == name).then_some((entry.file_name(), meta))
    });
    let (digest, meta) = found.next()?;
    let host = meta.endpoints.docker?.host;
    let certificates = dir.join("contexts/tls").join(digest).join("docker");
    let certificates = std::path::absolute(&certificates).unwrap_or(certificates);
    Some(match host.strip_prefix("tcp://") {
        Some(at) if certificates.is_dir() => format!("https://{at}#{}", certificates.display()),
        _ => host,
    })
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Docker's configuration, with a context in use.
    fn configured(current: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "config.json",
            &format!("{{\"auths\": {{}}, \"currentContext\": {current:?}}}"),
        );
        let meta = |name: &str, host: &str| {
            format!(
                "{{\"Name\":{name:?},\"Metadata\":{{}},\"Endpoints\":{{\"docker\":{{\"Host\":{host:?},\"SkipTLSVerify\":false}}}}}}"
            )
        };
        let rootless = meta("rootless", "unix:///run/user/1000/docker.sock");
        write("contexts/meta/aa/meta.json", &rootless);
        write("contexts/meta/bb/meta.json", &meta("far", "tcp://far:2376"));
        write("contexts/tls/bb/docker/ca.pem", "");
        dir
    }

    fn found(dir: &Path, context: Option<&str>) -> Result<Option<String>, String> {
        address(|name| match name {
            CONFIG => Some(dir.into()),
            VARIABLE => context.map(OsString::from),
            _ => None,
        })
    }

    #[test]
    fn the_context_in_use_or_the_one_that_is_named_tells_its_engine() {
        let dir = configured("rootless");
        let socket = "unix:///run/user/1000/docker.sock";
        assert_eq!(found(dir.path(), None), Ok(Some(socket.to_owned())));
        let far = format!(
            "https://far:2376#{}/contexts/tls/bb/docker",
            dir.path().display()
        );
        assert_eq!(found(dir.path(), Some("far")), Ok(Some(far)));
        assert_eq!(found(dir.path(), Some("default")), Ok(None));
        assert_eq!(found(dir.path(), Some("lost")), Err("lost".to_owned()));
    }

    #[test]
    fn without_configuration_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(found(dir.path(), None), Ok(None));
        assert_eq!(found(configured("default").path(), None), Ok(None));
        assert_eq!(address(|_| None), Ok(None));
    }
}
