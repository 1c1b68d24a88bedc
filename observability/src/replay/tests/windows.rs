//! Forecasts against runs with phases at random.

use proptest::prelude::*;
use proptest::sample::select;

use super::arbitrary::labels;
use super::outcome;
use crate::replay::eval::{Semantics, Settings};
use crate::replay::forecast::{Grid, Phases, Reach, Replay, Rule, Step, Trial};
use crate::replay::machine::Holds;
use crate::replay::scenario::{Basis, Course, Exposed, Failure, Outage, Phase, Scenario, Target};

/// A fault that holds for this long,
const FAULT_MS: i64 = 120_000;
/// and how long it is followed.
const HORIZON_MS: i64 = 330_000;

fn semantics() -> impl Strategy<Value = Semantics> {
    select(vec![Semantics::V2, Semantics::V2_52, Semantics::V3])
}

fn interval_ms() -> impl Strategy<Value = i64> {
    select(vec![2_500, 5_000, 7_100, 10_000, 15_000])
}

/// Conditions that hold once, from some time in the fault to some time after it: the gauge `q`
/// goes up, targets go down.
fn condition() -> impl Strategy<Value = String> {
    let window_s = prop_oneof![Just(60_i64), 7..100_i64];
    (window_s, 1..99_i64, 0..9_usize).prop_map(|(window_s, level, shape)| match shape {
        0 => format!("q > {level}"),
        1 => format!("avg_over_time(q[{window_s}s]) > {level}"),
        2 => format!("max_over_time(q[{window_s}s]) > {level}"),
        3 => format!("min_over_time(q[{window_s}s]) > {level}"),
        4 => format!("sum(avg_over_time(q[{window_s}s])) > {level} and on () count(up) > 0"),
        5 => "(count(up == 1) or vector(0)) < 1".into(),
        6 => "(min(up) or vector(0)) < 1".into(),
        7 => "absent(q)".into(),
        _ => format!("quantile_over_time(0.5, q[{window_s}s]) > {level}"),
    })
}

/// Up in the fault, at once or along a slope, and down after it.
fn course() -> impl Strategy<Value = Course> {
    let step = Just(Course::Points(vec![
        (0, 0.0),
        (0, 100.0),
        (FAULT_MS, 100.0),
        (FAULT_MS, 0.0),
    ]));
    let ramp = (1_000..FAULT_MS, 1..60_000_i64).prop_map(|(up_ms, drain_ms)| {
        let drained = (FAULT_MS + drain_ms, 0.0);
        Course::Points(vec![(0, 0.0), (up_ms, 100.0), (FAULT_MS, 100.0), drained])
    });
    prop_oneof![step, ramp]
}

fn outages() -> impl Strategy<Value = Vec<Outage>> {
    let failures = vec![Failure::Refused, Failure::Hangs, Failure::Forgotten];
    let outage = select(failures).prop_map(|failure| {
        vec![Outage {
            from_ms: 0,
            to_ms: FAULT_MS,
            failure,
        }]
    });
    prop_oneof![2 => Just(Vec::new()), 1 => outage]
}

fn target(instance: &'static str) -> impl Strategy<Value = Target> {
    (interval_ms(), 1..=10_i64, outages(), course()).prop_map(
        move |(interval_ms, tenths, outages, course)| Target {
            labels: [("instance".into(), instance.into())].into(),
            interval_ms,
            timeout_ms: interval_ms * tenths / 10,
            phase: Phase::Unknown,
            outages,
            exposes: vec![Exposed {
                labels: labels("q", &[]),
                course,
            }],
        },
    )
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let one = target("1").prop_map(|one| vec![one]);
    let two = (target("1"), target("2")).prop_map(|(one, two)| vec![one, two]);
    prop_oneof![3 => one, 1 => two].prop_map(|targets| Scenario {
        targets,
        basis: Basis::Assumed,
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let kept_ms = prop_oneof![Just(0), 0..30_000_i64];
    (condition(), 0..90_000_i64, kept_ms, interval_ms()).prop_map(
        |(expr, for_ms, keep_firing_for_ms, interval_ms)| Rule {
            expr,
            holds: Holds {
                for_ms,
                keep_firing_for_ms,
            },
            interval_ms,
            phase: Phase::Unknown,
            lag_ms: 0,
            inactive_at_ms: None,
        },
    )
}

/// Places inside the intervals of two targets and of the rule, in shares of 2^16.
type Places = [u16; 3];

fn phases(rule: &Rule, scenario: &Scenario, places: Places) -> Phases {
    let at = |place: u16, interval_ms: i64| interval_ms * i64::from(place) / (1 << 16);
    let targets = scenario.targets.iter().zip(places);
    Phases {
        scrapes_ms: targets
            .map(|(target, place)| at(place, target.interval_ms))
            .collect(),
        evaluation_ms: at(places[2], rule.interval_ms),
    }
}

/// Whether a step may happen then, or not at all.
fn allows(step: Step, at_s: Option<f64>) -> bool {
    match at_s {
        None => step.reach != Reach::Always,
        Some(at_s) => step.window.is_some_and(|window| window.contains(at_s)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_phase_leaves_the_windows(
        rule in rule(),
        scenario in scenario(),
        semantics in semantics(),
        places in prop::collection::vec(any::<Places>(), 30),
    ) {
        let replay = Replay::new(&rule, &scenario, Settings::new(semantics), HORIZON_MS).unwrap();
        let forecast = replay.forecast(Grid::default()).unwrap();
        for places in places {
            let phases = phases(&rule, &scenario, places);
            let outcome = outcome::of(&replay.trace(&phases).unwrap());
            for (step, at_s) in outcome::steps(&forecast).into_iter().zip(outcome) {
                prop_assert!(allows(step, at_s), "{at_s:?} {step:?}\n{phases:?}\n{forecast:?}");
            }
        }
    }

    #[test]
    fn known_phases_leave_one_instant(
        rule in rule(), scenario in scenario(), semantics in semantics(), places in any::<Places>(),
    ) {
        let (mut rule, mut scenario) = (rule, scenario);
        let phases = phases(&rule, &scenario, places);
        rule.phase = Phase::Known(phases.evaluation_ms);
        for (target, at_ms) in scenario.targets.iter_mut().zip(&phases.scrapes_ms) {
            target.phase = Phase::Known(*at_ms);
        }
        let replay = Replay::new(&rule, &scenario, Settings::new(semantics), HORIZON_MS).unwrap();
        let forecast = replay.forecast(Grid::default()).unwrap();
        prop_assert_eq!(forecast.confidence.phases, Trial::Known);
        let outcome = outcome::of(&replay.trace(&phases).unwrap());
        for (step, at_s) in outcome::steps(&forecast).into_iter().zip(outcome) {
            prop_assert!(allows(step, at_s), "{at_s:?} {step:?}");
            prop_assert_eq!(step.window.is_some(), at_s.is_some());
            prop_assert!(step.window.is_none_or(|window| window.hi_s - window.lo_s < 0.0011));
        }
    }
}
