//! Keeps one component running: starts it, asks whether it serves, starts it again when it dies,
//! stops it at the end.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Launcher;
use super::board::{Board, Change, Process};
use super::hold::Hold;
use crate::component::State;
use crate::data_dir::{log_tail, set_aside};
use crate::plan::Spec;
use crate::ports;
use crate::stack_file::ProcessId;
use crate::{Doing, Error};

/// How often a component that does not serve yet is asked.
const EAGER_CHECK: Duration = Duration::from_millis(100);
/// After this it is told why one does not serve yet.
const TELL_AFTER: Duration = Duration::from_secs(5);
/// How often one that serves is asked.
const CALM_CHECK: Duration = Duration::from_secs(2);
/// Waits before a component is started again: doubled at each death, and
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
/// never longer than this;
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);
/// one that lived this long begins anew.
const SETTLED_AFTER: Duration = Duration::from_secs(30);
/// How long a component may take to stop before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// Lines of a dead component's log that are shown.
const TAIL_LINES: usize = 5;

pub(super) struct Keeper {
    pub(super) spec: Spec,
    pub(super) log: PathBuf,
    /// Keeps it from being started again.
    pub(super) hold: Hold,
    pub(super) launcher: Launcher,
    pub(super) board: Arc<Board>,
    pub(super) http: reqwest::Client,
    pub(super) stop: CancellationToken,
}

impl Keeper {
    /// Runs until the component is stopped.
    pub(super) async fn keep(self) {
        set_aside(&self.log);
        let mut deaths: u32 = 0;
        let mut ever_served = false;
        while !self.stop.is_cancelled() {
            let started = Instant::now();
            let end = self.life(&mut ever_served).await;
            let Some(last_words) = end else { break };
            deaths = if started.elapsed() > SETTLED_AFTER {
                1
            } else {
                deaths + 1
            };
            if !ever_served && self.spec.required {
                self.board
                    .died_unserved(&self.spec.name, deaths, &last_words);
            }
            let wait = LONGEST_BACKOFF.min(FIRST_BACKOFF * 2_u32.saturating_pow(deaths - 1));
            self.tell_death(&last_words, wait);
            let again = async {
                sleep(wait).await;
                self.hold.let_go(|told| self.tell_held(told)).await
            };
            let was_held = tokio::select! {
                () = self.stop.cancelled() => break,
                was_held = again => was_held,
            };
            if was_held {
                // It was made to die, which says nothing of it.
                deaths = 0;
            }
        }
        self.set(Change::to(State::Stopped).process(Process::Gone));
    }

    /// One life of the component; `None` when it was stopped, else how it ended.
    async fn life(&self, ever_served: &mut bool) -> Option<String> {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return Some(error.to_string()),
        };
        let pid = child.id();
        let process = pid
            .and_then(ProcessId::of)
            .map_or(Process::Gone, Process::Started);
        self.set(Change::to(State::Starting).process(process));
        let ended = tokio::select! {
            () = self.stop.cancelled() => None,
            status = child.wait() => Some(status),
            () = self.watch(pid, ever_served) => None,
        };
        if let Some(status) = ended {
            return Some(status.map_or_else(|error| error.to_string(), told));
        }
        stop(&mut child).await;
        None
    }

    /// Asks for ever whether the component serves, and tells of every change; and once why it does
    /// not, when it takes long to begin. What serves at its address counts only once that is itself.
    async fn watch(&self, pid: Option<u32>, ever_served: &mut bool) {
        let started = Instant::now();
        let mut told = None;
        let mut is_itself = false;
        loop {
            let mut answer = self.spec.check.ask(&self.http).await;
            if answer.is_ok() && !is_itself {
                is_itself = self.is_there(pid);
                if !is_itself {
                    answer = Err("another process answers at its address".to_owned());
                }
            }
            let healthy = answer.is_ok();
            let due = told.is_some() || healthy || started.elapsed() > TELL_AFTER;
            if due && told != Some(healthy) {
                told = Some(healthy);
                *ever_served |= healthy;
                self.set(match answer {
                    Ok(()) => Change::to(State::Healthy),
                    Err(reason) => Change::to(State::Unhealthy).because(reason),
                });
            }
            sleep(if healthy { CALM_CHECK } else { EAGER_CHECK }).await;
        }
    }

    /// Whether its own process listens at its address; so is what cannot be told, or listens nowhere.
    fn is_there(&self, pid: Option<u32>) -> bool {
        let port = self.spec.url.as_ref().and_then(Url::port_or_known_default);
        let listens = pid.zip(port).map(|(pid, port)| ports::listens(pid, port));
        listens.flatten().unwrap_or(true)
    }

    fn spawn(&self) -> Result<Child, Error> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .doing(|| format!("opening {}", self.log.display()))?;
        let same_log = log
            .try_clone()
            .doing(|| format!("opening {}", self.log.display()))?;
        let mut command = Command::new(&self.launcher.program);
        for (key, _) in std::env::vars_os() {
            if is_of_others(&key.to_string_lossy()) {
                command.env_remove(&key);
            }
        }
        command
            .args(&self.launcher.args)
            .arg(format!("--parent={}", std::process::id()))
            .arg("--")
            .arg(&self.spec.program)
            .args(&self.spec.args)
            .envs(self.spec.env.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(same_log)
            .spawn()
            .doing(|| format!("starting {}", self.spec.program.display()))
    }

    fn tell_death(&self, last_words: &str, wait: Duration) {
        let detail = format!("{last_words}; started again in {:.1} s", wait.as_secs_f64());
        self.set(
            Change::to(State::Backoff)
                .process(Process::Gone)
                .because(detail)
                .log_tail(log_tail(&self.log, TAIL_LINES)),
        );
    }

    fn tell_held(&self, told: String) {
        self.set(
            Change::to(State::Backoff)
                .process(Process::Gone)
                .because(told),
        );
    }

    fn set(&self, change: Change) {
        self.board.set(&self.spec.name, change);
    }
}

/// Whether a variable of the caller's environment is for services that the caller runs, or for `voteops` itself, and so
/// not for these: passwords of other servers would be sent to them, or be theirs to read.
fn is_of_others(variable: &str) -> bool {
    // The exporter reads those of REDIS_, Grafana those of GF_.
    let prefixes = ["VOTE_APP_", "WORKER_", "VOTEOPS_", "REDIS_", "GF_"];
    prefixes.iter().any(|prefix| variable.starts_with(prefix))
}

/// Asks the process to end, wakes it in case it is stopped (a stopped process handles no
/// signal), and kills it when it takes too long.
async fn stop(child: &mut Child) {
    let pid = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // Not reaped yet, so the pid is this child's; a zombie takes signals without effect.
        let _ = kill_process(pid, Signal::TERM);
        let _ = kill_process(pid, Signal::CONT);
    }
    if timeout(STOP_GRACE, child.wait()).await.is_err() {
        // What is left to do about a child that cannot be killed is nothing.
        let _ = child.kill().await;
    }
}

fn told(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".into(),
    }
}
