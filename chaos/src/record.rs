//! Fault records: what was done to whom, on disk before it is done, so that whoever finds the
//! record can undo it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use crate::Error;
use crate::audit::Audit;
use crate::identity::Identity;
use crate::process::{Process, State};

/// The version of the record's format that this code writes, and the newest that it reads.
pub const VERSION: u32 = 1;

/// The longest time for which a fault may be asked to last.
pub const LONGEST_TTL: Duration = Duration::from_hours(24);

/// What is done to the targets, and thereby how it is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fault {
    /// Stopped with SIGSTOP, or paused; undone with SIGCONT, or by unpausing.
    Stall {},
    /// Ended with SIGKILL; undone by starting it again, or letting it be started.
    Kill(Holding),
    /// Asked for of the services themselves, which know it by the record's name; undone by asking
    /// them to end it, and by themselves when nobody renews it.
    Lease(Terms),
    /// Given keys of ours until it is nearly full; undone by removing them.
    Fill(Filling),
}

/// What keeps processes that were killed from being started again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The directory in which their supervisor looks: it starts none again of whose name there is a
    /// file that was written to lately. None for containers, which nobody starts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_dir: Option<PathBuf>,
}

/// The keys that a Redis is filled with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filling {
    /// Where it listens. It may hold a password: the state directory is for its owner.
    pub url: Url,
    /// What their names begin with; a colon and a number follow.
    pub prefix: String,
    /// How many there are at the most.
    pub keys: u32,
    /// The memory that it is to use, in bytes.
    pub to_bytes: u64,
}

/// What services are told when they are asked for a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What they are given along with the fault's name.
    pub parameters: Map<String, Value>,
    /// The file with the token that opens their admin listeners; none for containers, which have their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
}

/// Whom a fault is injected into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What the target is called, such as `worker-1`.
    pub name: String,
    /// Who it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// Where it takes faults itself, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_url: Option<Url>,
}

impl Target {
    /// Whether it is not known to have ended: a process that still lives. Whether a listener or a
    /// container is the same is told by asking it or its engine.
    pub(crate) fn is_alive(&self) -> bool {
        match &self.identity {
            Identity::Process(process) => process.state().is_ok_and(State::is_alive),
            Identity::Container(_) | Identity::Listener(_) => true,
        }
    }

    /// A process that takes no faults itself.
    #[must_use]
    pub fn process(name: impl Into<String>, process: Process) -> Self {
        Self {
            name: name.into(),
            identity: Identity::Process(process),
            admin_url: None,
        }
    }

    /// Its name and who it is, for messages: `worker-1 (process 7)`.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{} ({})", self.name, self.identity)
    }
}

/// One fault, from before it is injected until its undoing has been seen to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this format, see [`VERSION`].
    pub version: u32,
    /// The fault's id; also the record's file name.
    pub id: Uuid,
    /// What the fault is called, such as `stall-worker`; see [`crate::catalogue`]. Records that
    /// were written before faults had names are of stalls.
    #[serde(default = "stall")]
    pub name: String,
    /// What is done to the targets.
    pub fault: Fault,
    /// Whom it is done to.
    pub targets: Vec<Target>,
    /// When the record was written.
    pub created_at: Timestamp,
    /// When the guardian undoes the fault at the latest.
    pub deadline_at: Timestamp,
    /// The process that injects the fault.
    pub runner: Process,
    /// The user that runs it.
    pub who: String,
    /// The process that undoes the fault when the runner cannot; none until it is ready.
    pub guardian: Option<Process>,
}

impl Record {
    /// A record of `fault`, called `name`, by the calling process, to be undone at the latest after `ttl`.
    ///
    /// # Errors
    /// [`Error::Ttl`] when `ttl` is zero or above [`LONGEST_TTL`], [`Error::Process`] when the
    /// calling process cannot find itself in `/proc`.
    pub fn new(
        name: &str,
        fault: Fault,
        targets: Vec<Target>,
        ttl: Duration,
    ) -> Result<Self, Error> {
        let created_at = Timestamp::now();
        let deadline_at = SignedDuration::try_from(ttl)
            .ok()
            .filter(|_| !ttl.is_zero() && ttl <= LONGEST_TTL)
            .and_then(|ttl| created_at.checked_add(ttl).ok())
            .ok_or(Error::Ttl {
                longest_h: LONGEST_TTL.as_secs() / 3600,
            })?;
        Ok(Self {
            version: VERSION,
            id: Uuid::now_v7(),
            name: name.to_owned(),
            fault,
            targets,
            created_at,
            deadline_at,
            runner: Process::current()?,
            who: user(),
            guardian: None,
        })
    }

