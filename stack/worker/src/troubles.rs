//! What the worker's own attempts say of Redis and the ledger.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::metrics::Stage;

/// What hinders the stages of the work at the moment, each by its last attempt. A ping does not tell: a database that
/// has become a standby, or whose disk is full, answers it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Troubles(Arc<Mutex<BTreeMap<Stage, String>>>);

impl Troubles {
    /// An attempt failed, and will be repeated.
    pub(crate) fn failed(&self, stage: Stage, error: &impl std::fmt::Display) {
        self.held().insert(stage, error.to_string());
    }

    /// An attempt did not fail, or will not be repeated.
    pub(crate) fn over(&self, stage: Stage) {
        self.held().remove(&stage);
    }

    /// The error of the last attempt at the first of `stages` that is hindered.
    pub(crate) fn of(&self, stages: &[Stage]) -> Result<(), String> {
        let held = self.held();
        let hindered = stages.iter().find_map(|stage| held.get(stage));
        hindered.map_or(Ok(()), |error| Err(error.clone()))
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Stage, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_hindered_until_an_attempt_at_it_does_not_fail() {
        let troubles = Troubles::default();
        let redis = || troubles.of(&[Stage::Read, Stage::Acknowledge]);
        let ledger = || troubles.of(&[Stage::Record]);
        troubles.failed(Stage::Record, &"read-only");
        troubles.failed(Stage::Acknowledge, &"LOADING");
        troubles.over(Stage::Read);
        assert_eq!(redis(), Err("LOADING".to_owned()));
        assert_eq!(ledger(), Err("read-only".to_owned()));
        troubles.failed(Stage::Record, &"locked");
        troubles.over(Stage::Acknowledge);
        assert_eq!(redis(), Ok(()));
        assert_eq!(ledger(), Err("locked".to_owned()));
        troubles.over(Stage::Record);
        assert_eq!(ledger(), Ok(()));
    }
}
