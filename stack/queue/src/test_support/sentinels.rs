//! A primary, its replica, and the Sentinels that watch them.

use std::fs;
use std::io::Result;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use redis::{Client, FromRedisValue, RedisResult};
use tempfile::TempDir;

use super::{POLL_INTERVAL, RedisServer, free_port, wait_for};

/// What the Sentinels call the primary.
pub const MASTER: &str = "votes";

const COUNT: usize = 3;

/// A primary, its replica, and three Sentinels of which two decide.
#[derive(Debug)]
pub struct Sentinels {
    /// The primary at first.
    pub primary: RedisServer,
    /// The replica at first.
    pub replica: RedisServer,
    watching: Vec<Sentinel>,
}

#[derive(Debug)]
struct Sentinel {
    port: u16,
    process: Child,
    _dir: TempDir,
}

impl Sentinels {
    /// Starts all of them, and waits until they know each other.
    ///
    /// # Errors
    /// When one of them does not come up.
    pub fn start() -> Result<Self> {
        let primary = RedisServer::start()?;
        let port = primary.port().to_string();
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port])?;
        let info = |field: &str| primary.info(field).unwrap_or(0);
        wait_for("the replica is connected", || {
            info("connected_slaves") == 1 && info("master_repl_offset") > 0
        })?;
        let watching = (0..COUNT).map(|_| Sentinel::start(&port));
        let watching = watching.collect::<Result<Vec<_>>>()?;
        let all = Self {
            primary,
            replica,
            watching,
        };
        wait_for("the Sentinels know each other and the replica", || {
            all.watching.iter().all(Sentinel::is_ready)
        })?;
        Ok(all)
    }

    /// The URL of the primary, whoever it is, as the Sentinels name it.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts = self.watching.iter();
        let hosts: Vec<_> = hosts.map(|one| format!("127.0.0.1:{}", one.port)).collect();
        format!("redis+sentinel://{}/{MASTER}", hosts.join(","))
    }

    /// Has the replica take the primary's place, which does not hear of it, and nor does the first Sentinel: as
    /// when all but its clients are cut off from the machine of both.
    ///
    /// # Errors
    /// When one of them refuses.
    pub fn replace_unawares(&self) -> RedisResult<()> {
        for sentinel in &self.watching {
            sentinel.send::<()>(&["REMOVE", MASTER])?;
        }
        self.replica.command(&[b"REPLICAOF", b"NO", b"ONE"])?;
        // Else the first would find the replica there, and make it one again.
        while self.primary.info("connected_slaves")? > 0 {
            std::thread::sleep(POLL_INTERVAL);
        }
        for (index, sentinel) in self.watching.iter().enumerate() {
            let named = if index == 0 {
                &self.primary
            } else {
                &self.replica
            };
            let port = named.port().to_string();
            sentinel.send::<()>(&["MONITOR", MASTER, "127.0.0.1", &port, "2"])?;
        }
        Ok(())
    }

    /// Whether all Sentinels name this server the primary.
    #[must_use]
    pub fn name(&self, server: &RedisServer) -> bool {
        let expected = ("127.0.0.1".to_owned(), server.port());
        self.watching.iter().all(|sentinel| {
            let named: RedisResult<(String, u16)> = sentinel.ask("GET-MASTER-ADDR-BY-NAME");
            named.is_ok_and(|named| named == expected)
        })
    }
}

impl Sentinel {
    fn start(primary: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let port = free_port()?;
        let file = dir.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor {MASTER} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {MASTER} 1500\n\
             sentinel failover-timeout {MASTER} 4000\n"
        );
        fs::write(&file, text)?;
        let process = spawn(&file, dir.path())?;
        Ok(Self {
            port,
            process,
            _dir: dir,
        })
    }

    fn is_ready(&self) -> bool {
        let quorum: RedisResult<String> = self.ask("CKQUORUM");
        let replicas: RedisResult<Vec<redis::Value>> = self.ask("REPLICAS");
        quorum.is_ok_and(|told| told.contains(&format!("{COUNT} usable")))
            && replicas.is_ok_and(|replicas| replicas.len() == 1)
    }

    fn ask<T: FromRedisValue>(&self, what: &str) -> RedisResult<T> {
        self.send(&[what, MASTER])
    }

    fn send<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let url = format!("redis://127.0.0.1:{}", self.port);
        let mut connection = Client::open(url)?.get_connection()?;
        redis::cmd("SENTINEL").arg(words).query(&mut connection)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // Nobody is left to be told of a failure.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(file: &Path, dir: &Path) -> Result<Child> {
    Command::new("redis-server")
        .arg(file)
        .arg("--sentinel")
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(dir.join("sentinel.log"))?)
        .spawn()
}
