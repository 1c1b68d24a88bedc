//! Alert rules that Grafana evaluates, beside Prometheus's.

use crossterm::event::{Event as Input, KeyCode};
use ratatui::style::Modifier;
use voteops_observability::grafana::Grafana;
use voteops_observability::prometheus::{AlertState, Sample, Series};
use voteops_observability::snapshot::{AlertStatus, Origin};

use crate::message::{Facts, Message, Refusal};
use crate::model::charts::{ALERTS_QUERY, Charted};
use crate::model::{Feed, Model};
use crate::settings::Severity;
use crate::tests::fixtures::{
    WELL, answered, at, buffer, in_trouble, inactive, model, press, refusal, rules, settings, sort,
    text,
};
use crate::update::update;
use crate::wanted::wanted;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];
const LATENCY: &str =
    "histogram_quantile(0.95, sum by (le) (rate(checkout_duration_seconds_bucket[5m])))";

fn rule(name: &str, state: AlertState, expr: &str) -> AlertStatus {
    let labels = [("alertname", name), ("grafana_folder", "Shop")];
    AlertStatus {
        origin: Origin::Grafana,
        name: name.into(),
        state,
        since: None,
        fires_at: None,
        value: None,
        threshold: None,
        active: usize::from(state < AlertState::Inactive),
        labels: labels
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        annotations: [("summary".to_owned(), format!("{name}: look at it."))].into(),
        expr: expr.into(),
        for_s: 300.0,
        error: None,
    }
}

/// A rule in each state; one has the name of a rule of Prometheus's.
fn managed() -> Vec<AlertStatus> {
    let mut all = vec![
        AlertStatus {
            since: Some(at(-240)),
            value: Some(1.0),
            ..rule(
                "Checkout is slower than 800 ms",
                AlertState::Firing,
                LATENCY,
            )
        },
        AlertStatus {
            since: Some(at(-200)),
            fires_at: Some(at(100)),
            ..rule(
                "Carts left",
                AlertState::Pending,
                "SELECT count(*) FROM carts",
            )
        },
        rule(
            "WorkerDown",
            AlertState::Inactive,
            "up{job=\"worker\"} == 0",
        ),
        AlertStatus {
            error: Some("the query gave no data".into()),
            ..rule(
                "Orders arrive",
                AlertState::Inactive,
                "rate(orders_total[5m])",
            )
        },
    ];
    sort(&mut all);
    all
}

fn hear(model: &mut Model, after_s: i64, rules: Vec<AlertStatus>) {
    let facts = Facts::GrafanaRules(rules);
    update(model, answered(Feed::GrafanaRules, after_s, Ok(facts)));
}

fn hear_prometheus(model: &mut Model, after_s: i64) {
    for (feed, facts) in [
        (Feed::Signals, Facts::Signals(WELL.to_vec(), Vec::new())),
        (Feed::Rules, rules(in_trouble())),
        (Feed::Held, Facts::Held(Vec::new())),
    ] {
        update(model, answered(feed, after_s, Ok(facts)));
    }
}

fn away() -> Refusal {
    let rules = "http://127.0.0.1:3000/api/prometheus/grafana/api/v1/rules";
    Refusal {
        short: "HTTP 401".into(),
        full: format!("{rules} refused the request: HTTP 401: Unauthorized"),
    }
}

/// A console that asks Grafana too, and has no answer yet.
pub(crate) fn asking() -> Model {
    let mut settings = settings();
    let base = "http://127.0.0.1:3000".parse().unwrap();
    settings.sources.grafana = Some(Grafana::new(&base).unwrap());
    let mut model = model(&settings, true);
    press(&mut model, "5");
    model
}

/// A console that both told their rules, on the alerts screen.
pub(crate) fn live() -> Model {
    let mut model = asking();
    hear_prometheus(&mut model, 0);
    hear(&mut model, 0, managed());
    update(&mut model, Message::Now(at(0)));
    model
}

