use prometheus::IntGauge;
use serde::Deserialize;
use serde_json::json;
use tracing_subscriber::EnvFilter;

use super::*;
use crate::admin::LatencyMs;
use crate::logs::subscriber;
use crate::logs::tests::Lines;

/// Longer than any test lasts.
const ENDLESS: Duration = Duration::from_hours(24);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slow {
    latency_ms: LatencyMs,
    share: Share,
}

impl Kind for Slow {
    const NAME: &'static str = "slow";

    fn share(&self) -> Share {
        self.share
    }
}

fn switch(shutdown: &CancellationToken) -> Arc<Switch<Slow>> {
    let gauge = IntGauge::new("active", "Whether it is in force.").unwrap();
    Arc::new(Switch::new(gauge, shutdown.clone()))
}

fn put(switch: &Arc<Switch<Slow>>, lease_ms: u64, share: f64) -> (Put, InForce) {
    let lease = Lease::read(json!(lease_ms)).unwrap();
    let parameters = json!({ "latency_ms": 1, "share": share });
    Arc::clone(switch).put(None, lease, parameters).unwrap()
}

/// Waits until a fault is not in force any more, as its metric tells, which nothing but the timer
/// changes here.
async fn expired(switch: &Switch<Slow>) {
    while switch.gauge.get() == 1 {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_fault_strikes_from_its_beginning_to_its_end() {
    let switch = switch(&CancellationToken::new());
    let fault = Fault(Arc::clone(&switch));
    assert!(fault.strikes().is_none());
    let (begun, first) = put(&switch, 3_600_000, 1.0);
    assert_eq!((begun, switch.gauge.get()), (Put::Begun, 1));
    assert!(fault.strikes().is_some());
    let (renewed, second) = put(&switch, 3_600_000, 0.5);
    assert_eq!((renewed, switch.gauge.get()), (Put::Renewed, 1));
    assert_eq!(second.id, first.id);
    assert!(second.expires_at > first.expires_at);
    let struck = (0..100).filter(|_| fault.strikes().is_some()).count();
    assert_eq!(struck, 50);
    switch.end(None);
    switch.end(None);
    assert!(fault.strikes().is_none() && switch.in_force().is_none());
    assert_eq!(switch.gauge.get(), 0);
    let (begun, third) = put(&switch, 3_600_000, 1.0);
    assert_eq!(begun, Put::Begun);
    assert_ne!(third.id, first.id);
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_expires_by_itself() {
    let switch = switch(&CancellationToken::new());
    let fault = Fault(Arc::clone(&switch));
    put(&switch, 20, 1.0);
    expired(&switch).await;
    assert!(fault.strikes().is_none() && switch.in_force().is_none());
}

#[tokio::test]
async fn the_last_lease_counts_be_it_shorter_or_longer() {
    let switch = switch(&CancellationToken::new());
    put(&switch, 3_600_000, 1.0);
    put(&switch, 20, 1.0);
    expired(&switch).await;

    let (_, short) = put(&switch, 500, 1.0);
    put(&switch, 3_600_000, 1.0);
    sleep(Duration::from_millis(600)).await;
    assert_eq!(switch.in_force().unwrap().id, short.id);
}

#[tokio::test]
async fn an_expired_fault_does_not_strike_though_its_timer_is_late() {
    let switch = switch(&CancellationToken::new());
    let fault = Fault(Arc::clone(&switch));
    put(&switch, 20, 1.0);
    // The runtime has one thread: while it is held up, no timer rings.
    std::thread::sleep(Duration::from_millis(25));
    assert_eq!(switch.gauge.get(), 1);
    assert!(fault.strikes().is_none());
    assert_eq!(switch.gauge.get(), 0);
}

#[tokio::test]
async fn whoever_is_held_up_goes_on_when_the_fault_is_over() {
    let switch = switch(&CancellationToken::new());
    let fault = Fault(Arc::clone(&switch));
    put(&switch, 3_600_000, 1.0);
    let strike = fault.strikes().unwrap();
    // A renewal holds nobody up longer, and lets nobody go.
    put(&switch, 3_600_000, 1.0);
    let held_up = tokio::spawn(async move { strike.hold(ENDLESS).await });
    tokio::task::yield_now().await;
    assert!(!held_up.is_finished());
    switch.end(None);
    held_up.await.unwrap();

    put(&switch, 20, 1.0);
    fault.strikes().unwrap().hold(ENDLESS).await;
}

#[tokio::test]
async fn shutdown_ends_every_fault_and_none_begins_after_it() {
    let shutdown = CancellationToken::new();
    let switch = switch(&shutdown);
    let fault = Fault(Arc::clone(&switch));
    put(&switch, 3_600_000, 1.0);
    let strike = fault.strikes().unwrap();
    shutdown.cancel();
    strike.hold(ENDLESS).await;
    assert!(fault.strikes().is_none());
    switch.end(None);
    put(&switch, 3_600_000, 1.0);
    assert!(fault.strikes().is_none());
}

#[tokio::test]
async fn every_order_is_a_line_in_the_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = subscriber(EnvFilter::new("info"), move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let switch = switch(&CancellationToken::new());
    let (_, fault) = put(&switch, 3_600_000, 0.5);
    put(&switch, 3_600_000, 0.25);
    switch.end(None);
    switch.end(None);
    put(&switch, 3_600_000, 1.0);

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let told: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["fault"] == "slow")
        .collect();
    let messages: Vec<_> = told
        .iter()
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    let expected = [
        "a fault begins",
        "a fault is renewed",
        "a fault was ended",
        "a fault begins",
    ];
    assert_eq!(messages, expected);
    assert_eq!(told[0]["id"], fault.id.to_string());
    assert_eq!(told[0]["expires_at"], fault.expires_at.to_string());
    assert_eq!(told[1]["parameters"], r#"{"latency_ms":1,"share":0.25}"#);
    assert_eq!(told[2]["id"], told[0]["id"]);
}

#[tokio::test]
async fn a_fault_under_an_id_is_renewed_and_ended_by_that_alone() {
    let switch = switch(&CancellationToken::new());
    let [ours, theirs] = [1, 2].map(Uuid::from_u128);
    let put = |id| {
        let lease = Lease::read(json!(3_600_000)).unwrap();
        let parameters = json!({ "latency_ms": 1, "share": 0.5 });
        Arc::clone(&switch).put(Some(id), lease, parameters)
    };
    assert_eq!(put(ours).unwrap().0, Put::Begun);
    let refused = put(theirs).unwrap_err();
    assert!(matches!(refused, Unput::Other(other) if other == ours));
    assert_eq!(put(ours).unwrap().0, Put::Renewed);
    switch.end(Some(theirs));
    assert_eq!(switch.in_force().unwrap().id, ours);
    switch.end(Some(ours));
    assert!(switch.in_force().is_none());
    assert_eq!(put(theirs).unwrap().0, Put::Begun);
}
