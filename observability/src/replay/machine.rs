//! The life of alerts: pending, firing, resolved, for each label set by itself.
//!
//! An alert is pending from the first evaluation that has its labels, and fires at the first one
//! at least `for` later. The first evaluation without its labels ends it, unless it fires and
//! `keep_firing_for` is not over. A pending alert that ends is forgotten, so that it starts anew.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use serde::Serialize;

use super::eval::{Element, EvalError};
use crate::prometheus::Labels;

/// The state of an alert, and of a rule: the highest of its alerts'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The condition does not hold.
    Inactive,
    /// It holds, but not yet for long enough.
    Pending,
    /// It held for long enough.
    Firing,
}

/// How long a rule waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holds {
    /// The rule's `for`.
    pub for_ms: i64,
    /// The rule's `keep_firing_for`.
    pub keep_firing_for_ms: i64,
}

/// An alert that is pending or firing.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// What tells it from the rule's other alerts: the element's labels without the metric's name.
    /// The rule's own labels are not among them.
    pub labels: Arc<Labels>,
    /// Pending or firing.
    pub state: State,
    /// The evaluation at which it turned pending.
    pub active_at_ms: i64,
    /// The value of the last evaluation that had it.
    pub value: f64,
    /// The first evaluation that lacked it, while it is kept firing.
    pub keep_firing_since_ms: Option<i64>,
}

/// The alerts of one rule.
#[derive(Debug, Clone)]
pub struct Machine {
    holds: Holds,
    alerts: BTreeMap<Arc<Labels>, Alert>,
}

impl Machine {
    /// A rule without alerts.
    #[must_use]
    pub fn new(holds: Holds) -> Self {
        Self {
            holds,
            alerts: BTreeMap::new(),
        }
    }

    /// Takes the result of an evaluation.
    ///
    /// # Errors
    /// [`EvalError::SameLabels`] when two elements would be one alert; all alerts stay.
    pub fn evaluate(&mut self, at_ms: i64, elements: &[Element]) -> Result<(), EvalError> {
        let mut found = BTreeMap::new();
        for element in elements {
            match found.entry(super::eval::without_name(&element.labels)) {
                Entry::Vacant(entry) => entry.insert(element.value),
                Entry::Occupied(entry) => return Err(EvalError::same_labels(entry.key())),
            };
        }
        let holds = self.holds;
        self.alerts
            .retain(|labels, alert| match found.remove(labels) {
                Some(value) => {
                    alert.value = value;
                    alert.keep_firing_since_ms = None;
                    true
                }
                None => alert.is_kept(at_ms, holds),
            });
        for (labels, value) in found {
            let alert = Alert {
                labels: Arc::clone(&labels),
                state: State::Pending,
                active_at_ms: at_ms,
                value,
                keep_firing_since_ms: None,
            };
            self.alerts.insert(labels, alert);
        }
        for alert in self.alerts.values_mut() {
            if at_ms - alert.active_at_ms >= holds.for_ms {
                alert.state = State::Firing;
            }
        }
        Ok(())
    }

    /// Its pending and firing alerts, in the order of their labels.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    /// The highest state of its alerts.
    #[must_use]
    pub fn state(&self) -> State {
        let states = self.alerts.values().map(|alert| alert.state);
        states.max().unwrap_or(State::Inactive)
    }
}

impl Alert {
    /// Whether it lives on after an evaluation that lacks it.
    fn is_kept(&mut self, at_ms: i64, holds: Holds) -> bool {
        if self.state != State::Firing || holds.keep_firing_for_ms <= 0 {
            return false;
        }
        let since_ms = *self.keep_firing_since_ms.get_or_insert(at_ms);
        at_ms - since_ms < holds.keep_firing_for_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(x: &str) -> Element {
        let labels = [("__name__", "a"), ("x", x)];
        let labels = labels.map(|(name, value)| (name.into(), value.into()));
        Element {
            labels: Arc::new(labels.into()),
            value: 1.0,
        }
    }

    /// The states at evaluations of which `true` have the element.
    fn states(holds: Holds, evaluations: &[bool]) -> String {
        let mut machine = Machine::new(holds);
        let states = evaluations.iter().zip(0..).map(|(there, number)| {
            let elements: &[Element] = if *there { &[element("1")] } else { &[] };
            machine.evaluate(number * 10, elements).unwrap();
            match machine.state() {
                State::Inactive => '.',
                State::Pending => 'p',
                State::Firing => 'f',
            }
        });
        states.collect()
    }

    #[test]
    fn an_alert_fires_at_the_first_evaluation_at_least_for_later() {
        let holds = |for_ms| Holds {
            for_ms,
            keep_firing_for_ms: 0,
        };
        assert_eq!(states(holds(0), &[false, true, false]), ".f.");
        assert_eq!(states(holds(20), &[true, true, true, true, false]), "ppff.");
        assert_eq!(states(holds(21), &[true, true, true, true]), "pppf");
        assert_eq!(states(holds(20), &[true, true, false, true, true]), "pp.pp");
    }

    #[test]
    fn a_firing_alert_is_kept_and_its_time_starts_anew_when_it_comes_back() {
        let holds = Holds {
            for_ms: 10,
            keep_firing_for_ms: 20,
        };
        let there = [true, true, false, false, true, false, false, false, false];
        assert_eq!(states(holds, &there), "pffffff..");
        assert_eq!(states(holds, &[true, false]), "p.");
    }

    #[test]
    fn label_sets_live_by_themselves_and_must_differ_in_more_than_the_name() {
        let mut machine = Machine::new(Holds {
            for_ms: 10,
            keep_firing_for_ms: 0,
        });
        machine.evaluate(0, &[element("1")]).unwrap();
        machine.evaluate(10, &[element("1"), element("2")]).unwrap();
        let alerts: Vec<_> = machine.alerts().map(|alert| alert.state).collect();
        assert_eq!(alerts, [State::Firing, State::Pending]);
        let named = Element {
            labels: Arc::new([("x".into(), "1".into())].into()),
            value: 1.0,
        };
        let error = machine.evaluate(20, &[element("1"), named]).unwrap_err();
        assert_eq!(error, EvalError::SameLabels("{x=\"1\"}".into()));
        assert_eq!(machine.alerts().count(), 2);
    }
}
