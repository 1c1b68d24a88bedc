//! Faults are undone whoever dies.

use std::process::Stdio;

use serde_json::Value;
use voteops_local::component::Kind;
use voteops_observability::prometheus::AlertState;

use crate::support::{Home, Stack, assert_schema, state, told, wait_until};

#[test]
fn a_stall_whose_runner_is_killed_is_undone_by_its_guardian() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let workers = ["worker-1", "worker-2"].map(|name| stack.pid(name));
    // What the server has no rule of cannot be proven.
    for (alert, hint) in [
        (
            "WorkerDwon",
            "no alert WorkerDwon: did you mean WorkerDown?",
        ),
        ("Nothing", "no alert Nothing: the server knows "),
    ] {
        let unknown = stack.voteops(&["chaos", "verify", alert]);
        assert_eq!(unknown.status.code(), Some(2), "{}", told(&unknown));
        assert!(told(&unknown).contains(hint), "{}", told(&unknown));
    }

    let mut runner = stack
        .home
        .command("voteops")
        .args(["chaos", "stall-worker", "--for", "10m"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the workers are stalled", || {
        workers.map(state) == [Some('T'); 2]
    });
    assert!(!stack.no_faults_on_record());
    let status = stack.voteops(&["chaos", "status", "--json"]);
    assert_eq!(status.status.code(), Some(1), "{}", told(&status));
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_schema("chaos-status.schema.json", &status);
    assert_eq!(status[0]["fault"], "stall-worker");
    assert_eq!(status[0]["targets"][1]["hold"], "held");
    assert_eq!(status[0]["guardian_alive"], true);

    // Its own record keeps a second experiment away.
    let second = stack.voteops(&["chaos", "stall-worker", "--for", "1s"]);
    assert_eq!(second.status.code(), Some(3), "{}", told(&second));

    runner.kill().unwrap();
    runner.wait().unwrap();
    wait_until("the workers run again", || {
        !workers.map(state).contains(&Some('T'))
    });
    wait_until("the record is gone", || stack.no_faults_on_record());
    let status = stack.voteops(&["chaos", "status"]);
    assert_eq!(status.status.code(), Some(0), "{}", told(&status));
    assert_eq!(
        ["worker-1", "worker-2"].map(|name| stack.pid(name)),
        workers
    );
}

