//! Faults that end by themselves, whose targets cannot be asked any more.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Map;
use uuid::Uuid;
use voteops_chaos::audit::{By, Event};
use voteops_chaos::experiment::Experiment;
use voteops_chaos::identity::{Identity, Instance};
use voteops_chaos::record::{Fault, Filling, Record, Store, Target, Terms};
use voteops_chaos::recover::recover;

use crate::engine::{Engine, container};
use crate::support::{audited, records};

/// Nobody listens there.
const NOWHERE: &str = "127.0.0.1:1";

fn fill() -> (&'static str, Fault) {
    let filling = Filling {
        url: format!("redis://{NOWHERE}").parse().unwrap(),
        prefix: "voteops:fill:test".to_owned(),
        keys: 3,
        to_bytes: 3 << 20,
    };
    ("fill-redis", Fault::Fill(filling))
}

fn lease() -> (&'static str, Fault) {
    let terms = Terms {
        parameters: Map::new(),
        token_file: Some("/nowhere/token".into()),
    };
    ("slow-worker", Fault::Lease(terms))
}

/// A service that is known by its listener only.
fn listener() -> Target {
    Target {
        name: "worker-1".to_owned(),
        identity: Identity::Listener(Instance {
            instance: Uuid::from_u128(1),
        }),
        admin_url: Some(format!("http://{NOWHERE}").parse().unwrap()),
    }
}

/// Puts a fault on record that is to last, or was to last, until `left_s` from now, and recovers it. Tells why it stays
/// there, if it does.
fn recovered((name, fault): (&str, Fault), target: Target, left_s: i64) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let mut record = Record::new(name, fault, vec![target], Duration::from_mins(1)).unwrap();
    record.deadline_at = Timestamp::now() + SignedDuration::from_secs(left_s);
    Store::open(dir.path()).unwrap().write(&record).unwrap();
    let outcomes = recover(dir.path(), Timestamp::now(), true).unwrap();
    let failure = outcomes[0].failure();
    if failure.is_none() {
        assert_eq!(records(dir.path()), []);
        assert_eq!(audited(dir.path()), [(Event::TargetGone, By::Recover)]);
        Experiment::open(dir.path()).expect("nothing is in its way");
    }
    failure
}

#[test]
fn a_fault_on_a_container_that_is_gone_is_over() {
    let engine = Engine::without_containers("No such container: shop-redis-1");
    for fault in [fill(), lease()] {
        assert_eq!(recovered(fault, engine.target("shop-redis-1"), 60), None);
    }
}

#[test]
fn a_fault_is_not_over_because_some_other_server_answers_for_the_engine() {
    let other = Engine::without_containers("page not found");
    let stall = ("stall-worker", Fault::Stall {});
    for fault in [stall, fill(), lease()] {
        let told = recovered(fault, other.target("shop-redis-1"), 60);
        assert!(told.is_some(), "{told:?}");
    }
}

#[test]
fn a_fault_on_what_nobody_reaches_is_over_once_its_last_lease_has_run_out() {
    let away = || container(&format!("tcp://{NOWHERE}"), "shop-redis-1");
    for (fault, target) in [(fill(), away()), (lease(), away()), (lease(), listener())] {
        let kept = recovered(fault.clone(), target.clone(), 60);
        assert!(kept.is_some(), "{target:?}");
        let just_over = recovered(fault.clone(), target.clone(), -1);
        assert!(just_over.is_some(), "{target:?}");
        assert_eq!(recovered(fault, target, -60), None);
    }
}
