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

use super::Launcher;
use super::board::{Board, Change, Process};
use super::hold::Hold;
use crate::component::State;
use crate::data_dir::log_tail;
use crate::front::OPTIONS_ENV;
use crate::plan::Spec;
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
        let process = child
            .id()
            .and_then(ProcessId::of)
            .map_or(Process::Gone, Process::Started);
        self.set(Change::to(State::Starting).process(process));
        let ended = tokio::select! {
            () = self.stop.cancelled() => None,
            status = child.wait() => Some(status),
            () = self.watch(ever_served) => None,
        };
        if let Some(status) = ended {
            return Some(status.map_or_else(|error| error.to_string(), told));
        }
        stop(&mut child).await;
        None
    }

    /// Asks for ever whether the component serves, and tells of every change; and once why it does
    /// not, when it takes long to begin.
    async fn watch(&self, ever_served: &mut bool) {
        let started = Instant::now();
        let mut told = None;
        loop {
            let answer = self.spec.check.ask(&self.http).await;
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
        // Settings in the caller's environment are for services that the caller runs, not for
        // these, and the supervisor's own options are nobody else's.
        for (key, _) in std::env::vars_os() {
            let name = key.to_string_lossy();
            if ["VOTE_APP_", "WORKER_", OPTIONS_ENV]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            {
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
