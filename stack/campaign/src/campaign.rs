//! Crash after crash under load, and a count of all votes after each.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::audit::Audit;
use crate::crash::Crash;
use crate::deck::Deck;
use crate::load::{Load, Sent};
use crate::patience::{PATIENCE, POLL_INTERVAL, patiently};
use crate::report::Report;
use crate::stack::{LedgerKind, Stack, client};

/// Votes a second, beside those of the voters who change theirs without end.
pub const RATE_PER_S: u32 = 200;

/// The load goes on for at most so long before a crash.
const LEAD: Duration = Duration::from_millis(400);

/// The load goes on for at most so long after a crash.
const TAIL: Duration = Duration::from_millis(400);

/// How many rounds pass before Redis writes its file anew.
const REWRITE_ROUNDS: u32 = 20;

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
        poison: 0,
    };
    let ended = campaign.crash_on(&mut stack, tell).await;
    if ended.is_ok() && campaign.report.is_clean() {
        return Ok(campaign.report);
    }
    // What a stopped process was to do it can do only when it goes on.
    let _ = stack.redis.resume();
    if let Some(dir) = stack.keep() {
        tell(&format!("logs and ledger are kept in {}", dir.display()));
    }
    ended.map(|()| campaign.report)
}

struct Campaign<'a> {
    plan: &'a Plan,
    client: reqwest::Client,
    deck: Deck,
    report: Report,
    round: u32,
    /// Entries put in the stream that are no votes.
    poison: u64,
}

impl Campaign<'_> {
    async fn crash_on(&mut self, stack: &mut Stack, tell: &mut dyn FnMut(&str)) -> Result<()> {
        while self.report.kills < self.plan.kills {
            self.round += 1;
            let crash = self.deck.draw();
            let name = format!("round {} ({crash})", self.round);
            let round = self.round(&crash, stack).await;
            let (audit, settled) =
                round.map_err(|error| Error::new(error.kind(), format!("{name}: {error}")))?;
            self.report
                .add(crash.kind(), crash.is_kill(), &audit, settled);
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
        }
        self.look_at_all(stack).await
    }

    async fn round(&mut self, crash: &Crash, stack: &mut Stack) -> Result<(Audit, Duration)> {
        let prefix = format!("r{:05}-", self.round);
        let apps: Vec<SocketAddr> = stack.vote_apps.iter().map(|app| app.address).collect();
        self.poison(stack)?;
        self.rewrite(stack)?;
        let load = Load::begin(&self.client, &apps, &prefix, self.plan.rate_per_s);
        tokio::time::sleep(self.deck.time(LEAD)).await;
        crash.inject(stack).await?;
        tokio::time::sleep(self.deck.hold(crash)).await;
        crash.undo(stack)?;
        let over = Instant::now();
        tokio::time::sleep(self.deck.time(TAIL)).await;
        let sent: Sent = load.end().await.map_err(Error::other)?;
        stack.until_ready().await?;
        let settled = self.settle(stack, over).await?;
        let recorded = patiently(async || stack.ledger.recorded(&prefix).await).await?;
        let mut audit = Audit::of(&sent, recorded);
        self.look_at_dead_letters(stack, &mut audit).await?;
        Ok((audit, settled))
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

    /// Puts something in the stream that is no vote: its dead letter is to be there once, too.
    fn poison(&mut self, stack: &Stack) -> Result<()> {
        let not_a_vote: [&[u8]; 5] = [b"XADD", b"votes", b"*", b"not", b"a vote"];
        stack.redis.command(&not_a_vote).map_err(Error::other)?;
        self.poison += 1;
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

    async fn look_at_dead_letters(&self, stack: &Stack, audit: &mut Audit) -> Result<()> {
        let dead = patiently(async || stack.queue.dead_length().await).await?;
        if dead != self.poison {
            let what = format!("dead letters: {dead} instead of {}", self.poison);
            audit.violations.push(what);
        }
        Ok(())
    }

    /// At the end, no row may have gone: the voters of all rounds are counted once more.
    async fn look_at_all(&mut self, stack: &Stack) -> Result<()> {
        let rows = patiently(async || stack.ledger.recorded("r").await)
            .await?
            .len();
        let tally = patiently(async || stack.ledger.tally().await).await?;
        let counted: u64 = tally.iter().map(|(_, votes)| votes).sum();
        if counted == rows as u64 {
            return Ok(());
        }
        let what = format!("{rows} voters have a row, {counted} votes are counted");
        Err(Error::other(what))
    }
}

/// The program to use when a test or `cargo run` started this process: itself.
///
/// # Errors
/// When the system does not say where it is.
pub fn own_program() -> Result<PathBuf> {
    std::env::current_exe().map(|path| Path::new(&path).to_owned())
}
