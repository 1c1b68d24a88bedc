//! Containers are paused and killed, and go on whatever dies meanwhile.

use rustix::process::Signal;
use serde_json::Map;
use voteops_chaos::Error;
use voteops_chaos::audit::{Audit, Event};
use voteops_chaos::catalogue::{KILL_WORKER, SLOW_WORKER, STALL_WORKER};
use voteops_chaos::faults::{Hold, Injected, kill, lease, stall};
use voteops_chaos::record::Target;
use voteops_chaos::recover::recover;

use crate::daemon::{Daemon, Maker, eventually};
use crate::runner::{Runner, inject, records};

/// Makes of each function two tests: on Docker, and on Podman.
macro_rules! on_each_engine {
    ($($test:ident),* $(,)?) => {
        mod on_docker {
            $(
                #[test]
                #[ignore = "needs a Docker daemon of its own"]
                fn $test() {
                    super::$test(crate::daemon::Maker::Docker);
                }
            )*
        }

        mod on_podman {
            $(
                #[test]
                #[ignore = "needs a Podman of its own"]
                fn $test() {
                    super::$test(crate::daemon::Maker::Podman);
                }
            )*
        }
    };
}

on_each_engine!(
    the_containers_of_a_service_are_paused_and_go_on,
    containers_go_on_when_the_runner_or_its_guardian_too_is_killed,
    a_container_that_was_made_anew_or_started_again_is_told_and_not_touched,
    a_daemon_that_crashes_under_the_fault_is_waited_for,
    a_killed_container_stays_down_and_is_started_at_the_end,
    what_is_not_there_or_not_clear_is_refused,
);

fn two_workers(maker: Maker) -> Daemon {
    let daemon = Daemon::start(maker);
    daemon.container("shop-worker-1", &[]);
    daemon.container("shop-worker-2", &[]);
    daemon
}

fn holds(injected: &Injected) -> Vec<Hold> {
    injected.check().into_iter().map(|(_, hold)| hold).collect()
}

fn outcomes(daemon: &Daemon) -> Vec<Event> {
    let audit = Audit::new(daemon.state_dir().join("audit.jsonl"));
    audit
        .read()
        .unwrap()
        .into_iter()
        .map(|entry| entry.event)
        .collect()
}

fn the_containers_of_a_service_are_paused_and_go_on(maker: Maker) {
    let daemon = two_workers(maker);
    let workers = daemon.workers();
    let names: Vec<_> = workers.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, ["shop-worker-1", "shop-worker-2"]);
    let plan = stall::plan(&STALL_WORKER, workers.clone()).unwrap();
    assert!(plan.steps()[0].starts_with("pauses shop-worker-1 (container "));
    let mut injected = inject(&daemon, plan);
    assert!(daemon.all_workers_are("paused"));
    assert_eq!(holds(&injected), [Hold::Held; 2]);

    // What somebody else has paused is not touched, and what somebody lets go is seen.
    let refused = stall::plan(&STALL_WORKER, workers).unwrap_err();
    assert!(matches!(refused, Error::AlreadyStopped { .. }), "{refused}");
    daemon.done(&["unpause", "shop-worker-2"]);
    assert_eq!(holds(&injected), [Hold::Held, Hold::Lifted]);

    assert!(injected.undo().is_complete());
    assert!(daemon.all_workers_are("running"));
    assert_eq!(records(&daemon), []);
    assert_eq!(outcomes(&daemon), [Event::Injected, Event::Undone]);
}

fn containers_go_on_when_the_runner_or_its_guardian_too_is_killed(maker: Maker) {
    let daemon = two_workers(maker);
    Runner::start(&daemon).kill();
    eventually("the guardian lets them go on", || {
        daemon.all_workers_are("running")
    });
    eventually("nothing is on record", || records(&daemon).is_empty());

    let runner = Runner::start(&daemon);
    assert!(daemon.all_workers_are("paused"));
    let record = records(&daemon).remove(0);
    // Both at the same time: a runner would undo it as soon as its guardian dies.
    let stopped = record.runner.signal(Signal::STOP);
    stopped.unwrap();
    record.guardian.unwrap().signal(Signal::KILL).unwrap();
    runner.kill();
    eventually("the guardian is gone", || {
        !record.guardian.unwrap().still_same().unwrap()
    });
    assert!(daemon.all_workers_are("paused"));
    let outcomes = recover(&daemon.state_dir(), jiff::Timestamp::now(), false).unwrap();
    assert!(outcomes[0].failure().is_none(), "{outcomes:?}");
    assert!(daemon.all_workers_are("running"));
    assert_eq!(records(&daemon), []);
}

