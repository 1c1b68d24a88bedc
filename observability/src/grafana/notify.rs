//! Whom a rule of Grafana notifies, and when: the notification policies (`GET /api/v1/provisioning/policies`, `Route` in Grafana's
//! `pkg/services/ngalert/api/tooling/definitions/alertmanager.go`), or what the rule says itself, and the contact points
//! (`GET /api/v1/provisioning/contact-points`, `EmbeddedContactPoint` in `definitions/contact_points.go`).

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::definition::Notification;
use super::types::or_default;
use crate::alertmanager::RouteTiming;
use crate::prometheus::Labels;
use crate::units;

/// The waits of a policy that says none (`DefaultRouteOpts` in Alertmanager's dispatch/route.go).
const USUAL: RouteTiming = RouteTiming {
    group_wait_s: 30.0,
    group_interval_s: 300.0,
    by_alertname: false,
};

/// One way by which a rule notifies.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The name of its contact point.
    pub receiver: String,
    /// How it groups, and its waits.
    pub timing: RouteTiming,
    /// The time intervals that mute it.
    pub muted_in: Vec<String>,
    /// Those outside of which it is muted.
    pub active_in: Vec<String>,
}

impl Route {
    /// Whether it may be muted at some time, as far as the intervals are known.
    #[must_use]
    pub fn may_be_muted(&self, known: &[MuteTiming], this_year: i16) -> bool {
        let is_past = |name: &String| {
            let mut known = known.iter();
            known.any(|timing| timing.name == *name && timing.is_past(this_year))
        };
        !self.active_in.is_empty() || !self.muted_in.iter().all(is_past)
    }
}

/// A time interval by its name (`GET /api/v1/provisioning/mute-timings`, `MuteTimeInterval` of Grafana's API), as far as it is
/// looked at.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MuteTiming {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    time_intervals: Vec<TimeInterval>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct TimeInterval {
    /// Such as `1970` or `2020:2022`; without any it is of every year.
    #[serde(default, deserialize_with = "or_default")]
    years: Vec<String>,
}

impl MuteTiming {
    /// Whether all of it is of years that are over.
    fn is_past(&self, this_year: i16) -> bool {
        let is_past = |years: &String| {
            let last = years.rsplit(':').next().unwrap_or_default();
            last.trim().parse().is_ok_and(|last: i16| last < this_year)
        };
        self.time_intervals
            .iter()
            .all(|interval| !interval.years.is_empty() && interval.years.iter().all(is_past))
    }
}

/// A contact point, as far as it is looked at.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ContactPoint {
    /// Its name; several of one name are notified together.
    pub name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    settings: Value,
}

impl ContactPoint {
    /// Whether it posts to this address.
    #[must_use]
    pub fn posts_to(&self, url: &Url) -> bool {
        let told = self.settings.get("url").and_then(Value::as_str);
        self.kind == "webhook" && told.and_then(|told| told.parse().ok()).as_ref() == Some(url)
    }
}

/// A notification policy with those below it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Policy {
    #[serde(default, deserialize_with = "or_default")]
    receiver: String,
    #[serde(default)]
    group_by: Option<Vec<String>>,
    #[serde(default)]
    group_wait: Option<String>,
    #[serde(default)]
    group_interval: Option<String>,
    #[serde(default, rename = "match", deserialize_with = "or_default")]
    equal: BTreeMap<String, String>,
    #[serde(default, rename = "match_re", deserialize_with = "or_default")]
    alike: BTreeMap<String, String>,
    /// Such as `a="b"`.
    #[serde(default, deserialize_with = "or_default")]
    matchers: Vec<String>,
    /// Name, operator, value.
    #[serde(default, deserialize_with = "or_default")]
    object_matchers: Vec<(String, String, String)>,
    #[serde(default, deserialize_with = "or_default")]
    mute_time_intervals: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    active_time_intervals: Vec<String>,
    #[serde(default, rename = "continue", deserialize_with = "or_default")]
    goes_on: bool,
    #[serde(default, deserialize_with = "or_default")]
    routes: Vec<Policy>,
}

impl Policy {
    /// The routes of an alert with these labels, in order; as Alertmanager finds them (`Route.Match` in dispatch/route.go).
    ///
    /// # Errors
    /// What cannot be read of a policy.
    pub(super) fn routes(&self, labels: &Labels) -> Result<Vec<Route>, String> {
        self.below(labels, "", USUAL)
    }

