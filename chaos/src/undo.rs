//! Undoing a fault from its record. The runner, the guardian and `recover` all do it this way; any
//! of them may do it again, or at the same time as another.

use serde::Serialize;

use crate::Error;
use crate::audit::{By, Entry, Event};
use crate::faults;
use crate::record::{Fault, Record, Store, Target};

/// What became of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The fault was undone, and that was seen to hold.
    Undone,
    /// The target has ended or was restarted, or cannot be asked and what it was given has run out; there is nothing
    /// to undo.
    Gone,
    /// The target is still under the fault.
    Failed {
        /// Why, with the way out.
        reason: String,
    },
}

/// One target with what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetOutcome {
    /// The target.
    #[serde(flatten)]
    pub target: Target,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UndoReport {
    /// Every target of the fault.
    pub targets: Vec<TargetOutcome>,
    /// What could not be written or removed on disk; the targets are not affected by it.
    pub disk_errors: Vec<String>,
}

impl UndoReport {
    /// Whether no target is under the fault any more.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The targets that have ended or were restarted while the fault lasted.
    pub fn gone(&self) -> impl Iterator<Item = &Target> {
        self.with(|outcome| *outcome == Outcome::Gone)
    }

    /// Why a target is still under the fault, for each that is.
    pub fn failures(&self) -> impl Iterator<Item = &str> {
        self.targets
            .iter()
            .filter_map(|target| match &target.outcome {
                Outcome::Failed { reason } => Some(reason.as_str()),
                Outcome::Undone | Outcome::Gone => None,
            })
    }

    /// The report as a result, for callers that only go on when the fault is undone.
    ///
    /// # Errors
    /// [`Error::NotUndone`] with the first failure.
    pub fn into_result(self, record: &Record) -> Result<Self, Error> {
        let failure = self.failures().next().map(ToOwned::to_owned);
        match failure {
            Some(reason) => Err(Error::NotUndone {
                id: record.id,
                reason,
            }),
            None => Ok(self),
        }
    }

    fn with(&self, wanted: impl Fn(&Outcome) -> bool) -> impl Iterator<Item = &Target> {
        self.targets
            .iter()
            .filter(move |it| wanted(&it.outcome))
            .map(|it| &it.target)
    }
}

/// Undoes the fault in `record`, writes the audit log, and removes the record once no target is
/// under the fault any more. A disk that takes nothing more does not keep a target from running.
#[must_use]
pub fn settle(store: &Store, record: &Record, by: By) -> UndoReport {
    settle_unless(store, record, by, None)
}

/// The same though the log may say that it was undone: before all of it was done.
pub(crate) fn settle_anew(store: &Store, record: &Record, by: By) -> UndoReport {
    settle_targets(store, record, by, None)
}

/// The same once more, after it failed with what is in `before`; what fails again for the same reasons
/// is not logged again.
pub(crate) fn settle_again(
    store: &Store,
    record: &Record,
    by: By,
    before: &UndoReport,
) -> UndoReport {
    settle_unless(store, record, by, Some(before))
}

fn settle_unless(
    store: &Store,
    record: &Record,
    by: By,
    before: Option<&UndoReport>,
) -> UndoReport {
    // By now the targets may be under a fault of somebody else.
    if is_settled(store, record)
        && let Some(report) = logged(&log_of(store, record), record)
    {
        return report;
    }
    settle_targets(store, record, by, before)
}

fn settle_targets(
    store: &Store,
    record: &Record,
    by: By,
    before: Option<&UndoReport>,
) -> UndoReport {
    let settled_before = is_settled(store, record);
    let targets = faults::undo(record, has_failed_before(store, record));
    let mut report = UndoReport {
        targets,
        disk_errors: Vec::new(),
    };
    let is_news = before.is_none_or(|before| before.targets != report.targets);
    if !is_news || settled_before && report.is_complete() {
        // The same was logged before; or whoever removed the record has seen the undoing hold, and
        // has logged it.
        return report;
    }
    // The log comes before the removal: a crash in between makes a line twice, never one too few.
    for entry in entries(&report, record, by) {
        if let Err(error) = store.audit().append(&entry) {
            report.disk_errors.push(error.to_string());
        }
    }
    if report.is_complete()
        && let Err(error) = store.remove(record.id)
    {
        report.disk_errors.push(error.to_string());
    }
    report
}

/// Whether somebody has removed the record.
fn is_settled(store: &Store, record: &Record) -> bool {
    matches!(store.path(record.id).try_exists(), Ok(false))
}

/// Whether the undoing of a fault has failed before, as far as that matters for it: nothing else waits for the log to be
/// read.
fn has_failed_before(store: &Store, record: &Record) -> bool {
    let is_container = |target: &Target| target.identity.container().is_some();
    let matters = matches!(record.fault, Fault::Kill(_)) && record.targets.iter().any(is_container);
    let failed = |entry: &Entry| entry.event == Event::UndoFailed;
    matters && log_of(store, record).iter().any(failed)
}

/// What the log says of a fault; nothing where it cannot be read.
fn log_of(store: &Store, record: &Record) -> Vec<Entry> {
    let mut log = store.audit().read().unwrap_or_default();
    log.retain(|entry| entry.fault_id == record.id);
    log
}

/// What the log says of the undoing of a fault, if it says of every target, as the last thing, that it is under the
/// fault no more.
fn logged(log: &[Entry], record: &Record) -> Option<UndoReport> {
    let told_of = |target: &Target| {
        let mut of_it = log.iter().filter(|entry| entry.targets.contains(target));
        let outcome = match of_it.next_back()?.event {
            Event::Undone => Outcome::Undone,
            Event::TargetGone => Outcome::Gone,
            Event::Injected | Event::UndoFailed => return None,
        };
        Some(TargetOutcome {
            target: target.clone(),
            outcome,
        })
    };
    let targets = record.targets.iter().map(told_of);
    Some(UndoReport {
        targets: targets.collect::<Option<_>>()?,
        disk_errors: Vec::new(),
    })
}

/// One entry for each kind of outcome that occurred.
fn entries(report: &UndoReport, record: &Record, by: By) -> Vec<Entry> {
    let grouped = [
        (
            Event::Undone,
            report
                .with(|it| *it == Outcome::Undone)
                .cloned()
                .collect::<Vec<_>>(),
        ),
        (Event::TargetGone, report.gone().cloned().collect()),
        (
            Event::UndoFailed,
            report
                .with(|it| matches!(it, Outcome::Failed { .. }))
                .cloned()
                .collect(),
        ),
    ];
    let reasons = report.failures().collect::<Vec<_>>().join("; ");
    grouped
        .into_iter()
        .filter(|(_, targets)| !targets.is_empty())
        .map(|(event, targets)| {
            let reason = (event == Event::UndoFailed).then(|| reasons.clone());
            Entry {
                reason,
                ..Entry::new(record, targets, event, by)
            }
        })
        .collect()
}
