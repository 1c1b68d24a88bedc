//! The stall in the hands of a runner that lives: what it does, and what it refuses to do.

use std::time::Duration;

use crate::support::{
    PATIENCE, Sleeper, all_in, another_life, audited, eventually, guardian_of, launcher, records,
    send, targets,
};
use jiff::Timestamp;
use rustix::process::Signal;
use voteops_chaos::Error;
use voteops_chaos::audit::{By, Event};
use voteops_chaos::catalogue::STALL_WORKER;
use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::stall;
use voteops_chaos::faults::{Breach, Hold};
use voteops_chaos::guardian::Launcher;
use voteops_chaos::process::{Process, State};
use voteops_chaos::record::Target;
use voteops_chaos::recover::recover;

const TTL: Duration = Duration::from_mins(10);

fn experiment() -> (tempfile::TempDir, Experiment) {
    let dir = tempfile::tempdir().unwrap();
    let experiment = Experiment::open(dir.path()).unwrap();
    (dir, experiment)
}

#[test]
fn targets_stop_and_run_again() {
    let (dir, experiment) = experiment();
    let sleepers = Sleeper::several::<3>();
    let stall = stall::plan(&STALL_WORKER, targets(&sleepers)).unwrap();
    let mut injected = stall.inject(&experiment, TTL, &launcher()).unwrap();

    assert!(all_in(&sleepers, State::Stopped));
    assert!(injected.check().iter().all(|(_, hold)| *hold == Hold::Held));
    assert_eq!(records(dir.path()), [injected.record().clone()]);
    let guardian = guardian_of(dir.path());
    assert!(guardian.still_same().unwrap());

    let report = injected.undo();
    assert!(report.is_complete());
    assert_eq!(report.disk_errors, [""; 0]);
    assert!(all_in(&sleepers, State::Running));
    assert_eq!(records(dir.path()), []);
    assert!(
        !guardian.still_same().unwrap(),
        "a dismissed guardian is gone"
    );
    assert_eq!(injected.breach(), None);
    assert_eq!(
        audited(dir.path()),
        [(Event::Injected, By::Runner), (Event::Undone, By::Runner)]
    );
}

#[test]
fn a_panic_undoes() {
    let (dir, experiment) = experiment();
    let sleepers = Sleeper::several::<2>();
    let stall = stall::plan(&STALL_WORKER, targets(&sleepers)).unwrap();
    let panicked = std::thread::scope(|scope| {
        let run = || {
            let _injected = stall.inject(&experiment, TTL, &launcher()).unwrap();
            assert!(
                all_in(&sleepers, State::Running),
                "on purpose: they are stopped"
            );
        };
        scope.spawn(run).join().is_err()
    });
    assert!(panicked);
    assert!(all_in(&sleepers, State::Running));
    assert_eq!(records(dir.path()), []);
}

#[test]
fn a_target_that_ends_under_the_fault_is_reported() {
    let (dir, experiment) = experiment();
    let [victim, other] = Sleeper::several();
    let stall = stall::plan(
        &STALL_WORKER,
        vec![victim.target("victim"), other.target("other")],
    )
    .unwrap();
    let mut injected = stall.inject(&experiment, TTL, &launcher()).unwrap();
    victim.kill();
    let held: Vec<_> = injected
        .check()
        .into_iter()
        .map(|(it, hold)| (it.name, hold))
        .collect();
    assert_eq!(
        held,
        [
            ("victim".to_owned(), Hold::Gone),
            ("other".to_owned(), Hold::Held)
        ]
    );
    let report = injected.undo();
    assert!(report.is_complete());
    assert_eq!(
        report.gone().map(|it| it.name.as_str()).collect::<Vec<_>>(),
        ["victim"]
    );
    assert!(audited(dir.path()).contains(&(Event::TargetGone, By::Runner)));
    assert_eq!(records(dir.path()), []);
}

#[test]
fn a_target_that_somebody_let_go_is_seen() {
    let (_dir, experiment) = experiment();
    let sleepers = Sleeper::several::<1>();
    let stall = stall::plan(&STALL_WORKER, targets(&sleepers)).unwrap();
    let injected = stall.inject(&experiment, TTL, &launcher()).unwrap();
    send(sleepers[0].process(), Signal::CONT);
    eventually("it runs", || injected.check()[0].1 == Hold::Lifted);
}

