//! What scrapes meet where killed workers were: nobody, or a machine that says so.

use super::*;
use voteops_observability::replay::Window;

use crate::verify::outages;

/// How long it takes until a target that is back is scraped again.
const REDISCOVERED_MS: i64 = 10_000;

/// A stack with its workers at these addresses, scraped 4 s after each tick.
fn workers_at(addresses: &[String], rediscovered_ms: Option<i64>) -> Scene {
    let mut scene = well(4_000);
    let workers = scene.targets[2..4].iter_mut();
    for (worker, address) in workers.zip(addresses) {
        worker.url = format!("http://{address}/metrics");
        worker.rediscovered_ms = rediscovered_ms;
    }
    scene
}

fn addresses(host: &str) -> Vec<String> {
    [8081, 8082].map(|port| format!("{host}:{port}")).into()
}

/// When the alert turns pending; it is evaluated 5 s after each tick.
fn pending(host: &str, rediscovered_ms: Option<i64>) -> Window {
    let addresses = addresses(host);
    let (rule, scene) = (
        shipped("WorkerDown", 5_000),
        workers_at(&addresses, rediscovered_ms),
    );
    let parameters = parameters(&KILL_WORKER);
    let effect = effect(
        &KILL_WORKER,
        &parameters,
        &addresses,
        Load::default(),
        &scene,
    );
    let rise = forecast::rise(&rule, &scene, effect, (at(ONSET_MS), at(ONSET_MS)));
    rise.unwrap().unwrap().pending
}

fn is_from_to(window: Window, from_s: f64, to_s: f64) -> bool {
    (window.lo_s - from_s).abs() < 0.5 && (window.hi_s - to_s).abs() < 0.5
}

#[test]
fn their_own_machine_refuses_the_next_scrape() {
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        for rediscovered_ms in [None, Some(REDISCOVERED_MS)] {
            let pending = pending(host, rediscovered_ms);
            assert!(is_from_to(pending, 5.0, 5.0), "{host}: {pending:?}");
        }
    }
}

#[test]
fn at_an_address_of_nobody_it_may_be_refused_or_hang() {
    // Made at 4 s, it ends at 14 s at the latest, after the evaluation of 5 s.
    let pending = pending("172.18.0.5", None);
    assert!(is_from_to(pending, 5.0, 20.0), "{pending:?}");
}

#[test]
fn what_is_discovered_may_be_forgotten_before_it_is_scraped() {
    // Its series end at 4 s, which is written down at 20.5 s.
    let pending = pending("172.18.0.5", Some(REDISCOVERED_MS));
    assert!(is_from_to(pending, 5.0, 35.0), "{pending:?}");
}

/// When the alert resolves after workers were killed that the server has forgotten meanwhile, or not.
fn resolved(is_forgotten: bool) -> Option<Window> {
    let addresses = addresses("172.18.0.5");
    let usual = workers_at(&addresses, Some(REDISCOVERED_MS));
    let (rule, parameters) = (shipped("WorkerDown", 5_000), parameters(&KILL_WORKER));
    let effect = effect(
        &KILL_WORKER,
        &parameters,
        &addresses,
        Load::default(),
        &usual,
    );
    let mut scene = usual.clone();
    if is_forgotten {
        scene.targets.drain(2..4);
    }
    let scene = outages::remembered(effect, scene);
    let aftermath = Aftermath {
        effect,
        from_ms: -90_000,
        to_ms: 0,
        late: false,
        counted: Counted::default(),
        pace: 1.0,
    };
    forecast::resolved(&rule, &scene, aftermath, at(ONSET_MS + 90_000)).unwrap()
}

#[test]
fn what_was_forgotten_is_expected_back_once_it_is_discovered() {
    for is_forgotten in [false, true] {
        // By the scrape at 4 s, or by the next one: it may take 3 s to start and 10 s to be found.
        let resolved = resolved(is_forgotten).unwrap();
        assert!(
            is_from_to(resolved, 5.0, 20.0),
            "{is_forgotten}: {resolved:?}"
        );
    }
}
