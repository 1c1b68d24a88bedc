//! Alerts that Alertmanager holds and no rule makes, as those of Loki's ruler.

use serde_json::json;
use voteops_observability::alertmanager::HeldAlert;

use crate::message::Facts;
use crate::model::{Feed, Model};
use crate::tests::fixtures::{
    answered, at, connecting, inactive, live, press, refusal, rules, text,
};
use crate::update::update;

const SIZE: (u16, u16) = (120, 40);

fn alert(name: &str, state: &str) -> HeldAlert {
    let alert = json!({
        "labels": {"alertname": name, "severity": "critical", "service": "worker"},
        "annotations": {"summary": "many errors are logged"},
        "startsAt": at(-65), "endsAt": at(300), "fingerprint": "f1",
        "status": {"state": state},
    });
    serde_json::from_value(alert).unwrap()
}

fn hear(model: &mut Model, after_s: i64, held: Vec<HeldAlert>) {
    update(model, answered(Feed::Held, after_s, Ok(Facts::Held(held))));
}

fn told(model: &Model) -> Vec<&str> {
    let newest = model.live.events.newest();
    newest.map(|event| event.text.as_str()).collect()
}

#[test]
fn what_only_alertmanager_tells_of_fires_like_any_other() {
    let mut model = live();
    let held = vec![
        alert("ErrorLogsHigh", "active"),
        alert("Silenced", "suppressed"),
        // Its rule says that it is over; Alertmanager waits for that to be told.
        alert("WorkerDown", "active"),
    ];
    hear(&mut model, 0, held);
    let frame = text(&model, SIZE);
    for words in [
        "■ 1 firing",
        "■ FIRING 1m05s",
        "ErrorLogsHigh (alertmanager)",
    ] {
        assert!(frame.contains(words), "{words} not in\n{frame}");
    }
    assert!(!frame.contains("Silenced"), "{frame}");
    press(&mut model, "5\r");
    let frame = text(&model, SIZE);
    for words in ["many errors are logged", "alertmanager  1 held"] {
        assert!(frame.contains(words), "{words} not in\n{frame}");
    }
    assert!(!frame.contains("compares with no number"), "{frame}");
    assert_eq!(told(&model), ["ErrorLogsHigh (alertmanager) firing"]);
}

#[test]
fn an_alert_without_a_rule_is_over_when_alertmanager_holds_it_no_more() {
    let mut model = live();
    let firing = "ErrorLogsHigh (alertmanager) firing";
    hear(&mut model, 0, vec![alert("ErrorLogsHigh", "active")]);
    hear(&mut model, 1, vec![alert("ErrorLogsHigh", "suppressed")]);
    assert_eq!(told(&model), [firing], "what is silenced is not over");
    hear(&mut model, 2, vec![alert("ErrorLogsHigh", "active")]);
    hear(&mut model, 3, Vec::new());
    let resolved = "ErrorLogsHigh (alertmanager) resolved";
    assert_eq!(told(&model), [resolved, firing, firing]);
    assert_eq!(model.alerts().len(), inactive().len());
}

#[test]
fn which_alerts_have_no_rule_is_not_guessed_before_the_rules_are_known() {
    let mut model = connecting();
    hear(&mut model, 0, vec![alert("WorkerDown", "active")]);
    update(&mut model, answered(Feed::Rules, 0, Err(refusal())));
    assert!(model.alerts().is_empty() && model.live.alerts.is_unknown());
    update(&mut model, answered(Feed::Rules, 1, Ok(rules(inactive()))));
    assert_eq!(model.alerts().len(), inactive().len());
    update(&mut model, answered(Feed::Rules, 2, Ok(rules(Vec::new()))));
    assert_eq!(model.alerts().len(), 1);
}

#[test]
fn what_alertmanager_told_before_it_was_lost_is_old() {
    let mut model = live();
    hear(&mut model, 0, vec![alert("ErrorLogsHigh", "active")]);
    update(&mut model, answered(Feed::Held, 1, Err(refusal())));
    update(&mut model, crate::message::Message::Now(at(30)));
    let frame = text(&model, SIZE);
    assert!(frame.contains("was FIRING"), "{frame}");
}
