//! Faults inside the services of a stack, through their admin listeners.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};
use url::Url;
use voteops_chaos::faults::lease::AdminClient;
use voteops_local::StackFile;
use voteops_local::component::{Component, Kind};
use voteops_observability::prometheus::Prometheus;
use voteops_observability::signals::single_value;

use crate::support::{Home, PATIENCE};

/// Outlives every test.
const LEASE: Duration = Duration::from_mins(30);

fn admin(stack: &StackFile, component: &Component) -> AdminClient {
    let url = component.admin_url.as_ref().unwrap().parse().unwrap();
    AdminClient::new(&url, stack.admin_token_file.as_ref().unwrap()).unwrap()
}

/// Waits until Prometheus has a value above zero for `expr`.
async fn seen(prometheus: &Prometheus, expr: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = prometheus.query(expr, None).await.unwrap();
        if single_value(&answer.data).is_some_and(|value| value > 0.0) {
            return;
        }
        assert!(Instant::now() < deadline, "waited in vain for {expr}");
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn failing_votes_are_seen_by_prometheus_until_the_fault_is_ended() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let file = stack.file();
    let prometheus = Prometheus::new(&file.url(Kind::Prometheus).unwrap()).unwrap();
    let app = file.of_kind(Kind::VoteApp).next().unwrap();
    let url: Url = app.url.as_ref().unwrap().parse().unwrap();
    let instance = format!("instance=\"127.0.0.1:{}\"", url.port().unwrap());
    let rate = |status: &str| {
        let labels = format!("{instance},route=\"/vote\",status=\"{status}\"");
        format!("sum(rate(http_request_duration_seconds_count{{{labels}}}[3s]))")
    };
    let active = format!("voteops_fault_active{{{instance},fault=\"fail-votes\"}}");
    seen(&prometheus, &format!("{active} == bool 0")).await;

    let client = admin(&file, app);
    let fault = json!({ "status": 500, "share": 0.5 });
    let put = client.put("fail-votes", LEASE, &fault).await.unwrap();
    assert_eq!(client.list().await.unwrap(), [put]);
    seen(&prometheus, &active).await;
    // Half of the votes fail, and the others are taken.
    seen(&prometheus, &rate("500")).await;
    seen(&prometheus, &rate("202")).await;

    client.delete("fail-votes").await.unwrap();
    assert_eq!(client.list().await.unwrap(), []);
    seen(&prometheus, &format!("{active} == bool 0")).await;
    let over = format!("({} == bool 0) and ({} > 0)", rate("500"), rate("202"));
    seen(&prometheus, &over).await;
}

#[tokio::test]
async fn every_service_has_an_admin_listener_and_the_token_is_in_its_file_only() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let file = stack.file();
    let token_file = file.admin_token_file.clone().unwrap();
    let mode = std::fs::metadata(&token_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = std::fs::read_to_string(&token_file).unwrap();
    assert_eq!(token.len(), 64);

    let services = |kind: &Kind| [Kind::VoteApp, Kind::Worker].contains(kind);
    for component in &file.components {
        assert_eq!(component.admin_url.is_some(), services(&component.kind));
        if component.admin_url.is_some() {
            assert_eq!(admin(&file, component).list().await.unwrap(), []);
        }
        let pid = component.pid.unwrap();
        for of_process in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{pid}/{of_process}")).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(&token), "{} {of_process}", component.name);
        }
    }
    let data_dir = stack.home.data_dir();
    let logs = std::fs::read_dir(data_dir.join("logs")).unwrap();
    let logs: Vec<_> = logs.map(|entry| entry.unwrap().path()).collect();
    assert!(logs.len() > 8, "{logs:?}");
    let written = ["stack.json", "events.jsonl"].map(|name| data_dir.join(name));
    for path in logs.iter().chain(&written) {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(!text.contains(&token), "{}", path.display());
    }
}
