//! Runner, guardian or both are killed at random instants, from before the record is written until
//! after the fault is undone.

use std::path::Path;
use std::time::Duration;

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

/// The latest instant after the runner's start at which something is killed, in microseconds: it
/// takes some 10 ms to inject.
const LATEST_US: u64 = 40_000;

#[test]
fn no_kill_leaves_a_target_stopped() {
    for (number, killing) in (0..KILLS).zip(killings(SEED, LATEST_US)) {
        println!("{number}: {killing:?}");
        one_kill(killing);
    }
}

fn one_kill(killing: Killing) {
    let victim = killing.victim;
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<3>();
    let mut runner = Runner::spawn(dir.path(), Duration::from_mins(10), &sleepers);
    if killing.undo_first {
        runner.undo();
    }
    std::thread::sleep(killing.instant);
    let guardian = guardian(dir.path());
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
