//! What is sent, and when each step is to happen.

use voteops_observability::alertmanager::RouteTiming;
use voteops_observability::prediction::{Rise, Window, crossing};

use super::rule::Rule;

/// The queue is driven to this many times the threshold,
const PEAK: f64 = 4.0;
/// in this share of the averaging window.
const RAMP: f64 = 0.6;
/// How far the achieved rate of the load may be from the planned one.
pub(super) const RATE_TOLERANCE: f64 = 0.03;
/// How far scrapes and evaluations on a busy machine are from their ticks, in seconds.
const JITTER_S: f64 = 0.15;
/// How long a notification takes from Alertmanager's flush to the receiver, at the most.
const DELIVERY_S: f64 = 1.0;
/// How long the undoing takes, at the most.
const UNDO_S: f64 = 2.0;

/// The load beside the stalled workers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Load {
    pub(super) rate_per_s: f64,
    pub(super) length_s: f64,
}

/// What is known of the queue before the fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Steady {
    /// Its average length over the rule's window.
    pub(super) length: f64,
    /// How fast other voters fill it, votes a second.
    pub(super) inflow_per_s: f64,
}

/// The load that drives the average over the threshold.
pub(super) fn load(rule: &Rule) -> Load {
    let length_s = rule.timing.window_s * RAMP;
    Load {
        rate_per_s: PEAK * rule.threshold.max(1.0) / length_s,
        length_s,
    }
}

/// The queue's length at a time from the onset, while no worker runs.
fn filling(load: Load, steady: Steady, at_s: f64) -> f64 {
    let since_s = at_s.max(0.0);
    let flooded = load.rate_per_s * since_s.min(load.length_s);
    steady.length + steady.inflow_per_s * since_s + flooded
}

/// When the rule turns pending and fires; `None` when this load does not make it.
pub(super) fn rise(rule: &Rule, load: Load, steady: Steady) -> Option<Rise> {
    let horizon_s = 3.0 * (rule.timing.window_s + load.length_s);
    let window = [1.0 - RATE_TOLERANCE, 1.0 + RATE_TOLERANCE]
        .into_iter()
        .map(|factor| {
            let load = Load {
                rate_per_s: load.rate_per_s * factor,
                ..load
            };
            let queue = |at_s| filling(load, steady, at_s);
            crossing(&rule.timing, horizon_s, queue, |average| {
                average > rule.threshold
            })
        })
        .try_fold(None::<Window>, |sofar, window| {
            let window = window?;
            Some(Some(sofar.map_or(window, |sofar| sofar.union(window))))
        })??;
    Some(Rise::after(
        window.widened(JITTER_S, JITTER_S),
        &rule.timing,
    ))
}

/// When the first notification arrives, once the rule fires at `firing_s`. A group that is alive
/// already is flushed at its own pace.
pub(super) fn notified(firing_s: f64, route: RouteTiming, new_group: bool) -> Window {
    let wait = if new_group {
        Window {
            lo_s: route.group_wait_s,
            hi_s: route.group_wait_s,
        }
    } else {
        Window {
            lo_s: 0.0,
            hi_s: route.group_wait_s.max(route.group_interval_s),
        }
    };
    wait.later(firing_s).widened(JITTER_S, DELIVERY_S)
}

/// When the fault is undone, once that is asked for.
pub(super) fn undone(asked_s: f64) -> Window {
    Window {
        lo_s: asked_s,
        hi_s: asked_s + UNDO_S,
    }
}

/// When the queue is seen to be empty again: the workers are to drain it within one averaging
/// window, and it is seen at the scrape after that.
pub(super) fn drained(rule: &Rule, undone_s: f64) -> Window {
    Window {
        lo_s: undone_s,
        hi_s: undone_s + rule.timing.window_s + rule.timing.scrape_s,
    }
}

/// When the rule's condition ends, for workers that were let go at `undone_s` and a queue that was
/// first seen empty at `drained_s`.
pub(super) fn resolved(
    rule: &Rule,
    load: Load,
    steady: Steady,
    undone_s: f64,
    drained_s: f64,
) -> Option<Window> {
    let peak = filling(load, steady, undone_s);
    // It was empty at some time between the scrape that saw it so and the one before.
    let ends = [drained_s - rule.timing.scrape_s, drained_s].map(|end_s| end_s.max(undone_s));
    let horizon_s = 3.0 * (rule.timing.window_s + drained_s - undone_s);
    let windows = ends.map(|end_s| {
        let queue = |after_s: f64| {
            let at_s = undone_s + after_s;
            if after_s < 0.0 {
                filling(load, steady, at_s)
            } else if at_s >= end_s {
                steady.length
            } else {
                peak + (steady.length - peak) * after_s / (end_s - undone_s)
            }
        };
        crossing(&rule.timing, horizon_s, queue, |average| {
            average <= rule.threshold
        })
    });
    let [Some(early), Some(late)] = windows else {
        return None;
    };
    let window = early.union(late).later(undone_s);
    Some(window.widened(JITTER_S, rule.timing.evaluation_s + JITTER_S))
}

