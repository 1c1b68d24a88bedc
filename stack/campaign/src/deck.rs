//! Draws what is done to a stack, by a seed.

use std::time::Duration;

use fastrand::Rng;

use crate::crash::{Crash, Disk, Link, Victim};
use crate::proxy::{Direction, Weather};
use crate::service::faketime;
use crate::stack::{LedgerKind, REPLICAS};

/// Most crashes last at most so long.
const SHORT_HOLD: Duration = Duration::from_millis(800);

/// Some last up to so long.
const LONG_HOLD: Duration = Duration::from_secs(5);

/// So long is a ledger silent now and then, in milliseconds: longer than any call to it may take.
const SILENCE_MS: std::ops::Range<u64> = 11_000..15_000;

/// So long is a worker stopped every other time, in milliseconds: longer than others leave it what it has.
const ABSENCE_MS: std::ops::Range<u64> = 1_000..3_000;

/// The clocks of the world are at most this wrong.
const SKEW_S: std::ops::Range<i64> = 60..86_400;

/// Draws crashes: every kind comes before the deck is shuffled anew, in an order that the seed
/// decides.
#[derive(Debug)]
pub struct Deck {
    rng: Rng,
    ledger: LedgerKind,
    left: Vec<Kind>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    KillVoteApp,
    KillWorker,
    KillRedis,
    KillPostgres,
    KillBackend,
    KillTwo,
    StallVoteApp,
    StallWorker,
    StallRedis,
    StallPostgres,
    Cut,
    Delay,
    Hole,
    HalfClose,
    Truncate,
    Voters,
    FullDisk,
    FullLedger,
    Skew,
}

