//! The kill: what keeps a supervisor from starting a process again, and who may not be touched.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::Value;
use voteops_chaos::Error;
use voteops_chaos::audit::{By, Event};
use voteops_chaos::catalogue::KILL_WORKER;
use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::{Hold, Injected, LEASE, kill};
use voteops_chaos::process::State;
use voteops_chaos::record::{Fault, Holding, Record, Store};
use voteops_chaos::recover::recover;

use crate::engine::{AGAIN, Engine, FIRST, inspected};
use crate::support::{Sleeper, audited, eventually, helper, launcher, records};

const TTL: Duration = Duration::from_mins(10);
/// Nobody's user id.
const NOBODY: u32 = 65_534;

fn killed(dir: &Path, sleeper: &Sleeper) -> Injected {
    let experiment = Experiment::open(dir).unwrap();
    let targets = vec![sleeper.target("worker-1")];
    let plan = kill::plan(&KILL_WORKER, targets, Some(&dir.join("holds"))).unwrap();
    plan.inject(&experiment, TTL, &launcher()).unwrap()
}

fn age(hold: &Path) -> Duration {
    let written_at = hold.metadata().unwrap().modified().unwrap();
    written_at.elapsed().unwrap_or_default()
}

#[test]
fn a_killed_process_is_held_down_by_a_file_until_that_is_undone() {
    let (dir, sleeper) = (tempfile::tempdir().unwrap(), Sleeper::start());
    let hold = dir.path().join("holds/worker-1");
    let mut injected = killed(dir.path(), &sleeper);
    assert!(!sleeper.process().state().unwrap().is_alive());
    assert!(hold.exists());
    assert_eq!(injected.check()[0].1, Hold::Held);

    assert!(injected.undo().is_complete());
    assert!(!hold.exists());
    assert_eq!(records(dir.path()), []);
    assert_eq!(
        audited(dir.path()),
        [(Event::Injected, By::Runner), (Event::Undone, By::Runner)]
    );
}

#[test]
fn a_hold_is_renewed_and_one_that_somebody_has_removed_is_not_made_anew() {
    let (dir, sleeper) = (tempfile::tempdir().unwrap(), Sleeper::start());
    let hold = dir.path().join("holds/worker-1");
    let injected = killed(dir.path(), &sleeper);
    let grow_old = || {
        let file = std::fs::File::options().append(true).open(&hold).unwrap();
        file.set_modified(SystemTime::now() - LEASE).unwrap();
    };
    grow_old();
    assert!(age(&hold) >= LEASE);
    eventually("it is renewed", || age(&hold) < LEASE);

    // Another that is renewed at the same time tells that the time for it has come.
    let beside = tempfile::tempdir().unwrap();
    let other = Sleeper::start();
    let second = killed(beside.path(), &other);
    std::fs::remove_file(&hold).unwrap();
    assert_eq!(injected.check()[0].1, Hold::Lifted);
    let watched = beside.path().join("holds/worker-1");
    for _ in 0..2 {
        let file = std::fs::File::options()
            .append(true)
            .open(&watched)
            .unwrap();
        file.set_modified(SystemTime::now() - LEASE).unwrap();
        eventually("the other is renewed", || age(&watched) < LEASE);
    }
    assert!(!hold.exists());
    drop(second);
}

#[test]
fn a_process_that_nobody_would_start_again_is_not_killed() {
    let sleeper = Sleeper::start();
    let refused = kill::plan(&KILL_WORKER, vec![sleeper.target("worker-1")], None).unwrap_err();
    assert!(matches!(refused, Error::Unfit { .. }), "{refused}");
    assert_eq!(sleeper.process().state().unwrap(), State::Running);
}

#[test]
fn what_may_not_be_signalled_is_refused_before_anything_is_on_record() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let dir = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(dir.path(), open).unwrap();
    let program = dir.path().join("helper");
    std::fs::copy(helper(), &program).unwrap();
    let sleeper = Sleeper::start();
    let mut command = Command::new(&program);
    let state = dir.path().join("state");
    command.arg("runner").arg(&state).arg("60000");
    if rustix::process::getuid().is_root() {
        command
            .uid(NOBODY)
            .gid(NOBODY)
            .arg(sleeper.process().pid.to_string());
    } else {
        // The first process is never ours.
        command.arg("1");
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.starts_with("error no permission to signal process"),
        "{said}"
    );
    assert_eq!(records(&state), []);
    assert_eq!(audited(&state), []);
    assert_eq!(sleeper.process().state().unwrap(), State::Running);
}

