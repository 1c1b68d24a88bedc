//! What is predicted of rules that Grafana evaluates, held to its scheduler.

use super::*;
use crate::verify::manager::InGrafana;

/// Between two evaluations, and until a rule is run at the latest.
const TICK_MS: i64 = 10_000;

/// A shipped rule as Grafana evaluates it, `phase_ms` after each tick.
fn managed(name: &str, phase_ms: i64) -> Rule {
    let evaluated_at = at(ONSET_MS - TICK_MS + phase_ms);
    Rule {
        evaluation_s: 10.0,
        evaluated_at,
        slot: Some(evaluated_at),
        lag_s: 10.0,
        in_grafana: Some(InGrafana {
            uid: Some(name.into()),
            folder: "voteops".into(),
        }),
        ..shipped(name, 0)
    }
}

fn rise_of(rule: &Rule, scene: &Scene) -> Rise {
    let (parameters, workers) = (parameters(&STALL_WORKER), workers());
    let effect = effect(&STALL_WORKER, &parameters, &workers, Load::default(), scene);
    let onset = (at(ONSET_MS), at(ONSET_MS));
    forecast::rise(rule, scene, effect, onset).unwrap().unwrap()
}

fn seconds(ms: i64) -> f64 {
    crate::verify::scene::secs(ms)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// A scrape that hangs is stored when its time is over, with the time at which it began. Grafana runs an evaluation up to a
    /// tick after the time that it is of (`processTick`), and a rule fires at the first evaluation at least `for` after the one at which it
    /// turned pending (`resultAlerting`).
    #[test]
    fn whatever_the_place_among_the_rules_that_are_due_the_windows_hold(
        scrape_ms in 0..INTERVAL_MS,
        phase_ms in 0..TICK_MS,
        lag_ms in 0..TICK_MS,
    ) {
        let rule = managed("WorkerDown", phase_ms);
        let rise = rise_of(&rule, &well(scrape_ms));
        let timeout_ms = 10_000;
        // The first scrape since the onset, and the evaluations that see that it failed.
        let from_ms = scrape_ms.max(scrape_ms + timeout_ms - lag_ms);
        let pending_ms = from_ms + (phase_ms - from_ms).rem_euclid(TICK_MS);
        let for_ms = millis(rule.for_s);
        let firing_ms = pending_ms + (for_ms + TICK_MS - 1) / TICK_MS * TICK_MS;
        prop_assert!(rise.pending.contains(seconds(pending_ms)), "{pending_ms} {rise:?}");
        prop_assert!(rise.firing.contains(seconds(firing_ms)), "{firing_ms} {rise:?}");
        // No wider than by what is not known: the place among the rules.
        let width_s = rise.firing.hi_s - rise.firing.lo_s;
        prop_assert!(width_s <= 10.0 + 10.0 + 0.4, "{rise:?}");
    }
}

#[test]
fn an_alert_may_go_on_for_evaluations_without_its_series() {
    let scene = well(2_000);
    let (parameters, workers) = (parameters(&KILL_WORKER), workers());
    let effect = effect(&KILL_WORKER, &parameters, &workers, Load::default(), &scene);
    let aftermath = Aftermath {
        effect,
        from_ms: -100_000,
        to_ms: 0,
        late: false,
        counted: Counted::default(),
        pace: 1.0,
    };
    let resolved = |rule: &Rule| {
        forecast::resolved(rule, &scene, aftermath, at(ONSET_MS))
            .unwrap()
            .unwrap()
    };
    let at_once = managed("WorkerDown", 5_000);
    let lingering = Rule {
        missing_s: 10.0,
        ..at_once.clone()
    };
    let (at_once, lingering) = (resolved(&at_once), resolved(&lingering));
    assert!((lingering.hi_s - at_once.hi_s - 10.0).abs() < 1e-6);
    assert!((lingering.lo_s - at_once.lo_s).abs() < 1e-6);
}

#[test]
fn alerts_of_one_name_are_told_apart_by_who_manages_them() {
    let labels = |folder: Option<&str>| -> Labels {
        let name = [("alertname", "WorkerDown")].into_iter();
        let all = name.chain(folder.map(|folder| ("grafana_folder", folder)));
        all.map(|(name, value)| (name.into(), value.into()))
            .collect()
    };
    let (grafanas, ours) = (managed("WorkerDown", 0), shipped("WorkerDown", 0));
    assert!(grafanas.is_of(&labels(Some("voteops"))) && ours.is_of(&labels(None)));
    for other in [None, Some("Other")] {
        assert!(!grafanas.is_of(&labels(other)));
    }
    assert!(!ours.is_of(&labels(Some("voteops"))));
}
