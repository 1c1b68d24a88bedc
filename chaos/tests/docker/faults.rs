//! Containers are paused and killed, and go on whatever dies meanwhile.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use voteops_chaos::Error;
use voteops_chaos::audit::{Audit, Event};
use voteops_chaos::catalogue::{KILL_WORKER, STALL_WORKER};
use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::{Hold, Injected, kill, stall};
use voteops_chaos::guardian::Launcher;
use voteops_chaos::record::{Record, Store, Target};
use voteops_chaos::recover::recover;

use crate::daemon::{Daemon, eventually, helper};

const TTL: Duration = Duration::from_mins(10);

fn two_workers() -> Daemon {
    let daemon = Daemon::start();
    daemon.container("shop-worker-1", &[]);
    daemon.container("shop-worker-2", &[]);
    daemon
}

fn launcher() -> Launcher {
    Launcher::new(helper(), ["guardian"])
}

fn inject(daemon: &Daemon, plan: voteops_chaos::faults::Plan) -> Injected {
    let experiment = Experiment::open(&daemon.state_dir()).unwrap();
    plan.inject(&experiment, TTL, &launcher()).unwrap()
}

fn holds(injected: &Injected) -> Vec<Hold> {
    injected.check().into_iter().map(|(_, hold)| hold).collect()
}

fn records(daemon: &Daemon) -> Vec<Record> {
    let store = Store::open(&daemon.state_dir()).unwrap();
    store
        .list()
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

/// A process that has paused the containers, and lets them go on when it is told to.
struct Runner(Child);

impl Runner {
    fn start(daemon: &Daemon) -> Self {
        let mut child = Command::new(helper())
            .arg("docker-runner")
            .arg(daemon.state_dir())
            .arg(TTL.as_millis().to_string())
            .arg(daemon.address())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "injected");
        Self(child)
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn all(daemon: &Daemon, state: &str) -> bool {
    ["shop-worker-1", "shop-worker-2"]
        .iter()
        .all(|name| daemon.is(name, state))
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

#[test]
#[ignore = "needs a Docker daemon of its own"]
fn the_containers_of_a_service_are_paused_and_go_on() {
    let daemon = two_workers();
    let workers = daemon.workers();
    let names: Vec<_> = workers.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, ["shop-worker-1", "shop-worker-2"]);
    let plan = stall::plan(&STALL_WORKER, workers.clone()).unwrap();
    assert!(plan.steps()[0].starts_with("pauses shop-worker-1 (container "));
    let mut injected = inject(&daemon, plan);
    assert!(all(&daemon, "paused"));
    assert_eq!(holds(&injected), [Hold::Held; 2]);

    // What somebody else has paused is not touched, and what somebody lets go is seen.
    let refused = stall::plan(&STALL_WORKER, workers).unwrap_err();
    assert!(matches!(refused, Error::AlreadyStopped { .. }), "{refused}");
    daemon.done(&["unpause", "shop-worker-2"]);
    assert_eq!(holds(&injected), [Hold::Held, Hold::Lifted]);

    assert!(injected.undo().is_complete());
    assert!(all(&daemon, "running"));
    assert_eq!(records(&daemon), []);
    assert_eq!(outcomes(&daemon), [Event::Injected, Event::Undone]);
}

#[test]
#[ignore = "needs a Docker daemon of its own"]
fn containers_go_on_when_the_runner_or_its_guardian_too_is_killed() {
    let daemon = two_workers();
    Runner::start(&daemon).kill();
    eventually("the guardian lets them go on", || all(&daemon, "running"));
    eventually("nothing is on record", || records(&daemon).is_empty());

    let runner = Runner::start(&daemon);
    assert!(all(&daemon, "paused"));
    let record = records(&daemon).remove(0);
    // Both at the same time: a runner would undo it as soon as its guardian dies.
    let stopped = record.runner.signal(Signal::STOP);
    stopped.unwrap();
    record.guardian.unwrap().signal(Signal::KILL).unwrap();
    runner.kill();
    eventually("the guardian is gone", || {
        !record.guardian.unwrap().still_same().unwrap()
    });
    assert!(all(&daemon, "paused"));
    let outcomes = recover(&daemon.state_dir(), jiff::Timestamp::now(), false).unwrap();
    assert!(outcomes[0].failure().is_none(), "{outcomes:?}");
    assert!(all(&daemon, "running"));
    assert_eq!(records(&daemon), []);
}

#[test]
#[ignore = "needs a Docker daemon of its own"]
fn a_container_that_was_made_anew_or_started_again_is_told_and_not_touched() {
    let daemon = two_workers();
    let plan = stall::plan(&STALL_WORKER, daemon.workers()).unwrap();
    let mut injected = inject(&daemon, plan);
    daemon.done(&["rm", "--force", "shop-worker-1"]);
    daemon.container("shop-worker-1", &[]);
    daemon.done(&["restart", "--time", "0", "shop-worker-2"]);
    assert_eq!(holds(&injected), [Hold::Gone; 2]);
    // Their successors are somebody else's to pause.
    daemon.done(&["pause", "shop-worker-1"]);
    daemon.done(&["pause", "shop-worker-2"]);
    let report = injected.undo();
    assert!(report.is_complete());
    assert_eq!(report.gone().count(), 2);
    assert!(all(&daemon, "paused"));
    assert_eq!(records(&daemon), []);
    assert!(outcomes(&daemon).contains(&Event::TargetGone));
}

#[test]
#[ignore = "needs a Docker daemon of its own"]
fn a_daemon_that_crashes_under_the_fault_is_waited_for() {
    let mut daemon = two_workers();
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
    eventually("they go on", || all(&daemon, "running"));
    eventually("nothing is on record", || records(&daemon).is_empty());
}

#[test]
#[ignore = "needs a Docker daemon of its own"]
fn a_killed_container_stays_down_and_is_started_at_the_end() {
    let daemon = Daemon::start();
    daemon.container("shop-worker-1", &["--restart", "always"]);
    daemon.container("shop-worker-2", &[]);
    let plan = kill::plan(&KILL_WORKER, daemon.workers(), None).unwrap();
    let mut injected = inject(&daemon, plan);
    eventually("both have ended", || all(&daemon, "exited"));
    assert_eq!(holds(&injected), [Hold::Held; 2]);
    assert!(injected.undo().is_complete());
    assert!(all(&daemon, "running"));
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

#[test]
#[ignore = "needs a Docker daemon of its own"]
fn what_is_not_there_or_not_clear_is_refused() {
    use voteops_chaos::engine::{Address, Selection, containers};
    let daemon = two_workers();
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
