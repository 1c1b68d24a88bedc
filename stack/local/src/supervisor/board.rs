//! What is known of every component: kept in `stack.json` and told as events.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::component::{Kind, State};
use crate::data_dir::{DataDir, set_aside};
use crate::event::{Event, What};
use crate::stack_file::{NAME, ProcessId, Registered, StackFile};
use crate::{Doing, Error};

/// Deaths before it ever served, after which a component's start is given up.
const HOPELESS_DEATHS: u32 = 4;

/// Events that are kept for a front that does not read them, at the most.
const MOST_UNREAD: usize = 1024;
/// How long the last of them may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The state of the stack, shared by the keepers of its components.
#[derive(Debug)]
pub(super) struct Board {
    inner: Mutex<Inner>,
    path: PathBuf,
}

#[derive(Debug)]
struct Inner {
    stack: StackFile,
    log: File,
    front: Front,
    /// Why the start is given up.
    hopeless: Option<String>,
}

impl Board {
    pub(super) fn new(stack: StackFile, dir: &DataDir) -> Result<Arc<Self>, Error> {
        let log_path = dir.root().join("events.jsonl");
        set_aside(&log_path);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)
            .doing(|| format!("opening {}", log_path.display()))?;
        stack.write()?;
        let path = dir.root().join(NAME);
        Ok(Arc::new(Self {
            inner: Mutex::new(Inner {
                stack,
                log,
                front: Front::new(),
                hopeless: None,
            }),
            path,
        }))
    }

    pub(super) fn registered(&self) -> Result<Registered, Error> {
        self.lock().stack.register()
    }

    /// Tells an event on standard output and in `events.jsonl`. A front that is gone or a full
    /// disk must not bring the stack down, so failures are passed over.
    pub(super) fn tell(&self, what: What) {
        let mut inner = self.lock();
        inner.tell(what);
    }

    /// Changes a component's state, writes `stack.json` and tells of it.
    pub(super) fn set(&self, name: &str, change: Change) {
        let mut inner = self.lock();
        let Some(component) = inner
            .stack
            .components
            .iter_mut()
            .find(|component| component.name == name)
        else {
            return;
        };
        let before = std::mem::replace(&mut component.state, change.state);
        match change.process {
            Process::Same => {}
            Process::Started(id) => {
                component.restarts += u32::from(before == State::Backoff);
                component.pid = Some(id.pid);
                component.start_ticks = Some(id.start_ticks);
            }
            Process::Gone => (component.pid, component.start_ticks) = (None, None),
        }
        let url = component.url.clone();
        // The next change writes the file again; the events tell of this one.
        let _ = inner.stack.write();
        inner.tell(What::Component {
            name: name.to_owned(),
            state: change.state,
            url,
            detail: change.detail,
            log_tail: change.log_tail,
        });
    }

    pub(super) fn webhook_serves(&self) {
        self.set("webhook", Change::to(State::Healthy));
    }

    /// Those of `names` that do not serve.
    pub(super) fn not_healthy(&self, names: &[&str]) -> Vec<String> {
        let inner = self.lock();
        let components = inner.stack.components.iter();
        components
            .filter(|c| names.contains(&c.name.as_str()) && c.state != State::Healthy)
            .map(|component| component.name.clone())
            .collect()
    }

    /// Sends SIGHUP to the components of a kind. They are this process's children, and one that
    /// has died takes signals without effect until its keeper has seen that and noted it here.
    pub(super) fn hang_up(&self, kind: Kind) {
        let inner = self.lock();
        for pid in inner
            .stack
            .of_kind(kind)
            .filter_map(|component| component.pid)
        {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // Gone is as good as told: its successor reads its files anew.
                let _ = kill_process(pid, Signal::HUP);
            }
        }
    }

    /// Gives the start up when a component died too often before it ever served.
    pub(super) fn died_unserved(&self, name: &str, deaths: u32, last_words: &str) {
        if deaths >= HOPELESS_DEATHS {
            let reason = format!("{name} died {deaths} times before it served: {last_words}");
            self.lock().hopeless.get_or_insert(reason);
        }
    }

    pub(super) fn hopeless(&self) -> Option<String> {
        self.lock().hopeless.clone()
    }

    /// Removes `stack.json` and tells that all is over.
    pub(super) fn finish(&self) {
        // A file that stays is recognised as dead by its supervisor's identity.
        let _ = std::fs::remove_file(&self.path);
        let mut inner = self.lock();
        inner.tell(What::Stopped);
        inner.front.finish();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change under the lock is whole in itself, so a panic leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn tell(&mut self, what: What) {
        if let Ok(mut line) = serde_json::to_string(&Event::now(what)) {
            line.push('\n');
            let _ = self.log.write_all(line.as_bytes());
            self.front.tell(line);
        }
    }
}

