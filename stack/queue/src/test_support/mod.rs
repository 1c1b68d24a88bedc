//! Real Redis servers for tests: on free ports, in directories of their own, gone when dropped.

use std::io::{Error, ErrorKind, Result};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Client, RedisResult, Value};
use tempfile::TempDir;

/// How long a server may take to come up.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How often to look whether it has.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How many ports to try: between being found free and being taken, a port can be lost to others.
const PORTS_TRIED: u32 = 5;

/// A Redis server with the stack's own `redis.conf`.
#[derive(Debug)]
pub struct RedisServer {
    dir: TempDir,
    port: u16,
    process: Child,
}

impl RedisServer {
    /// Starts a server with nothing in it.
    ///
    /// # Errors
    /// When `redis-server` is not installed or does not come up.
    pub fn start() -> Result<Self> {
        let mut last = Error::other("no port tried");
        for _ in 0..PORTS_TRIED {
            let dir = tempfile::tempdir()?;
            let port = free_port()?;
            let process = spawn(dir.path(), port)?;
            let mut server = Self { dir, port, process };
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

    /// Starts a killed server again, on the same port and files.
    ///
    /// # Errors
    /// When the server does not come up.
    pub fn restart(&mut self) -> Result<()> {
        self.process = spawn(self.dir.path(), self.port)?;
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

    fn signal(&self, name: &str) -> Result<()> {
        let id = self.process.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status()?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::other(format!("kill -s {name} {id}")))
        }
    }

    fn wait_until_up(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while self.command(&[b"PING"]).is_err() {
            if let Some(status) = self.process.try_wait()? {
                return Err(Error::other(format!("redis-server ended: {status}")));
            }
            if Instant::now() > deadline {
                return Err(Error::new(
                    ErrorKind::TimedOut,
                    "redis-server does not answer",
                ));
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

/// A port of 127.0.0.1 that was free a moment ago.
///
/// # Errors
/// When no port is free.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn spawn(dir: &Path, port: u16) -> Result<Child> {
    Command::new("redis-server")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../redis.conf"))
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .arg("--dir")
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| Error::new(error.kind(), format!("redis-server: {error}")))
}
