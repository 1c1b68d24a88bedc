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
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(all: &[(&str, &str)]) -> Labels {
        let all = all
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        all.collect()
    }

    /// `exports-user-defined.json` of Grafana's tests (`pkg/services/ngalert/api/test-data/policy-exports`), without what only
    /// files have.
    fn tree() -> Policy {
        serde_json::from_value(json!({
            "receiver": "default-receiver",
            "group_by": ["g1", "g2"],
            "routes": [{
                "receiver": "nested-receiver",
                "group_by": ["g3", "g4"],
                "matchers": ["a=\"b\""],
                "object_matchers": [["foo", "=", "bar"]],
                "mute_time_intervals": ["interval"],
                "active_time_intervals": ["active"],
                "continue": true,
                "group_wait": "5m",
                "group_interval": "5m",
                "repeat_interval": "5m",
            }],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "1h",
        }))
        .unwrap()
    }

    #[test]
    fn an_alert_goes_down_the_tree_as_far_as_it_matches() {
        let routes = tree()
            .routes(&labels(&[("a", "b"), ("foo", "bar")]))
            .unwrap();
        assert_eq!(routes.len(), 1);
        assert_eq!(routes[0].receiver, "nested-receiver");
        assert_eq!(routes[0].muted_in, ["interval"]);
        assert_eq!(routes[0].active_in, ["active"]);
        assert!((routes[0].timing.group_wait_s - 300.0).abs() < 1e-9);
        let routes = tree()
            .routes(&labels(&[("a", "b"), ("foo", "baz")]))
            .unwrap();
        assert_eq!(routes[0].receiver, "default-receiver");
        assert!((routes[0].timing.group_wait_s - 30.0).abs() < 1e-9);
        assert!(!routes[0].may_be_muted(&[], 2026) && !routes[0].timing.by_alertname);
    }

    #[test]
    fn what_a_policy_does_not_say_is_as_above_and_the_first_match_ends_it() {
        let tree: Policy = serde_json::from_value(json!({
            "receiver": "mail", "group_by": ["grafana_folder", "alertname"], "group_wait": "10s",
            "routes": [
                {"object_matchers": [["team", "=~", "a|b"]], "continue": true, "group_interval": "1m"},
                {"matchers": ["team!~\"b.*\""], "receiver": "pager", "routes": null},
                {"match": {"team": "a"}, "match_re": {"x": ""}, "receiver": "never"},
            ],
        }))
        .unwrap();
        let told = |team: &str| {
            let routes = tree.routes(&labels(&[("team", team)])).unwrap();
            let told = routes.into_iter().map(|route| {
                let RouteTiming {
                    group_wait_s,
                    group_interval_s,
                    by_alertname,
                } = route.timing;
                assert!(by_alertname);
                format!("{} {group_wait_s} {group_interval_s}", route.receiver)
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!(told("a"), ["mail 10 60", "pager 10 300"]);
        assert_eq!(told("b"), ["mail 10 60"]);
        assert_eq!(told("c"), ["pager 10 300"]);
    }

    #[test]
    fn a_rule_may_name_its_receiver_itself() {
        // The example of `notification_settings` in `ProvisionedAlertRule`.
        let own: Notification = serde_json::from_value(json!({
            "receiver": "email", "group_by": ["alertname", "grafana_folder", "cluster"],
            "group_wait": "30s", "group_interval": "1m", "repeat_interval": "4d",
            "mute_time_intervals": ["Weekends", "Holidays"],
        }))
        .unwrap();
        let route = tree().own_route(&own).unwrap();
        assert_eq!(
            (route.receiver.as_str(), route.timing.group_interval_s),
            ("email", 60.0)
        );
        assert_eq!(route.muted_in.len(), 2);
    }

    #[test]
    fn intervals_of_years_that_are_over_mute_nothing() {
        let timings: Vec<MuteTiming> = serde_json::from_value(json!([
            {"name": "paged-by-grafana", "time_intervals": [{"years": ["1970"]}]},
            {"name": "paged-by-prometheus", "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]},
            {"name": "until-2030", "time_intervals": [{"years": ["2020:2030"]}], "version": "1", "provenance": ""},
            {"name": "empty", "time_intervals": null},
        ]))
        .unwrap();
        for (muted_in, active_in, told) in [
            (&["paged-by-grafana"][..], &[][..], false),
            (&["empty"], &[], false),
            (&["paged-by-prometheus"], &[], true),
            (&["until-2030"], &[], true),
            (&["unknown"], &[], true),
            (&[], &["paged-by-grafana"], true),
        ] {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let route = Route {
                receiver: "voteops".into(),
                timing: USUAL,
                muted_in: names(muted_in),
                active_in: names(active_in),
            };
            assert_eq!(route.may_be_muted(&timings, 2026), told, "{route:?}");
        }
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_an_error() {
        let broken = |matcher: Value| -> Policy {
            serde_json::from_value(json!({"object_matchers": [matcher]})).unwrap()
        };
        for matcher in [json!(["a", "=~", "("]), json!(["a", ">", "1"])] {
            assert!(broken(matcher).routes(&Labels::new()).is_err());
        }
        let policy: Policy = serde_json::from_value(json!({"matchers": ["nothing"]})).unwrap();
        assert!(policy.routes(&Labels::new()).is_err());
        let policy: Policy = serde_json::from_value(json!({"group_wait": "soon"})).unwrap();
        assert!(policy.routes(&Labels::new()).is_err());
    }

    #[test]
    fn a_contact_point_is_known_by_its_address() {
        let point = |kind: &str| -> ContactPoint {
            serde_json::from_value(json!({
                "uid": "voteops-webhook", "name": "voteops", "type": kind, "disableResolveMessage": false,
                "settings": {"httpMethod": "POST", "url": "http://127.0.0.1:9095/api/v1/webhook"},
            }))
            .unwrap()
        };
        let ours: Url = "http://127.0.0.1:9095/api/v1/webhook".parse().unwrap();
        assert!(point("webhook").posts_to(&ours) && !point("slack").posts_to(&ours));
        assert!(
            !point("webhook").posts_to(&"http://127.0.0.1:9096/api/v1/webhook".parse().unwrap())
        );
    }
}
