//! What is sent, and when each step is to happen.

use std::time::Duration;

use jiff::Timestamp;
use voteops_observability::alertmanager::RouteTiming;
use voteops_observability::replay::ReplayError;
use voteops_observability::replay::Window;
use voteops_observability::replay::forecast::{self, Forecast, Grid, Replay};
use voteops_observability::replay::machine::Holds;
use voteops_observability::replay::scenario::{Phase, Scenario};

use super::effect::{Aftermath, Effect};
use super::outlook::{self, Undisturbed};
use super::rule::{QUEUE, Rule};
use super::scene::Scene;
use crate::catalogue::{Entry, KILL_WORKER, STALL_WORKER};
use crate::record::Target;

/// The queue is driven to this many times the threshold,
const PEAK: f64 = 4.0;
/// in this share of the averaging window.
const RAMP: f64 = 0.6;
/// How far scrapes and evaluations on a busy machine are from their ticks, in seconds.
const JITTER_S: f64 = 0.15;
/// How long a notification takes from Alertmanager's flush to the receiver, at the most.
const DELIVERY_S: f64 = 1.0;
/// How long the undoing takes, at the most: of processes, and of what an engine has to be asked for.
const UNDO_S: f64 = 2.0;
const UNDO_BY_ENGINE_S: f64 = 5.0;
/// A scrape is seen a little after the time that its samples bear, so that an evaluation of about
/// that time may miss it: both orders are tried.
const SHIFTS_MS: [i64; 3] = [-40, 0, 20];
/// Where no time that an evaluation is of is known, only when it was begun: a server that was busy
/// when it started begins every evaluation so much later than the time that it is of, at the most.
const MOST_LAG_MS: i64 = 500;
const LAG_STEP_MS: i64 = 100;
/// Evaluations that are followed beyond everything that a rule waits for.
const EVALUATIONS: f64 = 40.0;

/// The load beside the fault.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    pub(super) rate_per_s: f64,
    pub(super) length_s: f64,
}

impl Load {
    /// How long it lasts, in milliseconds.
    pub(super) fn length_ms(self) -> i64 {
        millis(self.length_s)
    }
}

/// When the rule turns pending and fires, in seconds from the onset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rise {
    pub(super) pending: Window,
    pub(super) firing: Window,
}

/// The load that drives the average of the queue over the threshold; none for rules and faults
/// that need none.
pub(super) fn load(rule: &Rule, fault: &Entry) -> Option<Load> {
    let (selector, window, threshold) = rule.rising_average()?;
    if ![STALL_WORKER, KILL_WORKER].contains(fault) || !selector.starts_with(QUEUE) {
        return None;
    }
    let length_s = window.as_secs_f64() * RAMP;
    Some(Load {
        rate_per_s: PEAK * threshold.max(1.0) / length_s,
        length_s,
    })
}

/// When the rule turns pending and fires under a fault that began, and was seen to hold, at these
/// times, in seconds from the first of them; `None` when it might not.
pub(super) fn rise(
    rule: &Rule,
    scene: &Scene,
    effect: Effect<'_>,
    (begun, held): (Timestamp, Timestamp),
) -> Result<Option<Rise>, ReplayError> {
    let early = rise_from(rule, scene, effect, begun)?;
    let late = rise_from(rule, scene, effect, held)?;
    let by_s = held.duration_since(begun).as_secs_f64();
    Ok(early.zip(late).map(|(early, late)| Rise {
        pending: early.pending.union(late.pending.later(by_s)),
        firing: early.firing.union(late.firing.later(by_s)),
    }))
}

/// The same for a fault that is in force from one instant on.
fn rise_from(
    rule: &Rule,
    scene: &Scene,
    effect: Effect<'_>,
    onset: Timestamp,
) -> Result<Option<Rise>, ReplayError> {
    let onset_ms = onset.as_millisecond();
    let mut rise: Option<Rise> = None;
    for turn in effect.onsets() {
        let scenario = outlook::scenario(scene, effect.usual, onset_ms, &turn);
        for clock in clocks(rule) {
            let timed = timed(rule, onset_ms, clock, Some(-2 * millis(rule.evaluation_s)));
            let fires = |forecast: &Forecast| forecast.firing.window;
            let forecast = follow(rule, &timed, &scenario, scene, fires)?;
            let (Some(pending), Some(firing)) = (forecast.pending.window, forecast.firing.window)
            else {
                return Ok(None);
            };
            rise = Some(rise.map_or(Rise { pending, firing }, |sofar| Rise {
                pending: sofar.pending.union(pending),
                firing: sofar.firing.union(firing),
            }));
        }
    }
    Ok(rise.map(|rise| Rise {
        pending: rise.pending.widened(JITTER_S, JITTER_S),
        firing: rise.firing.widened(JITTER_S, JITTER_S),
    }))
}

