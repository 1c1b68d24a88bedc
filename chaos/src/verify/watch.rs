//! Watching the servers for what was predicted, by their own timestamps.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use voteops_observability::alertmanager::{Alertmanager, HeldAlert};
use voteops_observability::prometheus::{AlertState, Prometheus, Sample};

use super::manager::{self, Ending};
use super::report::Subject;
use super::rule::{QUEUE, Rule};
use super::{Delivery, Error, Manager};

/// Values of what a rule compares that are kept at the most.
const SUBJECT_SAMPLES: f64 = 400.0;

/// Sees what the servers have seen since an instant.
pub(super) struct Watch<'a> {
    pub(super) manager: &'a Manager,
    pub(super) prometheus: &'a Prometheus,
    pub(super) alertmanager: &'a Alertmanager,
    pub(super) delivery: Delivery,
    pub(super) rule: &'a Rule,
    pub(super) onset: Timestamp,
    /// The last notification before the onset.
    pub(super) sequence: u64,
    /// The last evaluation of Grafana at which its alert was seen active.
    pub(super) last_active: Mutex<Option<Timestamp>>,
}

impl Watch<'_> {
    /// How often it is worth asking: twice an evaluation.
    pub(super) fn pause(&self) -> Duration {
        Duration::from_secs_f64((self.rule.evaluation_s / 2.0).clamp(0.05, 1.0))
    }

    /// Seconds from the onset to now.
    pub(super) fn now_s(&self) -> f64 {
        since(self.onset, Timestamp::now())
    }

    /// The first evaluation since the onset at which the alert was in `state`.
    pub(super) async fn first_in(&self, state: &str) -> Result<Option<f64>, Error> {
        if let Manager::Grafana(grafana) = self.manager {
            let at = manager::since_when(grafana, self.rule, state).await?;
            let at_s = at.map(|at| since(self.onset, at));
            // What was under way at the onset may see it at an evaluation of a time before.
            return Ok(at_s.filter(|at_s| *at_s >= -self.rule.lag_s));
        }
        let shown = shown_as(state, self.rule);
        Ok(self.evaluations(shown).await?.first().copied())
    }

    /// When the condition ended: the evaluation after the last one at which the alert fired. Told
    /// once the rule has been evaluated since and is inactive, so that an evaluation that is late
    /// is not taken for the end.
    pub(super) async fn resolved(&self) -> Result<Option<f64>, Error> {
        if let Manager::Grafana(grafana) = self.manager {
            let last = *self
                .last_active
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let found = manager::ending(grafana, self.rule, last).await?;
            return Ok(match found {
                Ending::Ended(at) => Some(since(self.onset, at)),
                Ending::Active(at) => {
                    let mut last = self
                        .last_active
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner);
                    *last = Some(at);
                    None
                }
                Ending::Unknown => None,
            });
        }
        let Some(last_s) = self.evaluations("firing").await?.last().copied() else {
            return Ok(None);
        };
        let groups = self.prometheus.rules().await?.data;
        let mut rules = groups.iter().flat_map(|group| &group.rules);
        let ended = rules.any(|rule| {
            rule.name == self.rule.name
                && rule.state == AlertState::Inactive
                && rule
                    .last_evaluation
                    .is_some_and(|at| since(self.onset, at) > last_s)
        });
        Ok(ended.then_some(last_s + self.rule.evaluation_s))
    }

    /// The first scrape after `after_s` at which the queue was at most `level` long.
    pub(super) async fn queue_at_most(
        &self,
        level: f64,
        after_s: f64,
    ) -> Result<Option<f64>, Error> {
        let samples = self.samples(QUEUE).await?;
        Ok(samples
            .iter()
            .find(|s| s.at_s > after_s && s.value <= level)
            .map(|s| s.at_s))
    }

    /// When a notification of this alert with `status` arrived, not before `after_s`: one of an
    /// earlier time may still have been on its way at the onset.
    pub(super) async fn notified(&self, status: &str, after_s: f64) -> Result<Option<f64>, Error> {
        let receiver = match &self.delivery {
            Delivery::Receiver(receiver) => receiver,
            Delivery::Alertmanager if status == "firing" => return self.held(after_s).await,
            Delivery::Alertmanager => return self.let_go().await,
        };
        let arrived = receiver.after(self.sequence).await?;
        let ours = arrived.into_iter().filter(|received| {
            received
                .notification
                .alerts
                .iter()
                .any(|alert| alert.status == status && self.rule.is_of(&alert.labels))
        });
        let mut times = ours.map(|received| since(self.onset, received.at));
        Ok(times.find(|at_s| *at_s >= after_s))
    }

    /// When Alertmanager was told of the alert, by its own clock, as long as it is told again seldom.
    async fn held(&self, after_s: f64) -> Result<Option<f64>, Error> {
        let held = self.alertmanager.alerts().await?;
        let mut ours = held.iter().filter(|held| self.is_ours(held));
        let told = ours.find(|held| is_told(held));
        let at_s = |held: &HeldAlert| since(self.onset, held.updated_at.unwrap_or(held.starts_at));
        Ok(told.map(|held| at_s(held).max(after_s)))
    }

    /// Now, once Alertmanager holds the alert no more: it leaves out what has ended.
    async fn let_go(&self) -> Result<Option<f64>, Error> {
        let held = self.alertmanager.alerts().await?;
        let is_held = held.iter().any(|held| self.is_ours(held));
        Ok((!is_held).then(|| self.now_s()))
    }

    fn is_ours(&self, held: &HeldAlert) -> bool {
        self.rule.is_of(&held.labels)
    }

    /// What the rule compares, from a little before the onset until now; `None` when it compares
    /// nothing with a number.
    pub(super) async fn subject(&self) -> Result<Option<Subject>, Error> {
        let Some(condition) = &self.rule.condition else {
            return Ok(None);
        };
        let (onset_s, now_s) = (seconds(self.onset), self.now_s());
        let before_s = 10.0 * self.rule.evaluation_s;
        let step_s = ((before_s + now_s) / SUBJECT_SAMPLES).max(self.rule.evaluation_s);
        let answer = self.prometheus.query_range(
            &condition.subject,
            onset_s - before_s,
            onset_s + now_s,
            Duration::from_secs_f64(step_s),
        );
        let series = answer.await?.data.into_iter().next();
        let samples = series.map_or_else(Vec::new, |series| series.samples);
        let millis = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
        Ok(Some(Subject {
            expr: condition.subject.clone(),
            threshold: condition.threshold,
            samples: samples
                .into_iter()
                // JSON has no NaN, and nothing is drawn there.
                .filter(|sample| sample.value.is_finite())
                .map(|sample| (millis(sample.at_s - onset_s), sample.value))
                .collect(),
        }))
    }

    /// The evaluations since the onset at which the alert was in `state`, oldest first.
    async fn evaluations(&self, state: &str) -> Result<Vec<f64>, Error> {
        Ok(self
            .samples(&self.rule.alerts(state))
            .await?
            .into_iter()
            .map(|sample| sample.at_s)
            .collect())
    }

    /// Every raw sample since the onset, by the second from the onset.
    async fn samples(&self, selector: &str) -> Result<Vec<Sample>, Error> {
        let onset_s = seconds(self.onset);
        let range_ms = ((self.now_s() + 1.0) * 1000.0).ceil();
        let answer = self
            .prometheus
            .query(&format!("{selector}[{range_ms}ms]"), None)
            .await?;
        let all = answer.data.into_iter().flat_map(|series| series.samples);
        let mut samples: Vec<_> = all
            .map(|sample| Sample {
                at_s: sample.at_s - onset_s,
                ..sample
            })
            .filter(|sample| sample.at_s >= 0.0)
            .collect();
        samples.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        Ok(samples)
    }
}