#[test]
fn an_engine_that_may_not_be_asked_is_refused_before_anything_is_on_record() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let dir = tempfile::tempdir().unwrap();
    let allow = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(dir.path(), 0o777);
    let program = dir.path().join("helper");
    std::fs::copy(helper(), &program).unwrap();
    let socket = dir.path().join("engine.sock");
    let _engine = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    allow(&socket, 0o000);
    let state = dir.path().join("state");
    let mut command = Command::new(&program);
    command.arg("docker-runner").arg(&state).arg("60000");
    command.arg(format!("unix://{}", socket.display()));
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Permission denied"), "{said}");
    assert!(said.contains("may this user ask it?"), "{said}");
    assert_eq!(records(&state), []);
}

/// Where a container of an engine is on record as killed.
fn on_record(engine: &Engine) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let fault = Fault::Kill(Holding { holds_dir: None });
    let targets = vec![engine.target("shop-worker-1")];
    let record = Record::new(KILL_WORKER.name, fault, targets, TTL).unwrap();
    Store::open(dir.path()).unwrap().write(&record).unwrap();
    dir
}

/// Whoever told the engine to kill it has died at once, so that it runs still when it is looked at first.
#[test]
fn a_container_that_is_about_to_die_is_waited_for_and_started() {
    const START: &str = "POST /containers/shop-worker-1/start";
    let looks = AtomicUsize::new(0);
    let engine = Engine::start(move |method, _| {
        if *method == "POST" {
            looks.store(usize::MAX / 2, Ordering::Relaxed);
            return (204, Value::Null);
        }
        match looks.fetch_add(1, Ordering::Relaxed) {
            0..3 => (200, inspected(FIRST, true)),
            3..100 => (200, inspected(FIRST, false)),
            _ => (200, inspected(AGAIN, true)),
        }
    });
    let dir = on_record(&engine);
    let recovered = recover(dir.path(), Timestamp::now(), true).unwrap();
    assert!(recovered[0].failure().is_none(), "{recovered:?}");
    assert!(engine.was_asked(START));
    assert_eq!(records(dir.path()), []);
    assert_eq!(audited(dir.path()), [(Event::Undone, By::Recover)]);
}

/// By an operator, who started it under the fault and ended it later: what is down now is down on purpose.
#[test]
fn a_container_that_somebody_has_started_and_ended_since_is_left_as_it_is() {
    let engine = Engine::start(|_, _| (200, inspected(AGAIN, false)));
    let dir = on_record(&engine);
    let recovered = recover(dir.path(), Timestamp::now(), true).unwrap();
    assert_eq!(recovered[0].failure(), None);
    assert!(!engine.was_asked("POST /containers/shop-worker-1/start"));
    assert_eq!(records(dir.path()), []);
}

/// What it needs may be away for a while.
#[test]
fn a_container_that_ended_as_soon_as_it_was_started_is_started_again() {
    let starts = AtomicUsize::new(0);
    let engine = Engine::start(move |method, _| {
        if *method == "POST" {
            starts.fetch_add(1, Ordering::Relaxed);
            return (204, Value::Null);
        }
        let (started_at, is_running) = match starts.load(Ordering::Relaxed) {
            0 => (FIRST, false),
            1 => (AGAIN, false),
            _ => (AGAIN, true),
        };
        (200, inspected(started_at, is_running))
    });
    let dir = on_record(&engine);
    let first = recover(dir.path(), Timestamp::now(), true).unwrap();
    let told = first[0].failure().unwrap();
    assert!(told.contains("it ends as soon as it is started"), "{told}");
    assert_eq!(records(dir.path()).len(), 1);
    let again = recover(dir.path(), Timestamp::now(), true).unwrap();
    assert_eq!(again[0].failure(), None);
    let events = [Event::UndoFailed, Event::Undone].map(|event| (event, By::Recover));
    assert_eq!(audited(dir.path()), events);
}
