//! A fault in force, with everything that keeps it from being left behind: its record, its
//! guardian, and the watch on the guardian.

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::Error;
use crate::audit::{By, Entry, Event};
use crate::experiment::Experiment;
use crate::faults::{self, Hold};
use crate::guardian::{Launcher, Watched};
use crate::record::{self, Record, Target};
use crate::undo::{UndoReport, settle, settle_anew};

/// Why a fault ended before its runner wanted it to. It has been undone by then, as far as
/// [`Injected::undo`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The guardian died, and no fault may be in force unguarded.
    GuardianDied,
    /// The fault reached its deadline, and the guardian undid it.
    DeadlinePassed,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GuardianDied => "the guardian died, so the fault was undone at once",
            Self::DeadlinePassed => "the fault reached its deadline, so the guardian undid it",
        })
    }
}

/// A fault in force. Dropping it undoes it, as far as possible; [`Injected::undo`] also reports.
#[derive(Debug)]
pub struct Injected {
    shared: Arc<Shared>,
    guardian: Option<Watched>,
    breach: watch::Receiver<Option<Breach>>,
    /// Dropping it ends the renewal of a leased fault.
    renewal: Option<Sender<()>>,
    /// When it began to be injected, and when it was seen to hold.
    onset: (Timestamp, Timestamp),
}

/// What the runner shares with the thread that watches the guardian.
#[derive(Debug)]
struct Shared {
    experiment: Experiment,
    record: Record,
    /// The report once the fault is undone. Locked while the fault is injected or undone, so that
    /// the one never overtakes the other.
    undone: Mutex<Option<UndoReport>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<UndoReport>> {
        self.undone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the end of the guardian means now.
    fn breach_now(&self) -> Breach {
        if Timestamp::now() >= self.record.deadline_at {
            Breach::DeadlinePassed
        } else {
            Breach::GuardianDied
        }
    }

    /// Undoes the fault unless that has been done; again if it has failed so far.
    fn undo(&self) -> UndoReport {
        let mut undone = self.lock();
        if let Some(report) = undone.as_ref().filter(|report| report.is_complete()) {
            return report.clone();
        }
        let report = settle(self.experiment.store(), &self.record, By::Runner);
        *undone = Some(report.clone());
        report
    }
}

impl Injected {
    /// Injects the fault of `record` into its targets once the record is durable and the guardian is
    /// ready; undoes everything when a target refuses.
    pub(crate) fn inject(
        experiment: &Experiment,
        record: Record,
        launcher: &Launcher,
    ) -> Result<Self, Error> {
        let mut injected = Self::guard(experiment, record, launcher)?;
        let begun = Timestamp::now();
        let acted = {
            let mut undone = injected.shared.lock();
            let on_record = experiment.store().path(injected.record().id);
            // Whoever removes the record has undone it.
            let over = || experiment.is_over() || matches!(on_record.try_exists(), Ok(false));
            let acted = faults::act(injected.record(), &over);
            if matches!(on_record.try_exists(), Ok(false)) {
                // What was done after it was undone is still there.
                *undone = Some(settle_anew(
                    experiment.store(),
                    injected.record(),
                    By::Runner,
                ));
                Err("somebody has undone it before it was in force".to_owned())
            } else {
                acted
            }
        };
        injected.onset = (begun, Timestamp::now());
        let logged = acted.and_then(|()| injected.log_injection().map_err(|e| e.to_string()));
        match logged {
            Ok(()) => Ok(injected),
            Err(reason) => {
                injected.undo().into_result(injected.record())?;
                Err(Error::NotInjected { reason })
            }
        }
    }

