//! What a fault of the catalogue does to the series that rules read.
//!
//! These are expectations: what is proven is that the alert comes when they say so.

use serde_json::{Map, Value};
use voteops_observability::prometheus::Labels;
use voteops_observability::replay::scenario::Outage;

use super::forecast::Load;
use super::outages;
use super::outlook::{Change, Counted, Outlook};
use super::rule::QUEUE;
use super::scene::{History, Scene, Scraped, secs};
use crate::catalogue::{
    COLD_CACHE, Entry, FAIL_VOTES, FILL_REDIS, KILL_WORKER, MUTE_TRAFFIC, SLOW_VOTES, SLOW_WORKER,
    STALL_REDIS, STALL_WORKER,
};

/// How far the share of votes that fail in a short time may be from what was asked for.
const SHARE_TOLERANCE: f64 = 0.4;
/// How far the rate at which voters come while votes are slow, and right after, may be from the usual
/// one: budgets are told by shares of what was counted, over which a difference adds up.
const SLOW_RATE_TOLERANCE: f64 = 0.15;
/// How far the achieved rate of a load may be from the planned one.
pub(super) const RATE_TOLERANCE: f64 = 0.03;

/// What is seen late or not, and how much was counted before it, in all combinations.
fn every_way() -> impl Iterator<Item = (bool, Counted)> {
    let ways = [false, true].map(|late| Counted::ALL.map(|counted| (late, counted)));
    ways.into_iter().flatten()
}

/// A fault as far as rules can see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effect<'a> {
    pub(super) fault: &'a Entry,
    /// What the services were given with it.
    pub(super) parameters: &'a Map<String, Value>,
    /// What is scraped of the targets: `host:port`, or `host`.
    pub(super) touched: &'a [String],
    /// What is sent meanwhile.
    pub(super) load: Load,
    /// How fast others vote, votes a second.
    pub(super) inflow_per_s: f64,
    /// How fast the results are read, times a second.
    pub(super) reads_per_s: f64,
    /// The share of its memory limit that Redis is filled to.
    pub(super) filled: f64,
    /// The scene before.
    pub(super) usual: &'a Scene,
}

/// One way in which it may turn out.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// How much of what was asked for.
    strength: f64,
    /// Whether it is seen as late as can be.
    late: bool,
    counted: Counted,
}

/// The fault from its onset on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Onset<'a> {
    effect: Effect<'a>,
    turn: Turn,
}

/// The time after it was undone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aftermath<'a> {
    pub(super) effect: Effect<'a>,
    /// When the targets were under it, in milliseconds from the time at which all was as usual.
    pub(super) from_ms: i64,
    /// The end of that.
    pub(super) to_ms: i64,
    /// Whether a scrape that was under way at the end saw the fault, or waited and saw its end.
    pub(super) late: bool,
    pub(super) counted: Counted,
    /// How fast what was struck goes on, as a share of the usual rate.
    pub(super) pace: f64,
}

impl<'a> Effect<'a> {
    /// Every way in which it may turn out that makes a difference.
    pub(super) fn onsets(self) -> impl Iterator<Item = Onset<'a>> {
        let tolerance = match self.fault {
            fault if *fault == FAIL_VOTES => SHARE_TOLERANCE,
            fault if *fault == SLOW_VOTES => SLOW_RATE_TOLERANCE,
            _ => RATE_TOLERANCE,
        };
        let turns = every_way().flat_map(move |(late, counted)| {
            [1.0 - tolerance, 1.0 + tolerance].map(|strength| Turn {
                strength,
                late,
                counted,
            })
        });
        turns.map(move |turn| Onset { effect: self, turn })
    }

    /// The paces at which what was struck may go on once it is undone.
    fn paces(self) -> &'static [f64] {
        const PACES: [f64; 2] = [1.0 - SLOW_RATE_TOLERANCE, 1.0 + SLOW_RATE_TOLERANCE];
        if self.is(&SLOW_VOTES) { &PACES } else { &[1.0] }
    }

    /// How long what it does takes to be over, in milliseconds, once it is undone.
    pub(super) fn lingers_ms(self) -> i64 {
        self.latency_ms()
    }

    pub(super) fn is(self, fault: &Entry) -> bool {
        *self.fault == *fault
    }

    /// Whether workers do nothing and are not scraped.
    pub(super) fn halts_workers(self) -> bool {
        self.is(&STALL_WORKER) || self.is(&KILL_WORKER)
    }

    fn number(self, name: &str) -> Option<f64> {
        self.parameters.get(name).and_then(Value::as_f64)
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most 30 s")]
    fn latency_ms(self) -> i64 {
        self.number("latency_ms").unwrap_or(0.0) as i64
    }

    fn per_s(self, series: &History) -> f64 {
        self.usual.usual_per_s(&series.labels)
    }
}

