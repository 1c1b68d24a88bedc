//! Tells the console of the experiments on a stack: what is on record, and what the audit log
//! says of those that are over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use uuid::Uuid;
use voteops_chaos::audit::{Audit, Entry, Event};
use voteops_chaos::record::{Record, Store};
use voteops_console::{Experiment, Stage};

/// Time between two looks at the files.
const EVERY: Duration = Duration::from_secs(1);
/// Experiments that are told, the newest.
const MOST: usize = 200;

/// Watches the state directory from a thread of its own until nobody listens any more. A
/// directory that is not there yet has no experiments.
pub(crate) fn watch(dir: PathBuf) -> UnboundedReceiver<Vec<Experiment>> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        let mut seen = None;
        while !sender.is_closed() {
            let now = stamps(&dir);
            // A record whose runner died looks the same on disk: running ones are looked at anew.
            if seen.as_ref() != Some(&now) || has_records(&dir) {
                seen = Some(now);
                if sender.send(read(&dir)).is_err() {
                    return;
                }
            }
            std::thread::sleep(EVERY);
        }
    });
    receiver
}

/// What changes when something was written.
fn stamps(dir: &Path) -> [Option<(SystemTime, u64)>; 2] {
    ["faults", "audit.jsonl"].map(|name| {
        let metadata = fs::metadata(dir.join(name)).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn has_records(dir: &Path) -> bool {
    fs::read_dir(dir.join("faults")).is_ok_and(|mut entries| entries.next().is_some())
}

/// The experiments of a state directory, newest first.
fn read(dir: &Path) -> Vec<Experiment> {
    let records = if dir.join("faults").is_dir() {
        let store = Store::open(dir).and_then(|store| store.list());
        store.map_or_else(|_| Vec::new(), |all| all.into_iter().flatten().collect())
    } else {
        Vec::new()
    };
    let entries = Audit::new(dir.join("audit.jsonl")).read();
    experiments(&records, &entries.unwrap_or_default())
}

fn experiments(records: &[Record], entries: &[Entry]) -> Vec<Experiment> {
    let mut all: BTreeMap<Uuid, Experiment> = BTreeMap::new();
    for record in records {
        all.insert(record.id, on_record(record));
    }
    for entry in entries {
        let known = all.entry(entry.fault_id);
        take_in(known.or_insert_with(|| from_audit(entry)), entry);
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|experiment| std::cmp::Reverse(experiment.began));
    all.truncate(MOST);
    all
}

fn on_record(record: &Record) -> Experiment {
    let alive = |process: &voteops_chaos::process::Process| process.still_same().unwrap_or(false);
    let looked_after = alive(&record.runner) || record.guardian.as_ref().is_some_and(alive);
    Experiment {
        id: record.id.to_string(),
        fault: record.name.clone(),
        targets: record.targets.iter().map(|t| t.name.clone()).collect(),
        by: record.who.clone(),
        began: record.created_at,
        ends: Some(record.deadline_at),
        stage: if looked_after {
            Stage::Running
        } else {
            Stage::LeftBehind
        },
        timeline: vec![(record.created_at, "put on record".into())],
    }
}

fn from_audit(entry: &Entry) -> Experiment {
    Experiment {
        id: entry.fault_id.to_string(),
        fault: entry.what.clone(),
        targets: entry.targets.iter().map(|t| t.name.clone()).collect(),
        by: entry.who.clone(),
        began: entry.at,
        ends: None,
        stage: Stage::Undone,
        timeline: Vec::new(),
    }
}

/// Adds what an entry of the audit log says. Whether a fault is in force is told by its record.
fn take_in(experiment: &mut Experiment, entry: &Entry) {
    let targets = entry.targets.iter().map(|target| target.name.as_str());
    let targets = targets.collect::<Vec<_>>().join(", ");
    let what = match entry.event {
        Event::Injected => "injected into",
        Event::Undone => "undone on",
        Event::UndoFailed => "could not be undone on",
        Event::TargetGone => "nothing left to undo on",
    };
    let by = match entry.by {
        voteops_chaos::audit::By::Runner => "",
        voteops_chaos::audit::By::Guardian => " by the guardian",
        voteops_chaos::audit::By::Recover => " by recover",
    };
    let reason = entry.reason.as_ref();
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let told = format!("{what} {targets}{by}{reason}");
    experiment.timeline.push((entry.at, told));
    let over = !matches!(experiment.stage, Stage::Running | Stage::LeftBehind);
    match entry.event {
        Event::UndoFailed => experiment.stage = Stage::Failed,
        Event::Undone | Event::TargetGone if over => {
            experiment.stage = Stage::Undone;
            experiment.ends = Some(entry.at);
        }
        Event::Injected | Event::Undone | Event::TargetGone => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use voteops_chaos::audit::By;
    use voteops_chaos::process::Process;
    use voteops_chaos::record::{Fault, Target};

    fn record(fault: Fault) -> Record {
        let target = Target::process("worker-1", Process::current().unwrap());
        Record::new("stall-worker", fault, vec![target], Duration::from_mins(1)).unwrap()
    }

    fn entry(record: &Record, event: Event, by: By) -> Entry {
        Entry::new(record, record.targets.clone(), event, by)
    }

    #[test]
    fn a_record_runs_while_somebody_looks_after_it() {
        let mut record = record(Fault::Stall {});
        let told = experiments(std::slice::from_ref(&record), &[]);
        assert_eq!(told[0].stage, Stage::Running);
        assert_eq!(told[0].targets, ["worker-1"]);
        assert_eq!(told[0].ends, Some(record.deadline_at));
        // No process has this start time.
        record.runner.start_ticks = u64::MAX;
        let told = experiments(&[record], &[]);
        assert_eq!(told[0].stage, Stage::LeftBehind);
    }

    #[test]
    fn what_is_over_is_told_by_the_audit_log_newest_first() {
        let (first, second) = (record(Fault::Stall {}), record(Fault::Stall {}));
        let entries = [
            entry(&first, Event::Injected, By::Runner),
            entry(&first, Event::Undone, By::Guardian),
            entry(&second, Event::Injected, By::Runner),
            entry(&second, Event::UndoFailed, By::Runner),
        ];
        let told = experiments(&[], &entries);
        assert_eq!(told[0].id, second.id.to_string());
        assert_eq!(told[0].stage, Stage::Failed);
        assert_eq!(told[1].stage, Stage::Undone);
        assert_eq!(told[1].ends, Some(entries[1].at));
        let last = &told[1].timeline[1].1;
        assert_eq!(last, "undone on worker-1 by the guardian");
    }

    #[test]
    fn the_directory_is_read_again_when_something_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut news = watch(dir.path().to_owned());
        assert_eq!(news.blocking_recv(), Some(Vec::new()));
        let store = Store::open(dir.path()).unwrap();
        store.write(&record(Fault::Stall {})).unwrap();
        let told = std::iter::from_fn(|| news.blocking_recv()).find(|all| !all.is_empty());
        assert_eq!(told.unwrap()[0].stage, Stage::Running);
    }
}