/// The state in which Prometheus shows an alert that is in `state`: one whose rule has no `for` fires at the evaluation at
/// which it becomes pending, and is never shown as that (`AlertingRule.Eval` in rules/alerting.go).
fn shown_as<'s>(state: &'s str, rule: &Rule) -> &'s str {
    if state == "pending" && rule.for_s <= 0.0 {
        "firing"
    } else {
        state
    }
}

/// Whether an alert is held, and not because somebody silenced it. One that is muted by the time of its policy is held too.
fn is_told(held: &HeldAlert) -> bool {
    let status = &held.status;
    status.state == "active"
        || status.state == "suppressed"
            && status.silenced_by.is_empty()
            && status.inhibited_by.is_empty()
}

fn seconds(at: Timestamp) -> f64 {
    Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).map_or(0.0, |d| d.as_secs_f64())
}

/// Seconds from one instant to another.
pub(super) fn since(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::super::tests::shipped;
    use super::*;

    #[test]
    fn an_alert_without_for_is_pending_when_it_is_shown_as_firing() {
        let rule = shipped("TargetDown", 0);
        assert!(rule.for_s > 0.0);
        let at_once = Rule {
            for_s: 0.0,
            ..rule.clone()
        };
        assert_eq!(shown_as("pending", &rule), "pending");
        assert_eq!(shown_as("pending", &at_once), "firing");
        assert_eq!(shown_as("firing", &at_once), "firing");
    }
}
