//! Who evaluates the rule and notifies of it: Prometheus with its Alertmanager, or Grafana by itself.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use voteops_observability::BackendError;
use voteops_observability::alertmanager::RouteTiming;
use voteops_observability::grafana::{Definition, Grafana, InstanceState, LiveRule, TICK_S};
use voteops_observability::rules::nearest;

use super::rule::{self, Read, Rule};
use super::{Delivery, Error, Setup};

/// Who evaluates the rule.
#[derive(Clone, Debug)]
pub enum Manager {
    /// Prometheus.
    Prometheus,
    /// Grafana, which asks Prometheus.
    Grafana(Grafana),
}

/// The same by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ManagedBy {
    /// Prometheus.
    Prometheus,
    /// Grafana.
    Grafana,
}

impl ManagedBy {
    /// How its instants are known, in words, where that differs from what is usual.
    #[must_use]
    pub fn caveat(self) -> Option<&'static str> {
        match self {
            Self::Prometheus => None,
            Self::Grafana => Some(
                "managed by Grafana: pending and firing are its activeAt, resolved is its lastEvaluation; each is the time \
                 that an evaluation is of, which Grafana runs up to 10 s later",
            ),
        }
    }
}

/// What only a rule of Grafana has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InGrafana {
    /// Its identity, where it is told.
    pub(super) uid: Option<String>,
    /// Its folder, which is a label of its alerts.
    pub(super) folder: String,
}

impl InGrafana {
    /// Whether an answer is about this rule.
    fn is(&self, name: &str, live: &LiveRule) -> bool {
        match (&self.uid, &live.uid) {
            (Some(own), Some(other)) => own == other,
            _ => live.name == name && live.folder == self.folder,
        }
    }
}

impl Manager {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> ManagedBy {
        match self {
            Self::Prometheus => ManagedBy::Prometheus,
            Self::Grafana(_) => ManagedBy::Grafana,
        }
    }

    /// The waits of the route that the rule's notifications take, and who tells that it has notified: a receiver of
    /// ours where they go there.
    pub(super) async fn way(
        &self,
        setup: &Setup,
        rule: &Rule,
    ) -> Result<(RouteTiming, Delivery), Error> {
        let Self::Grafana(grafana) = self else {
            let route = setup.alertmanager.route_timing().await?;
            return Ok((route, setup.delivery.clone()));
        };
        let live = look(grafana, rule).await?;
        let definition = definition(grafana, &live).await?;
        let routes = grafana
            .routes(&live, definition.notification.as_ref())
            .await?;
        if let Delivery::Receiver(receiver) = &setup.delivery {
            let posted = receiver.posted_to();
            let points = grafana.contact_points().await?;
            let ours: Vec<_> = points.iter().filter(|it| it.posts_to(&posted)).collect();
            let timings = grafana.mute_timings().await?;
            let this_year = Timestamp::now().to_zoned(TimeZone::UTC).year();
            let route = routes.iter().find(|route| {
                ours.iter().any(|it| it.name == route.receiver)
                    && !route.may_be_muted(&timings, this_year)
            });
            if let Some(route) = route {
                return Ok((route.timing, setup.delivery.clone()));
            }
        }
        let route = routes.first().ok_or_else(|| {
            Error::NotSteady(format!(
                "Grafana has no notification policy for {}",
                rule.name
            ))
        })?;
        Ok((route.timing, Delivery::Alertmanager))
    }

    /// What the rule is not as it has to be before anything is proven, in a word such as `firing`.
    pub(super) async fn unrest(&self, setup: &Setup, rule: &Rule) -> Result<Option<String>, Error> {
        match self {
            Self::Prometheus => rule::unrest(&setup.prometheus, rule).await,
            Self::Grafana(grafana) => {
                let live = look(grafana, rule).await?;
                if let Some(error) = live.error.filter(|_| live.instances.iter().any(is_failing)) {
                    return Ok(Some(format!("{} cannot be evaluated: {error}", rule.name)));
                }
                let mut active = live.instances.iter().filter(|it| it.is_active());
                Ok(active.next().map(|it| {
                    let state = format!("{:?}", it.state).to_lowercase();
                    format!("{} is {state}", rule.name)
                }))
            }
        }
    }
}

fn is_failing(instance: &voteops_observability::grafana::Instance) -> bool {
    instance.state == InstanceState::Error || instance.reason.as_deref() == Some("Error")
}