#[test]
fn what_was_recovered_by_force_and_stopped_by_somebody_since_stays_stopped() {
    let (dir, experiment) = experiment();
    let sleepers = Sleeper::several::<1>();
    let stall = stall::plan(&STALL_WORKER, targets(&sleepers)).unwrap();
    let mut injected = stall.inject(&experiment, TTL, &launcher()).unwrap();
    let recovered = recover(dir.path(), Timestamp::now(), true).unwrap();
    assert_eq!(recovered[0].failure(), None);
    assert!(all_in(&sleepers, State::Running));
    send(sleepers[0].process(), Signal::STOP);
    eventually("it has stopped", || all_in(&sleepers, State::Stopped));
    let report = injected.undo();
    assert!(report.is_complete());
    drop(injected);
    assert!(all_in(&sleepers, State::Stopped));
    let undone = (Event::Undone, By::Recover);
    assert_eq!(audited(dir.path()), [(Event::Injected, By::Runner), undone]);
}

#[tokio::test]
async fn the_runner_is_told_when_its_guardian_dies() {
    let (dir, experiment) = experiment();
    let sleepers = Sleeper::several::<2>();
    let stall = stall::plan(&STALL_WORKER, targets(&sleepers)).unwrap();
    let mut injected = stall.inject(&experiment, TTL, &launcher()).unwrap();
    send(guardian_of(dir.path()), Signal::KILL);
    let breach = tokio::time::timeout(PATIENCE, injected.breached())
        .await
        .unwrap();
    assert_eq!(breach, Breach::GuardianDied);
    assert!(all_in(&sleepers, State::Running));
    assert!(injected.undo().is_complete());
    assert_eq!(records(dir.path()), []);
}

#[test]
fn no_target_means_nothing_is_touched() {
    assert!(matches!(
        stall::plan(&STALL_WORKER, vec![]),
        Err(Error::NoTarget)
    ));
}

#[test]
fn a_recycled_process_id_is_refused() {
    let sleeper = Sleeper::start();
    let mut target = sleeper.target("worker-1");
    target.identity = another_life(sleeper.process());
    assert!(matches!(
        stall::plan(&STALL_WORKER, vec![target]),
        Err(Error::TargetGone { .. })
    ));
    assert_eq!(sleeper.process().state().unwrap(), State::Running);
}

#[test]
fn a_target_that_somebody_else_has_stopped_is_refused() {
    let (_dir, experiment) = experiment();
    let sleepers = Sleeper::several::<2>();
    let planned = stall::plan(&STALL_WORKER, targets(&sleepers)).unwrap();
    send(sleepers[1].process(), Signal::STOP);
    eventually("it stops", || {
        sleepers[1].process().state().unwrap() == State::Stopped
    });

    let message = stall::plan(&STALL_WORKER, targets(&sleepers))
        .unwrap_err()
        .to_string();
    assert!(message.starts_with("worker-1 (process"), "{message}");
    // The plan from before does not help either.
    let refused = planned.inject(&experiment, TTL, &launcher()).unwrap_err();
    assert!(matches!(refused, Error::AlreadyStopped { .. }), "{refused}");
    assert_eq!(sleepers[0].process().state().unwrap(), State::Running);
    assert_eq!(sleepers[1].process().state().unwrap(), State::Stopped);
}

#[test]
fn a_target_named_twice_and_the_runner_itself_are_refused() {
    let sleeper = Sleeper::start();
    let twice = vec![sleeper.target("a"), sleeper.target("b")];
    assert!(matches!(
        stall::plan(&STALL_WORKER, twice),
        Err(Error::DuplicateTarget { .. })
    ));
    let own = Target::process("own", Process::current().unwrap());
    assert!(matches!(
        stall::plan(&STALL_WORKER, vec![own]),
        Err(Error::OwnProcess { .. })
    ));
}

#[test]
fn without_a_guardian_nothing_is_touched() {
    let (dir, experiment) = experiment();
    let sleepers = Sleeper::several::<1>();
    for broken in ["/bin/true", "/bin/false", "/nonexistent/guardian"] {
        let stall = stall::plan(&STALL_WORKER, targets(&sleepers)).unwrap();
        let refused = stall
            .inject(&experiment, TTL, &Launcher::new(broken, [""; 0]))
            .unwrap_err();
        assert!(matches!(refused, Error::Guardian { .. }), "{refused}");
        assert!(all_in(&sleepers, State::Running));
        assert_eq!(records(dir.path()), []);
    }
}

#[test]
fn an_injection_that_cannot_be_logged_is_undone() {
    let (dir, experiment) = experiment();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("audit.jsonl")).unwrap();
    let sleepers = Sleeper::several::<2>();
    let stall = stall::plan(&STALL_WORKER, targets(&sleepers)).unwrap();
    let refused = stall.inject(&experiment, TTL, &launcher()).unwrap_err();
    assert!(matches!(refused, Error::NotInjected { .. }), "{refused}");
    assert!(all_in(&sleepers, State::Running));
    assert_eq!(records(dir.path()), []);
}