/// When the rule's condition ends, in seconds after `ended`, the time at which everything was as
/// usual again; `None` when it does not end.
pub(super) fn resolved(
    rule: &Rule,
    scene: &Scene,
    aftermath: Aftermath<'_>,
    ended: Timestamp,
) -> Result<Option<Window>, ReplayError> {
    let ended_ms = ended.as_millisecond();
    let mut window: Option<Window> = None;
    for aftermath in aftermath.ways() {
        let scenario = outlook::scenario(scene, aftermath.effect.usual, ended_ms, &aftermath);
        for clock in clocks(rule) {
            let timed = timed(rule, ended_ms, clock, None);
            let ends = |forecast: &Forecast| forecast.resolved.window;
            let forecast = follow(rule, &timed, &scenario, scene, ends)?;
            let Some(found) = forecast.resolved.window else {
                return Ok(None);
            };
            window = Some(window.map_or(found, |sofar| sofar.union(found)));
        }
    }
    // What was in hand when the fault ended is still to be told of.
    let lingers_s = super::scene::secs(aftermath.effect.lingers_ms());
    let late_s = JITTER_S + lingers_s + rule.missing_s;
    Ok(window.map(|window| window.widened(JITTER_S, late_s)))
}

/// Whether the rule stays inactive, if all goes on as it has been. Rates that were measured over a
/// hitch are not usual ones, and nothing can be predicted from them.
pub(super) fn stays_inactive(
    rule: &Rule,
    scene: &Scene,
    at: Timestamp,
) -> Result<bool, ReplayError> {
    let at_ms = at.as_millisecond();
    let scenario = outlook::scenario(scene, scene, at_ms, &Undisturbed);
    let clock = Clock::default();
    let timed = timed(rule, at_ms, clock, Some(-2 * millis(rule.evaluation_s)));
    // Rates that would do it do so soon; ranges of days are not replayed whole for it.
    let horizon_s = rule.for_s + EVALUATIONS * rule.evaluation_s;
    let replay = Replay::new(&timed, &scenario, scene.settings, millis(horizon_s))?;
    let forecast = replay.forecast(Grid::default())?;
    Ok(forecast.pending.window.is_none())
}

/// Replays the rule until a step is reached, or for so long that it never will be.
fn follow(
    rule: &Rule,
    timed: &forecast::Rule,
    scenario: &Scenario,
    scene: &Scene,
    step: impl Fn(&Forecast) -> Option<Window>,
) -> Result<Forecast, ReplayError> {
    let held_s = rule.for_s + rule.keep_firing_for_s;
    let longest_s = held_s + 3.0 * rule.range_s + EVALUATIONS * rule.evaluation_s;
    let mut horizon_s = held_s + EVALUATIONS * rule.evaluation_s;
    loop {
        let replay = Replay::new(timed, scenario, scene.settings, millis(horizon_s))?;
        let forecast = replay.forecast(Grid::default())?;
        if step(&forecast).is_some() || horizon_s >= longest_s {
            return Ok(forecast);
        }
        horizon_s = (2.0 * horizon_s).min(longest_s);
    }
}

/// The rule with its clock, as seen from `at_ms` (Unix milliseconds).
fn timed(rule: &Rule, at_ms: i64, clock: Clock, inactive_at_ms: Option<i64>) -> forecast::Rule {
    let evaluated = rule.slot.unwrap_or(rule.evaluated_at);
    forecast::Rule {
        expr: rule.expr.clone(),
        holds: Holds {
            for_ms: millis(rule.for_s),
            keep_firing_for_ms: millis(rule.keep_firing_for_s),
        },
        interval_ms: millis(rule.evaluation_s),
        phase: Phase::Known(evaluated.as_millisecond() - at_ms + clock.shift_ms),
        lag_ms: clock.lag_ms,
        inactive_at_ms,
    }
}