impl Onset<'_> {
    /// The share of votes that is struck.
    fn share(&self) -> f64 {
        let asked = self.effect.number("share").unwrap_or(1.0);
        (asked * self.turn.strength).clamp(0.0, 1.0)
    }

    fn counts(&self, series: &History, gap_ms: i64, factor: f64) -> Change {
        Change::Counts {
            gap_ms,
            per_s: self.effect.per_s(series) * factor,
        }
    }

    /// Of a histogram of which each observation takes longer, and that are made at a share of the usual
    /// rate.
    fn slower(&self, series: &History, share: f64, pace: f64) -> Change {
        let latency_ms = self.effect.latency_ms();
        let whole = share >= 1.0;
        let gap_ms = match (whole, self.turn.late) {
            (false, _) => 0,
            (true, false) => latency_ms,
            (true, true) => 2 * latency_ms,
        };
        let bound: Option<f64> = series.label("le").parse().ok();
        if bound.is_some_and(|bound| bound < secs(latency_ms)) {
            self.counts(series, 0, pace * (1.0 - share))
        } else {
            self.counts(series, gap_ms, pace)
        }
    }

    fn failing(&self, target: &Scraped, series: &History) -> Change {
        let share = self.share();
        if series.label("status").starts_with('2') || series.name() == "votes_accepted_total" {
            return self.counts(series, 0, 1.0 - share);
        }
        if series.label("status") == self.status() {
            let votes = target.series.iter().filter(|other| {
                other.name() == series.name()
                    && other.label("le") == series.label("le")
                    && is_accepted_vote(other)
            });
            let per_s: f64 = votes.map(|other| self.effect.per_s(other)).sum();
            let per_s = per_s * share;
            return Change::Counts { gap_ms: 0, per_s };
        }
        Change::Usual
    }

    /// The status that votes fail with.
    fn status(&self) -> String {
        let status = self.effect.parameters.get("status");
        status.map_or_else(String::new, ToString::to_string)
    }
}

/// Whether it is of votes that voters get an answer to.
fn is_vote(series: &History) -> bool {
    series.label("route") == "/vote" || series.name() == "votes_accepted_total"
}

fn is_accepted_vote(series: &History) -> bool {
    is_vote(series) && series.label("status").starts_with('2')
}

/// Whether the exporter tells of a Redis that hangs by it, or by leaving it out.
pub(super) fn is_redis(series: &History) -> bool {
    series.name().starts_with("redis_")
}

impl<'a> Aftermath<'a> {
    /// Every way in which it may turn out that makes a difference.
    pub(super) fn ways(self) -> impl Iterator<Item = Aftermath<'a>> {
        let paces = self.effect.paces().iter();
        paces.flat_map(move |&pace| {
            every_way().map(move |(late, counted)| Aftermath {
                late,
                counted,
                pace,
                ..self
            })
        })
    }
}

impl Outlook for Onset<'_> {
    fn counted(&self) -> Counted {
        self.turn.counted
    }

    fn change(&self, target: &Scraped, series: &History) -> Change {
        let Effect {
            load, inflow_per_s, ..
        } = self.effect;
        match self.effect {
            effect if effect.halts_workers() && series.name() == QUEUE => Change::Climbs {
                per_s: inflow_per_s + load.rate_per_s * self.turn.strength,
                until_ms: load.length_ms(),
                then_per_s: inflow_per_s,
            },
            effect if effect.is(&STALL_REDIS) && is_redis(series) => match series.name() {
                "redis_up" => Change::Level(0.0),
                _ => Change::Gone,
            },
            effect if effect.is(&MUTE_TRAFFIC) && is_vote(series) => self.counts(series, 0, 0.0),
            effect if effect.is(&FAIL_VOTES) && is_vote(series) => self.failing(target, series),
            effect if effect.is(&SLOW_VOTES) && is_accepted_vote(series) => {
                // Which votes are struck is not left to chance.
                let share = self.effect.number("share").unwrap_or(1.0);
                self.slower(series, share.clamp(0.0, 1.0), self.turn.strength)
            }
            effect if effect.is(&SLOW_WORKER) && series.name().starts_with("vote_processing_") => {
                self.slower(series, 1.0, 1.0)
            }
            effect if effect.is(&FILL_REDIS) && series.name() == "redis_memory_used_bytes" => {
                let limits = target.series.iter();
                let mut limits = limits.filter(|other| other.name() == "redis_memory_max_bytes");
                let limit = limits.find_map(|limit| Some(limit.samples.last()?.1));
                limit.map_or(Change::Usual, |limit| Change::Level(limit * effect.filled))
            }
            effect if effect.is(&COLD_CACHE) && series.name() == "redis_keyspace_misses_total" => {
                Change::Counts {
                    gap_ms: 0,
                    per_s: effect.per_s(series) + effect.reads_per_s * self.turn.strength,
                }
            }
            _ => Change::Usual,
        }
    }

    fn newcomers(&self, target: &Scraped) -> Vec<(Labels, f64)> {
        if !self.effect.is(&FAIL_VOTES) {
            return Vec::new();
        }
        let accepted = target
            .series
            .iter()
            .filter(|series| is_accepted_vote(series));
        let failing = accepted.map(|series| {
            let mut labels = series.labels.clone();
            labels.insert("status".into(), self.status());
            (labels, self.effect.per_s(series) * self.share())
        });
        failing
            .filter(|(labels, per_s)| {
                let is_new = target.series.iter().all(|series| series.labels != *labels);
                *per_s > 0.0 && is_new
            })
            .collect()
    }

    fn outages(&self, target: &Scraped) -> Vec<Outage> {
        outages::begun(self.effect, self.turn.late, target)
    }
}

impl Outlook for Aftermath<'_> {
    fn counted(&self) -> Counted {
        self.counted
    }

    fn change(&self, _: &Scraped, series: &History) -> Change {
        if self.effect.is(&SLOW_VOTES) && is_accepted_vote(series) {
            let per_s = self.effect.per_s(series) * self.pace;
            return Change::Counts { gap_ms: 0, per_s };
        }
        Change::Usual
    }

    fn newcomers(&self, _: &Scraped) -> Vec<(Labels, f64)> {
        Vec::new()
    }

    fn outages(&self, target: &Scraped) -> Vec<Outage> {
        outages::ended(self, target)
    }
}
