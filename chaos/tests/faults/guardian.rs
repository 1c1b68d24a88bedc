//! Runner, guardian or both are killed in mid-fault; no target stays stopped.

use std::fs;
use std::time::Duration;

use crate::support::{
    Runner, Sleeper, all_in, another_life, audited, eventually, eventually_running, guardian_of,
    only_record, records, send, targets,
};
use jiff::Timestamp;
use rustix::process::Signal;
use voteops_chaos::Error;
use voteops_chaos::audit::{By, Event};
use voteops_chaos::catalogue::STALL_WORKER;
use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::stall;
use voteops_chaos::process::State;
use voteops_chaos::record::{Fault, Record, Store};
use voteops_chaos::recover::{Action, recover};

const TTL: Duration = Duration::from_mins(10);

#[test]
fn the_guardian_undoes_when_the_runner_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<3>();
    let mut runner = Runner::stall(dir.path(), TTL, &sleepers);
    assert!(all_in(&sleepers, State::Stopped));
    let guardian = guardian_of(dir.path());
    runner.kill();
    eventually_running(&sleepers);
    eventually("the record is gone", || records(dir.path()).is_empty());
    eventually("the guardian is gone", || {
        !guardian.state().unwrap().is_alive()
    });
    assert_eq!(
        audited(dir.path()),
        [(Event::Injected, By::Runner), (Event::Undone, By::Guardian)]
    );
}

#[test]
fn the_runner_undoes_when_the_guardian_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<2>();
    let mut runner = Runner::stall(dir.path(), TTL, &sleepers);
    send(guardian_of(dir.path()), Signal::KILL);
    let said = runner.line();
    assert!(
        said.starts_with("breach complete=true the guardian died"),
        "{said}"
    );
    assert!(all_in(&sleepers, State::Running));
    assert_eq!(records(dir.path()), []);
    assert_eq!(
        audited(dir.path()),
        [(Event::Injected, By::Runner), (Event::Undone, By::Runner)]
    );
}

#[test]
fn recover_undoes_when_both_are_killed() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<2>();
    let runner = Runner::stall(dir.path(), TTL, &sleepers);
    let guardian = guardian_of(dir.path());
    let record = only_record(dir.path());
    kill_both(&runner, guardian);

    assert!(all_in(&sleepers, State::Stopped));
    // The kernel lets the lock go with the last of the runner's threads.
    let open = || Experiment::open(dir.path()).unwrap_err();
    eventually("the lock is free", || {
        !matches!(open(), Error::Locked { .. })
    });
    let refused = open().to_string();
    assert!(refused.contains("voteops chaos recover"), "{refused}");

    let outcomes = recover(dir.path(), Timestamp::now(), false).unwrap();
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].id, Some(record.id));
    assert_eq!(outcomes[0].failure(), None);
    assert!(all_in(&sleepers, State::Running));
    assert_eq!(records(dir.path()), []);
    assert_eq!(
        audited(dir.path()).last(),
        Some(&(Event::Undone, By::Recover))
    );
    assert!(
        recover(dir.path(), Timestamp::now(), false)
            .unwrap()
            .is_empty(),
        "again is harmless"
    );
}

/// Kills both so that neither can act on the other's death. The guardian is killed while the runner
/// is stopped; the other way round, the kernel would set the guardian going: a group that is
/// orphaned with a stopped process in it is continued.
fn kill_both(runner: &Runner, guardian: voteops_chaos::process::Process) {
    let runner = runner.process();
    send(runner, Signal::STOP);
    eventually("it stops", || runner.state().unwrap() != State::Running);
    for process in [guardian, runner] {
        send(process, Signal::KILL);
    }
    // The guardian is the test's grandchild: it is reaped by whoever adopts it.
    eventually("both are dead", || {
        [runner, guardian]
            .iter()
            .all(|it| !it.state().unwrap().is_alive())
    });
}

#[test]
fn recover_leaves_a_running_experiment_alone() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<1>();
    let mut runner = Runner::stall(dir.path(), TTL, &sleepers);
    let outcomes = recover(dir.path(), Timestamp::now(), false).unwrap();
    assert!(
        matches!(outcomes[0].action, Action::InUse { .. }),
        "{outcomes:?}"
    );
    assert!(all_in(&sleepers, State::Stopped));

    let forced = recover(dir.path(), Timestamp::now(), true).unwrap();
    assert!(matches!(forced[0].action, Action::Undone(_)), "{forced:?}");
    assert!(all_in(&sleepers, State::Running));
    runner.undo();
    assert_eq!(runner.line(), "undone complete=true");
}

#[test]
fn recover_undoes_what_is_past_its_deadline_though_the_runner_lives() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<1>();
    let _runner = Runner::stall(dir.path(), TTL, &sleepers);
    let late = only_record(dir.path()).deadline_at;
    let outcomes = recover(dir.path(), late, false).unwrap();
    assert!(
        matches!(outcomes[0].action, Action::Undone(_)),
        "{outcomes:?}"
    );
    assert!(all_in(&sleepers, State::Running));
}