/// Who reads the events on standard output, which may not do so for a while: a console that is suspended must not hold
/// up the stack. A thread of its own writes; what does not fit before it is left out, and stands in `events.jsonl`.
#[derive(Debug)]
struct Front {
    lines: Option<SyncSender<String>>,
    written: Receiver<()>,
}

impl Front {
    fn new() -> Self {
        let (lines, told) = sync_channel::<String>(MOST_UNREAD);
        let (done, written) = sync_channel(1);
        std::thread::spawn(move || {
            let mut out = std::io::stdout();
            for line in told {
                // A front that is gone needs no news.
                let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
            }
            let _ = done.send(());
        });
        Self {
            lines: Some(lines),
            written,
        }
    }

    fn tell(&self, line: String) {
        if let Some(lines) = &self.lines {
            let _ = lines.try_send(line);
        }
    }

    /// Waits until all is written, but not for a front that does not read.
    fn finish(&mut self) {
        self.lines = None;
        let _ = self.written.recv_timeout(LAST_WORDS);
    }
}

/// A change of a component's state.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) state: State,
    pub(super) process: Process,
    pub(super) detail: Option<String>,
    pub(super) log_tail: Vec<String>,
}

/// What a change does to the component's process.
#[derive(Debug)]
pub(super) enum Process {
    Same,
    Started(ProcessId),
    Gone,
}

impl Change {
    pub(super) fn to(state: State) -> Self {
        Self {
            state,
            process: Process::Same,
            detail: None,
            log_tail: Vec::new(),
        }
    }

    pub(super) fn process(self, process: Process) -> Self {
        Self { process, ..self }
    }

    pub(super) fn because(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    pub(super) fn log_tail(self, log_tail: Vec<String>) -> Self {
        Self { log_tail, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::Timestamp;

    use super::*;
    use crate::component::Component;

    /// The board of a stack of one worker that was not started yet.
    fn board(root: &Path, supervisor: ProcessId) -> Arc<Board> {
        let worker = Component {
            name: "worker-1".into(),
            kind: Kind::Worker,
            pid: None,
            start_ticks: None,
            url: None,
            admin_url: None,
            log: None,
            state: State::Stopped,
            restarts: 0,
        };
        let stack = StackFile {
            version: 1,
            time_scale: 1.0,
            supervisor,
            data_dir: root.to_owned(),
            ledger_url: "sqlite:votes.db".into(),
            admin_token_file: None,
            holds_dir: None,
            started_at: Timestamp::now(),
            components: vec![worker],
        };
        Board::new(stack, &DataDir::open(root).unwrap()).unwrap()
    }

    #[test]
    fn a_death_that_is_told_of_twice_counts_once_and_when_it_was_started_again() {
        let temp = tempfile::tempdir().unwrap();
        let id = ProcessId::of(std::process::id()).unwrap();
        let board = board(temp.path(), id);
        let restarts = || {
            let stack = StackFile::read(temp.path()).unwrap();
            stack.components[0].restarts
        };
        let born = || Change::to(State::Starting).process(Process::Started(id));
        let died = || Change::to(State::Backoff).process(Process::Gone);
        board.set("worker-1", born());
        assert_eq!(restarts(), 0);
        board.set("worker-1", died().because("killed by signal 9"));
        board.set("worker-1", died().because("held down"));
        assert_eq!(restarts(), 0, "it is still down");
        board.set("worker-1", born());
        board.set("worker-1", Change::to(State::Healthy));
        assert_eq!(restarts(), 1);
    }
}
