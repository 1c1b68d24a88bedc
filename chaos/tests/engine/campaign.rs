//! Runner, guardian or both are killed at random instants while containers are being paused or killed, from
//! before the record is written until after the fault is undone.

use jiff::Timestamp;
use rustix::process::Signal;
use voteops_chaos::process::Process;
use voteops_chaos::recover::recover;

use crate::daemon::{Daemon, Maker, eventually};
use crate::runner::{Runner, Way, records};
use crate::victims::{Killing, Victim, killings};

/// How many times something is killed, unless the variable `KILLS` tells.
const KILLS: u32 = 210;
/// The same of those that kill, which takes longer: who finds them not killed yet waits for 10 s.
const KILLS_OF_KILLERS: u32 = 30;
/// The seed of victims and instants.
const SEED: u64 = 0x5eed;
/// The latest instant after the runner's start at which something is killed, in microseconds: it takes some
/// 150 ms to find and to pause or kill them.
const LATEST_US: u64 = 300_000;

#[test]
#[ignore = "needs a Docker daemon of its own"]
fn no_kill_leaves_a_container_paused() {
    campaign(Way::Stall, KILLS);
}

#[test]
#[ignore = "needs a Docker daemon of its own"]
fn no_kill_leaves_a_container_dead() {
    campaign(Way::Kill, KILLS_OF_KILLERS);
}

fn campaign(way: Way, usually: u32) {
    let kills = std::env::var("KILLS").map_or(usually, |kills| kills.parse().unwrap());
    let daemon = Daemon::start(Maker::Docker);
    daemon.container("shop-worker-1", &[]);
    daemon.container("shop-worker-2", &[]);
    let mut caught = 0;
    for (number, killing) in (0..kills).zip(killings(SEED, LATEST_US)) {
        println!("{number}: {killing:?}");
        caught += u32::from(one_kill(&daemon, way, killing));
    }
    println!("{caught} of {kills} were killed with the fault on record");
    assert!(caught > kills / 4, "{caught} of {kills}");
}

/// Kills once, and sees that nothing is left behind. Tells whether the fault was on record then.
fn one_kill(daemon: &Daemon, way: Way, killing: Killing) -> bool {
    let mut runner = Runner::spawn(daemon, way, &daemon.address());
    if killing.undo_first {
        runner.undo();
    }
    std::thread::sleep(killing.instant);
    let guardian = records(daemon).into_iter().find_map(|it| it.guardian);
    match killing.victim {
        Victim::Runner => runner.kill(),
        Victim::Guardian => {
            kill(guardian);
            // Whether it had a guardian to lose or not, it ends by its own means or is told to.
            runner.undo();
            runner.end();
        }
        Victim::Both => {
            kill(guardian);
            runner.kill();
            eventually("the record is gone or recovered", || {
                recover(&daemon.state_dir(), Timestamp::now(), false).unwrap();
                records(daemon).is_empty()
            });
        }
    }
    eventually("no record is left", || records(daemon).is_empty());
    eventually("they run", || daemon.all_workers_are("running"));
    guardian.is_some()
}

fn kill(guardian: Option<Process>) {
    if let Some(guardian) = guardian {
        guardian.signal(Signal::KILL).unwrap();
    }
}
