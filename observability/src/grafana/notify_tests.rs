//! Policies and contact points in the shapes of Grafana's own tests.

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
    assert!(!point("webhook").posts_to(&"http://127.0.0.1:9096/api/v1/webhook".parse().unwrap()));
}
