//! `voteops chaos status`.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;
use voteops_chaos::faults::{self, Hold};
use voteops_chaos::process::{Process, State};
use voteops_chaos::record::{Record, Store};
use voteops_observability::units;

use super::{data_dirs, fault_failure, state_dir};
use crate::Failure;
use crate::args::FaultStatusArgs;
use crate::failure::NOT_UNDONE;

/// A fault on record: `schemas/chaos-status.schema.json`.
#[derive(Debug, Serialize)]
pub(crate) struct OnRecord {
    id: String,
    fault: String,
    by: String,
    began: Timestamp,
    /// When its guardian undoes it at the latest.
    deadline: Timestamp,
    runner_alive: bool,
    guardian_alive: bool,
    targets: Vec<OnTarget>,
}

#[derive(Debug, Serialize)]
struct OnTarget {
    name: String,
    /// Its process id, if it is a process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    /// Its whole id, if it is a container.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    hold: Hold,
    #[serde(skip)]
    told: String,
}

impl OnRecord {
    fn of(record: Record) -> Self {
        let alive = |process: &Process| process.state().is_ok_and(State::is_alive);
        let targets = faults::check(&record).into_iter();
        Self {
            id: record.id.to_string(),
            targets: targets
                .map(|(target, hold)| OnTarget {
                    told: target.told(),
                    pid: target.identity.process().map(|process| process.pid),
                    container: target.identity.container().map(|it| it.id.clone()),
                    name: target.name,
                    hold,
                })
                .collect(),
            runner_alive: alive(&record.runner),
            guardian_alive: record.guardian.as_ref().is_some_and(alive),
            fault: record.name,
            by: record.who,
            began: record.created_at,
            deadline: record.deadline_at,
        }
    }

    /// What it is, on what and by whom, in one line.
    pub(crate) fn told(&self) -> String {
        let targets: Vec<_> = self.targets.iter().map(|target| &*target.name).collect();
        format!("{} on {} by {}", self.fault, targets.join(", "), self.by)
    }

    /// When its guardian undoes it at the latest.
    pub(crate) fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// Whether nobody is there to undo it.
    pub(crate) fn is_left_behind(&self) -> bool {
        !self.runner_alive && !self.guardian_alive
    }

    fn tell(&self) {
        let left_s = Timestamp::now().duration_until(self.deadline).as_secs_f64();
        let names: Vec<_> = self
            .targets
            .iter()
            .map(|target| format!("{}: {}", target.told, target.hold.told()))
            .collect();
        println!("{} {} by {}", self.fault, self.id, self.by);
        for name in names {
            println!("  {name}");
        }
        if self.is_left_behind() {
            println!("  ✗ left behind: nobody looks after it; `voteops chaos recover` undoes it");
        } else {
            let who = match (self.runner_alive, self.guardian_alive) {
                (true, true) => "runner and guardian look",
                (true, false) => "its runner looks",
                _ => "its guardian looks",
            };
            let left = units::age(left_s.max(0.0));
            println!("  ● {who} after it; undone in {left} at the latest");
        }
    }
}

/// The faults on record of the stack in a data directory, and what cannot be read of them.
pub(crate) fn on_record(data_dir: &Path) -> Result<(Vec<OnRecord>, Vec<String>), Failure> {
    let dir = state_dir(data_dir);
    let records = if dir.join("faults").is_dir() {
        let store = Store::open(&dir).map_err(fault_failure)?;
        store.list().map_err(fault_failure)?
    } else {
        Vec::new()
    };
    let mut known = Vec::new();
    let mut unreadable = Vec::new();
    for record in records {
        match record {
            Ok(record) => known.push(OnRecord::of(record)),
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    Ok((known, unreadable))
}

/// Tells which faults are on record.
pub(super) fn run(args: &FaultStatusArgs) -> Result<ExitCode, Failure> {
    let (mut known, mut unreadable) = (Vec::new(), Vec::new());
    for dir in data_dirs(&args.stack)? {
        match on_record(&dir) {
            Ok(of_dir) => {
                known.extend(of_dir.0);
                unreadable.extend(of_dir.1);
            }
            Err(failure) => unreadable.push(failure.to_string()),
        }
    }
    for error in &unreadable {
        eprintln!("voteops: {error}");
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&known)?);
    } else if known.is_empty() && unreadable.is_empty() {
        println!("no fault is in force");
    } else {
        known.iter().for_each(OnRecord::tell);
    }
    let left_behind = !unreadable.is_empty() || known.iter().any(OnRecord::is_left_behind);
    Ok(ExitCode::from(match (left_behind, known.is_empty()) {
        (true, _) => NOT_UNDONE,
        (false, false) => 1,
        (false, true) => 0,
    }))
}