impl Deck {
    /// A deck for a stack with this ledger.
    #[must_use]
    pub fn new(seed: u64, ledger: LedgerKind) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            ledger,
            left: Vec::new(),
        }
    }

    /// A random time below `limit`.
    pub fn time(&mut self, limit: Duration) -> Duration {
        limit.mul_f64(self.rng.f64())
    }

    /// How long a crash lasts: now and then longer than anybody waits for an answer.
    pub fn hold(&mut self, crash: &Crash) -> Duration {
        if crash.silences_ledger() && self.rng.bool() {
            return Duration::from_millis(self.rng.u64(SILENCE_MS));
        }
        if matches!(crash, Crash::Stall(Victim::Worker(_))) && self.rng.bool() {
            return Duration::from_millis(self.rng.u64(ABSENCE_MS));
        }
        let limit = if self.rng.u8(0..5) == 0 {
            LONG_HOLD
        } else {
            SHORT_HOLD
        };
        self.time(limit)
    }

    /// The next crash.
    pub fn draw(&mut self) -> Crash {
        loop {
            if let Some(kind) = self.left.pop() {
                return self.crash(kind);
            }
            self.left = self.kinds();
            self.rng.shuffle(&mut self.left);
        }
    }

    /// At least as many killings as of the rest, since they are what takes the most with them.
    fn kinds(&self) -> Vec<Kind> {
        use Kind::{
            Cut, Delay, FullDisk, FullLedger, HalfClose, Hole, KillBackend, KillPostgres,
            KillRedis, KillTwo, KillVoteApp, KillWorker, Skew, StallPostgres, StallRedis,
            StallVoteApp, StallWorker, Truncate, Voters,
        };
        let mut kinds = vec![StallVoteApp, StallWorker, StallRedis, FullDisk, FullLedger];
        kinds.extend([Cut, Delay, Hole, HalfClose, Truncate, Voters]);
        if faketime().is_some() {
            kinds.push(Skew);
        }
        let kills: &[Kind] = match self.ledger {
            LedgerKind::Sqlite => &[KillVoteApp, KillWorker, KillRedis, KillTwo],
            LedgerKind::Postgres => {
                kinds.push(StallPostgres);
                &[
                    KillVoteApp,
                    KillWorker,
                    KillRedis,
                    KillTwo,
                    KillPostgres,
                    KillBackend,
                ]
            }
        };
        let times = kinds.len().div_ceil(kills.len());
        for _ in 0..times {
            kinds.extend(kills);
        }
        kinds
    }

    fn crash(&mut self, kind: Kind) -> Crash {
        match kind {
            Kind::KillVoteApp => Crash::Kill(vec![Victim::VoteApp(self.replica())]),
            Kind::KillWorker => Crash::Kill(vec![Victim::Worker(self.replica())]),
            Kind::KillRedis => Crash::Kill(vec![Victim::Redis]),
            Kind::KillPostgres => Crash::Kill(vec![Victim::Postgres]),
            Kind::KillBackend => Crash::Kill(vec![Victim::Backend]),
            Kind::KillTwo => Crash::Kill(self.pair()),
            Kind::StallVoteApp => Crash::Stall(Victim::VoteApp(self.replica())),
            Kind::StallWorker => Crash::Stall(Victim::Worker(self.replica())),
            Kind::StallRedis => Crash::Stall(Victim::Redis),
            Kind::StallPostgres => Crash::Stall(Victim::Postgres),
            Kind::Cut | Kind::Delay | Kind::Hole | Kind::HalfClose | Kind::Truncate => {
                Crash::Weather(self.link(), self.weather(kind))
            }
            Kind::Voters => {
                let weathers = [
                    Kind::Cut,
                    Kind::Delay,
                    Kind::Hole,
                    Kind::HalfClose,
                    Kind::Truncate,
                ];
                let kind = weathers[self.rng.usize(0..weathers.len())];
                Crash::Weather(Link::Voters(self.replica()), self.weather(kind))
            }
            Kind::FullDisk => Crash::FullDisk(Disk::Redis),
            Kind::FullLedger => Crash::FullDisk(Disk::Ledger),
            Kind::Skew => self.skew(),
        }
    }

    fn weather(&mut self, kind: Kind) -> Weather {
        match kind {
            Kind::Delay => Weather::Delay(Duration::from_millis(self.rng.u64(1..400))),
            Kind::Hole => Weather::Hole,
            Kind::HalfClose => Weather::HalfClosed(self.direction()),
            Kind::Truncate => Weather::Truncated(self.direction(), self.rng.usize(0..4000)),
            _ => Weather::Cut,
        }
    }

    fn skew(&mut self) -> Crash {
        let ahead = if self.rng.bool() { 1 } else { -1 };
        let skew_s = ahead * self.rng.i64(SKEW_S);
        // What a vote app's clock says goes further than what a worker's does.
        let victim = match self.rng.u8(0..4) {
            0 => Victim::Worker(self.replica()),
            _ => Victim::VoteApp(self.replica()),
        };
        Crash::Skew(victim, skew_s)
    }

    fn replica(&mut self) -> usize {
        self.rng.usize(0..REPLICAS)
    }

    fn direction(&mut self) -> Direction {
        if self.rng.bool() {
            Direction::Commands
        } else {
            Direction::Replies
        }
    }

    fn link(&mut self) -> Link {
        let links = [Link::Votes, Link::Workers, Link::Ledger];
        let there_are = match self.ledger {
            LedgerKind::Sqlite => 2,
            LedgerKind::Postgres => 3,
        };
        links[self.rng.usize(0..there_are)]
    }

    fn pair(&mut self) -> Vec<Victim> {
        let mut victims = vec![Victim::Redis];
        victims.extend((0..REPLICAS).flat_map(|n| [Victim::VoteApp(n), Victim::Worker(n)]));
        if self.ledger == LedgerKind::Postgres {
            victims.push(Victim::Postgres);
        }
        self.rng.shuffle(&mut victims);
        victims.truncate(2);
        victims
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_every_kind_comes() {
        let drawn = |seed, ledger| {
            let mut deck = Deck::new(seed, ledger);
            (0..60).map(|_| deck.draw()).collect::<Vec<_>>()
        };
        for ledger in [LedgerKind::Sqlite, LedgerKind::Postgres] {
            assert_eq!(drawn(7, ledger), drawn(7, ledger));
            assert_ne!(drawn(7, ledger), drawn(8, ledger));
            let kinds: BTreeSet<String> = drawn(7, ledger).iter().map(Crash::kind).collect();
            let there = |kind: &str| kinds.iter().any(|told| told.starts_with(kind));
            assert!(there("kill") && there("stop") && there("connections") && there("voters"));
            assert!(there("disk full for redis") && there("disk full for the ledger"));
            assert_eq!(there("kill postgres"), ledger == LedgerKind::Postgres);
        }
    }
}