#[test]
fn recover_does_not_touch_a_process_that_inherited_an_id() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<1>();
    send(sleepers[0].process(), Signal::STOP);
    eventually("it stops", || all_in(&sleepers, State::Stopped));
    let mut targets = targets(&sleepers);
    targets[0].identity = another_life(targets[0].identity.process().unwrap());
    let mut record = Record::new("stall-worker", Fault::Stall {}, targets, TTL).unwrap();
    record.runner.start_ticks -= 1;
    Store::open(dir.path()).unwrap().write(&record).unwrap();

    let outcomes = recover(dir.path(), Timestamp::now(), false).unwrap();
    assert!(matches!(&outcomes[0].action, Action::Undone(report) if report.gone().count() == 1));
    assert!(
        all_in(&sleepers, State::Stopped),
        "SIGCONT went to a process that was not meant"
    );
    assert_eq!(records(dir.path()), []);
    assert_eq!(audited(dir.path()), [(Event::TargetGone, By::Recover)]);
}

#[test]
fn recover_tells_of_a_record_that_it_cannot_read() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path()).unwrap();
    fs::write(dir.path().join("faults/0.json"), "?").unwrap();
    let outcomes = recover(dir.path(), Timestamp::now(), true).unwrap();
    let failure = outcomes[0].failure().expect("it may be in force");
    assert!(
        failure.contains("0.json is not a fault record"),
        "{failure}"
    );
}

#[test]
fn recover_has_nothing_to_do_where_nothing_ever_was() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    assert!(
        recover(&nowhere, Timestamp::now(), false)
            .unwrap()
            .is_empty()
    );
    assert!(!nowhere.exists());
}

#[test]
fn the_deadline_ends_the_fault() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<2>();
    let mut runner = Runner::stall(dir.path(), Duration::from_secs(2), &sleepers);
    let said = runner.line();
    assert!(
        said.starts_with("breach complete=true the fault reached its deadline"),
        "{said}"
    );
    assert!(all_in(&sleepers, State::Running));
    assert_eq!(records(dir.path()), []);
    assert_eq!(audited(dir.path())[1], (Event::Undone, By::Guardian));
}

#[test]
fn a_runner_that_hangs_does_not_outlast_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<1>();
    let runner = Runner::stall(dir.path(), Duration::from_secs(2), &sleepers);
    send(runner.process(), Signal::STOP);
    eventually_running(&sleepers);
    eventually("the record is gone", || records(dir.path()).is_empty());
}

#[test]
fn a_guardian_that_is_asked_to_end_undoes_first() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<1>();
    let mut runner = Runner::stall(dir.path(), TTL, &sleepers);
    let guardian = guardian_of(dir.path());
    for ignored in [Signal::INT, Signal::HUP] {
        send(guardian, ignored);
    }
    send(guardian, Signal::TERM);
    let said = runner.line();
    assert!(said.starts_with("breach complete=true"), "{said}");
    assert!(all_in(&sleepers, State::Running));
    let undone_by = audited(dir.path())[1];
    assert_eq!(
        undone_by,
        (Event::Undone, By::Guardian),
        "SIGINT or SIGHUP ended the guardian"
    );
}

#[test]
fn a_full_disk_does_not_keep_the_guardian_from_undoing() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<2>();
    let mut runner = Runner::stall(dir.path(), TTL, &sleepers);
    let log = dir.path().join("audit.jsonl");
    fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    runner.kill();
    eventually_running(&sleepers);
    eventually("the record is gone", || records(dir.path()).is_empty());
}

#[test]
fn a_state_directory_that_vanishes_does_not_keep_the_guardian_from_undoing() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<2>();
    let mut runner = Runner::stall(dir.path(), TTL, &sleepers);
    dir.close().unwrap();
    runner.kill();
    eventually_running(&sleepers);
}

#[test]
fn a_guardian_is_small_idle_and_in_a_session_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<1>();
    let _runner = Runner::stall(dir.path(), TTL, &sleepers);
    let guardian = guardian_of(dir.path());
    let process = procfs::process::Process::new(guardian.pid).unwrap();
    eventually("it sleeps", || process.stat().unwrap().state == 'S');
    let stat = process.stat().unwrap();
    assert_eq!(stat.session, guardian.pid);
    assert_eq!(stat.num_threads, 1);
    let status = process.status().unwrap();
    // The rest of what is resident is the program's file, which it shares with its runner.
    let own_kib = status.rssanon.unwrap();
    assert!(own_kib <= 2 * 1024, "{own_kib} KiB of its own");
    let switches = || process.status().unwrap().voluntary_ctxt_switches;
    let before = switches();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(switches(), before, "it woke though nothing happened");
    let holds_lock = process.fd().unwrap().any(|fd| {
        matches!(fd.unwrap().target, procfs::process::FDTarget::Path(path) if path.ends_with("lock"))
    });
    assert!(!holds_lock, "the next experiment would have to wait for it");
}

#[test]
fn an_experiment_is_free_again_once_its_runner_is_dead() {
    let dir = tempfile::tempdir().unwrap();
    let sleepers = Sleeper::several::<1>();
    let mut runner = Runner::stall(dir.path(), TTL, &sleepers);
    let held = Experiment::open(dir.path()).unwrap_err().to_string();
    assert!(
        held.contains(&format!("process {}", runner.process().pid)),
        "{held}"
    );
    runner.kill();
    eventually("the guardian has undone", || records(dir.path()).is_empty());
    eventually("the lock is free", || Experiment::open(dir.path()).is_ok());
    stall::plan(&STALL_WORKER, targets(&sleepers)).expect("they can be stalled again");
}
