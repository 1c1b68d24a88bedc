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
    settings: &'static [&'static str],
}

impl PostgresServer {
    /// Starts a server. When the tests run as root it runs as the user `postgres`: it refuses to run
    /// as root.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not come up.
    pub fn start() -> Result<Self> {
        Self::start_with(&["-c", "fsync=off"], None)
    }

    /// The same, with a certificate and its key in PEM, and nobody let in without TLS.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not come up.
    pub fn start_tls(certificate: &Path, key: &Path) -> Result<Self> {
        Self::start_with(
            &["-c", "fsync=off", "-c", "ssl=on"],
            Some([certificate, key]),
        )
    }

    /// The same, but what is committed is on disk, as it is where it matters.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not come up.
    pub fn start_durable() -> Result<Self> {
        Self::start_with(&[], None)
    }

    fn start_with(settings: &'static [&'static str], tls: Option<[&Path; 2]>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let data = dir.path().join("data");
        fs::create_dir(&data)?;
        if let Some((user, group)) = other_user(dir.path())? {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
            chown(&data, Some(user), Some(group))?;
        }
        init(&data)?;
        if let Some([certificate, key]) = tls {
            add(&data, "server.crt", &fs::read(certificate)?)?;
            add(&data, "server.key", &fs::read(key)?)?;
            let rule = "hostssl all all 127.0.0.1/32 trust\n";
            add(&data, "pg_hba.conf", rule.as_bytes())?;
        }
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let process = spawn(&data, port, settings)?;
        let mut server = Self {
            port,
            process,
            dir,
            settings,
        };
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
        if signal("QUIT", &[self.process.id()]).is_err() {
            self.process.kill()?;
        }
        self.process.wait()?;
        Ok(())
    }

    /// Starts a stopped or killed server again, on the same port and files.
    ///
    /// # Errors
    /// When the server does not come up.
    pub fn restart(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            self.process = spawn(&self.dir.path().join("data"), self.port, self.settings)?;
            match self.wait_until_up() {
                // A killed server's children see only after a while that it is gone; until then
                // its memory counts as in use and no successor starts.
                Err(error) if error.kind() == ErrorKind::Other && Instant::now() < deadline => {
                    std::thread::sleep(POLL_INTERVAL);
                }
                result => return result,
            }
        }
    }

    /// Kills the server itself as `kill -9` does; its children end when they see it. Its files stay.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Kills one of the processes that serve clients as `kill -9` does: the server then ends all of
    /// them, and recovers. False when no client is connected.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn kill_backend(&self) -> Result<bool> {
        let backends = self.children().into_iter().filter(|id| {
            let title = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
            title.contains("127.0.0.1(")
        });
        match backends.max() {
            Some(backend) => signal("KILL", &[backend]).map(|()| true),
            None => Ok(false),
        }
    }

    /// Stops the server and its children in their tracks: connections stay open, nothing is
    /// answered.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn pause(&self) -> Result<()> {
        // The parent first, so that it has no further children.
        signal("STOP", &[self.process.id()])?;
        signal("STOP", &self.children())
    }

    /// Lets a paused server go on.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn resume(&self) -> Result<()> {
        signal("CONT", &self.children())?;
        signal("CONT", &[self.process.id()])
    }

    fn children(&self) -> Vec<u32> {
        let id = self.process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.unwrap_or_default();
        children
            .split_whitespace()
            .filter_map(|id| id.parse().ok())
            .collect()
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
            // A test may have failed while it was paused, and would wait for it for ever.
            let _ = self.resume();
            let _ = self.stop();
        }
    }
}

/// Sends a signal. A process that is gone meanwhile is none to be told of.
fn signal(name: &str, ids: &[u32]) -> Result<()> {
    let ids = ids
        .iter()
        .filter(|id| Path::new(&format!("/proc/{id}")).exists());
    let ids: Vec<String> = ids.map(u32::to_string).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut kill = Command::new("kill");
    kill.args(["-s", name]).args(&ids).stderr(Stdio::null());
    let all_sent = kill.status()?.success();
    let is_gone = |id: &String| !Path::new(&format!("/proc/{id}")).exists();
    if all_sent || ids.iter().any(is_gone) {
        Ok(())
    } else {
        Err(Error::other(format!("kill -s {name} {}", ids.join(" "))))
    }
}

fn spawn(data: &Path, port: u16, settings: &[&str]) -> Result<Child> {
    command("postgres", data)?
        .args(["-p", &port.to_string()])
        .args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
        ])
        .args(settings)
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

/// Writes a file that the server's user owns and nobody else can read.
fn add(data: &Path, name: &str, content: &[u8]) -> Result<()> {
    let (file, owner) = (data.join(name), fs::metadata(data)?);
    fs::write(&file, content)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    chown(&file, Some(owner.uid()), Some(owner.gid()))
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