/// Reads the rule from Grafana, as Prometheus would have it.
pub(super) async fn read(grafana: &Grafana, alert: &str) -> Result<Rule, Error> {
    let rules = grafana.live().await?;
    let live = found(&rules, alert)?;
    let unfit = |reason: String| Error::Managed {
        alert: alert.to_owned(),
        reason,
    };
    let mut definition = definition(grafana, live).await?;
    if definition.is_paused {
        return Err(unfit("it is paused; resume it in Grafana".into()));
    }
    for uid in definition.untold_sources() {
        let kind = grafana.source_kind(&uid).await?;
        definition.learn_source(&uid, &kind);
    }
    let composed = definition
        .compose()
        .map_err(|reason| unfit(reason.to_string()))?;
    let evaluated_at = live
        .evaluated_at
        .ok_or_else(|| Error::NotSteady(format!("Grafana has not evaluated {alert} yet")))?;
    let missing = f64::from(definition.missing_evaluations() - 1);
    rule::of(Read {
        name: live.name.clone(),
        expr: composed.expr,
        condition: composed.condition,
        for_s: definition.for_s().map_err(unfit)?,
        keep_firing_for_s: definition.keep_firing_for_s().map_err(unfit)?,
        evaluation_s: live.interval_s,
        evaluated_at,
        slot: Some(evaluated_at),
        // The next tick is there before that.
        lag_s: TICK_S.min(live.interval_s),
        missing_s: missing * live.interval_s,
        in_grafana: Some(InGrafana {
            uid: live.uid.clone(),
            folder: live.folder.clone(),
        }),
    })
}

/// The rule of this name or identity.
fn found<'r>(rules: &'r [LiveRule], alert: &str) -> Result<&'r LiveRule, Error> {
    let is_meant = |rule: &&LiveRule| rule.name == alert || rule.uid.as_deref() == Some(alert);
    let meant: Vec<_> = rules.iter().filter(is_meant).collect();
    match meant[..] {
        [one] => Ok(one),
        [] => {
            let names = rules.iter().map(|rule| rule.name.as_str());
            let all: Vec<_> = names.clone().collect();
            Err(Error::UnknownAlert {
                alert: alert.into(),
                hint: nearest(alert, names).map_or_else(
                    || format!("Grafana knows {}, or may not tell of it", all.join(", ")),
                    |name| format!("did you mean {name}?"),
                ),
            })
        }
        _ => {
            let told = meant.iter().map(|rule| {
                let uid = rule.uid.as_deref().unwrap_or("unknown");
                format!("{uid} in {}", rule.folder)
            });
            let told: Vec<_> = told.collect();
            Err(Error::Managed {
                alert: alert.into(),
                reason: format!(
                    "there are several of that name; name one by its uid: {}",
                    told.join(", ")
                ),
            })
        }
    }
}

/// What the rule is made of.
async fn definition(grafana: &Grafana, live: &LiveRule) -> Result<Definition, Error> {
    let definitions = grafana.definitions().await?;
    let mut alerting = definitions.into_iter().filter(Definition::is_alerting);
    let found = alerting.find(|it| match &live.uid {
        Some(uid) => it.uid == *uid,
        None => it.title == live.name,
    });
    found.ok_or_else(|| Error::Managed {
        alert: live.name.clone(),
        reason: "its definition may not be read; give a login that may read rules for provisioning"
            .into(),
    })
}

/// The rule as it is now.
async fn look(grafana: &Grafana, rule: &Rule) -> Result<LiveRule, BackendError> {
    let rules = grafana.live().await?;
    let mut rules = rules.into_iter();
    let meant = |live: &LiveRule| {
        rule.in_grafana
            .as_ref()
            .is_some_and(|own| own.is(&rule.name, live))
    };
    rules.find(meant).ok_or_else(|| BackendError::Garbage {
        url: grafana.base().to_string(),
        reason: format!("{} is not there any more", rule.name),
        excerpt: "its rules".into(),
    })
}

/// Since when the rule is in a state by Grafana's own time; a rule without a pending period is pending when it fires.
pub(super) async fn since_when(
    grafana: &Grafana,
    rule: &Rule,
    state: &str,
) -> Result<Option<Timestamp>, Error> {
    let live = look(grafana, rule).await?;
    let state = match state {
        "pending" if rule.for_s > 0.0 => InstanceState::Pending,
        _ => InstanceState::Alerting,
    };
    Ok(live.first_in(state))
}

