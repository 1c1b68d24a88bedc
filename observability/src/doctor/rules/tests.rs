use super::super::Verdict;
use super::*;

/// The rules as a Prometheus would tell them that has read the shipped files.
fn loaded(time_scale: f64) -> (Vec<Shipped>, RuleGroup) {
    let shipped = shipped(time_scale).unwrap();
    let rules = shipped.iter().map(|rule| Rule {
        name: rule.name.clone(),
        query: promql::normal(&rule.expr).unwrap(),
        for_s: rule.for_s,
        keep_firing_for_s: rule.keep_firing_for_s,
        kind: rule.kind,
        state: crate::prometheus::AlertState::Inactive,
        labels: rule.labels.clone(),
        annotations: Labels::new(),
        alerts: Vec::new(),
        health: "ok".into(),
        last_error: None,
        last_evaluation: None,
    });
    let group = RuleGroup {
        name: "all".into(),
        file: String::new(),
        interval_s: 15.0,
        rules: rules.collect(),
    };
    (shipped, group)
}

fn one(shipped: &[Shipped], group: &RuleGroup) -> Finding {
    let groups = std::slice::from_ref(group);
    let mut findings = judge(shipped, groups, &Place::Compose);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

fn rule<'a>(group: &'a mut RuleGroup, name: &str) -> &'a mut Rule {
    group
        .rules
        .iter_mut()
        .find(|rule| rule.name == name)
        .unwrap()
}

#[test]
fn the_shipped_rules_are_well_at_every_time_scale() {
    for time_scale in [1.0, 30.0] {
        let (shipped, group) = loaded(time_scale);
        assert_eq!(one(&shipped, &group).verdict, Verdict::Ok);
    }
    let (unscaled, _) = loaded(1.0);
    let (_, scaled) = loaded(30.0);
    let findings = judge(&unscaled, &[scaled], &Place::Compose);
    assert_eq!(findings.len(), 1, "{findings:?}");
    let found = &findings[0].found;
    assert!(
        found.starts_with("not as they are shipped: ") && found.contains("WorkerDown"),
        "{found}"
    );
}

#[test]
fn a_rule_that_is_gone_is_named_with_what_is_there_instead() {
    let (shipped, mut group) = loaded(1.0);
    rule(&mut group, "WorkerDown").name = "WorkersDown".into();
    let finding = one(&shipped, &group);
    assert_eq!(finding.verdict, Verdict::Failed);
    assert_eq!(
        finding.found,
        "not in force: WorkerDown (WorkersDown is there instead)"
    );
    let none = judge(&shipped, &[], &Place::Compose);
    assert!(none[0].found.starts_with("none of the "), "{none:?}");
}

#[test]
fn a_change_of_threshold_duration_label_or_expression_is_told() {
    type Change = fn(&mut Rule);
    let changes: [(Change, &str); 4] = [
        (
            |rule| rule.query = rule.query.replace("> 1000", "> 5000"),
            "its threshold is 5000, shipped is 1000",
        ),
        (|rule| rule.for_s = 3600.0, "its `for` is 1h, shipped is 5m"),
        (
            |rule| drop(rule.labels.insert("severity".into(), "info".into())),
            "its label severity is info, shipped is critical",
        ),
        (
            |rule| rule.query = rule.query.replace("avg_", "max_"),
            "its expression is max_over_time",
        ),
    ];
    for (change, told) in changes {
        let (shipped, mut group) = loaded(1.0);
        change(rule(&mut group, "CriticalVoteQueueBacklog"));
        let finding = one(&shipped, &group);
        assert_eq!(finding.verdict, Verdict::Warning);
        assert!(finding.found.contains(told), "{finding:?}");
    }
}

#[test]
fn a_rule_that_cannot_be_evaluated_is_told_with_the_reason() {
    let (shipped, mut group) = loaded(1.0);
    let broken = rule(&mut group, "RedisDown");
    broken.health = "err".into();
    broken.last_error = Some("many-to-many matching not allowed".into());
    let finding = one(&shipped, &group);
    assert!(
        finding
            .found
            .ends_with("evaluated: many-to-many matching not allowed")
    );
}

#[test]
fn rules_of_ones_own_are_named_and_no_trouble() {
    let (shipped, mut group) = loaded(1.0);
    let mut own = rule(&mut group, "RedisDown").clone();
    own.name = "MyOwn".into();
    group.rules.push(own);
    let finding = one(&shipped, &group);
    assert_eq!(finding.verdict, Verdict::Ok);
    assert!(finding.found.ends_with("; also: MyOwn"), "{finding:?}");
    assert_eq!(one(&[], &group).verdict, Verdict::Ok);
}
