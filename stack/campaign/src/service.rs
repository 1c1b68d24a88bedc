//! A vote app or a worker as a process of its own, to be killed and started again.

use std::fs::File;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Where Debian keeps the library that lies to a process about the time.
const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// One service. Killed when dropped.
#[derive(Debug)]
pub struct Service {
    /// Its name, `worker-1` for instance.
    pub name: String,
    /// Where it serves HTTP.
    pub address: SocketAddr,
    program: PathBuf,
    args: Vec<String>,
    log: PathBuf,
    process: Option<Child>,
}

impl Service {
    /// A service that is not started yet: `program` is this crate's own, which is a vote app or a
    /// worker by its first argument `kind`.
    #[must_use]
    pub fn new(program: &Path, kind: &str, name: &str, address: SocketAddr, dir: &Path) -> Self {
        let args = [kind, "--instance", name, "--listen", &address.to_string()];
        Self {
            name: name.to_owned(),
            address,
            program: program.to_owned(),
            args: args.map(str::to_owned).to_vec(),
            log: dir.join(format!("{name}.log")),
            process: None,
        }
    }

    /// Adds a setting.
    #[must_use]
    pub fn with(mut self, flag: &str, value: impl Into<String>) -> Self {
        self.args.extend([flag.to_owned(), value.into()]);
        self
    }

    /// Starts the process with a clock that is `skew_s` seconds off.
    ///
    /// # Errors
    /// When it cannot be started, or the clock cannot be set off.
    pub fn start(&mut self, skew_s: i64) -> Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        // A service that outgrows a limit on the size of its files shall see a full disk, not a signal.
        let mut command = Command::new("env");
        command.arg("--ignore-signal=XFSZ").arg(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        if skew_s != 0 {
            let library = faketime().ok_or_else(|| Error::other("libfaketime is not installed"))?;
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME", format!("{skew_s:+}s"))
                // Timers go on as they are: what is wrong is the time of day.
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        self.process = Some(command.spawn()?);
        Ok(())
    }

    /// Kills the process as `kill -9` does.
    ///
    /// # Errors
    /// When it had ended by itself, or cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            if let Some(status) = process.try_wait()? {
                let what = format!("{} had ended by itself: {status}", self.name);
                return Err(Error::other(what));
            }
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Lets no file of the process become larger than this, in bytes, as if its disk were full; or any.
    ///
    /// # Errors
    /// When the limit cannot be set.
    pub fn limit_files(&self, limit: Option<u64>) -> Result<()> {
        let pid = self.pid()?.as_raw_nonzero().to_string();
        let limit = limit.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &pid, &format!("--fsize={limit}:")]);
        if prlimit.status()?.success() {
            return Ok(());
        }
        let name = &self.name;
        Err(Error::other(format!(
            "prlimit could not limit the files of {name}"
        )))
    }

    /// Stops the process in its tracks.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Asks the process to end, as a rolling restart does.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Whether the process has ended, without a wait.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn has_ended(&mut self) -> Result<bool> {
        match &mut self.process {
            Some(process) => Ok(process.try_wait()?.is_some()),
            None => Ok(true),
        }
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(self.pid()?, signal)?)
    }

    fn pid(&self) -> Result<Pid> {
        let pid = self.process.as_ref().map(Pid::from_child);
        pid.ok_or_else(|| Error::other(format!("{} does not run", self.name)))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Nobody is left to be told of a failure.
        let _ = self.kill();
    }
}

/// The library that sets clocks off, if it is installed.
#[must_use]
pub fn faketime() -> Option<&'static str> {
    FAKETIME.into_iter().find(|path| Path::new(path).exists())
}