/// How it stands with the end of an alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ending {
    /// It was active at the evaluation of this time.
    Active(Timestamp),
    /// It ended at this one.
    Ended(Timestamp),
    /// It was not evaluated.
    Unknown,
}

/// Looks whether the rule's alert is over. `last_active` is the evaluation at which it was last seen active.
pub(super) async fn ending(
    grafana: &Grafana,
    rule: &Rule,
    last_active: Option<Timestamp>,
) -> Result<Ending, Error> {
    let live = look(grafana, rule).await?;
    Ok(ended(&live, rule.evaluation_s, last_active))
}

fn ended(live: &LiveRule, evaluation_s: f64, last_active: Option<Timestamp>) -> Ending {
    let Some(evaluated_at) = live.evaluated_at else {
        return Ending::Unknown;
    };
    if live.is_active() {
        return Ending::Active(evaluated_at);
    }
    // Every evaluation was seen: it ended at the last one.
    let is_next = last_active.is_some_and(|last| {
        evaluated_at > last && evaluated_at.duration_since(last).as_secs_f64() < 1.5 * evaluation_s
    });
    if is_next {
        return Ending::Ended(evaluated_at);
    }
    // Some were missed: what is normal again tells since when, and what is gone does not.
    let normal = live.instances.iter();
    let normal = normal.filter(|it| it.state == InstanceState::Normal);
    let told = normal.filter_map(|it| it.since).max();
    let told = told.filter(|since| last_active.is_none_or(|last| *since > last));
    Ending::Ended(told.unwrap_or(evaluated_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use voteops_observability::grafana::Instance;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn live(evaluated: i64, instances: &[(InstanceState, i64)]) -> LiveRule {
        let instances = instances.iter().map(|(state, since)| Instance {
            labels: [].into(),
            state: *state,
            reason: None,
            since: Some(at(*since)),
        });
        LiveRule {
            uid: Some("u1".into()),
            name: "A".into(),
            folder: "Votes".into(),
            labels: [].into(),
            interval_s: 10.0,
            evaluated_at: Some(at(evaluated)),
            error: None,
            instances: instances.collect(),
        }
    }

    #[test]
    fn an_alert_ends_at_the_evaluation_after_the_last_at_which_it_was_active() {
        use InstanceState::{Alerting, Normal, Recovering};
        let active = live(100, &[(Normal, 0), (Recovering, 90)]);
        assert_eq!(ended(&active, 10.0, None), Ending::Active(at(100)));
        // The series is gone, and with it its instance.
        let gone = live(110, &[(Normal, 0)]);
        assert_eq!(ended(&gone, 10.0, Some(at(100))), Ending::Ended(at(110)));
        // Evaluations were missed, and what is normal again says when that was.
        let later = live(150, &[(Normal, 120)]);
        assert_eq!(ended(&later, 10.0, Some(at(100))), Ending::Ended(at(120)));
        let later = live(150, &[(Normal, 0)]);
        assert_eq!(ended(&later, 10.0, Some(at(100))), Ending::Ended(at(150)));
        let never = LiveRule {
            evaluated_at: None,
            ..live(0, &[(Alerting, 0)])
        };
        assert_eq!(ended(&never, 10.0, None), Ending::Unknown);
    }

    #[test]
    fn a_rule_is_found_by_its_name_or_its_uid() {
        let other = LiveRule {
            uid: Some("u2".into()),
            folder: "Other".into(),
            ..live(0, &[])
        };
        let third = LiveRule {
            uid: Some("u3".into()),
            name: "WorkerDown".into(),
            ..live(0, &[])
        };
        let rules = [live(0, &[]), other, third];
        assert_eq!(found(&rules, "u2").unwrap().folder, "Other");
        assert_eq!(
            found(&rules, "WorkerDown").unwrap().uid.as_deref(),
            Some("u3")
        );
        let told = found(&rules, "A").unwrap_err().to_string();
        assert!(told.contains("u1 in Votes, u2 in Other"), "{told}");
        let told = found(&rules, "WorkerDwn").unwrap_err().to_string();
        assert!(told.contains("did you mean WorkerDown?"), "{told}");
    }
}
