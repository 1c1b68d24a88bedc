//! Real Redis servers for tests: on free ports, in directories of their own, gone when dropped.

use std::io::{Error, ErrorKind, Result};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Client, RedisResult, Value};
use tempfile::TempDir;

use crate::{DEAD_STREAM, Error as QueueError};

pub use certificates::Certificates;
pub use cluster::Cluster;
pub use dead::DeadLetter;
pub use sentinels::{MASTER, Sentinels};

mod certificates;
mod cluster;
mod dead;
mod sentinels;

/// How long a server may take to come up.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How often to look whether it has.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What still fits on a full disk.
const LAST_ROOM_BYTES: u64 = 50;

/// How many ports to try: between being found free and being taken, a port can be lost to others.
const PORTS_TRIED: u32 = 5;

/// The stack's own file.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../redis.conf");

/// The server's log, in its directory.
const LOG: &str = "redis.log";

/// A Redis server with the stack's own `redis.conf`.
#[derive(Debug)]
pub struct RedisServer {
    dir: TempDir,
    port: u16,
    process: Child,
    settings: Vec<String>,
}

impl RedisServer {
    /// Starts a server with nothing in it.
    ///
    /// # Errors
    /// When `redis-server` is not installed or does not come up.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// The same, with settings as its command line has them.
    ///
    /// # Errors
    /// When `redis-server` is not installed or does not come up.
    pub fn start_with(settings: &[&str]) -> Result<Self> {
        let settings: Vec<String> = settings.iter().map(|word| (*word).to_owned()).collect();
        let mut last = Error::other("no port tried");
        for _ in 0..PORTS_TRIED {
            let dir = tempfile::tempdir()?;
            let port = free_port()?;
            let process = spawn(dir.path(), port, &settings)?;
            let mut server = Self {
                dir,
                port,
                process,
                settings: settings.clone(),
            };
            match server.wait_until_up() {
                Ok(()) => return Ok(server),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The server's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The server's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Kills the server as `kill -9` does. Its files stay.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Whether the server has ended by itself.
    ///
    /// # Errors
    /// When the process cannot be looked at.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_some())
    }

    /// Lets the server's append-only file become hardly larger than it is, until it is started again:
    /// what it then sees is a disk that is full, most likely in the middle of a command.
    ///
    /// # Errors
    /// When the limit cannot be set.
    pub fn fill_disk(&self) -> Result<()> {
        // Of two there is one while the file is being written anew: the shorter one is written to.
        let files = std::fs::read_dir(self.dir.path().join("appendonlydir"))?;
        let written = files.flatten().filter(|file| {
            let name = file.file_name();
            name.to_string_lossy().contains(".incr.")
        });
        let sizes = written.filter_map(|file| file.metadata().ok());
        let limit = sizes.map(|file| file.len()).min().unwrap_or(0) + LAST_ROOM_BYTES;
        let pid = self.process.id().to_string();
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &pid, &format!("--fsize={limit}:")]);
        if prlimit.status()?.success() {
            Ok(())
        } else {
            Err(Error::other("prlimit could not limit the server's files"))
        }
    }

    /// Starts a killed server again, on the same port and files.
    ///
    /// # Errors
    /// When the server does not come up.
    pub fn restart(&mut self) -> Result<()> {
        self.process = spawn(self.dir.path(), self.port, &self.settings)?;
        self.wait_until_up()
    }

