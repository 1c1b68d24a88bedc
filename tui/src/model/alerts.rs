//! The alert rules of all who evaluate some, and the signals that they are about.
//!
//! Grafana may evaluate the same rules as Prometheus: of the same name and by the same expression. Such a pair is one line
//! as long as both say the same of it, and two as soon as they differ or one of them cannot be asked.

use std::collections::BTreeMap;

use voteops_observability::promql;
use voteops_observability::snapshot::{AlertStatus, Origin, Reading, by_urgency};

use crate::model::{Backend, Data, Setup};

/// The alert rules that are known. Each origin's stay until it tells others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alerts {
    /// One for each line.
    all: Vec<AlertStatus>,
    /// Those that others stand for.
    folded: Vec<AlertStatus>,
    told_by: Vec<Origin>,
    /// Who could not be asked since.
    doubted: Vec<Origin>,
    /// Whether two expressions are the same, by both: parsing them each time would be most of the work.
    same: BTreeMap<(String, String), bool>,
}

impl Alerts {
    /// The rules of all, most urgent first; of two that say the same, one.
    pub(crate) fn all(&self) -> &[AlertStatus] {
        &self.all
    }

    /// Every rule, those that others stand for too.
    pub(crate) fn every(&self) -> Vec<AlertStatus> {
        self.all.iter().chain(&self.folded).cloned().collect()
    }

    /// The same rule at the other of those who evaluate it.
    pub(crate) fn twin(&self, alert: &AlertStatus) -> Option<&AlertStatus> {
        let mut every = self.all.iter().chain(&self.folded);
        every.find(|other| self.are_twins(alert, other))
    }

    /// Whether a rule stands for its twin too.
    pub(crate) fn stands_for_both(&self, alert: &AlertStatus) -> bool {
        let mut folded = self.folded.iter();
        folded.any(|other| self.are_twins(alert, other))
    }

    fn are_twins(&self, a: &AlertStatus, b: &AlertStatus) -> bool {
        let (ours, theirs) = match (a.origin, b.origin) {
            (Origin::Prometheus, Origin::Grafana) => (a, b),
            (Origin::Grafana, Origin::Prometheus) => (b, a),
            _ => return false,
        };
        let exprs = (ours.expr.clone(), theirs.expr.clone());
        ours.name == theirs.name && self.same.get(&exprs) == Some(&true)
    }

    /// Whether an origin ever told its rules, even if there are none.
    pub(crate) fn is_known(&self, origin: Origin) -> bool {
        self.told_by.contains(&origin)
    }

    /// Whether nobody told any rules yet.
    pub(crate) fn is_unknown(&self) -> bool {
        self.told_by.is_empty()
    }

    /// Replaces the rules of an origin; gives the rules of all as they were.
    pub(crate) fn replace(&mut self, origin: Origin, rules: Vec<AlertStatus>) -> Vec<AlertStatus> {
        let before = self.all.clone();
        self.doubted.retain(|other| *other != origin);
        let mut every = self.every();
        every.retain(|rule| rule.origin != origin);
        let own = rules.into_iter().filter(|rule| rule.origin == origin);
        every.extend(own);
        if !self.is_known(origin) {
            self.told_by.push(origin);
        }
        self.fold(&every);
        before
    }

    /// Takes note that an origin cannot be asked: what it said is no longer what the other says. Gives the rules as they were.
    pub(crate) fn doubt(&mut self, origin: Origin) -> Vec<AlertStatus> {
        let before = self.all.clone();
        if !self.doubted.contains(&origin) {
            self.doubted.push(origin);
            self.fold(&self.every());
        }
        before
    }

    /// Has Prometheus's rules stand for Grafana's of which it says the same.
    fn fold(&mut self, every: &[AlertStatus]) {
        let of = |origin| every.iter().filter(move |rule| rule.origin == origin);
        let known = std::mem::take(&mut self.same);
        for theirs in of(Origin::Grafana) {
            for ours in of(Origin::Prometheus).filter(|ours| ours.name == theirs.name) {
                let exprs = (ours.expr.clone(), theirs.expr.clone());
                let same = known.get(&exprs).copied();
                let same = same.unwrap_or_else(|| say_the_same(&exprs.0, &exprs.1));
                self.same.insert(exprs, same);
            }
        }
        let is_folded = |rule: &AlertStatus| {
            let agrees = |ours: &AlertStatus| {
                let said = |rule: &AlertStatus| (rule.state, rule.error.clone());
                self.are_twins(ours, rule) && said(ours) == said(rule)
            };
            rule.origin == Origin::Grafana && self.doubted.is_empty() && every.iter().any(agrees)
        };
        let (folded, mut all): (Vec<_>, Vec<_>) = every.iter().cloned().partition(is_folded);
        all.sort_by(by_urgency);
        (self.all, self.folded) = (all, folded);
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

/// Whether two expressions are the same but for how they are written.
fn say_the_same(a: &str, b: &str) -> bool {
    let normal = |expr| promql::normal(expr).ok();
    a == b || normal(a).is_some_and(|a| normal(b) == Some(a))
}

fn is_about(alert: &AlertStatus, reading: &Reading) -> bool {
    alert.origin == Origin::Prometheus && reading.alert.as_ref() == Some(&alert.name)
}
