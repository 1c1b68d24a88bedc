//! The alert rules of all who evaluate some, and the signals that they are about.

use voteops_observability::folded::FoldedRules;
use voteops_observability::snapshot::{AlertStatus, Origin, Reading};

use crate::model::{Backend, Data, Setup};

/// The alert rules that are known, and the alerts that only Alertmanager tells of. Each origin's stay
/// until it tells others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alerts {
    rules: FoldedRules,
    told_by: Vec<Origin>,
    /// Who could not be asked since.
    doubted: Vec<Origin>,
}

impl Alerts {
    /// The rules of all, most urgent first; of two that say the same, one.
    pub(crate) fn all(&self) -> &[AlertStatus] {
        self.rules.all()
    }

    /// Every rule, those that others stand for too.
    pub(crate) fn every(&self) -> Vec<AlertStatus> {
        self.rules.every()
    }

    /// The same rule at the other of those who evaluate it.
    pub(crate) fn twin(&self, alert: &AlertStatus) -> Option<&AlertStatus> {
        self.rules.twin(alert)
    }

    /// A rule's name, with who evaluates it where that is not Prometheus alone.
    pub(crate) fn full_name(&self, alert: &AlertStatus) -> String {
        self.rules.full_name(alert)
    }

    /// Whether an origin ever told its rules, even if there are none.
    pub(crate) fn is_known(&self, origin: Origin) -> bool {
        self.told_by.contains(&origin)
    }

    /// Whether nobody told any rules yet.
    pub(crate) fn is_unknown(&self) -> bool {
        self.told_by.is_empty()
    }

    /// Replaces the rules of an origin.
    pub(crate) fn replace(&mut self, origin: Origin, rules: Vec<AlertStatus>) {
        self.doubted.retain(|other| *other != origin);
        if !self.is_known(origin) {
            self.told_by.push(origin);
        }
        self.put(origin, rules);
    }

    /// Replaces the alerts that only Alertmanager tells of, which makes no rules known.
    pub(crate) fn hold(&mut self, alerts: Vec<AlertStatus>) {
        self.put(Origin::Alertmanager, alerts);
    }

    fn put(&mut self, origin: Origin, alerts: Vec<AlertStatus>) {
        let mut every = self.every();
        every.retain(|alert| alert.origin != origin);
        every.extend(alerts.into_iter().filter(|alert| alert.origin == origin));
        self.rules.set(&every, self.doubted.is_empty());
    }

    /// Takes note that an origin cannot be asked: what it said is no longer what the other says.
    pub(crate) fn doubt(&mut self, origin: Origin) {
        if !self.doubted.contains(&origin) {
            self.doubted.push(origin);
            self.rules.set(&self.every(), false);
        }
    }
}

impl Setup {
    /// Who is asked for alert rules.
    pub(crate) fn origins(&self) -> &'static [Origin] {
        if self.backends.contains(&Backend::Grafana) {
            &[Origin::Prometheus, Origin::Grafana]
        } else {
            &[Origin::Prometheus]
        }
    }
}

impl Data {
    /// The rule behind a reading's target. Only Prometheus's rules are about the signals.
    pub(crate) fn alert_of(&self, reading: &Reading) -> Option<&AlertStatus> {
        let mut rules = self.alerts.all().iter();
        rules.find(|rule| is_about(rule, reading))
    }

    /// The reading whose target a rule is.
    pub(crate) fn reading_of(&self, alert: &AlertStatus) -> Option<&Reading> {
        let mut readings = self.readings.iter();
        readings.find(|reading| is_about(alert, reading))
    }
}

fn is_about(alert: &AlertStatus, reading: &Reading) -> bool {
    alert.origin == Origin::Prometheus && reading.alert.as_ref() == Some(&alert.name)
}