    /// Starts the guardian, writes the record and sets the watch on the guardian; touches no
    /// target.
    fn guard(
        experiment: &Experiment,
        mut record: Record,
        launcher: &Launcher,
    ) -> Result<Self, Error> {
        let store = experiment.store();
        let guardian = launcher.launch(&store.path(record.id))?;
        record.guardian = Some(guardian.process());
        // Who finds it has to understand it.
        let path = store.path(record.id);
        let written = store.write(&record).and_then(|()| record::read(&path));
        let deadline = record.deadline_at;
        let shared = Arc::new(Shared {
            experiment: experiment.clone(),
            record,
            undone: Mutex::new(None),
        });
        let (sender, breach) = watch::channel(None);
        let watching = Arc::clone(&shared);
        let armed = written.and_then(|_| {
            guardian.arm(deadline, move || {
                // Judged before undoing, which takes time.
                let breach = watching.breach_now();
                let _ = watching.undo();
                let _ = sender.send(Some(breach));
            })
        });
        match armed {
            Ok(guardian) => Ok(Self {
                shared,
                guardian: Some(guardian),
                breach,
                renewal: None,
                onset: (Timestamp::now(), Timestamp::now()),
            }),
            Err(error) => {
                // Nothing was touched, so a record that cannot be removed claims too much, not too
                // little, and the error at hand matters more.
                let _ = store.remove(shared.record.id);
                Err(error)
            }
        }
    }

    /// Renews the fault's lease from now on, on a thread of its own, until it is undone. A renewal
    /// that fails is tried again at the next one; [`Injected::check`] tells of a fault that has
    /// ended meanwhile.
    pub(crate) fn renew_every(&mut self, interval: Duration) -> Result<(), Error> {
        let (sender, ended) = channel::<()>();
        let shared = Arc::clone(&self.shared);
        let renew = move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(interval) {
                // Never after the undoing: that would inject it anew.
                let undone = shared.lock();
                let store = shared.experiment.store();
                let on_record = store.path(shared.record.id).try_exists();
                // Whoever removed the record has undone the fault.
                if undone.is_some() || matches!(on_record, Ok(false)) {
                    return;
                }
                let _ = faults::renew(&shared.record);
            }
        };
        let started = thread::Builder::new()
            .name("lease-renewal".to_owned())
            .spawn(renew);
        match started {
            Ok(_) => {
                self.renewal = Some(sender);
                Ok(())
            }
            Err(error) => {
                self.undo().into_result(self.record())?;
                let reason = format!("no thread to renew the lease: {error}");
                Err(Error::NotInjected { reason })
            }
        }
    }

    fn log_injection(&self) -> Result<(), Error> {
        let record = self.record();
        let entry = Entry::new(record, record.targets.clone(), Event::Injected, By::Runner);
        self.shared.experiment.store().audit().append(&entry)
    }

    /// The fault's record.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.shared.record
    }

    /// When it began to be injected, and when it was seen to hold.
    #[must_use]
    pub fn onset(&self) -> (Timestamp, Timestamp) {
        self.onset
    }

    /// Looks whether the fault still holds on each target. A restarted target is
    /// [`Hold::Gone`]; its successor is not touched.
    #[must_use]
    pub fn check(&self) -> Vec<(Target, Hold)> {
        faults::check(self.record())
    }

    /// Why the fault has ended early, if it has.
    #[must_use]
    pub fn breach(&self) -> Option<Breach> {
        *self.breach.borrow()
    }

    /// Waits until the fault ends early; for ever if it does not.
    pub async fn breached(&self) -> Breach {
        let mut receiver = self.breach.clone();
        let seen = receiver
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|breach| *breach);
        match seen {
            Some(breach) => breach,
            // The watch ended with the fault.
            None => std::future::pending().await,
        }
    }

    /// Undoes the fault, sees that it is undone, removes the record and dismisses the guardian.
    /// When a target could not be let go, record and guardian stay, and this may be called again.
    /// Blocks for some milliseconds, up to seconds when a target is slow.
    pub fn undo(&mut self) -> UndoReport {
        let report = self.shared.undo();
        if report.is_complete() {
            self.renewal = None;
        }
        if report.is_complete()
            && let Some(guardian) = self.guardian.take()
        {
            guardian.dismiss();
        }
        report
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        if self.guardian.is_some() {
            // Should it fail, the guardian finds its heartbeat gone and tries once more.
            let _ = self.undo();
        }
    }
}
