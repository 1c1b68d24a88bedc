//! The experiments that were begun from the console: programs of their own, which undo what they
//! did when they are sent SIGINT, and whose guardians undo it when they are killed.

use std::io;
use std::process::{Output, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::done::Done;
use crate::experiments::Plan;
use crate::message::Message;

/// So long the console waits, when it leaves, for experiments to undo what they did; their
/// guardians do it after that.
const PATIENCE: Duration = Duration::from_secs(15);

/// The programs that run.
#[derive(Debug)]
pub(crate) struct Runs {
    messages: Sender<Message>,
    running: watch::Sender<usize>,
    ending: watch::Sender<()>,
    tasks: JoinSet<()>,
}

impl Runs {
    /// None yet.
    pub(crate) fn new(messages: Sender<Message>) -> Self {
        Self {
            messages,
            running: watch::Sender::new(0),
            ending: watch::Sender::new(()),
            tasks: JoinSet::new(),
        }
    }

    /// Begins what was planned; gives how many run now.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn begin(&mut self, plan: &Plan) -> io::Result<usize> {
        let Some((program, arguments)) = plan.command.split_first() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // The keys and the hang-up of the console's terminal are not meant for it.
            .process_group(0)
            .spawn()?;
        let told = plan.name.clone();
        tracing::info!(command = ?plan.command, pid = child.id(), "an experiment begins");
        self.running.send_modify(|count| *count += 1);
        let (messages, running) = (self.messages.clone(), self.running.clone());
        let ending = self.ending.subscribe();
        self.tasks.spawn(async move {
            let output = until_end(child, ending).await;
            tracing::info!(?output, "an experiment ends");
            running.send_modify(|count| *count -= 1);
            let count = *running.borrow();
            // Nobody listens when the console is leaving.
            let _ = messages.send(Message::Running(count)).await;
            let ended = Done::Ended {
                command: told,
                output,
            };
            let _ = messages.send(Message::Done(Timestamp::now(), ended)).await;
        });
        Ok(*self.running.borrow())
    }

    /// Asks those that run to end.
    pub(crate) fn end(&self) {
        self.ending.send_replace(());
    }

    /// Asks those that run to end, and waits for them.
    pub(crate) async fn end_all(mut self) {
        self.end();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // Those that hang are looked after by their guardians.
        let _ = tokio::time::timeout(PATIENCE, all).await;
    }
}

/// Waits for the end of a program; asks it to end when that is wanted.
async fn until_end(child: Child, mut ending: watch::Receiver<()>) -> io::Result<Output> {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    let mut output = std::pin::pin!(child.wait_with_output());
    loop {
        tokio::select! {
            output = &mut output => return output,
            asked = ending.changed() => {
                // It is not reaped before the output is there, so the number is still its own.
                if let Some(pid) = pid.and_then(Pid::from_raw) {
                    let _ = kill_process(pid, Signal::INT);
                }
                if asked.is_err() {
                    return output.await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    fn plan(script: &str) -> Plan {
        Plan {
            name: "stall-worker".into(),
            lines: Vec::new(),
            // A shell cannot trap what it was started with ignoring, as in the background of another.
            command: ["env", "--default-signal=INT", "sh", "-c", script]
                .map(Into::into)
                .into(),
        }
    }

    async fn told(messages: &mut mpsc::Receiver<Message>) -> String {
        loop {
            if let Message::Done(at, done) = messages.recv().await.unwrap() {
                return done.event(at).text;
            }
        }
    }

    #[tokio::test]
    async fn what_a_run_said_last_is_told_with_its_end() {
        let (sender, mut messages) = mpsc::channel(8);
        let mut runs = Runs::new(sender);
        let begun = runs.begin(&plan("echo begun; echo voteops: undone"));
        assert_eq!(begun.unwrap(), 1);
        assert!(matches!(
            messages.recv().await.unwrap(),
            Message::Running(0)
        ));
        assert_eq!(told(&mut messages).await, "stall-worker: undone");
        runs.begin(&plan("echo no >&2; exit 3")).unwrap();
        assert_eq!(told(&mut messages).await, "stall-worker ended with 3: no");
        let nothing = Plan {
            name: "nothing".into(),
            lines: Vec::new(),
            command: vec!["/no/such/program".into()],
        };
        runs.begin(&nothing).unwrap_err();
    }

    #[tokio::test]
    async fn a_run_is_asked_to_end_and_waited_for() {
        let (sender, mut messages) = mpsc::channel(8);
        let mut runs = Runs::new(sender);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("undone");
        let ready = dir.path().join("ready");
        let script = format!(
            "trap 'echo 1 > {}; exit 0' INT; echo > {}; while :; do sleep 0.01; done",
            file.display(),
            ready.display()
        );
        runs.begin(&plan(&script)).unwrap();
        while !ready.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        runs.end();
        told(&mut messages).await;
        assert!(file.exists());
        std::fs::remove_file(&file).unwrap();
        std::fs::remove_file(&ready).unwrap();
        runs.begin(&plan(&script)).unwrap();
        while !ready.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        runs.end_all().await;
        assert!(file.exists());
    }
}