/// One way in which evaluations may be timed, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    /// By how much they are of other times than those that are known.
    shift_ms: i64,
    /// How much later they are run.
    lag_ms: i64,
}

/// Every way in which the rule's evaluations may be timed.
fn clocks(rule: &Rule) -> Vec<Clock> {
    let clock = |lag_ms| move |shift_ms| Clock { shift_ms, lag_ms };
    let mut clocks: Vec<_> = shifts_ms(rule).into_iter().map(clock(0)).collect();
    if rule.lag_s > 0.0 {
        let late = clock(millis(rule.lag_s));
        clocks.extend(shifts_ms(rule).into_iter().map(late));
    }
    clocks
}

/// By how much evaluations may be of other times than those that are known.
fn shifts_ms(rule: &Rule) -> Vec<i64> {
    let most_ms = match rule.slot {
        Some(_) => 0,
        None => MOST_LAG_MS.min(millis(rule.evaluation_s) - 1),
    };
    let lags = (1..).map(|number| number * LAG_STEP_MS);
    let lags = lags
        .take_while(|lag_ms| *lag_ms < most_ms)
        .chain((most_ms > 0).then_some(most_ms));
    SHIFTS_MS
        .into_iter()
        .chain(lags.map(|lag_ms| -lag_ms))
        .collect()
}

/// Seconds as whole milliseconds.
pub(super) fn millis(seconds: f64) -> i64 {
    let length = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
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

/// When Alertmanager holds the alert, once the rule fires at `firing_s`, and when it does so no more,
/// once it has resolved: Prometheus tells it at once. That it does not any more is seen by asking, every
/// `pause_s`.
pub(super) fn told(at_s: f64, pause_s: f64) -> Window {
    let at = Window {
        lo_s: at_s,
        hi_s: at_s,
    };
    at.widened(JITTER_S, DELIVERY_S + pause_s)
}

/// When the fault is undone on these targets, once that is asked for.
pub(super) fn undone(asked_s: f64, targets: &[Target]) -> Window {
    let by_engine = targets.iter().any(|it| it.identity.container().is_some());
    Window {
        lo_s: asked_s,
        hi_s: asked_s + if by_engine { UNDO_BY_ENGINE_S } else { UNDO_S },
    }
}

/// When the queue is seen to be empty again: the workers are to drain it within one averaging
/// window, and it is seen at the scrape after that.
pub(super) fn drained(rule: &Rule, scrape_s: f64, undone_s: f64) -> Window {
    Window {
        lo_s: undone_s,
        hi_s: undone_s + rule.range_s + scrape_s,
    }
}

/// When the all-clear arrives, once the rule has resolved: at the group's first flush after that.
/// The group is flushed every `group_interval` from the notification at `notified_s` on.
pub(super) fn resolved_notified(resolved_s: f64, notified_s: f64, route: RouteTiming) -> Window {
    let interval_s = route.group_interval_s;
    // The notification may have been on its way for a while when it arrived.
    let flush_from = |at_s: f64, flushed_s: f64| {
        let flushes = ((at_s - flushed_s) / interval_s).ceil().max(1.0);
        flushed_s + flushes * interval_s
    };
    let sent_s = notified_s - DELIVERY_S;
    // A flush at about the same time as the resolution may come just before it or just after.
    let (first_s, last_s) = (
        flush_from(resolved_s - JITTER_S, notified_s)
            .min(flush_from(resolved_s - JITTER_S, sent_s)),
        flush_from(resolved_s + JITTER_S, notified_s)
            .max(flush_from(resolved_s + JITTER_S, sent_s)),
    );
    Window {
        lo_s: first_s,
        hi_s: last_s,
    }
    .widened(JITTER_S, DELIVERY_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_group_may_notify_at_once_or_late() {
        let route = RouteTiming {
            group_wait_s: 1.0,
            group_interval_s: 10.0,
            by_alertname: true,
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
            by_alertname: true,
        };
        let clear = resolved_notified(25.0, 17.0, route);
        assert_eq!(
            (clear.lo_s, clear.hi_s),
            (26.0 - JITTER_S, 27.0 + DELIVERY_S)
        );
        let late = resolved_notified(27.5, 17.0, route);
        assert!(!late.contains(27.5) && late.contains(37.1), "{late:?}");
        let close = resolved_notified(27.05, 17.0, route);
        assert!(close.contains(27.1) && close.contains(37.1), "{close:?}");
    }
}