/// The state of an alert, as `voteops status` tells it.
fn alert(stack: &Stack, name: &str) -> AlertState {
    let status = stack.voteops(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let mut alerts = status["alerts"].as_array().into_iter().flatten();
    let alert = alerts.find(|alert| alert["name"] == name);
    alert.map_or(AlertState::Unknown, |alert| {
        serde_json::from_value(alert["state"].clone()).unwrap()
    })
}

#[test]
fn redis_and_the_voters_hang_for_a_while_and_their_alerts_fire() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let listed = stack.voteops(&["chaos", "list", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_schema("chaos-list.schema.json", &listed);

    let dry = stack.voteops(&["chaos", "stall-redis", "--dry-run"]);
    let told_dry = told(&dry);
    let redis = stack.pid("redis");
    assert!(
        told_dry.contains(&format!("stops redis (process {redis}, SIGSTOP)")),
        "{told_dry}"
    );
    assert!(stack.no_faults_on_record());
    assert_ne!(state(redis), Some('T'));

    // A variable is of targets that are named, not of the stack's own Redis.
    let another = "redis://127.0.0.1:1";
    let fill = |more: &[&str]| {
        let mut command = stack.home.command("voteops");
        command.env("VOTEOPS_REDIS_URL", another);
        let data_dir = stack.home.data_dir();
        command.args(["chaos", "fill-redis", "--dry-run", "--data-dir"]);
        command.arg(data_dir).args(more).output().unwrap()
    };
    let told_dry = told(&fill(&[]));
    let url = stack.file().url(Kind::Redis).unwrap();
    let port = url.port().unwrap();
    let own = format!("(process {redis}) at redis://127.0.0.1:{port}");
    assert!(told_dry.contains(&own), "{told_dry}");
    let refused = fill(&["--redis", "redis://127.0.0.1:2"]);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(
        told(&refused).contains("leave it out"),
        "{}",
        told(&refused)
    );

    for (fault, component, proves) in [
        ("stall-redis", "redis", "RedisDown"),
        ("mute-traffic", "voters", "VoteTrafficStopped"),
    ] {
        let known = listed.as_array().unwrap().iter();
        let mut known = known.filter(|known| known["name"] == fault);
        let alerts = &known.next().unwrap()["alerts"];
        assert!(
            alerts.as_array().unwrap().contains(&proves.into()),
            "{alerts}"
        );

        let pid = stack.pid(component);
        let mut command = stack.home.command("voteops");
        let runner = command.args(["chaos", fault, "--for", "10m"]);
        let mut runner = runner.stdout(Stdio::null()).spawn().unwrap();
        wait_until("it hangs", || state(pid) == Some('T'));
        wait_until("its alert fires", || {
            alert(&stack, proves) == AlertState::Firing
        });
        crate::support::kill(
            i32::try_from(runner.id()).unwrap(),
            rustix::process::Signal::INT,
        );
        assert!(runner.wait().unwrap().success());
        assert_ne!(state(pid), Some('T'));
        assert!(stack.no_faults_on_record());
        wait_until("its alert resolves", || {
            alert(&stack, proves) == AlertState::Inactive
        });
    }
}

#[test]
fn experiments_stay_within_the_limits_and_end_when_a_stop_condition_holds() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let config = stack.home.data_dir().with_file_name("limits.toml");
    let limits = "[chaos]\nlongest = \"10s\"\nmost_share = \"50%\"\nprotected = \"shop\"\n";
    std::fs::write(&config, limits).unwrap();
    let config = config.to_str().unwrap();
    let stall = |args: &[&str]| {
        let mut all = vec!["chaos", "stall-worker"];
        all.extend(args);
        stack.voteops(&all)
    };
    for (args, reason) in [
        (
            &["--for", "1m", "--confirm", "shop"][..],
            "no fault may last longer than 10.0s",
        ),
        (
            &["--for", "1s", "--confirm", "shop"],
            "2 of 2 would be touched",
        ),
        (&["--for", "1s", "--workers", "1"], "give --confirm shop"),
    ] {
        let refused = stall(&[args, &["--config", config]].concat());
        assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
        assert!(told(&refused).contains(reason), "{}", told(&refused));
    }
    let many = [
        "--rate",
        "10",
        "--for",
        "11s",
        "--config",
        config,
        "--confirm",
        "shop",
    ];
    let refused = stack.voteops(&[&["chaos", "flood"][..], &many].concat());
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert_eq!(stack.audit(), "");
    let within = [
        "--for",
        "1s",
        "--workers",
        "1",
        "--config",
        config,
        "--confirm",
        "shop",
    ];
    let done = stall(&within);
    assert!(done.status.success(), "{}", told(&done));

    for (condition, reason) in [("up == 1", "holds already"), ("up ==", "cannot be checked")] {
        let refused = stall(&["--for", "1s", "--abort-if", condition]);
        assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
        assert!(told(&refused).contains(reason), "{}", told(&refused));
    }
    let mut text = String::new();
    // Until the stall before is forgotten, the condition holds already.
    wait_until("the experiment is ended by its condition", || {
        let down = "count(up{job=\"worker\"} == 1) < 2";
        let ended = stall(&["--for", "10m", "--workers", "1", "--abort-if", down]);
        text = told(&ended);
        ended.status.code() == Some(1)
    });
    assert!(
        text.contains("the stop condition holds") && text.contains("the fault is undone"),
        "{text}"
    );
    assert!(stack.no_faults_on_record());
    assert_ne!(state(stack.pid("worker-1")), Some('T'));

    // Nor is a second proof begun once the condition has come to hold in the first.
    let mut output = None;
    wait_until("the proof is ended by its condition", || {
        // With none left, the count alone would be nothing, and not zero.
        let down = "(count(up{job=\"worker\"} == 1) or vector(0)) < 2";
        let args = ["chaos", "verify", "WorkerDown", "RedisDown", "--json"];
        let ended = stack.voteops(&[&args[..], &["--abort-if", down]].concat());
        let code = ended.status.code();
        output = Some(ended);
        code == Some(1)
    });
    let output = output.unwrap();
    let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_schema("verify.schema.json", &reports);
    assert_eq!(reports.as_array().unwrap().len(), 1);
    assert_eq!(
        (&reports[0]["verdict"], &reports[0]["undone"]),
        (&"aborted".into(), &true.into())
    );
    let said = told(&output);
    assert!(
        said.contains("RedisDown: the stop condition holds"),
        "{said}"
    );
    assert!(!stack.audit().contains("stall-redis"));
    assert!(stack.no_faults_on_record());
}
