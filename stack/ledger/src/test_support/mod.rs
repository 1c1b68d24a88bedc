//! Real PostgreSQL servers for tests: on free ports, in directories of their own, gone when
//! dropped.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to come up.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How often to look whether it has.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Where Debian keeps the servers, one directory per major version.
const DEBIAN_ROOT: &str = "/usr/lib/postgresql";

/// A PostgreSQL server with one empty database.
#[derive(Debug)]
pub struct PostgresServer {
    port: u16,
    process: Child,
    dir: TempDir,
}

impl PostgresServer {
    /// Starts a server. When the tests run as root it runs as the user `postgres`: it refuses to run
    /// as root.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not come up.
    pub fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let data = dir.path().join("data");
        fs::create_dir(&data)?;
        if let Some((user, group)) = other_user(dir.path())? {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
            chown(&data, Some(user), Some(group))?;
        }
        init(&data)?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let process = spawn(&data, port)?;
        let mut server = Self { port, process, dir };
        server.wait_until_up()?;
        Ok(server)
    }

    /// The URL of the server's one database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops the server without waiting for its clients. Its files stay.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn stop(&mut self) -> Result<()> {
        // SIGQUIT takes its children along and cleans up after it, unlike SIGKILL.
        let id = self.process.id().to_string();
        if !Command::new("kill")
            .args(["-s", "QUIT", &id])
            .status()?
            .success()
        {
            self.process.kill()?;
        }
        self.process.wait()?;
        Ok(())
    }

    /// Starts a stopped server again, on the same port and files.
    ///
    /// # Errors
    /// When the server does not come up.
    pub fn restart(&mut self) -> Result<()> {
        self.process = spawn(&self.dir.path().join("data"), self.port)?;
        self.wait_until_up()
    }

    fn wait_until_up(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.process.try_wait()? {
                return Err(Error::other(format!("postgres ended: {status}")));
            }
            if Instant::now() > deadline {
                return Err(Error::new(ErrorKind::TimedOut, "postgres does not listen"));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Nobody is left to be told of a failure.
        if let Ok(None) = self.process.try_wait() {
            let _ = self.stop();
        }
    }
}

fn spawn(data: &Path, port: u16) -> Result<Child> {
    command("postgres", data)?
        .args(["-p", &port.to_string()])
        .args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
        ])
        .args(["-c", "fsync=off"])
        .spawn()
}

fn init(data: &Path) -> Result<()> {
    let status = command("initdb", data)?
        .args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ])
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::other(format!("initdb ended: {status}")))
    }
}

/// A server program that works on `data` as the user who owns it.
fn command(program: &str, data: &Path) -> Result<Command> {
    let owner = fs::metadata(data)?;
    let mut command = Command::new(find(program)?);
    command.arg("-D").arg(data).current_dir(data);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if owner.uid() != fs::metadata("/proc/self")?.uid() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    Ok(command)
}

/// The user and group to run as, when whoever made `ours` is root.
fn other_user(ours: &Path) -> Result<Option<(u32, u32)>> {
    if fs::metadata(ours)?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let fields = users.lines().find(|line| line.starts_with("postgres:"));
    let mut ids = fields
        .into_iter()
        .flat_map(|line| line.split(':').skip(2))
        .map(str::parse);
    match (ids.next(), ids.next()) {
        (Some(Ok(user)), Some(Ok(group))) => Ok(Some((user, group))),
        _ => Err(Error::new(
            ErrorKind::NotFound,
            "there is no user postgres to run as",
        )),
    }
}

fn find(program: &str) -> Result<PathBuf> {
    let versions = fs::read_dir(DEBIAN_ROOT).into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(debian);
    let found = folders
        .map(|folder| folder.join(program))
        .find(|file| file.is_file());
    found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{program} is not installed")))
}
