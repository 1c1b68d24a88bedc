use std::process::{Child, Command};

use super::*;

/// A `sleep` that dies with the test.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        Self(
            Command::new("sleep")
                .arg("600")
                .spawn()
                .expect("sleep starts"),
        )
    }

    fn process(&self) -> Process {
        Process::find(i32::try_from(self.0.id()).unwrap()).expect("sleep is found")
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_process_is_stopped_and_continued() {
    let sleeper = Sleeper::start();
    let process = sleeper.process();
    assert_eq!(process.signal(Signal::STOP).unwrap(), Delivery::Sent);
    let stopped = process
        .wait_for(PATIENCE, |state| state == State::Stopped)
        .unwrap();
    assert_eq!(stopped, State::Stopped);
    assert_eq!(process.signal(Signal::CONT).unwrap(), Delivery::Sent);
    let running = process
        .wait_for(PATIENCE, |state| state == State::Running)
        .unwrap();
    assert_eq!(running, State::Running);
}

#[test]
fn a_recycled_id_is_not_touched() {
    let sleeper = Sleeper::start();
    let process = sleeper.process();
    let earlier = Process {
        start_ticks: process.start_ticks - 1,
        ..process
    };
    assert_eq!(earlier.state().unwrap(), State::Gone);
    assert!(!earlier.still_same().unwrap());
    assert_eq!(earlier.signal(Signal::KILL).unwrap(), Delivery::Gone);
    // A signal that had been delivered would have made a zombie of it.
    assert_eq!(process.state().unwrap(), State::Running);
}

#[test]
fn a_dead_process_is_a_zombie_then_gone() {
    let mut sleeper = Sleeper::start();
    let process = sleeper.process();
    sleeper.0.kill().unwrap();
    let dead = process
        .wait_for(PATIENCE, |state| !state.is_alive())
        .unwrap();
    assert_eq!(dead, State::Zombie);
    sleeper.0.wait().unwrap();
    assert_eq!(process.state().unwrap(), State::Gone);
    assert_eq!(process.signal(Signal::CONT).unwrap(), Delivery::Gone);
    assert!(matches!(
        Process::find(process.pid),
        Err(ProcessError::NotFound(_))
    ));
}

#[test]
fn ids_that_no_process_can_have_are_not_found() {
    for pid in [i32::MIN, -1, 0] {
        assert!(
            matches!(Process::find(pid), Err(ProcessError::NotFound(_))),
            "{pid}"
        );
        let process = Process {
            pid,
            start_ticks: 1,
        };
        assert_eq!(
            process.signal(Signal::STOP).unwrap(),
            Delivery::Gone,
            "{pid}"
        );
    }
}