    /// Stops the process in its tracks: connections stay open, nothing is answered.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn pause(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Lets a paused process go on.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn resume(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Sends a command and waits for the answer.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn command(&self, words: &[&[u8]]) -> RedisResult<Value> {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command.query(&mut Client::open(self.url())?.get_connection()?)
    }

    /// The dead letters that came after the one with the id `last`; all when there was none.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn dead_letters(&self, last: Option<&str>) -> RedisResult<Vec<DeadLetter>> {
        let from = last.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
        let range = self.command(&[b"XRANGE", DEAD_STREAM.as_bytes(), from.as_bytes(), b"+"])?;
        let entries: Vec<(String, Vec<(String, String)>)> = redis::from_redis_value(range)?;
        let letters = entries.into_iter();
        Ok(letters
            .map(|(id, fields)| DeadLetter { id, fields })
            .collect())
    }

    /// A number of `INFO`, `used_memory` for instance; 0 when it does not tell it.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn info(&self, field: &str) -> RedisResult<u64> {
        let mut client = Client::open(self.url())?.get_connection()?;
        let info: String = redis::cmd("INFO").query(&mut client)?;
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(name, _)| *name == field);
        Ok(found.map_or(0, |(_, value)| value.trim().parse().unwrap_or(0)))
    }

    /// Makes the server full: it takes no more data, but gives and deletes what it has.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn fill(&self) -> RedisResult<()> {
        self.command(&[b"CONFIG", b"SET", b"maxmemory", b"1"])
            .map(drop)
    }

    /// How many entries of the stream are delivered and not acknowledged.
    ///
    /// # Errors
    /// When the server cannot be reached, or the workers' group is not there.
    pub fn pending(&self) -> RedisResult<u64> {
        let summary = self.command(&[b"XPENDING", b"votes", b"workers"])?;
        let (count, _, _, _): (u64, Value, Value, Value) = redis::from_redis_value(summary)?;
        Ok(count)
    }

    /// Leaves the server's files where they are when it is dropped, and tells where.
    pub fn keep(&mut self) -> PathBuf {
        self.dir.disable_cleanup(true);
        self.dir.path().to_owned()
    }

    fn signal(&self, name: &str) -> Result<()> {
        let id = self.process.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status()?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::other(format!("kill -s {name} {id}")))
        }
    }

    /// The end of the server's log.
    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.dir.path().join(LOG)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }

    fn wait_until_up(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while self.command(&[b"PING"]).is_err() {
            if let Some(status) = self.process.try_wait()? {
                let told = format!("redis-server ended: {status}: {}", self.last_words());
                return Err(Error::other(told));
            }
            if Instant::now() > deadline {
                let told = format!("redis-server does not answer: {}", self.last_words());
                return Err(Error::new(ErrorKind::TimedOut, told));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Nobody is left to be told of a failure.
        let _ = self.kill();
    }
}

/// Tries again and again until Redis is there, as everyone who uses the queue does: a busy machine may
/// take longer for an answer than the queue waits.
///
/// # Errors
/// Every error but [`QueueError::Away`], and that too after a minute.
pub async fn patiently<T, F>(attempt: impl Fn() -> F) -> std::result::Result<T, QueueError>
where
    F: Future<Output = std::result::Result<T, QueueError>>,
{
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        match attempt().await {
            Err(QueueError::Away(_)) if Instant::now() < deadline => {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            tried => return tried,
        }
    }
}

/// Sends a command to the server at `url`, and waits so long at most: to connect, and for the answer.
///
/// # Errors
/// When the server cannot be reached, refuses, or does not answer in time.
pub fn command_within(url: &str, words: &[&str], within: Duration) -> RedisResult<Value> {
    let mut connection = Client::open(url)?.get_connection_with_timeout(within)?;
    connection.set_read_timeout(Some(within))?;
    connection.set_write_timeout(Some(within))?;
    let mut command = redis::Cmd::new();
    command.arg(words).query(&mut connection)
}

/// A port of 127.0.0.1 that was free a moment ago.
///
/// # Errors
/// When no port is free.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Looks again and again whether something is so.
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + START_TIMEOUT;
    while !is_so() {
        if Instant::now() > deadline {
            return Err(Error::new(ErrorKind::TimedOut, what.to_owned()));
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

fn spawn(dir: &Path, port: u16, settings: &[String]) -> Result<Child> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(dir.join(LOG))?;
    // Sentinels have servers write their file anew.
    let file = dir.join("redis.conf");
    if !file.exists() {
        std::fs::copy(SHIPPED, &file)?;
    }
    // A server that outgrows a limit on the size of its files shall see a full disk, not a signal.
    Command::new("env")
        .args(["--ignore-signal=XFSZ", "redis-server"])
        .arg(&file)
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .arg("--dir")
        .arg(dir)
        .args(settings)
        .stdin(Stdio::null())
        .stdout(log)
        .spawn()
        .map_err(|error| Error::new(error.kind(), format!("redis-server: {error}")))
}
