//! What scrapes meet of targets that are stopped or killed.

use std::net::IpAddr;

use voteops_observability::replay::scenario::{Failure, Outage};

use super::effect::{Aftermath, Effect, is_redis};
use super::scene::{Scene, Scraped};
use crate::catalogue::{KILL_WORKER, STALL_REDIS};

/// How long a worker may take to be started and to serve, in milliseconds.
const MOST_STARTING_MS: i64 = 3_000;

/// Those of a target from the onset on.
pub(super) fn begun(effect: Effect<'_>, late: bool, target: &Scraped) -> Vec<Outage> {
    // An exporter may wait for its Redis for as long as a scrape may take.
    let waits = effect.is(&STALL_REDIS) && late && target.series.iter().any(is_redis);
    let is_struck = effect.halts_workers() && touches(effect, target);
    if !waits && !is_struck {
        return Vec::new();
    }
    let failure = match effect.is(&KILL_WORKER) {
        true if is_here(target) || !late => Failure::Refused,
        // Nobody is left at its address to refuse, and it may be out of the list before it is asked.
        true if target.rediscovered_ms.is_some() => Failure::Forgotten,
        _ => Failure::Hangs,
    };
    vec![Outage {
        from_ms: 0,
        to_ms: i64::MAX,
        failure,
    }]
}

/// Those of a target that was under it before.
pub(super) fn ended(aftermath: &Aftermath<'_>, target: &Scraped) -> Vec<Outage> {
    let (effect, late) = (aftermath.effect, aftermath.late);
    let outage = |from_ms, later_ms, failure| {
        vec![Outage {
            from_ms,
            to_ms: aftermath.to_ms + later_ms,
            failure,
        }]
    };
    if effect.halts_workers() && touches(effect, target) {
        let is_killed = effect.is(&KILL_WORKER);
        let starting_ms = MOST_STARTING_MS + target.rediscovered_ms.unwrap_or(0);
        let later_ms = if is_killed && late { starting_ms } else { 0 };
        let failure = if is_killed && (is_here(target) || late) {
            Failure::Refused
        } else {
            Failure::Hangs
        };
        return outage(aftermath.from_ms, later_ms, failure);
    }
    if effect.is(&STALL_REDIS) && target.series.iter().any(is_redis) {
        return if late {
            // The scrape before had its answer. Redis first takes what has piled up, to disk too, so
            // that one just after is answered late.
            outage(aftermath.to_ms, target.timeout_ms, Failure::Hangs)
        } else {
            // Its exporter was waiting for Redis, and tells that it is there again.
            outage(aftermath.to_ms - target.timeout_ms, 0, Failure::Hangs)
        };
    }
    Vec::new()
}

/// A scene with the targets that were forgotten meanwhile: once they are found again they are scraped.
pub(super) fn remembered(effect: Effect<'_>, mut scene: Scene) -> Scene {
    let usual = effect.usual.targets.iter();
    let usual = usual.filter(|target| target.rediscovered_ms.is_some() && touches(effect, target));
    for target in usual {
        let mut known = scene.targets.iter();
        if !known.any(|known| known.labels == target.labels) {
            scene.remember(target);
        }
    }
    scene
}

/// Whether this machine answers for it while it is away, with a refusal.
fn is_here(target: &Scraped) -> bool {
    let host = host(address(&target.url));
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
}

fn touches(effect: Effect<'_>, target: &Scraped) -> bool {
    is_touched(effect.touched, &target.url)
}

/// Whether what is scraped at a URL is among what a fault touches.
pub(super) fn is_touched(touched: &[String], url: &str) -> bool {
    let address = address(url);
    let host = host(address);
    let mut touched = touched.iter();
    touched.any(|touched| touched == address || touched == host)
}

fn address(url: &str) -> &str {
    let address = url.split("://").nth(1).unwrap_or(url);
    address.split('/').next().unwrap_or(address)
}

/// Without the brackets of an IPv6 address in a URL, which engines do not tell.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}
