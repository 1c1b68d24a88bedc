//! Faults inside a service, and the client of admin listeners, against a real one.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;
use uuid::Uuid;
use voteops_chaos::Error;
use voteops_chaos::audit::{By, Event};
use voteops_chaos::catalogue::Entry;
use voteops_chaos::experiment::Experiment;
use voteops_chaos::faults::lease::{self, AdminClient, AdminError};
use voteops_chaos::faults::{Hold, LEASE};
use voteops_chaos::record::Target;
use voteops_chaos::recover::recover;
use voteops_service::admin::{AdminConfig, Fault, Faults, Kind, LatencyMs};
use voteops_service::config::Settings;
use voteops_service::metrics::Metrics;

use crate::support::{Sleeper, audited, eventually, launcher, records};

const HOUR: Duration = Duration::from_hours(1);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slow {
    latency_ms: LatencyMs,
}

impl Kind for Slow {
    const NAME: &'static str = "slow";
}

/// A service that can be slow.
struct Service {
    url: Url,
    fault: Fault<Slow>,
    token_file: PathBuf,
    dir: tempfile::TempDir,
    _stop: DropGuard,
}

impl Service {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let token_file = dir.path().join("admin.token");
        std::fs::write(&token_file, "0123456789abcdef").unwrap();
        let settings = Settings::<()>::load("VOTEOPS_LEASE_TEST", None).unwrap();
        let given = |key, text: &str| settings.get(key, Some(text.to_owned()), None, "");
        let listen = given("admin-listen", "127.0.0.1:0");
        let token = given("admin-token-file", token_file.to_str().unwrap());
        let config = AdminConfig::read(&listen, &token).unwrap().unwrap();
        let admin = config.listen().await.unwrap();
        let url = format!("http://{}", admin.address().unwrap());
        let stop = CancellationToken::new();
        let metrics = Metrics::new("test", "test-1", "0").unwrap();
        let mut faults = Faults::new(&metrics, stop.clone()).unwrap();
        let fault = faults.kind();
        tokio::spawn(admin.serve(faults, stop.clone()));
        Self {
            url: url.parse().unwrap(),
            fault,
            token_file,
            dir,
            _stop: stop.drop_guard(),
        }
    }

    fn client(&self) -> AdminClient {
        AdminClient::new(&self.url, &self.token_file).unwrap()
    }

    fn is_slow(&self) -> bool {
        self.fault.strikes().is_some()
    }

    /// The service as a target; the process stands for the one that it runs in.
    fn target(&self, process: &Sleeper) -> Target {
        Target {
            admin_url: Some(self.url.clone()),
            ..process.target("slow-1")
        }
    }
}

/// The fault of the catalogue that the service would know.
const SLOW: Entry = Entry {
    name: "slow",
    about: "",
    touches: "",
    undone: "",
    alerts: &[],
};

/// A fault that it does not know.
static OTHER: Entry = Entry {
    name: "other",
    ..SLOW
};

fn slow() -> Map<String, Value> {
    Map::from_iter([("latency_ms".to_owned(), json!(5))])
}

