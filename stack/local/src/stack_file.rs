//! `stack.json`: what runs where. The supervisor writes it, every other command reads it.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::component::{Component, Kind};
use crate::{Doing, Error, data_dir};

/// The file's name in the data directory.
pub const NAME: &str = "stack.json";

/// A process, by more than its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The process id.
    pub pid: u32,
    /// When it was started, in clock ticks since boot.
    pub start_ticks: u64,
}

impl ProcessId {
    /// Identifies a process that runs now; `None` when there is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = procfs::process::Process::new(i32::try_from(pid).ok()?)
            .ok()?
            .stat()
            .ok()?;
        Some(Self {
            pid,
            start_ticks: stat.starttime,
        })
    }

    /// Whether this very process still runs; a zombie does not.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let stat = i32::try_from(self.pid)
            .ok()
            .and_then(|pid| procfs::process::Process::new(pid).ok()?.stat().ok());
        stat.is_some_and(|stat| stat.starttime == self.start_ticks && stat.state != 'Z')
    }
}

/// A running stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackFile {
    /// The format's version.
    pub version: u32,
    /// What every duration is divided by.
    pub time_scale: f64,
    /// The process that owns the components.
    pub supervisor: ProcessId,
    /// Where everything is written.
    pub data_dir: PathBuf,
    /// The main database. It may hold a password: the file is readable by its owner only.
    pub ledger_url: String,
    /// The file with the token that opens every `admin_url`, for its owner only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_token_file: Option<PathBuf>,
    /// Where a file with a component's name keeps its supervisor from starting it again, for as long
    /// as it was written to within the last 15 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_dir: Option<PathBuf>,
    /// When the stack was started.
    pub started_at: Timestamp,
    /// The components, in the order in which they start.
    pub components: Vec<Component>,
}

