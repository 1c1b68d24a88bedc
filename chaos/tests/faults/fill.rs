//! Redis filled nearly up to its limit, on a real server.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use voteops_chaos::Error;
use voteops_chaos::audit::{By, Event};
use voteops_chaos::catalogue::FILL_REDIS;
use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::{Hold, Plan, fill};
use voteops_chaos::process::Process;
use voteops_chaos::record::Target;
use voteops_chaos::recover::recover;
use voteops_queue::test_support::RedisServer;

use crate::support::{audited, eventually, launcher, records};

const TTL: Duration = Duration::from_mins(10);

/// A server with a limit of 32 MiB, and itself as a target.
fn server() -> (RedisServer, Target) {
    let server = RedisServer::start().unwrap();
    server
        .command(&[b"CONFIG", b"SET", b"maxmemory", b"32mb"])
        .unwrap();
    let process = Process::find(i32::try_from(server.pid()).unwrap()).unwrap();
    (server, Target::process("redis", process))
}

fn plan(server: &RedisServer, target: Target, share: f64) -> Result<Plan, Error> {
    let url = server.url().parse().unwrap();
    fill::plan(&FILL_REDIS, vec![target], &url, share)
}

fn keys(server: &RedisServer) -> u64 {
    let keys = server.command(&[b"DBSIZE"]).unwrap();
    redis::from_redis_value(keys).unwrap()
}

/// The share of its limit that the server uses, in percent.
fn used_percent(server: &RedisServer) -> u64 {
    server.info("used_memory").unwrap() * 100 / (32 << 20)
}

