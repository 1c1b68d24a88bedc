//! Faults on whatever is named, and on workers that die.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Home, Stack, assert_schema, kill, state, told, wait_until};

/// A process that stands for one that somebody else runs.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A run that is told when it has something in force.
fn run(stack: &Stack, args: &[&str]) -> Child {
    let before = stack.audit().matches("\"injected\"").count();
    let mut command = stack.home.command("voteops");
    let child = command.arg("chaos").args(args).stdout(Stdio::null());
    let child = child.spawn().unwrap();
    wait_until("the fault is in force", || {
        stack.audit().matches("\"injected\"").count() > before
    });
    child
}

fn answers(stack: &Stack, name: &str) -> bool {
    let file = stack.file();
    let mut components = file.components.iter();
    let worker = components.find(|component| component.name == name).unwrap();
    worker.pid.is_some() && worker.state == voteops_local::component::State::Healthy
}

#[test]
fn workers_that_were_killed_stay_down_until_the_fault_ends_however_it_ends() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    for signal in [Signal::KILL, Signal::INT] {
        let before = ["worker-1", "worker-2"].map(|name| stack.pid(name));
        let mut runner = run(&stack, &["kill-worker", "--for", "10m"]);
        assert!(
            before
                .iter()
                .all(|pid| state(*pid).is_none_or(|it| it == 'Z'))
        );
        let status = stack.voteops(&["chaos", "status", "--json"]);
        let status: Value = serde_json::from_slice(&status.stdout).unwrap();
        assert_schema("chaos-status.schema.json", &status);
        assert_eq!(status[0]["fault"], "kill-worker");
        assert_eq!(status[0]["targets"][0]["hold"], "held");
        wait_until("the supervisor has seen that they are held down", || {
            let file = stack.file();
            let workers = file
                .components
                .iter()
                .filter(|it| it.name.starts_with("worker-"));
            workers.filter(|it| it.pid.is_none()).count() == 2
        });
        kill(i32::try_from(runner.id()).unwrap(), signal);
        runner.wait().unwrap();
        wait_until("the workers serve again", || {
            answers(&stack, "worker-1") && answers(&stack, "worker-2")
        });
        wait_until("nothing is on record", || stack.no_faults_on_record());
        for (name, pid) in ["worker-1", "worker-2"].into_iter().zip(before) {
            assert_ne!(stack.pid(name), pid);
        }
    }

    let report = stack.proven(&["WorkerDown"]);
    assert_schema("verify.schema.json", &report);
    assert_eq!(
        (&report["verdict"], &report["fault"]),
        (&"proven".into(), &"kill-worker".into())
    );
}

#[test]
fn a_process_of_any_kind_is_stopped_and_goes_on() {
    let home = Home::new();
    let data_dir = home.data_dir();
    let data_dir = data_dir.to_str().unwrap();
    let sleeper = Sleeper::start();
    let pid = sleeper.pid().to_string();
    let stall = |more: &[&str]| {
        let named = [
            "chaos",
            "stall-worker",
            "--pid",
            &pid,
            "--data-dir",
            data_dir,
        ];
        home.voteops(&[&named[..], more].concat())
    };
    let dry = stall(&["--dry-run"]);
    let said = told(&dry);
    assert!(
        said.contains(&format!("stops sleep (process {pid}, SIGSTOP)")),
        "{said}"
    );
    assert_ne!(state(sleeper.pid()), Some('T'));

    let done = stall(&["--for", "200ms"]);
    assert!(done.status.success(), "{}", told(&done));
    wait_until("it goes on", || state(sleeper.pid()) != Some('T'));
    let audit = std::fs::read_to_string(home.data_dir().join("chaos/audit.jsonl")).unwrap();
    assert_eq!(audit.lines().count(), 2, "{audit}");

    let killed = home.voteops(&[
        "chaos",
        "kill-worker",
        "--pid",
        &pid,
        "--data-dir",
        data_dir,
    ]);
    assert_eq!(killed.status.code(), Some(2), "{}", told(&killed));
    assert!(
        told(&killed).contains("stall it instead"),
        "{}",
        told(&killed)
    );
    assert!(state(sleeper.pid()).is_some());
    for (args, told_by) in [
        (&["--pid", "2147483647"][..], "--pid 2147483647: no process"),
        (&["--container", "shop"], "/nowhere/docker.sock"),
        (&["--via", "process"], "no stack is running"),
        (&[], "no stack is running"),
    ] {
        let refused = home.voteops(&[&["chaos", "stall-worker"], args].concat());
        let said = told(&refused);
        assert!(
            !refused.status.success() && said.contains(told_by),
            "{said}"
        );
    }
}