impl StackFile {
    /// Reads the file in `dir`; `None` when there is none or it is not whole.
    #[must_use]
    pub fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(dir.join(NAME)).ok()?).ok()
    }

    /// Replaces the file in its data directory in one step.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self) -> Result<(), Error> {
        let path = self.data_dir.join(NAME);
        let next = self.data_dir.join("stack.json.next");
        let write = || -> std::io::Result<()> {
            let mut options = std::fs::OpenOptions::new();
            let mut file = options
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&next)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            std::fs::rename(&next, &path)
        };
        write().doing(|| format!("writing {}", path.display()))
    }

    /// The address of the first component of a kind.
    #[must_use]
    pub fn url(&self, kind: Kind) -> Option<Url> {
        self.of_kind(kind)
            .find_map(|component| component.url.as_deref()?.parse().ok())
    }

    /// The components of a kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Component> {
        self.components
            .iter()
            .filter(move |component| component.kind == kind)
    }

    /// Finds the stack to talk to: the one in `dir` if one is named, else the only one that
    /// runs for this user.
    ///
    /// # Errors
    /// [`Error::NoStackIn`], [`Error::NoStack`] or [`Error::ManyStacks`].
    pub fn find(dir: Option<&Path>) -> Result<Self, Error> {
        if let Some(dir) = dir {
            return Self::read(dir)
                .filter(|stack| stack.supervisor.is_alive())
                .ok_or_else(|| Error::NoStackIn {
                    dir: dir.display().to_string(),
                });
        }
        let mut running = registered()?;
        match running.len() {
            0 => Err(Error::NoStack),
            1 => Ok(running.remove(0)),
            _ => Err(Error::ManyStacks {
                dirs: running
                    .iter()
                    .map(|stack| stack.data_dir.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }

    /// Lets the other commands find this stack; dropping the result takes that back.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn register(&self) -> Result<Registered, Error> {
        let dir = data_dir::registry_dir()?;
        std::fs::create_dir_all(&dir).doing(|| format!("making {}", dir.display()))?;
        let path = dir.join(self.supervisor.pid.to_string());
        std::fs::write(&path, self.data_dir.as_os_str().as_encoded_bytes())
            .doing(|| format!("writing {}", path.display()))?;
        Ok(Registered { path })
    }
}

/// An entry in the registry of running stacks.
#[derive(Debug)]
pub(crate) struct Registered {
    path: PathBuf,
}

impl Drop for Registered {
    fn drop(&mut self) {
        // An entry that stays behind is recognised as dead and removed by the next reader.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The stacks that run; entries of dead ones are removed on the way.
fn registered() -> Result<Vec<StackFile>, Error> {
    let Ok(entries) = std::fs::read_dir(data_dir::registry_dir()?) else {
        return Ok(Vec::new());
    };
    let mut running = Vec::new();
    for entry in entries.flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok());
        let stack = std::fs::read_to_string(entry.path())
            .ok()
            .and_then(|dir| StackFile::read(Path::new(&dir)))
            .filter(|stack| Some(stack.supervisor.pid) == pid && stack.supervisor.is_alive());
        match stack {
            Some(stack) => running.push(stack),
            None if pid.is_some_and(|pid| ProcessId::of(pid).is_none()) => {
                // Another reader may have removed it already.
                let _ = std::fs::remove_file(entry.path());
            }
            None => {}
        }
    }
    Ok(running)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(dir: &Path, supervisor: ProcessId) -> StackFile {
        StackFile {
            version: 1,
            time_scale: 1.0,
            supervisor,
            data_dir: dir.to_owned(),
            ledger_url: "sqlite:votes.db".into(),
            admin_token_file: None,
            holds_dir: None,
            started_at: Timestamp::now(),
            components: Vec::new(),
        }
    }

    #[test]
    fn a_stack_is_found_while_its_supervisor_lives() {
        let temp = tempfile::tempdir().unwrap();
        let me = ProcessId::of(std::process::id()).unwrap();
        stack(temp.path(), me).write().unwrap();
        assert_eq!(StackFile::find(Some(temp.path())).unwrap().supervisor, me);

        let recycled = ProcessId {
            start_ticks: me.start_ticks + 1,
            ..me
        };
        stack(temp.path(), recycled).write().unwrap();
        let error = StackFile::find(Some(temp.path())).unwrap_err().to_string();
        assert!(error.starts_with("no stack is running in "), "{error}");
    }

    #[test]
    fn a_file_of_before_there_were_admin_listeners_is_read() {
        let temp = tempfile::tempdir().unwrap();
        let old = r#"{"version":1,"time_scale":1.0,"supervisor":{"pid":1,"start_ticks":1},
            "data_dir":"/x","ledger_url":"sqlite:votes.db","started_at":"2026-11-22T10:00:00Z",
            "components":[{"name":"worker-1","kind":"worker","pid":null,"start_ticks":null,
            "url":"http://127.0.0.1:8081/","log":null,"state":"stopped","restarts":0}]}"#;
        std::fs::write(temp.path().join(NAME), old).unwrap();
        let stack = StackFile::read(temp.path()).unwrap();
        assert_eq!(stack.admin_token_file, None);
        assert_eq!(stack.components[0].admin_url, None);
    }

    #[test]
    fn admin_listeners_are_read_back() {
        let temp = tempfile::tempdir().unwrap();
        let me = ProcessId::of(std::process::id()).unwrap();
        let mut written = stack(temp.path(), me);
        written.admin_token_file = Some(temp.path().join("admin.token"));
        written.components = vec![Component {
            name: "worker-1".into(),
            kind: Kind::Worker,
            pid: None,
            start_ticks: None,
            url: None,
            admin_url: Some("http://127.0.0.1:8090/".into()),
            log: None,
            state: crate::component::State::Healthy,
            restarts: 0,
        }];
        written.write().unwrap();
        assert_eq!(StackFile::read(temp.path()).unwrap(), written);
    }

    #[test]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().unwrap();
        stack(temp.path(), ProcessId::of(std::process::id()).unwrap())
            .write()
            .unwrap();
        let mode = std::fs::metadata(temp.path().join(NAME))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
