//! Sends a log line and an alert along the whole way, and waits until they arrive. It writes, so it is
//! done only when it is asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{Check, Finding, Place, Subject};
use crate::alertmanager::Alertmanager;
use crate::backend::{BackendError, Http};
use crate::logs::{LogQuery, LogSource, Loki, now_ns};
use crate::webhook::ReceiverClient;

/// The value of the label `service` of the line that is pushed.
const SERVICE: &str = "doctor";
/// What the alert is called, before a number that makes it one of its own.
pub(crate) const ALERT: &str = "VoteopsDoctor";
/// Between two looks whether it arrived.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Sends both, as far as somebody can be asked whether they arrived.
pub async fn probe(subject: &Subject) -> Vec<Finding> {
    let (line, alert) = tokio::join!(line(subject), alert(subject));
    vec![line, alert]
}

async fn line(subject: &Subject) -> Finding {
    let Some(LogSource::Loki(loki)) = &subject.logs else {
        return Finding::skipped(Check::Logs, "there is no Loki to push a line to");
    };
    let began = Instant::now();
    let at_ns = now_ns();
    let pushed = subject.within(loki.base(), push(loki, at_ns)).await;
    if let Err(error) = pushed {
        return Finding::failed(
            Check::Logs,
            format!("Loki does not take a line: {error}"),
            format!(
                "{} and {} tell why (a full disk, a limit)",
                subject.place.look_at_log("loki"),
                subject.place.look_at_disk("loki")
            ),
        );
    }
    let read = subject.within(loki.base(), read_back(loki, at_ns)).await;
    match read {
        Ok(()) => {
            let waited_s = began.elapsed().as_secs_f64();
            let found = format!("a line that was pushed was read back after {waited_s:.1} s");
            Finding::ok(Check::Logs, found)
        }
        Err(error) => Finding::failed(
            Check::Logs,
            format!("Loki took a line and does not give it back: {error}"),
            subject.place.look_at_log("loki"),
        ),
    }
}

async fn push(loki: &Loki, at_ns: i64) -> Result<(), BackendError> {
    let path = "loki/api/v1/push";
    let body = json!({
        "streams": [{
            "stream": { "service": SERVICE, "level": "info" },
            "values": [[at_ns.to_string(), "a line of voteops doctor --probe"]],
        }],
    });
    accepted(loki.http(), path, &body).await
}

async fn accepted(http: &Http, path: &str, body: &serde_json::Value) -> Result<(), BackendError> {
    let (status, answer) = http.post_json(path, body).await?;
    if status.is_success() {
        Ok(())
    } else {
        Err(http.status_error(path, status, &answer))
    }
}

async fn read_back(loki: &Loki, at_ns: i64) -> Result<(), BackendError> {
    let query = LogQuery {
        services: vec![SERVICE.into()],
        ..LogQuery::default()
    };
    let source = LogSource::Loki(loki.clone());
    while source
        .newest(&query, at_ns, at_ns, 1)
        .await?
        .lines
        .is_empty()
    {
        sleep(LOOK_INTERVAL).await;
    }
    Ok(())
}

async fn alert(subject: &Subject) -> Finding {
    let own = matches!(subject.place, Place::Stack { .. });
    let sources = &subject.sources;
    let (Some(alertmanager), Some(receiver), true) =
        (&sources.alertmanager, &subject.receiver, own)
    else {
        return Finding::skipped(
            Check::AlertRoute,
            "no alert is sent: only that of a stack of this machine is sure to page nobody",
        );
    };
    let sent = async {
        let timing = alertmanager.route_timing().await?;
        let wait = Duration::from_secs_f64(timing.group_wait_s.clamp(0.0, 600.0));
        let name = send(alertmanager, wait + 2 * subject.limit).await?;
        Ok((wait, name))
    };
    let (wait, name) = match subject.within(alertmanager.base(), sent).await {
        Ok(sent) => sent,
        Err(error) => {
            let found = format!("Alertmanager takes no alert: {error}");
            let way_out = subject.place.look_at_log("alertmanager");
            return Finding::failed(Check::AlertRoute, found, way_out);
        }
    };
    let began = Instant::now();
    let arrived = tokio::time::timeout(wait + subject.limit, arrival(receiver, &name)).await;
    let waited_s = began.elapsed().as_secs_f64();
    if let Ok(Ok(())) = arrived {
        let found = format!("an alert that was sent arrived at the receiver after {waited_s:.1} s");
        return Finding::ok(Check::AlertRoute, found);
    }
    let why = match arrived {
        Ok(Err(error)) => format!(": {error}"),
        _ => format!(" within {waited_s:.1} s"),
    };
    Finding::failed(
        Check::AlertRoute,
        format!("an alert that was sent did not arrive at the receiver{why}"),
        format!("why: {}", subject.place.look_at_log("alertmanager")),
    )
}

/// Sends an alert that ends by itself, and gives its name.
async fn send(alertmanager: &Alertmanager, lasts: Duration) -> Result<String, BackendError> {
    let now = Timestamp::now();
    // A name of its own is a group of its own, which waits for nobody else's.
    let name = format!("{ALERT}{}", now.as_millisecond());
    let labels = BTreeMap::from([("alertname", &*name), ("severity", "info")]);
    let ends = now.checked_add(lasts).unwrap_or(now);
    let body = json!([{
        "labels": labels,
        "annotations": { "summary": "voteops doctor --probe sees whether this arrives." },
        "startsAt": now,
        "endsAt": ends,
    }]);
    accepted(alertmanager.http(), "api/v2/alerts", &body).await?;
    Ok(name)
}

/// Waits for the notification of an alert.
async fn arrival(receiver: &url::Url, name: &str) -> Result<(), BackendError> {
    let client = ReceiverClient::new(receiver)?;
    loop {
        let notifications = client.after(0).await?;
        let alerts = notifications
            .iter()
            .flat_map(|one| &one.notification.alerts);
        let named = |label: Option<&String>| label.is_some_and(|label| label == name);
        if alerts
            .into_iter()
            .any(|alert| named(alert.labels.get("alertname")))
        {
            return Ok(());
        }
        sleep(LOOK_INTERVAL).await;
    }
}
