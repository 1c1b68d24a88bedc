//! What alerts do while an experiment runs, by the server's own timestamps: the samples of `ALERTS`
//! bear the times of the evaluations.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;
use voteops_observability::BackendError;
use voteops_observability::prometheus::{AlertState, Prometheus, RuleGroup};
use voteops_observability::text::clean_line;

use super::format::{AlertIs, Until};

/// Time between two evaluations when the server tells none.
const USUAL_EVALUATION_S: f64 = 1.0;

/// What was seen of all alerts so far. Times are seconds from the beginning of the method.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// The alerts that were active, by name.
    pub(super) alerts: BTreeMap<String, Sighting>,
    /// The state of each rule, and when it was last evaluated.
    rules: BTreeMap<String, (AlertState, Option<f64>)>,
}

/// The evaluations at which an alert was active, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sighting {
    pub(super) pending_s: Vec<f64>,
    pub(super) firing_s: Vec<f64>,
}

impl Seen {
    /// When what is waited for from `from_s` on was seen, if it was.
    pub(super) fn when(&self, until: &Until, from_s: f64) -> Option<f64> {
        let sighting = self.alerts.get(&until.alert);
        let first = |times: &[f64]| times.iter().copied().find(|at_s| *at_s >= from_s);
        match until.is {
            AlertIs::Pending => first(&sighting?.pending_s),
            AlertIs::Firing => first(&sighting?.firing_s),
            AlertIs::Inactive => {
                let (state, evaluated_s) = self.rules.get(&until.alert)?;
                let is_inactive = *state == AlertState::Inactive;
                evaluated_s.filter(|at_s| is_inactive && *at_s >= from_s)
            }
        }
    }

    /// When each alert was first in a state, in the order of time.
    pub(super) fn first(&self) -> Vec<(&str, AlertIs, f64)> {
        let mut first: Vec<_> = self
            .alerts
            .iter()
            .flat_map(|(alert, sighting)| {
                let times = [
                    (AlertIs::Pending, sighting.pending_s.first()),
                    (AlertIs::Firing, sighting.firing_s.first()),
                ];
                let seen = |(is, at_s): (AlertIs, Option<&f64>)| Some((alert.as_str(), is, *at_s?));
                times.into_iter().filter_map(seen)
            })
            .collect();
        first.sort_by(|a, b| a.2.total_cmp(&b.2));
        first
    }

    /// When an alert first fired.
    pub(super) fn fired_s(&self, alert: &str) -> Option<f64> {
        self.alerts.get(alert)?.firing_s.first().copied()
    }
}

/// Looks at the alerts from the beginning of a method on.
#[derive(Debug)]
pub(super) struct Watcher<'a> {
    prometheus: &'a Prometheus,
    begun: Timestamp,
    evaluation_s: f64,
    sender: watch::Sender<Seen>,
}

impl<'a> Watcher<'a> {
    /// # Errors
    /// [`BackendError`] when the server does not tell how often it evaluates.
    pub(super) async fn new(
        prometheus: &'a Prometheus,
        begun: Timestamp,
    ) -> Result<Self, BackendError> {
        let groups = prometheus.rules().await?.data;
        let intervals = groups.iter().map(|group| group.interval_s);
        let longest = intervals.max_by(f64::total_cmp);
        Ok(Self {
            prometheus,
            begun,
            evaluation_s: longest.filter(|s| *s > 0.0).unwrap_or(USUAL_EVALUATION_S),
            sender: watch::Sender::default(),
        })
    }

    /// The longest time between two evaluations of a rule, in seconds.
    pub(super) fn evaluation_s(&self) -> f64 {
        self.evaluation_s
    }

    /// What was seen so far, from now on.
    pub(super) fn seen(&self) -> watch::Receiver<Seen> {
        self.sender.subscribe()
    }

    /// Seconds from the beginning of the method to now.
    pub(super) fn now_s(&self) -> f64 {
        since(self.begun, Timestamp::now())
    }

    /// Looks twice an evaluation. An answer that does not come is asked for again.
    pub(super) async fn watch(&self) -> Infallible {
        let pause = Duration::from_secs_f64((self.evaluation_s / 2.0).clamp(0.1, 2.0));
        loop {
            let _ = self.look().await;
            sleep(pause).await;
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// [`BackendError`] when the server cannot be asked; what was seen before stays.
    pub(super) async fn look(&self) -> Result<(), BackendError> {
        let range_ms = ((self.now_s() + 1.0) * 1000.0).ceil();
        // The rules first: what they tell of has its samples by the time those are asked for.
        let groups = self.prometheus.rules().await?.data;
        // Heartbeats always fire, and tell nothing of the method.
        let query = format!("ALERTS{{severity!=\"none\"}}[{range_ms}ms]");
        let series = self.prometheus.query(&query, None).await?.data;
        let mut seen = Seen {
            rules: self.states(&groups),
            ..Seen::default()
        };
        for series in series {
            let label = |name: &str| {
                let value = series.labels.get(name).map_or("", String::as_str);
                clean_line(value).into_owned()
            };
            let sighting = seen.alerts.entry(label("alertname")).or_default();
            let times = match label("alertstate").as_str() {
                "firing" => &mut sighting.firing_s,
                _ => &mut sighting.pending_s,
            };
            let samples = series
                .samples
                .iter()
                .map(|sample| sample.at_s - unix_s(self.begun));
            times.extend(samples.filter(|at_s| *at_s >= 0.0));
            times.sort_by(f64::total_cmp);
        }
        seen.alerts
            .retain(|_, sighting| !(sighting.pending_s.is_empty() && sighting.firing_s.is_empty()));
        self.sender.send_replace(seen);
        Ok(())
    }

    fn states(&self, groups: &[RuleGroup]) -> BTreeMap<String, (AlertState, Option<f64>)> {
        let rules = groups.iter().flat_map(|group| &group.rules);
        let states = rules.map(|rule| {
            let evaluated_s = rule.last_evaluation.map(|at| since(self.begun, at));
            (rule.name.clone(), (rule.state, evaluated_s))
        });
        states.collect()
    }
}

/// An instant as Prometheus counts.
pub(super) fn unix_s(at: Timestamp) -> f64 {
    since(Timestamp::UNIX_EPOCH, at)
}

/// Seconds from one instant to another.
pub(super) fn since(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_seen_from_the_step_on() {
        let mut seen = Seen::default();
        seen.alerts.insert(
            "WorkerDown".into(),
            Sighting {
                pending_s: vec![1.0, 1.5],
                firing_s: vec![2.0, 2.5],
            },
        );
        seen.rules
            .insert("WorkerDown".into(), (AlertState::Inactive, Some(4.0)));
        let when = |is, from_s| {
            let until = Until {
                alert: "WorkerDown".into(),
                is,
                within: Duration::from_secs(9),
            };
            seen.when(&until, from_s)
        };
        assert_eq!(when(AlertIs::Pending, 0.0), Some(1.0));
        assert_eq!(when(AlertIs::Firing, 2.2), Some(2.5));
        assert_eq!(when(AlertIs::Firing, 3.0), None);
        assert_eq!(when(AlertIs::Inactive, 3.0), Some(4.0));
        assert_eq!(when(AlertIs::Inactive, 4.5), None);
        assert_eq!(seen.fired_s("WorkerDown"), Some(2.0));
        assert_eq!(seen.fired_s("RedisDown"), None);
    }
}
