//! Runner, guardian or both are killed at random instants, from before the record is written until
//! after the fault is undone.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Runner, Sleeper, eventually, eventually_running, records};
use crate::victims::{Killing, Victim, killings};
use jiff::Timestamp;
use rustix::process::Signal;
use voteops_chaos::process::Process;
use voteops_chaos::record::Store;
use voteops_chaos::recover::recover;

/// How many times something is killed.
const KILLS: u32 = 210;

/// The seed of victims and instants.
const SEED: u64 = 0x5eed;

/// The latest instant after the runner's start at which something is killed, at the least: it takes
/// some 10 ms to inject.
const LATEST: Duration = Duration::from_millis(40);

#[test]
fn no_kill_leaves_a_target_stopped() {
    let latest = LATEST.max(3 * injecting());
    let latest_us = u64::try_from(latest.as_micros()).unwrap();
    let mut caught = 0;
    for (number, killing) in (0..KILLS).zip(killings(SEED, latest_us)) {
        println!("{number}: {killing:?}");
        caught += u32::from(one_kill(killing));
    }
    println!("{caught} of {KILLS} were killed with the fault on record");
    assert!(caught > KILLS / 10, "{caught} of {KILLS}");
}

/// How long a runner takes here until its fault is in force, at the longest of three times.
fn injecting() -> Duration {
    let once = |_| {
        let dir = tempfile::tempdir().unwrap();
        let sleepers = Sleeper::several::<3>();
        let begun = Instant::now();
        let mut runner = Runner::stall(dir.path(), Duration::from_mins(10), &sleepers);
        let took = begun.elapsed();
        runner.undo();
        while !runner.line().is_empty() {}
        took
    };
    (0..3).map(once).max().unwrap()
}

/// Kills once, and sees that nothing is left behind. Tells whether the fault was on record then.
fn one_kill(killing: Killing) -> bool {
    let victim = killing.victim;
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<3>();
    let mut runner = Runner::spawn(dir.path(), Duration::from_mins(10), &sleepers);
    if killing.undo_first {
        runner.undo();
    }
    std::thread::sleep(killing.instant);
    let guardian = guardian(dir.path());
    let is_caught = guardian.is_some();
    match victim {
        Victim::Runner => runner.kill(),
        Victim::Guardian => kill(guardian),
        Victim::Both => {
            kill(guardian);
            runner.kill();
        }
    }
    if victim == Victim::Guardian {
        // Whether it had a guardian to lose or not, it ends by its own means or is told to.
        runner.undo();
        while !runner.line().is_empty() {}
    }
    drop(runner);
    if victim == Victim::Both {
        eventually("the record is gone or recovered", || {
            recover(dir.path(), Timestamp::now(), false).unwrap();
            records(dir.path()).is_empty()
        });
    }
    eventually_running(&sleepers);
    eventually("no record is left", || records(dir.path()).is_empty());
    is_caught
}

/// The guardian, once there is a record that tells it.
fn guardian(dir: &Path) -> Option<Process> {
    let records = Store::open(dir).unwrap().list().unwrap();
    records
        .into_iter()
        .filter_map(Result::ok)
        .find_map(|record| record.guardian)
}

fn kill(guardian: Option<Process>) {
    if let Some(guardian) = guardian {
        guardian.signal(Signal::KILL).unwrap();
    }
}