#[test]
fn a_second_experiment_is_refused_while_the_first_runs() {
    let home = Home::new();
    let data_dir = home.data_dir();
    let (first, second) = (Sleeper::start(), Sleeper::start());
    let stall = |sleeper: &Sleeper| {
        let mut command = home.command("voteops");
        command.args(["chaos", "stall-worker", "--for", "1h", "--pid"]);
        command.arg(sleeper.pid().to_string());
        command.arg("--data-dir").arg(&data_dir);
        command
    };
    let mut running = stall(&first).stdout(Stdio::null()).spawn().unwrap();
    wait_until("it is stopped", || state(first.pid()) == Some('T'));
    let refused = stall(&second).output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    let reason = format!(
        "another experiment is running here (process {}); wait for its end or stop it",
        running.id()
    );
    assert!(told(&refused).contains(&reason), "{}", told(&refused));
    assert_ne!(state(second.pid()), Some('T'));
    kill(i32::try_from(running.id()).unwrap(), Signal::INT);
    assert!(running.wait().unwrap().success());
    assert_ne!(state(first.pid()), Some('T'));
}

#[test]
fn a_service_is_asked_by_its_listener_and_one_that_was_restarted_is_told_apart() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let file = stack.file();
    let token_file = file.admin_token_file.clone().unwrap();
    let worker = file
        .components
        .iter()
        .find(|it| it.name == "worker-1")
        .unwrap();
    let url = worker.admin_url.clone().unwrap();
    let data_dir = stack.home.data_dir();
    let slow = [
        "slow-worker",
        "--admin",
        &url,
        "--admin-token-file",
        token_file.to_str().unwrap(),
        "--data-dir",
        data_dir.to_str().unwrap(),
        "--for",
    ];
    let done = stack.voteops(&[&["chaos"], &slow[..], &["200ms"]].concat());
    assert!(done.status.success(), "{}", told(&done));

    let mut command = stack.home.command("voteops");
    let runner = command
        .arg("chaos")
        .args(slow)
        .arg("10m")
        .stdout(Stdio::piped());
    let mut runner = runner.spawn().unwrap();
    wait_until("the fault is in force", || {
        stack.audit().matches("\"injected\"").count() == 2
    });
    kill(stack.pid("worker-1"), Signal::KILL);
    let old = worker.pid;
    wait_until("another worker serves in its stead", || {
        let file = stack.file();
        let mut all = file.components.iter();
        let worker = all.find(|it| it.name == "worker-1").unwrap();
        worker.pid.is_some() && worker.pid != old && answers(&stack, "worker-1")
    });
    let mut said = BufReader::new(runner.stdout.take().unwrap()).lines();
    let mut lines = said.by_ref().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("is not under the fault any more")));
    kill(i32::try_from(runner.id()).unwrap(), Signal::INT);
    assert!(lines.any(|line| line.contains("was restarted or has ended meanwhile")));
    assert!(runner.wait().unwrap().success());
    assert!(stack.no_faults_on_record());
}

/// A server that takes whatever it is sent, and gives the first lines and the bodies.
fn taker() -> (u16, std::sync::mpsc::Receiver<(String, String)>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut lines = reader.by_ref().lines().map_while(Result::ok);
            let Some(first) = lines.next() else { continue };
            let length = lines
                .take_while(|line| !line.is_empty())
                .filter_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .last();
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            let answer = "{\"id\":7}";
            let told = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                answer.len()
            );
            stream.write_all(told.as_bytes()).unwrap();
            let told = (first, String::from_utf8(body).unwrap());
            if sender.send(told).is_err() {
                return;
            }
        }
    });
    (port, receiver)
}

#[test]
fn a_fault_is_marked_where_the_configuration_says() {
    let home = Home::new();
    let data_dir = home.data_dir();
    let (port, taken) = taker();
    let config = data_dir.with_file_name("marks.toml");
    let url = format!("http://127.0.0.1:{port}");
    let text = format!(
        "[chaos]\nmarks = \"shop\"\n[contexts.shop]\nprometheus = \"{url}\"\n\
         loki = \"{url}\"\ngrafana = \"{url}\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let sleeper = Sleeper::start();
    let pid = sleeper.pid().to_string();
    let run = |config: &std::path::Path| {
        home.voteops(&[
            "chaos",
            "stall-worker",
            "--pid",
            &pid,
            "--for",
            "200ms",
            "--data-dir",
            data_dir.to_str().unwrap(),
            "--config",
            config.to_str().unwrap(),
        ])
    };
    let done = run(&config);
    assert!(done.status.success(), "{}", told(&done));
    assert!(done.stderr.is_empty(), "{}", told(&done));
    let mut all: Vec<_> = taken.iter().take(4).collect();
    all.sort_by_key(|(first, _)| first.starts_with("PATCH"));
    let firsts: Vec<_> = all
        .iter()
        .map(|(first, _)| first.split(' ').nth(1).unwrap())
        .collect();
    let count = |path| firsts.iter().filter(|first| **first == path).count();
    assert_eq!(
        (count("/loki/api/v1/push"), count("/api/annotations")),
        (2, 1),
        "{all:?}"
    );
    assert!(all[3].0.starts_with("PATCH /api/annotations/7 "), "{all:?}");
    assert!(all[3].1.contains("timeEnd"), "{all:?}");

    // A name that is no context is told before anything is touched.
    std::fs::write(&config, "[chaos]\nmarks = \"nowhere\"\n").unwrap();
    let refused = run(&config);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(told(&refused).contains("nowhere"), "{}", told(&refused));
    assert_ne!(state(sleeper.pid()), Some('T'));
}