fn injected_slow(
    service: &Service,
    process: &Sleeper,
    ttl: Duration,
) -> (tempfile::TempDir, voteops_chaos::faults::Injected) {
    let dir = tempfile::tempdir().unwrap();
    let experiment = Experiment::open(dir.path()).unwrap();
    let targets = vec![service.target(process)];
    let plan = lease::plan(&SLOW, targets, slow(), Some(&service.token_file)).unwrap();
    assert!(!service.is_slow());
    let injected = plan.inject(&experiment, ttl, &launcher()).unwrap();
    (dir, injected)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_under_its_fault_until_that_is_undone() {
    let (service, process) = (Service::start().await, Sleeper::start());
    let (dir, mut injected) = injected_slow(&service, &process, HOUR);
    assert!(service.is_slow());
    assert_eq!(injected.check()[0].1, Hold::Held);
    assert_eq!(records(dir.path()), [injected.record().clone()]);
    let leased = &service.client().list().await.unwrap()[0];
    // However long the fault may last, the service ends it soon when nobody renews it.
    assert!(
        leased
            .expires_at
            .duration_since(Timestamp::now())
            .unsigned_abs()
            <= LEASE
    );

    assert!(injected.undo().is_complete());
    assert!(!service.is_slow());
    assert_eq!(records(dir.path()), []);
    let events = [(Event::Injected, By::Runner), (Event::Undone, By::Runner)];
    assert_eq!(audited(dir.path()), events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_for_as_long_as_the_fault_lasts_and_no_longer() {
    let (service, process) = (Service::start().await, Sleeper::start());
    let (_dir, mut injected) = injected_slow(&service, &process, HOUR);
    let client = service.client();
    let expiry = async || client.list().await.unwrap()[0].expires_at;
    let first = expiry().await;
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        eventually("it is renewed", || runtime.block_on(expiry()) > first);
    });
    assert!(injected.undo().is_complete());
    assert!(!service.is_slow());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_has_ended_is_not_begun_anew() {
    let (service, process) = (Service::start().await, Sleeper::start());
    let (dir, injected) = injected_slow(&service, &process, HOUR);
    service.client().delete("slow").await.unwrap();
    assert_eq!(injected.check()[0].1, Hold::Lifted);
    // Longer than a renewal takes to come.
    let seen = Timestamp::now();
    tokio::task::block_in_place(|| {
        eventually("a renewal has passed", || {
            Timestamp::now().duration_since(seen).as_secs() >= 6
        });
    });
    assert!(!service.is_slow());
    // It is on record still, for its runner or `recover` to settle.
    assert_eq!(records(dir.path()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recovered_by_force_is_not_renewed() {
    let (service, process) = (Service::start().await, Sleeper::start());
    let (dir, injected) = injected_slow(&service, &process, HOUR);
    let outcomes = recover(dir.path(), Timestamp::now(), true).unwrap();
    assert_eq!(outcomes[0].failure(), None);
    assert!(!service.is_slow());
    assert_eq!(records(dir.path()), []);
    // Somebody else's fault of the same name, which no renewal may touch.
    let client = service.client();
    let short = Duration::from_secs(20);
    let other = client.put("slow", short, &slow()).await.unwrap();
    let seen = Timestamp::now();
    tokio::task::block_in_place(|| {
        eventually("a renewal would have passed", || {
            Timestamp::now().duration_since(seen).as_secs() >= 6
        });
    });
    assert_eq!(client.list().await.unwrap(), std::slice::from_ref(&other));
    drop(injected);
    assert_eq!(client.list().await.unwrap(), [other]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_somebody_else_has_begun_since_is_neither_renewed_nor_ended() {
    let (service, process) = (Service::start().await, Sleeper::start());
    let (_dir, mut injected) = injected_slow(&service, &process, HOUR);
    let client = service.client();
    assert_eq!(client.list().await.unwrap()[0].id, injected.record().id);
    client.delete("slow").await.unwrap();
    let theirs = Uuid::now_v7();
    let theirs = client.put_as(theirs, "slow", HOUR, &slow()).await.unwrap();
    assert_eq!(injected.check()[0].1, Hold::Lifted);
    let ours = injected.record().id;
    let refused = client.put_as(ours, "slow", HOUR, &slow()).await;
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("slow is in force under the id"), "{told}");
    assert!(injected.undo().is_complete());
    assert_eq!(client.list().await.unwrap(), std::slice::from_ref(&theirs));
    client.delete_one("slow", theirs.id).await.unwrap();
    assert!(!service.is_slow());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_restarted_is_reported_and_left_alone() {
    let (service, process) = (Service::start().await, Sleeper::start());
    let (_dir, mut injected) = injected_slow(&service, &process, HOUR);
    process.kill();
    assert_eq!(injected.check()[0].1, Hold::Gone);
    let report = injected.undo();
    assert!(report.is_complete());
    assert_eq!(report.gone().count(), 1);
    // What answers at its address now is another, and not asked to end anything.
    assert!(service.is_slow());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_be_asked_is_refused_before_anything_is_written() {
    let (service, process) = (Service::start().await, Sleeper::start());
    let plan = |target, token_file: &std::path::Path| {
        lease::plan(&SLOW, vec![target], slow(), Some(token_file)).unwrap_err()
    };
    let error = lease::plan(&SLOW, Vec::new(), slow(), Some(&service.token_file)).unwrap_err();
    assert!(matches!(error, Error::NoTarget), "{error}");
    let error = plan(process.target("plain"), &service.token_file);
    assert!(matches!(error, Error::NoAdmin { .. }), "{error}");
    let error = plan(service.target(&process), &service.dir.path().join("none"));
    assert!(
        matches!(error, Error::Admin(AdminError::NoToken(_))),
        "{error}"
    );

    let client = service.client();
    let targets = vec![service.target(&process)];
    let error = lease::plan(&OTHER, targets, slow(), Some(&service.token_file)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has no fault other (it has slow)"),
        "{error}"
    );

    client.put("slow", HOUR, &slow()).await.unwrap();
    let error = plan(service.target(&process), &service.token_file);
    assert!(matches!(error, Error::AlreadyFaulty { .. }), "{error}");
    client.delete("slow").await.unwrap();

    let target = service.target(&process);
    process.kill();
    let error = plan(target, &service.token_file);
    assert!(matches!(error, Error::TargetGone { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_service_leaves_nothing() {
    let (service, process) = (Service::start().await, Sleeper::start());
    let dir = tempfile::tempdir().unwrap();
    let experiment = Experiment::open(dir.path()).unwrap();
    let fast = Map::from_iter([("latency_ms".to_owned(), json!(0))]);
    let targets = vec![service.target(&process)];
    let plan = lease::plan(&SLOW, targets, fast, Some(&service.token_file)).unwrap();
    let error = plan.inject(&experiment, HOUR, &launcher()).unwrap_err();
    assert!(matches!(error, Error::NotInjected { .. }), "{error}");
    assert!(error.to_string().contains("from 1 to 30000"), "{error}");
    assert_eq!(records(dir.path()), []);
}

#[tokio::test]
async fn a_fault_is_put_renewed_listed_and_deleted() {
    let service = Service::start().await;
    let client = service.client();
    assert_eq!(client.list().await.unwrap(), []);
    let put = client
        .put("slow", HOUR, &json!({ "latency_ms": 5 }))
        .await
        .unwrap();
    assert!(service.is_slow());
    assert!(put.expires_at > Timestamp::now());
    let renewed = client
        .put("slow", HOUR, &json!({ "latency_ms": 6 }))
        .await
        .unwrap();
    assert_eq!((renewed.id, &*renewed.kind), (put.id, "slow"));
    assert_eq!(renewed.parameters["latency_ms"], 6);
    assert_eq!(client.list().await.unwrap(), [renewed]);
    client.delete("slow").await.unwrap();
    client.delete("slow").await.unwrap();
    assert!(!service.is_slow());
    assert_eq!(client.list().await.unwrap(), []);
}

#[tokio::test]
async fn what_the_service_refuses_is_told_in_its_own_words() {
    let service = Service::start().await;
    let client = service.client();
    let refused = client.put("slow", HOUR, &json!({ "latency_ms": 0 })).await;
    let told = refused.unwrap_err().to_string();
    let words = "refuses the fault slow: latency_ms must be a whole number from 1 to 30000, not 0";
    assert_eq!(told, format!("{} {words}", service.url));
    let long = client
        .put("slow", 2 * HOUR, &json!({ "latency_ms": 1 }))
        .await;
    let told = long.unwrap_err().to_string();
    assert!(told.contains("lease_ms must be"), "{told}");
    let unknown = client.put("none", HOUR, &json!({})).await;
    let told = unknown.unwrap_err().to_string();
    assert!(told.ends_with("; it has: slow"), "{told}");
    // What a service does not have cannot be in force.
    client.delete("none").await.unwrap();
    assert!(!service.is_slow());
}

#[tokio::test]
async fn a_wrong_or_missing_token_is_told_with_its_file() {
    let service = Service::start().await;
    let other = service.dir.path().join("other.token");
    let client = AdminClient::new(&service.url, &other).unwrap();
    let error = client.list().await.unwrap_err();
    assert!(matches!(error, AdminError::NoToken(_)), "{error}");
    assert!(error.to_string().contains("other.token"), "{error}");

    std::fs::write(&other, "fedcba9876543210").unwrap();
    for error in [
        client.list().await.map(drop).unwrap_err(),
        client
            .put("slow", HOUR, &json!({ "latency_ms": 1 }))
            .await
            .map(drop)
            .unwrap_err(),
        client.delete("slow").await.unwrap_err(),
    ] {
        assert!(matches!(error, AdminError::WrongToken { .. }), "{error}");
        let told = error.to_string();
        assert!(told.contains("other.token"), "{told}");
        assert!(!told.contains("fedcba"), "{told}");
    }
    assert!(!service.is_slow());

    // A stack that was started anew has another token in the same file.
    std::fs::copy(&service.token_file, &other).unwrap();
    assert_eq!(client.list().await.unwrap(), []);
}

#[tokio::test]
async fn another_server_or_none_is_told_as_such() {
    let service = Service::start().await;
    let elsewhere = service.url.join("nowhere/").unwrap();
    let client = AdminClient::new(&elsewhere, &service.token_file).unwrap();
    let error = client.list().await.unwrap_err();
    assert!(matches!(error, AdminError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("404"), "{error}");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let client = AdminClient::new(&nobody.parse().unwrap(), &service.token_file).unwrap();
    let told = client.list().await.unwrap_err().to_string();
    assert!(
        told.contains(&nobody) && told.ends_with("`voteops status` tells whether the service runs"),
        "{told}"
    );
}
