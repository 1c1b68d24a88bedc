//! Crash after crash under load, and a count of all votes after each.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::audit::Audit;
use crate::crash::Crash;
use crate::deck::Deck;
use crate::load::Load;
use crate::patience::{PATIENCE, POLL_INTERVAL, patiently};
use crate::poison::Poison;
use crate::report::Report;
use crate::roll::Roll;
use crate::sent::Sent;
use crate::sign::Sign;
use crate::stack::{LedgerKind, Stack, client};

/// Votes a second, beside those of the voters who change theirs without end.
pub const RATE_PER_S: u32 = 200;

/// The load goes on for at most so long before a crash.
const LEAD: Duration = Duration::from_millis(400);

/// The load goes on for at most so long after a crash.
const TAIL: Duration = Duration::from_millis(400);

/// How many rounds pass before Redis writes its file anew, and before the whole ledger is looked at.
const REWRITE_ROUNDS: u32 = 20;
const ROLL_ROUNDS: u32 = 20;

/// How many of a hundred votes may be refused by vote apps that lack nothing: those that a busy machine
/// keeps waiting for too long.
const MOST_REFUSED_PERCENT: u64 = 5;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// This crate's own program.
    pub program: PathBuf,
    /// How many killings there are to be; the other crashes come in between.
    pub kills: u32,
    /// Decides what is done and when.
    pub seed: u64,
    /// Where votes are recorded.
    pub ledger: LedgerKind,
    /// Votes a second.
    pub rate_per_s: u32,
}

/// Runs a campaign; `tell` gets a line for every crash.
///
/// # Errors
/// When the stack cannot be started, does not recover from a crash, or a crash cannot be done. The
/// message says where its logs are.
pub async fn run(plan: &Plan, tell: &mut dyn FnMut(&str)) -> Result<Report> {
    let mut stack = Stack::start(&plan.program, plan.ledger).await?;
    let mut campaign = Campaign {
        plan,
        client: client()?,
        deck: Deck::new(plan.seed, plan.ledger),
        report: Report::default(),
        round: 0,
        poison: Poison::default(),
        roll: Roll::default(),
    };
    let ended = campaign.crash_on(&mut stack, tell).await;
    if ended.is_ok() && campaign.report.is_clean() {
        return Ok(campaign.report);
    }
    // What a stopped process was to do it can do only when it goes on.
    let _ = stack.redis.resume();
    tell(&stack.keep());
    ended.map(|()| campaign.report)
}

struct Campaign<'a> {
    plan: &'a Plan,
    client: reqwest::Client,
    deck: Deck,
    report: Report,
    round: u32,
    /// Entries put in the stream that are no votes.
    poison: Poison,
    roll: Roll,
}

/// What was seen of one crash.
struct Round {
    held: Duration,
    audit: Audit,
    settled: Duration,
}