/// When the all-clear arrives, once the rule has resolved: at the group's first flush after that.
/// The group is flushed every `group_interval` from the notification at `notified_s` on.
pub(super) fn resolved_notified(resolved_s: f64, notified_s: f64, route: RouteTiming) -> Window {
    let interval_s = route.group_interval_s;
    let flush_from = |at_s: f64| {
        let flushes = ((at_s - notified_s) / interval_s).ceil().max(1.0);
        notified_s + flushes * interval_s
    };
    // A flush at about the same time as the resolution may come just before it or just after.
    let (first_s, last_s) = (
        flush_from(resolved_s - JITTER_S),
        flush_from(resolved_s + JITTER_S),
    );
    Window {
        lo_s: first_s,
        hi_s: last_s,
    }
    .widened(JITTER_S, DELIVERY_S)
}

#[cfg(test)]
mod tests {
    use voteops_observability::prediction::Timing;

    use super::*;

    fn seed(time_scale: f64) -> Rule {
        Rule {
            name: "CriticalVoteQueueBacklog".into(),
            subject: "avg_over_time(redis_queue_length[5m])".into(),
            range: "redis_queue_length[5m]".into(),
            threshold: 1000.0,
            timing: Timing {
                scrape_s: 15.0 / time_scale,
                evaluation_s: 15.0 / time_scale,
                window_s: 300.0 / time_scale,
                for_s: 300.0 / time_scale,
            },
        }
    }

    const STEADY: Steady = Steady {
        length: 0.0,
        inflow_per_s: 20.0,
    };

    #[test]
    fn the_load_crosses_the_threshold_within_its_ramp_at_every_scale() {
        for time_scale in [1.0, 10.0, 30.0, 60.0] {
            let rule = seed(time_scale);
            let load = load(&rule);
            let rise = rise(&rule, load, STEADY).unwrap();
            assert!(rise.pending.hi_s < rule.timing.window_s, "{rise:?}");
            let length = rise.firing.hi_s - rise.firing.lo_s;
            assert!(
                length < 4.0 * rule.timing.scrape_s + 2.0 * JITTER_S,
                "{rise:?}"
            );
        }
    }

    #[test]
    fn a_threshold_that_the_load_does_not_reach_is_not_predicted() {
        let rule = Rule {
            threshold: 1e9,
            ..seed(30.0)
        };
        assert_eq!(rise(&rule, load(&seed(30.0)), STEADY), None);
    }

    #[test]
    fn an_instant_drain_resolves_about_a_window_later() {
        // Step of L for longer than W, instant drain: m* samples of zero bring nL/(n) below T
        // when (n − m)·L ≤ n·T (design formula: W − m*·s to W − (m*−1)·s + e, m* of the rise).
        let rule = seed(1.0);
        let load = load(&rule);
        let quiet = Steady {
            length: 0.0,
            inflow_per_s: 0.0,
        };
        let undone_s = 1000.0;
        let window = resolved(&rule, load, quiet, undone_s, undone_s).unwrap();
        let zeros = (20.0_f64 * (1.0 - 1000.0 / 4000.0)).ceil();
        let first = undone_s + (zeros - 1.0) * 15.0;
        assert!((first - window.lo_s).abs() < 2.0, "{window:?} {first}");
        // One sample of phase, one evaluation, and the sample more of Prometheus 2.
        assert!(
            (first + 45.0 - window.hi_s).abs() < 2.0,
            "{window:?} {first}"
        );
    }

    #[test]
    fn a_living_group_may_notify_at_once_or_late() {
        let route = RouteTiming {
            group_wait_s: 1.0,
            group_interval_s: 10.0,
        };
        assert!(!notified(20.0, route, true).contains(20.5));
        assert!(notified(20.0, route, true).contains(21.1));
        assert!(notified(20.0, route, false).contains(20.0));
        assert!(notified(20.0, route, false).contains(29.9));
    }

    #[test]
    fn the_all_clear_comes_with_a_flush_of_the_group() {
        let route = RouteTiming {
            group_wait_s: 1.0,
            group_interval_s: 10.0,
        };
        let clear = resolved_notified(25.0, 17.0, route);
        assert_eq!(
            (clear.lo_s, clear.hi_s),
            (27.0 - JITTER_S, 27.0 + DELIVERY_S)
        );
        let late = resolved_notified(27.5, 17.0, route);
        assert!(!late.contains(27.5) && late.contains(37.1), "{late:?}");
        let close = resolved_notified(27.05, 17.0, route);
        assert!(close.contains(27.1) && close.contains(37.1), "{close:?}");
    }
}