    /// The names of the targets, for messages.
    #[must_use]
    pub fn target_names(&self) -> String {
        self.targets
            .iter()
            .map(|target| target.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// The state directory: the records in `DIR/faults`, and the audit log beside them.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// Opens the state directory, and creates it if it is not there yet.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be created.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        // For its owner only: a record may hold an address with a password.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir.join("faults"))
            .and_then(|()| sync_dir(dir))
            .map_err(Error::store("create", dir))?;
        // The guardian works from `/`, so paths given to it must not depend on where we are.
        let dir = dir.canonicalize().map_err(Error::store("open", dir))?;
        Ok(Self { dir })
    }

    /// The state directory that the record at `path` lies in.
    #[must_use]
    pub fn of_record(path: &Path) -> Option<Self> {
        let dir = path.parent()?.parent()?.to_owned();
        Some(Self { dir })
    }

    /// The state directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The audit log of this directory.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::new(self.dir.join("audit.jsonl"))
    }

    /// Where the record of the fault `id` lies.
    #[must_use]
    pub fn path(&self, id: Uuid) -> PathBuf {
        self.faults_dir().join(format!("{id}.json"))
    }

    /// Writes `record`, in place of an earlier version of it, and returns once it is durable: a
    /// reader, or a machine that has lost power, sees the old version or the new one, never a part.
    ///
    /// # Errors
    /// [`Error::Store`] when the disk is full or does not take it.
    pub fn write(&self, record: &Record) -> Result<(), Error> {
        let path = self.path(record.id);
        let temporary = temporary(&path);
        let written = write_durably(&temporary, record)
            .and_then(|()| fs::rename(&temporary, &path))
            .and_then(|()| sync_dir(&self.faults_dir()));
        if written.is_err() {
            sweep(&path);
        }
        written.map_err(Error::store("write", path))
    }

    /// Removes the record of the fault `id`, durably. Returns false when somebody had removed it
    /// before.
    ///
    /// # Errors
    /// [`Error::Store`] when it cannot be removed.
    pub fn remove(&self, id: Uuid) -> Result<bool, Error> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::store("remove", path)(error)),
        }
        sync_dir(&self.faults_dir()).map_err(Error::store("remove", path))?;
        Ok(true)
    }

    /// Every record, oldest first; with each that cannot be read as an error of its own, so that
    /// one broken file does not hide the others.
    ///
    /// # Errors
    /// [`Error::Store`] when the directory cannot be listed.
    pub fn list(&self) -> Result<Vec<Result<Record, Error>>, Error> {
        let dir = self.faults_dir();
        let listed = fs::read_dir(&dir)
            .and_then(|entries| {
                entries
                    .map(|entry| Ok(entry?.path()))
                    .collect::<io::Result<Vec<_>>>()
            })
            .map_err(Error::store("list", &dir))?;
        let mut paths: Vec<_> = listed
            .into_iter()
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .collect();
        // Ids are UUIDv7, so names sort by age.
        paths.sort();
        Ok(paths
            .iter()
            .filter_map(|path| read(path).transpose())
            .collect())
    }

    fn faults_dir(&self) -> PathBuf {
        self.dir.join("faults")
    }
}

/// Reads the record at `path`; none when there is no such file, as after its removal.
///
/// # Errors
/// [`Error::Store`] when the file cannot be read, [`Error::Unreadable`] when it is no record or
/// one of a newer version.
pub fn read(path: &Path) -> Result<Option<Record>, Error> {
    Kept::read(path)?.map(|kept| kept.record()).transpose()
}

/// The bytes of a record, not yet understood.
#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Kept {
    /// Reads the file at `path`; `None` when it is not there.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Error> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(Self {
                path: path.to_owned(),
                bytes,
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::store("read", path)(error)),
        }
    }

    /// The record that they are.
    pub(crate) fn record(&self) -> Result<Record, Error> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let unreadable = |reason: String| Error::Unreadable {
            path: self.path.clone(),
            reason,
        };
        let told = serde_json::from_slice::<Versioned>(&self.bytes)
            .map_err(|error| unreadable(error.to_string()))?;
        if told.version > VERSION {
            return Err(unreadable(format!(
                "it has version {}, newer than {VERSION}",
                told.version
            )));
        }
        serde_json::from_slice(&self.bytes).map_err(|error| unreadable(error.to_string()))
    }
}

/// Removes what a write of the record at `path` left behind when it was cut short.
pub(crate) fn sweep(path: &Path) {
    // It is not a record, so nobody acts on it; a failure does no harm.
    let _ = fs::remove_file(temporary(path));
}

fn temporary(path: &Path) -> PathBuf {
    path.with_extension("tmp")
}

fn write_durably(path: &Path, record: &Record) -> io::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(record)?;
    bytes.push(b'\n');
    let mut options = File::options();
    let options = options.create(true).truncate(true).write(true);
    let mut file = options.mode(0o600).open(path)?;
    file.write_all(&bytes)?;
    file.sync_all()
}

/// Makes creations, renames and removals in `dir` durable.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn stall() -> String {
    "stall".to_owned()
}

/// The user on whose behalf this process runs, as the audit log names them.
fn user() -> String {
    let uid = rustix::process::getuid().as_raw();
    // Whoever became root through sudo is the one to ask.
    ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .map_or_else(
            || format!("uid {uid}"),
            |user| format!("{user} (uid {uid})"),
        )
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