#[test]
fn redis_is_as_full_as_asked_until_that_is_undone_and_what_is_others_stays() {
    let (server, target) = server();
    server.command(&[b"SET", b"mine", b"1"]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let experiment = Experiment::open(dir.path()).unwrap();
    let fill = plan(&server, target, 0.8).unwrap();
    assert_eq!(keys(&server), 1, "a plan touches nothing");
    let mut injected = fill.inject(&experiment, TTL, &launcher()).unwrap();

    let used = used_percent(&server);
    assert!((80..86).contains(&used), "{used} %");
    assert_eq!(injected.check()[0].1, Hold::Held);
    assert_eq!(records(dir.path()), [injected.record().clone()]);

    assert!(injected.undo().is_complete());
    assert_eq!(keys(&server), 1);
    assert!(used_percent(&server) < 20);
    assert_eq!(records(dir.path()), []);
    let events = [(Event::Injected, By::Runner), (Event::Undone, By::Runner)];
    assert_eq!(audited(dir.path()), events);
}

/// Fills a server that takes a while to be full, does something once a key is there, and gives how the filling ended.
fn filled_until(ended: impl FnOnce(&Path, &CancellationToken)) -> String {
    let (server, target) = server();
    server
        .command(&[b"CONFIG", b"SET", b"maxmemory", b"2gb"])
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let experiment = Experiment::open(dir.path()).unwrap().until(stop.clone());
    let fill = plan(&server, target, 0.8).unwrap();
    let injecting = std::thread::scope(|scope| {
        let injecting = scope.spawn(|| fill.inject(&experiment, TTL, &launcher()).map(drop));
        eventually("a key is written", || keys(&server) > 0);
        ended(dir.path(), &stop);
        injecting.join().unwrap()
    });
    assert_eq!(keys(&server), 0);
    assert_eq!(records(dir.path()), []);
    injecting.unwrap_err().to_string()
}

#[test]
fn what_is_ended_while_it_is_filled_is_undone() {
    let told = filled_until(|_, stop| stop.cancel());
    let why = "it was ended before it was as full as planned";
    assert!(told.contains(why), "{told}");
}

/// The filler goes on until it sees that, and what it writes meanwhile is removed, too.
#[test]
fn what_is_recovered_while_it_is_filled_leaves_nothing() {
    let told = filled_until(|dir, _| {
        // A key may come between its removal and the look whether any is left, which is told.
        eventually("it is recovered", || {
            let recovered = recover(dir, Timestamp::now(), true).unwrap();
            recovered.iter().all(|it| it.failure().is_none())
        });
    });
    assert!(told.contains("before it was in force"), "{told}");
}

#[test]
fn keys_that_somebody_else_removed_are_told_and_a_restarted_redis_is_cleaned_all_the_same() {
    let (mut server, target) = server();
    let dir = tempfile::tempdir().unwrap();
    let experiment = Experiment::open(dir.path()).unwrap();
    let fill = plan(&server, target, 0.5).unwrap();
    let mut injected = fill.inject(&experiment, TTL, &launcher()).unwrap();
    server.kill().unwrap();
    assert_eq!(injected.check()[0].1, Hold::Gone);
    server.restart().unwrap();
    // They are in its append-only file.
    assert!(keys(&server) > 10);
    assert!(injected.undo().is_complete());
    assert_eq!(keys(&server), 0);

    let process = Process::find(i32::try_from(server.pid()).unwrap()).unwrap();
    server
        .command(&[b"CONFIG", b"SET", b"maxmemory", b"32mb"])
        .unwrap();
    let fill = plan(&server, Target::process("redis", process), 0.5).unwrap();
    let injected = fill.inject(&experiment, TTL, &launcher()).unwrap();
    server.command(&[b"FLUSHALL"]).unwrap();
    assert_eq!(injected.check()[0].1, Hold::Lifted);
}

#[test]
fn keys_expire_by_themselves_unless_they_are_renewed() {
    let (server, target) = server();
    let dir = tempfile::tempdir().unwrap();
    let experiment = Experiment::open(dir.path()).unwrap();
    let fill = plan(&server, target, 0.2).unwrap();
    let injected = fill.inject(&experiment, TTL, &launcher()).unwrap();
    let ttl_ms = || {
        let keys = server.command(&[b"KEYS", b"voteops:fill:*:0"]).unwrap();
        let keys: Vec<String> = redis::from_redis_value(keys).unwrap();
        let left = server.command(&[b"PTTL", keys[0].as_bytes()]).unwrap();
        redis::from_redis_value::<i64>(left).unwrap()
    };
    let lease_ms = i64::try_from(voteops_chaos::faults::LEASE.as_millis()).unwrap();
    let first_ms = ttl_ms();
    assert!((1..=lease_ms).contains(&first_ms), "{first_ms}");
    let mut lowest_ms = first_ms;
    eventually("they are renewed", || {
        let left_ms = ttl_ms();
        let renewed = left_ms > lowest_ms + 1_000;
        lowest_ms = lowest_ms.min(left_ms);
        renewed
    });
    drop(injected);
    assert_eq!(keys(&server), 0);
}

#[test]
fn what_cannot_be_filled_is_refused() {
    let (mut server, target) = server();
    let refused =
        |server: &RedisServer, share| plan(server, target.clone(), share).unwrap_err().to_string();
    assert!(refused(&server, 0.99).contains("give at most 95 %"));
    assert!(refused(&server, 0.000_001).contains("already"));
    server
        .command(&[b"CONFIG", b"SET", b"maxmemory", b"0"])
        .unwrap();
    assert!(refused(&server, 0.5).contains("no memory limit"));
    server.kill().unwrap();
    assert!(refused(&server, 0.5).contains("does it run?"));
    let url = server.url().parse().unwrap();
    let two = fill::plan(&FILL_REDIS, vec![target.clone(), target.clone()], &url, 0.5);
    let two = two.unwrap_err().to_string();
    assert!(two.contains("redis, redis are meant"), "{two}");
    let nobody = fill::plan(&FILL_REDIS, vec![], &server.url().parse().unwrap(), 0.5);
    assert!(matches!(nobody, Err(Error::NoTarget)));
}