fn a_container_that_was_made_anew_or_started_again_is_told_and_not_touched(maker: Maker) {
    let daemon = two_workers(maker);
    let plan = stall::plan(&STALL_WORKER, daemon.workers()).unwrap();
    let mut injected = inject(&daemon, plan);
    daemon.done(&["rm", "--force", "shop-worker-1"]);
    daemon.container("shop-worker-1", &[]);
    // Podman restarts nothing that is paused.
    daemon.done(&["unpause", "shop-worker-2"]);
    daemon.done(&["restart", "--time", "0", "shop-worker-2"]);
    assert_eq!(holds(&injected), [Hold::Gone; 2]);
    // Their successors are somebody else's to pause.
    daemon.done(&["pause", "shop-worker-1"]);
    daemon.done(&["pause", "shop-worker-2"]);
    let report = injected.undo();
    assert!(report.is_complete());
    assert_eq!(report.gone().count(), 2);
    assert!(daemon.all_workers_are("paused"));
    assert_eq!(records(&daemon), []);
    assert!(outcomes(&daemon).contains(&Event::TargetGone));
}

fn a_daemon_that_crashes_under_the_fault_is_waited_for(maker: Maker) {
    let mut daemon = two_workers(maker);
    let runner = Runner::start(&daemon);
    daemon.crash();
    runner.kill();
    let logged = daemon.state_dir().join("audit.jsonl");
    eventually("the guardian has tried in vain", || {
        std::fs::read_to_string(&logged)
            .unwrap()
            .contains("undo_failed")
    });
    assert_eq!(records(&daemon).len(), 1);
    daemon.run();
    eventually("they go on", || daemon.all_workers_are("running"));
    eventually("nothing is on record", || records(&daemon).is_empty());
}

fn a_killed_container_stays_down_and_is_started_at_the_end(maker: Maker) {
    let daemon = Daemon::start(maker);
    daemon.container("shop-worker-1", &["--restart", "always"]);
    daemon.container("shop-worker-2", &[]);
    let plan = kill::plan(&KILL_WORKER, daemon.workers(), None).unwrap();
    let mut injected = inject(&daemon, plan);
    eventually("both have ended", || daemon.all_workers_are("exited"));
    assert_eq!(holds(&injected), [Hold::Held; 2]);
    assert!(injected.undo().is_complete());
    assert!(daemon.all_workers_are("running"));
    assert_eq!(records(&daemon), []);

    daemon.container("shop-worker-3", &["--rm"]);
    let refused = kill::plan(&KILL_WORKER, daemon.workers(), None).unwrap_err();
    let told = refused.to_string();
    assert!(
        told.contains("shop-worker-3") && told.contains("--rm"),
        "{told}"
    );
    assert!(daemon.is("shop-worker-3", "running"));
}

/// Puts a program in place of the one that asks the service in there.
fn program(daemon: &Daemon, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("voteops");
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    daemon.done(&["cp", file.to_str().unwrap(), "shop-worker-1:/bin/voteops"]);
}

#[test]
#[ignore = "needs a Docker daemon of its own"]
fn what_hangs_or_complains_in_a_container_is_told_as_that_and_safely() {
    let daemon = Daemon::start(Maker::Docker);
    daemon.container("shop-worker-1", &[]);
    let told = || {
        let refused = lease::plan(&SLOW_WORKER, daemon.workers(), Map::new(), None);
        refused.unwrap_err().to_string()
    };
    let container = daemon.workers()[0].identity.to_string();
    program(&daemon, "printf '\\033[2Jno admin listener' >&2; exit 3");
    assert_eq!(
        told(),
        format!("in {container}: \u{fffd}[2Jno admin listener")
    );
    program(&daemon, "sleep 600");
    let hangs = told();
    let begins = format!("what was run in {container} does not end within ");
    assert!(hangs.starts_with(&begins), "{hangs}");
}

fn what_is_not_there_or_not_clear_is_refused(maker: Maker) {
    use voteops_chaos::engine::{Address, Selection, containers};
    let daemon = two_workers(maker);
    let address = Address::from(daemon.address().as_str());
    let named = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        containers(
            &address,
            &Selection {
                names,
                ..Selection::default()
            },
        )
    };
    let told = named(&["nobody"]).unwrap_err().to_string();
    assert!(
        told.contains("nobody") && told.contains("docker ps"),
        "{told}"
    );
    let one = named(&["shop-worker-2"]).unwrap();
    assert_eq!(one[0].name, "shop-worker-2");
    let twice: Vec<Target> = [one.clone(), one].concat();
    let refused = stall::plan(&STALL_WORKER, twice).unwrap_err();
    assert!(
        matches!(refused, Error::DuplicateTarget { .. }),
        "{refused}"
    );

    assert_eq!(containers(&address, &Selection::default()).unwrap(), []);
    let other = ["--label", "com.docker.compose.project=other"];
    daemon.container("other-worker-1", &other);
    let service = Selection {
        service: Some("worker".to_owned()),
        ..Selection::default()
    };
    let told = containers(&address, &service).unwrap_err().to_string();
    assert!(
        told.contains("other, shop") && told.contains("--project"),
        "{told}"
    );
    let shop = Selection {
        project: Some("shop".to_owned()),
        ..service
    };
    assert_eq!(containers(&address, &shop).unwrap().len(), 2);
}