/// As [`live`], 40 s after Grafana went away.
pub(crate) fn without_grafana() -> Model {
    let mut model = live();
    update(&mut model, answered(Feed::GrafanaRules, 1, Err(away())));
    hear_prometheus(&mut model, 40);
    update(&mut model, Message::Now(at(40)));
    model
}

/// As [`live`], 40 s after Prometheus went away.
fn without_prometheus() -> Model {
    let mut model = live();
    for feed in [Feed::Signals, Feed::Rules] {
        update(&mut model, answered(feed, 1, Err(refusal())));
    }
    update(
        &mut model,
        answered(Feed::Held, 40, Ok(Facts::Held(Vec::new()))),
    );
    hear(&mut model, 40, managed());
    update(&mut model, Message::Now(at(40)));
    model
}

fn select(model: &mut Model, name: &str) {
    let place = model
        .alerts()
        .iter()
        .position(|alert| alert.full_name() == name);
    model.alerts_pane.selected = place.unwrap();
    model.alerts_pane.chosen = true;
}

fn snapshot(name: &str, model: &Model, sizes: &[(u16, u16)]) {
    for size in sizes {
        let name = format!("{name}_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, text(model, *size));
    }
}

/// The line of the frame with these words.
fn line(model: &Model, words: &str) -> String {
    let frame = text(model, (120, 40));
    let line = frame.lines().find(|line| line.contains(words));
    line.unwrap_or_else(|| panic!("{words:?} not in\n{frame}"))
        .to_owned()
}

/// Whether the line with these words is dimmed, from the words on.
fn is_dim(model: &Model, words: &str) -> bool {
    let frame = buffer(model, (120, 40));
    let rows = frame.content.chunks(120);
    let mut cells = rows.filter_map(|row| {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        let column = line[..line.find(words)?].chars().count();
        Some(row[column].modifier)
    });
    let modifier = cells.next();
    let modifier = modifier.unwrap_or_else(|| panic!("{words:?} is not there"));
    modifier.contains(Modifier::DIM)
}

#[test]
fn rules_of_both_stand_in_one_list() {
    let mut model = live();
    snapshot("grafana_live", &model, &[(40, 15), (80, 24), (120, 40)]);
    press(&mut model, "1");
    snapshot("grafana_overview", &model, &SIZES);
}

#[test]
fn a_stale_grafana_leaves_prometheus_live_and_the_other_way_round() {
    let model = without_grafana();
    snapshot("grafana_stale", &model, &SIZES);
    assert!(line(&model, "Carts left (grafana)").contains("was PENDING"));
    assert!(is_dim(&model, "Carts left (grafana)"));
    assert!(line(&model, "WorkerDown  ").contains("■ FIRING"));
    assert!(!is_dim(&model, "WorkerDown  "));
    assert!(line(&model, "Alerts  ■").contains("◌ grafana stale 40s"));

    let model = without_prometheus();
    snapshot("grafana_prometheus_stale", &model, &SIZES);
    assert!(line(&model, "WorkerDown  ").contains("was FIRING"));
    assert!(is_dim(&model, "WorkerDown  "));
    assert!(line(&model, "Carts left (grafana)").contains("◆ PENDING 1:00"));
    assert!(!is_dim(&model, "Carts left (grafana)"));
    assert!(line(&model, "Alerts  ■").contains("◌ prometheus stale 40s"));
}

#[test]
fn whose_rules_were_never_told_is_unknown_not_none() {
    let mut model = asking();
    let waiting = text(&model, (120, 40));
    assert!(waiting.contains("first answer of prometheus"), "{waiting}");
    assert!(waiting.contains("first answer of grafana"), "{waiting}");
    update(&mut model, answered(Feed::GrafanaRules, 0, Err(away())));
    hear_prometheus(&mut model, 0);
    let told = line(&model, "Alerts  ■");
    assert!(told.contains("◌ grafana unknown"), "{told}");
    update(&mut model, answered(Feed::Rules, 1, Ok(rules(Vec::new()))));
    let none = text(&model, (120, 40));
    assert!(
        none.contains("Prometheus evaluates no alert rules"),
        "{none}"
    );
    assert!(
        none.contains("of grafana are not known, which is not"),
        "{none}"
    );
    hear(&mut model, 2, Vec::new());
    let none = text(&model, (120, 40));
    assert!(none.contains("Grafana evaluates no alert rules"), "{none}");
    assert!(
        none.contains("Alerts  ◌ no alert rules are loaded\n"),
        "{none}"
    );

    let mut model = asking();
    update(&mut model, answered(Feed::Rules, 0, Err(refusal())));
    hear(&mut model, 0, managed());
    let told = line(&model, "Alerts  ■");
    assert!(told.contains("◌ prometheus unknown"), "{told}");
}

#[test]
fn events_tell_whose_alert_it_is() {
    let mut model = live();
    let mut later = managed();
    later.retain(|alert| alert.name != "Carts left");
    later.extend([AlertStatus {
        since: Some(at(5)),
        ..rule(
            "Carts left",
            AlertState::Firing,
            "SELECT count(*) FROM carts",
        )
    }]);
    hear(&mut model, 6, later.clone());
    // What Prometheus says does not end what Grafana said.
    update(&mut model, answered(Feed::Rules, 7, Ok(rules(inactive()))));
    update(&mut model, answered(Feed::GrafanaRules, 8, Err(away())));
    hear(&mut model, 9, later);
    let events = model.live.events.newest();
    let told: Vec<_> = events.map(|event| event.text.as_str()).collect();
    assert_eq!(
        told,
        [
            "grafana is back after 3s",
            "grafana lost: http://127.0.0.1:3000/api/prometheus/grafana/api/v1/rules refused \
             the request: HTTP 401: Unauthorized",
            "WorkerDown resolved",
            "CriticalVoteQueueBacklog no longer pending",
            "Carts left (grafana) firing",
            "CriticalVoteQueueBacklog pending, fires after 5m",
            "WorkerDown firing",
            "Carts left (grafana) pending, fires after 5m",
            "Checkout is slower than 800 ms (grafana) firing",
        ]
    );
    let firing = model.live.events.newest().nth(4).unwrap();
    assert_eq!((firing.at, firing.severity), (at(5), Severity::Critical));
}

#[test]
fn the_hub_charts_a_query_that_is_promql() {
    let mut model = live();
    for (name, charted) in [
        ("Checkout is slower than 800 ms (grafana)", Some(LATENCY)),
        ("WorkerDown (grafana)", Some("up{job=\"worker\"}")),
        ("Carts left (grafana)", None),
    ] {
        select(&mut model, name);
        update(
            &mut model,
            Message::Input(Input::Key(KeyCode::Enter.into())),
        );
        let asked = wanted(&model).charts;
        assert_eq!(asked.get(1).map(String::as_str), charted, "{name}");
        let frame = text(&model, (120, 40));
        let told = frame.contains("nothing to chart: the query is not PromQL");
        assert_eq!(told, charted.is_none(), "{frame}");
        if charted.is_none() {
            snapshot("grafana_hub", &model, &SIZES);
        }
        press(&mut model, "\x1b");
    }
}

#[test]
fn silencing_leads_to_grafana_and_is_not_offered() {
    let mut model = live();
    select(&mut model, "WorkerDown");
    let offered = |model: &Model| text(model, (120, 40)).contains("s silence");
    assert!(offered(&model));
    select(&mut model, "WorkerDown (grafana)");
    assert!(!offered(&model));
    press(&mut model, "s");
    assert!(model.silencing.spot().is_none());
    assert_eq!(
        model.notice.as_deref(),
        Some("grafana's alerts are silenced in Grafana: http://127.0.0.1:3000/alerting/silences")
    );
    select(&mut model, "WorkerDown");
    press(&mut model, "s");
    assert!(model.silencing.spot().is_some());
}

#[test]
fn a_rule_of_the_same_name_lends_the_signals_nothing() {
    let mut model = live();
    let mut firing = rule("WorkerDown", AlertState::Firing, "up{job=\"worker\"} == 0");
    firing.since = Some(at(-10));
    update(&mut model, answered(Feed::Rules, 0, Ok(rules(inactive()))));
    hear(&mut model, 0, vec![firing]);
    press(&mut model, "1");
    let signal = line(&model, "Workers up");
    assert!(!signal.contains("FIRING"), "{signal}");
}

#[test]
fn the_targets_screen_tells_why_grafana_is_away() {
    let mut model = without_grafana();
    press(&mut model, "8");
    let frame = text(&model, (120, 40));
    assert!(frame.contains("✗ away    grafana"), "{frame}");
    assert!(frame.contains("HTTP 401: Unauthorized"), "{frame}");
}

#[test]
fn the_history_that_prometheus_keeps_is_not_told_of_a_rule_of_the_same_name() {
    let mut model = live();
    let labels = [("alertname", "WorkerDown"), ("alertstate", "firing")];
    let sample = |after_s: i64| Sample {
        at_s: at(after_s).as_duration().as_secs_f64(),
        value: 1.0,
    };
    let charted = Charted {
        found: 1,
        series: vec![Series {
            labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            samples: (-30..0).map(|step| sample(step * 10)).collect(),
        }],
        at: Some(at(0)),
        step_s: 10.0,
        ..Charted::default()
    };
    let answer = Message::Charted(ALERTS_QUERY.into(), Box::new(Ok(charted)));
    update(&mut model, answer);
    press(&mut model, "5");
    let frame = text(&model, (120, 40));
    let row = |name: &str| frame.lines().find(|line| line.contains(name)).unwrap();
    assert!(row("  WorkerDown  ").contains("─■■■"), "{frame}");
    let managed = row("WorkerDown (grafana)");
    assert!(!managed.contains('─') && !managed.contains('■'), "{frame}");
}

/// Grafana's copies of Prometheus's rules, as they are provisioned: Prometheus writes expressions in one line.
fn copies() -> Vec<AlertStatus> {
    let ours = in_trouble().into_iter();
    ours.map(|alert| AlertStatus {
        origin: Origin::Grafana,
        expr: alert.expr.replace(" > ", "\n  > "),
        ..alert
    })
    .collect()
}

#[test]
fn a_rule_that_both_evaluate_is_one_line_until_they_differ() {
    let mut model = asking();
    hear_prometheus(&mut model, 0);
    let alone = model.alerts().len();
    hear(&mut model, 0, copies());
    assert_eq!(model.alerts().len(), alone);
    assert!(line(&model, "WorkerDown (+grafana)").contains("■ FIRING"));
    assert!(line(&model, "Alerts  ■").contains("■ 1 firing"));
    let select_first = |model: &mut Model| select(model, "WorkerDown");
    select_first(&mut model);
    let told = line(&model, "grafana too, by the same expression");
    assert!(told.contains("FIRING"), "{told}");
    // Told again, they are no news.
    let events = model.live.events.newest().count();
    hear(&mut model, 1, copies());
    assert_eq!(model.live.events.newest().count(), events);

    // As soon as they differ both are seen, and the selected one stays selected.
    let mut differing = copies();
    for alert in differing
        .iter_mut()
        .filter(|alert| alert.name == "WorkerDown")
    {
        alert.state = AlertState::Pending;
    }
    hear(&mut model, 2, differing);
    assert!(line(&model, "WorkerDown (grafana)").contains("◆ PENDING"));
    assert!(line(&model, "  WorkerDown  ").contains("■ FIRING"));
    assert_eq!(model.alerts().len(), alone + 1);
    let told = line(&model, "grafana too, by the same expression");
    assert!(told.contains("PENDING"), "{told}");

    // What cannot be asked is not what the other says.
    hear(&mut model, 3, copies());
    assert_eq!(model.alerts().len(), alone);
    update(&mut model, answered(Feed::Rules, 4, Err(refusal())));
    assert_eq!(model.alerts().len(), 2 * alone);
    hear_prometheus(&mut model, 5);
    assert_eq!(model.alerts().len(), alone);
    press(&mut model, "1");
    assert!(line(&model, "WorkerDown (+grafana)").contains("FIRING"));
}
