//! The alert rules of all who evaluate some, in as few lines as tell all of it.
//!
//! Grafana may evaluate the same rules as Prometheus: of the same name and by the same expression. Such a pair is one line
//! as long as both say the same of it, and two as soon as they differ.

use std::collections::BTreeMap;

use crate::promql;
use crate::snapshot::{AlertStatus, Origin, by_urgency};

/// Alert rules; of each pair that agrees, Prometheus's stands for both.
#[derive(Debug, Clone, Default)]
pub struct FoldedRules {
    /// One for each line.
    all: Vec<AlertStatus>,
    /// Those that others stand for.
    folded: Vec<AlertStatus>,
    /// Whether two expressions are the same, by both: parsing them each time would be most of the work.
    same: BTreeMap<(String, String), bool>,
}

impl FoldedRules {
    /// These rules.
    #[must_use]
    pub fn new(every: &[AlertStatus]) -> Self {
        let mut folded = Self::default();
        folded.set(every, true);
        folded
    }

    /// Replaces the rules. Unless what all said can be `compared`, each stays a line of its own.
    pub fn set(&mut self, every: &[AlertStatus], compared: bool) {
        self.learn(every);
        let is_folded = |rule: &AlertStatus| {
            let said = |rule: &AlertStatus| (rule.state, rule.error.clone());
            let agrees =
                |ours: &AlertStatus| self.are_twins(ours, rule) && said(ours) == said(rule);
            compared && rule.origin == Origin::Grafana && every.iter().any(agrees)
        };
        let (folded, mut all): (Vec<_>, Vec<_>) = every.iter().cloned().partition(is_folded);
        all.sort_by(by_urgency);
        (self.all, self.folded) = (all, folded);
    }

    /// The rules, most urgent first; of two that say the same, one.
    #[must_use]
    pub fn all(&self) -> &[AlertStatus] {
        &self.all
    }

    /// Every rule, those that others stand for too.
    #[must_use]
    pub fn every(&self) -> Vec<AlertStatus> {
        self.all.iter().chain(&self.folded).cloned().collect()
    }

    /// The same rule at the other of those who evaluate it.
    #[must_use]
    pub fn twin(&self, alert: &AlertStatus) -> Option<&AlertStatus> {
        let mut every = self.all.iter().chain(&self.folded);
        every.find(|other| self.are_twins(alert, other))
    }

    /// A rule's name, with who evaluates it where that is not Prometheus alone.
    #[must_use]
    pub fn full_name(&self, alert: &AlertStatus) -> String {
        let mut folded = self.folded.iter();
        if folded.any(|other| self.are_twins(alert, other)) {
            return format!("{} (+{})", alert.name, Origin::Grafana.name());
        }
        alert.full_name()
    }

    /// Looks which of these rules are pairs, and forgets those that were.
    fn learn(&mut self, every: &[AlertStatus]) {
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
}

/// Whether two expressions are the same but for how they are written.
fn say_the_same(a: &str, b: &str) -> bool {
    let normal = |expr| promql::normal(expr).ok();
    a == b || normal(a).is_some_and(|a| normal(b) == Some(a))
}
