//! Marks of what is done, where people look; told beside the run, which never waits for them before its
//! end.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use voteops_local::StackFile;
use voteops_local::component::Kind;
use voteops_observability::access::Access;
use voteops_observability::marks::{Begun, Fault, Marks};

use crate::Failure;
use crate::args::SafetyArgs;
use crate::config::Config;

/// How long the last marks may take once the run is over.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that happened to a fault, which is known by the key.
enum Note {
    Begun(String, Fault, Timestamp),
    Ended(String, Timestamp),
}

/// Tells of faults as they begin and end.
pub(super) struct Marker {
    notes: UnboundedSender<Note>,
    task: JoinHandle<()>,
}

impl Marker {
    /// To whom the configuration says, or else to the stack's own Loki if it has one. Has to be called
    /// inside of a runtime.
    ///
    /// # Errors
    /// [`Failure`] when the configuration names a context that there is not.
    pub(super) fn begin(safety: &SafetyArgs, stack: Option<&StackFile>) -> Result<Self, Failure> {
        let marks = marks(safety, stack)?;
        let (notes, heard) = unbounded_channel();
        let task = tokio::spawn(tell(marks, heard));
        Ok(Self { notes, task })
    }

    /// A fault has begun. `key` tells it apart from others of the run.
    pub(super) fn begun(&self, key: &str, fault: Fault, at: Timestamp) {
        // Whoever told is gone only when it panicked.
        let _ = self.notes.send(Note::Begun(key.to_owned(), fault, at));
    }

    /// It is undone.
    pub(super) fn ended(&self, key: &str, at: Timestamp) {
        let _ = self.notes.send(Note::Ended(key.to_owned(), at));
    }

    /// Waits until all is told, for some seconds at the most.
    pub(super) async fn finish(self) {
        drop(self.notes);
        if timeout(PATIENCE, self.task).await.is_err() {
            let waited_s = PATIENCE.as_secs();
            eprintln!("voteops: no mark of this run's end: not told within {waited_s} s");
        }
    }
}

fn marks(safety: &SafetyArgs, stack: Option<&StackFile>) -> Result<Marks, Failure> {
    let config = Config::read(safety.config.config.as_deref())?;
    let Some(name) = &config.file.chaos.marks else {
        let loki = stack.and_then(|stack| stack.url(Kind::Loki));
        return Ok(match loki {
            Some(loki) => Marks::default().in_loki(&loki, &Access::default())?,
            None => Marks::default(),
        });
    };
    let context = config.context(name)?;
    let mut marks = Marks::default();
    if let Some(loki) = &context.loki {
        marks = marks.in_loki(loki, &context.access("loki"))?;
    }
    if let Some(grafana) = &context.grafana {
        marks = marks.in_grafana(grafana, &context.access("grafana"))?;
    }
    Ok(marks)
}

async fn tell(marks: Marks, mut heard: UnboundedReceiver<Note>) {
    let mut open: HashMap<String, Begun> = HashMap::new();
    while let Some(note) = heard.recv().await {
        if marks.is_empty() {
            continue;
        }
        let problems = match note {
            Note::Begun(key, fault, at) => {
                let (begun, problems) = marks.begin(fault, at).await;
                open.insert(key, begun);
                problems
            }
            Note::Ended(key, at) => match open.remove(&key) {
                Some(begun) => marks.end(begun, at).await,
                None => Vec::new(),
            },
        };
        for problem in problems {
            eprintln!("voteops: no mark: {problem}");
        }
    }
}
