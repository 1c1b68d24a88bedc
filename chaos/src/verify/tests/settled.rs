//! What is known of an alert and of targets before it is proven.

use voteops_observability::webhook::{Notification, Received};

use super::*;
use crate::verify::outlook::Outlook;
use crate::verify::settle::is_told_over;

/// A notification of alerts, each with its name and status.
fn notified(sequence: u64, alerts: &[(&str, &str)]) -> Received {
    let alerts = alerts.iter().map(|(name, status)| {
        json!({
            "status": status,
            "labels": { "alertname": name },
            "startsAt": at(ONSET_MS).to_string(),
        })
    });
    let notification: Notification = serde_json::from_value(json!({
        "status": "firing",
        "alerts": alerts.collect::<Vec<_>>(),
    }))
    .unwrap();
    Received {
        sequence,
        at: at(ONSET_MS),
        notification,
    }
}

#[test]
fn an_alert_is_over_once_all_of_it_is_in_its_last_notification() {
    const OURS: &str = "TargetDown";
    let rule = shipped(OURS, 0);
    let is_over = |arrived: &[Received]| is_told_over(&rule, arrived);
    let other = notified(9, &[("WorkerDown", "firing")]);
    assert!(!is_over(&[]));
    assert!(!is_over(std::slice::from_ref(&other)));
    let half = notified(1, &[(OURS, "resolved"), (OURS, "firing")]);
    assert!(!is_over(&[half.clone(), other.clone()]));
    let whole = notified(2, &[(OURS, "resolved"), (OURS, "resolved")]);
    assert!(is_over(&[half.clone(), whole.clone(), other]));
    assert!(!is_over(&[whole, half]));
}

#[test]
fn the_name_of_an_alert_stays_within_its_quotation() {
    let rule = Rule {
        name: r#"a "b" \ c"#.to_owned(),
        ..shipped("TargetDown", 0)
    };
    let selector = rule.alerts("firing");
    let told = r#"ALERTS{alertname="a \"b\" \\ c",alertstate="firing"}"#;
    assert_eq!(selector, told);
    let counted = format!("count_over_time({selector}[1m]) > 0");
    assert!(promql::condition(&counted).is_ok(), "{counted}");
}

#[test]
fn a_target_is_known_by_its_address_of_either_version() {
    let (scene, parameters) = (well(0), parameters(&STALL_WORKER));
    for (instance, touched, is_known) in [
        ("10.0.0.2:8081", "10.0.0.2", true),
        ("10.0.0.2:8081", "10.0.0.2:8081", true),
        ("10.0.0.2:8081", "10.0.0.2:8082", false),
        ("[fd00::2]:8081", "fd00::2", true),
        ("[fd00::2]:8081", "[fd00::2]:8081", true),
        ("[fd00::2]:8081", "fd00::3", false),
    ] {
        let touched = [touched.to_owned()];
        let effect = effect(
            &STALL_WORKER,
            &parameters,
            &touched,
            Load::default(),
            &scene,
        );
        let scraped = target("worker", instance, 0, Vec::new());
        let mut outages = effect.onsets().map(|onset| onset.outages(&scraped));
        assert!(
            outages.all(|outages| outages.is_empty() != is_known),
            "{instance}, {touched:?}"
        );
    }
}

#[test]
fn a_rule_that_is_not_the_one_that_is_shipped_is_told_by_what_differs() {
    let mut rule = shipped("WorkerDown", 0);
    assert_eq!(crate::verify::rule::deviation(&rule, 1.0), None);
    rule.for_s = 2.0;
    assert_eq!(crate::verify::rule::deviation(&rule, 30.0), None);
    rule.for_s = 4.0;
    let told = crate::verify::rule::deviation(&rule, 30.0).unwrap();
    assert_eq!(told, "its `for` is 4 s, and is shipped as 2 s");
    rule.expr = rule.expr.replace("< 1", "< 2");
    let told = crate::verify::rule::deviation(&rule, 30.0).unwrap();
    assert!(
        told.starts_with("its expression is ") && told.contains("< 2,"),
        "{told}"
    );
    rule.name = "Another".into();
    assert_eq!(crate::verify::rule::deviation(&rule, 30.0), None);
}