impl Campaign<'_> {
    async fn crash_on(&mut self, stack: &mut Stack, tell: &mut dyn FnMut(&str)) -> Result<()> {
        while self.report.kills < self.plan.kills {
            self.round += 1;
            let crash = self.deck.draw();
            let name = format!("round {} ({crash})", self.round);
            let round = self.round(&crash, stack).await;
            let Round {
                held,
                audit,
                settled,
            } = round.map_err(|error| Error::new(error.kind(), format!("{name}: {error}")))?;
            self.report.add(&crash, held, &audit, settled);
            let verdict = if audit.violations.is_empty() {
                "ok"
            } else {
                "WRONG"
            };
            tell(&format!(
                "[{:>3}/{}] {:<60} {:>4} sent {:>4} accepted {:>4.1} s  {verdict}",
                self.report.kills,
                self.plan.kills,
                crash.to_string(),
                audit.sent,
                audit.accepted,
                settled.as_secs_f64(),
            ));
            if self.round.is_multiple_of(ROLL_ROUNDS) {
                self.look_at_all(stack).await?;
            }
        }
        self.look_at_all(stack).await
    }

    async fn round(&mut self, crash: &Crash, stack: &mut Stack) -> Result<Round> {
        let prefix = format!("r{:05}-", self.round);
        self.rewrite(stack)?;
        let dosing = self.poison.begin(&stack.redis.url());
        let load = Load::begin(&self.client, &stack.doors(), &prefix, self.plan.rate_per_s);
        load.until("no vote is taken", |seen| seen.accepted > 0)
            .await?;
        tokio::time::sleep(self.deck.time(LEAD)).await;
        let held = self.strike(crash, &load, stack).await?;
        let over = Instant::now();
        crash.undo(stack).await?;
        let before = load.seen().accepted;
        tokio::time::sleep(self.deck.time(TAIL)).await;
        let again = "no vote is taken after the crash";
        load.until(again, |seen| seen.accepted > before).await?;
        self.poison.end(dosing).await?;
        let sent = load.end().await?;
        stack.until_ready().await?;
        let settled = self.settle(stack, over).await?;
        let audit = self.audit(crash, &sent, &prefix, stack).await?;
        Ok(Round {
            held,
            audit,
            settled,
        })
    }

    /// Does it, and tells how long it lasted until it is to be undone.
    async fn strike(&mut self, crash: &Crash, load: &Load, stack: &mut Stack) -> Result<Duration> {
        let hold = self.deck.hold(crash);
        let since = Instant::now();
        crash.inject(stack).await?;
        tokio::time::sleep(hold).await;
        if let Some(sign) = Sign::of(crash) {
            sign.wait(load, stack).await?;
        }
        Ok(since.elapsed())
    }

    /// Compares what was answered with the ledger, and what was no vote with the dead letters.
    async fn audit(
        &mut self,
        crash: &Crash,
        sent: &Sent,
        prefix: &str,
        stack: &Stack,
    ) -> Result<Audit> {
        let recorded = patiently(async || stack.ledger.standing(prefix).await).await?;
        self.roll.add(sent, &recorded);
        let mut audit = Audit::of(sent, &recorded, crash.may_refuse());
        if crash.spares_votes() {
            audit.check_refusals(MOST_REFUSED_PERCENT);
        }
        let dead = patiently(async || stack.redis.dead_letters(self.poison.last())).await?;
        for wrong in self.poison.look_at(&dead) {
            audit.violate(wrong);
        }
        Ok(audit)
    }

    /// Has Redis write its file anew: it does so by itself when the file has doubled since its start,
    /// and these starts are so many that it never would. A killing may well come in between.
    fn rewrite(&self, stack: &Stack) -> Result<()> {
        if self.round.is_multiple_of(REWRITE_ROUNDS) {
            let rewrite = stack.redis.command(&[b"BGREWRITEAOF"]);
            rewrite.map_err(Error::other)?;
        }
        Ok(())
    }

    /// Waits until neither the stream nor the list of pending entries holds anything.
    async fn settle(&self, stack: &Stack, since: Instant) -> Result<Duration> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let length = stack.queue.length().await;
            let pending = stack.redis.pending();
            if matches!((&length, &pending), (Ok(0), Ok(0))) {
                return Ok(since.elapsed());
            }
            if Instant::now() > deadline {
                let what = format!("the queue does not get empty: {length:?}, pending {pending:?}");
                return Err(Error::other(what));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// What stood after its round stands, and nothing else does; and the results count each row.
    async fn look_at_all(&mut self, stack: &Stack) -> Result<()> {
        let recorded = patiently(async || stack.ledger.standing("").await).await?;
        self.report.add_wrong(self.roll.changes(&recorded));
        let tally = patiently(async || stack.ledger.tally().await).await?;
        let counted: u64 = tally.iter().map(|(_, votes)| votes).sum();
        let rows = recorded.len() as u64;
        if counted != rows {
            let wrong = format!("{rows} voters have a row, {counted} votes are counted");
            self.report.add_wrong(vec![wrong]);
        }
        Ok(())
    }
}

/// The program to use when a test or `cargo run` started this process: itself.
///
/// # Errors
/// When the system does not say where it is.
pub fn own_program() -> Result<PathBuf> {
    std::env::current_exe().map(|path| Path::new(&path).to_owned())
}