    fn below(
        &self,
        labels: &Labels,
        receiver: &str,
        timing: RouteTiming,
    ) -> Result<Vec<Route>, String> {
        if !self.matches(labels)? {
            return Ok(Vec::new());
        }
        let receiver = match self.receiver.as_str() {
            "" => receiver,
            own => own,
        };
        let timing = self.timing(timing)?;
        let mut found = Vec::new();
        for policy in &self.routes {
            let routes = policy.below(labels, receiver, timing)?;
            let is_last = !routes.is_empty() && !policy.goes_on;
            found.extend(routes);
            if is_last {
                break;
            }
        }
        if found.is_empty() {
            found.push(Route {
                receiver: receiver.to_owned(),
                timing,
                muted_in: self.mute_time_intervals.clone(),
                active_in: self.active_time_intervals.clone(),
            });
        }
        Ok(found)
    }

    fn timing(&self, above: RouteTiming) -> Result<RouteTiming, String> {
        Ok(RouteTiming {
            group_wait_s: wait(self.group_wait.as_deref(), above.group_wait_s)?,
            group_interval_s: wait(self.group_interval.as_deref(), above.group_interval_s)?,
            by_alertname: self.group_by.as_ref().map_or(above.by_alertname, |names| {
                names
                    .iter()
                    .any(|name| name == "alertname" || name == "...")
            }),
        })
    }

    fn matches(&self, labels: &Labels) -> Result<bool, String> {
        let equal = self.equal.iter().map(|(name, value)| (name, "=", value));
        let alike = self.alike.iter().map(|(name, value)| (name, "=~", value));
        let objects = self.object_matchers.iter();
        let objects = objects.map(|(name, operator, value)| (name, operator.as_str(), value));
        for (name, operator, value) in equal.chain(alike).chain(objects) {
            if !holds(labels, name, operator, value)? {
                return Ok(false);
            }
        }
        for matcher in &self.matchers {
            let (name, operator, value) = split(matcher)
                .ok_or_else(|| format!("the matcher {matcher:?} of a policy cannot be read"))?;
            if !holds(labels, name, operator, &value)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The route of a rule that names its receiver itself. Its alerts are always grouped by folder and name too
    /// (<https://grafana.com/docs/grafana/latest/alerting/fundamentals/notifications/group-alert-notifications/>), and what it does not say is as in the
    /// root policy.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn own_route(&self, own: &Notification) -> Result<Route, String> {
        let root = self.timing(USUAL)?;
        Ok(Route {
            receiver: own.receiver.clone(),
            timing: RouteTiming {
                group_wait_s: wait(own.group_wait.as_deref(), root.group_wait_s)?,
                group_interval_s: wait(own.group_interval.as_deref(), root.group_interval_s)?,
                by_alertname: true,
            },
            muted_in: own.mute_time_intervals.clone(),
            active_in: own.active_time_intervals.clone(),
        })
    }
}

fn wait(told: Option<&str>, otherwise_s: f64) -> Result<f64, String> {
    match told {
        None | Some("") => Ok(otherwise_s),
        Some(told) => Ok(units::parse_duration(told)?.as_secs_f64()),
    }
}

/// A matcher such as `a="b"`, taken apart.
fn split(matcher: &str) -> Option<(&str, &str, String)> {
    let at = matcher.find(['=', '!'])?;
    let (name, rest) = matcher.split_at(at);
    let operator = ["=~", "!~", "!=", "="]
        .into_iter()
        .find(|operator| rest.starts_with(operator))?;
    let value = rest[operator.len()..].trim();
    let value = match value.strip_prefix('"') {
        // The same escapes as JSON has.
        Some(_) => serde_json::from_str(value).ok()?,
        None => value.to_owned(),
    };
    Some((name.trim(), operator, value))
}

fn holds(labels: &Labels, name: &str, operator: &str, value: &str) -> Result<bool, String> {
    let label = labels.get(name).map_or("", String::as_str);
    let alike = || {
        let pattern = Regex::new(&format!("^(?:{value})$"));
        let pattern = pattern.map_err(|error| format!("the matcher of {name}: {error}"))?;
        Ok::<_, String>(pattern.is_match(label))
    };
    match operator {
        "=" => Ok(label == value),
        "!=" => Ok(label != value),
        "=~" => alike(),
        "!~" => Ok(!alike()?),
        other => Err(format!(
            "the matcher of {name} has the operator {other:?}, which is not known"
        )),
    }
}

#[cfg(test)]
#[path = "notify_tests.rs"]
mod tests;
