use proptest::prelude::*;

use super::*;

const SEED: Timing = Timing {
    scrape_s: 15.0,
    evaluation_s: 15.0,
    window_s: 300.0,
    for_s: 300.0,
};

/// Scrapes at `u + k·s`, evaluates at `v + k·e`, and follows Prometheus's alert states
/// (rules/alerting.go): pending at the first evaluation that holds, firing at the first at least
/// `for` later.
fn simulate(
    timing: &Timing,
    u: f64,
    v: f64,
    queue: impl Fn(f64) -> f64,
    threshold: f64,
) -> (f64, f64) {
    let mut active: Option<f64> = None;
    for k in 0..1_000_000_u32 {
        let at = v + f64::from(k) * timing.evaluation_s;
        let newest = ((at - u) / timing.scrape_s).floor();
        let mut samples = Vec::new();
        let mut index = newest;
        while u + index * timing.scrape_s > at - timing.window_s + 1e-9 {
            samples.push(queue(u + index * timing.scrape_s));
            index -= 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful of samples")]
        let average = samples.iter().sum::<f64>() / samples.len() as f64;
        if average > threshold {
            let since = *active.get_or_insert(at);
            if at - since >= timing.for_s - 1e-9 {
                return (since, at);
            }
        } else {
            assert!(active.is_none(), "not monotonic at {at}");
        }
    }
    panic!("never fires");
}

#[test]
fn the_examples_of_the_design_hold() {
    let rise = step(&SEED, 1000.0, 0.0, 10_000.0).unwrap();
    assert_eq!((rise.firing.lo_s, rise.firing.hi_s), (330.0, 360.0));
    let rise = ramp(&SEED, 1000.0, 0.0, 100.0).unwrap();
    assert!((rise.firing.lo_s - 370.0).abs() < 3.0, "{rise:?}");
    assert!((rise.firing.hi_s - 400.0).abs() < 3.0, "{rise:?}");
    assert_eq!(step(&SEED, 1000.0, 0.0, 1000.0), None);
    assert_eq!(ramp(&SEED, 1000.0, 0.0, 0.0), None);
}

#[test]
fn a_crossing_that_never_comes_is_none() {
    assert_eq!(
        crossing(&SEED, 2000.0, |_| 999.0, |average| average > 1000.0),
        None
    );
}

#[test]
fn windows_are_written_as_pairs() {
    let window = Window {
        lo_s: 1.000_04,
        hi_s: 2.5,
    };
    assert_eq!(serde_json::to_string(&window).unwrap(), "[1.0,2.5]");
}

fn timings() -> impl Strategy<Value = Timing> {
    (1_u32..=4, 1_u32..=40, 1_u32..=4, 0_u32..=40).prop_map(|(s, n, e, f)| Timing {
        scrape_s: f64::from(s) * 0.5,
        evaluation_s: f64::from(e) * 0.5,
        window_s: f64::from(s) * 0.5 * f64::from(n),
        for_s: f64::from(f) * 0.7,
    })
}

/// A phase inside its interval, away from the edges where two clocks meet exactly.
fn phase() -> impl Strategy<Value = f64> {
    0.001..0.999
}

proptest! {
    #[test]
    fn a_step_fires_inside_its_window(
        timing in timings(), u in phase(), v in phase(),
        baseline in 0.0..500.0, level in 1010.0..50_000.0,
    ) {
        let rise = step(&timing, 1000.0, baseline, level).unwrap();
        let queue = |t: f64| if t >= 0.0 { level } else { baseline };
        let (u, v) = (u * timing.scrape_s, v * timing.evaluation_s);
        let (pending, firing) = simulate(&timing, u, v, queue, 1000.0);
        prop_assert!(rise.pending.widened(1e-5, 1e-5).contains(pending), "{pending} {rise:?}");
        prop_assert!(rise.firing.widened(1e-5, 1e-5).contains(firing), "{firing} {rise:?}");
    }

    #[test]
    fn a_ramp_fires_inside_its_window(
        timing in timings(), u in phase(), v in phase(),
        baseline in 0.0..500.0, rate in 20.0..5000.0,
    ) {
        let queue = |t: f64| baseline + rate * t.max(0.0);
        let (u, v) = (u * timing.scrape_s, v * timing.evaluation_s);
        let (pending, firing) = simulate(&timing, u, v, queue, 1000.0);
        let rise = ramp(&timing, 1000.0, baseline, rate).unwrap();
        // The closed form counts the samples of the ramp only: beyond one window the average
        // follows the ramp and the replay has to be asked.
        if rise.pending.hi_s < timing.window_s {
            prop_assert!(rise.pending.widened(1e-5, 1e-5).contains(pending), "{pending} {rise:?}");
            prop_assert!(rise.firing.widened(1e-5, 1e-5).contains(firing), "{firing} {rise:?}");
        }
        let replayed = crossing(&timing, 1e6, queue, |average| average > 1000.0).unwrap();
        let replayed = Rise::after(replayed, &timing);
        prop_assert!(replayed.pending.widened(1e-5, 1e-5).contains(pending), "{pending} {replayed:?}");
        prop_assert!(replayed.firing.widened(1e-5, 1e-5).contains(firing), "{firing} {replayed:?}");
    }
}
