//! A receiver of Alertmanager's webhook (payload version 4,
//! <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>), so that a
//! notification can be seen to arrive.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::backend::{BackendError, Http};
use crate::prometheus::Labels;

/// Where Alertmanager posts to.
pub const WEBHOOK_PATH: &str = "/api/v1/webhook";
/// Where Alertmanager posts heartbeats to: alerts that always fire.
pub const HEARTBEAT_PATH: &str = "/api/v1/heartbeat";
/// Notifications that are kept; older ones are forgotten first.
const KEPT: usize = 1000;
/// Largest notification that is taken.
const MAX_BODY_BYTES: usize = 4 << 20;

/// A notification as Alertmanager posts it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// `firing` while any of its alerts fires, else `resolved`.
    pub status: String,
    /// The receiver's name.
    #[serde(default)]
    pub receiver: String,
    /// The group's identity.
    #[serde(default)]
    pub group_key: String,
    /// The alerts.
    #[serde(default)]
    pub alerts: Vec<NotifiedAlert>,
}

/// An alert in a notification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotifiedAlert {
    /// `firing` or `resolved`.
    pub status: String,
    /// All its labels.
    #[serde(default)]
    pub labels: Labels,
    /// Its annotations.
    #[serde(default)]
    pub annotations: Labels,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// When it ended; before the year 1 while it fires.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
}

/// A notification and when it arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    /// Counts up from 1 for each notification that this receiver took.
    pub sequence: u64,
    /// When it arrived, by this machine's clock.
    pub at: Timestamp,
    /// What arrived.
    pub notification: Notification,
}

/// What the receiver knows of heartbeats. They are not kept among the notifications: they would push
/// out those that somebody waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// How many have arrived.
    pub count: u64,
    /// When the last one did, by the receiver's clock.
    pub at: Option<Timestamp>,
}

/// What the receiver holds; clones share it.
#[derive(Debug, Clone)]
pub struct Receiver {
    kept: Arc<Mutex<Kept>>,
    arrivals: broadcast::Sender<Received>,
}

#[derive(Debug, Default)]
struct Kept {
    last_sequence: u64,
    notifications: VecDeque<Received>,
    heartbeat: Heartbeat,
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            kept: Arc::default(),
            arrivals: broadcast::channel(64).0,
        }
    }
}

impl Receiver {
    /// Tells of every notification from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Received> {
        self.arrivals.subscribe()
    }

    /// Serves the webhook, `GET /api/v1/notifications?after=SEQUENCE` for whoever waits for one, and
    /// the heartbeat to post and to get, until `shutdown`.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> std::io::Result<()> {
        let routes = Router::new()
            .route(WEBHOOK_PATH, post(take))
            .route("/api/v1/notifications", get(list))
            .route(HEARTBEAT_PATH, get(last_beat).post(beat))
            .route("/-/ready", get(|| async { "ready" }))
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(self);
        axum::serve(listener, routes)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await
    }

    fn keep(&self, notification: Notification) {
        let at = Timestamp::now();
        // A panic while the lock was held cannot leave the queue half changed.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last_sequence += 1;
        let received = Received {
            sequence: kept.last_sequence,
            at,
            notification,
        };
        if kept.notifications.len() == KEPT {
            kept.notifications.pop_front();
        }
        kept.notifications.push_back(received.clone());
        // Nobody listening is not an error.
        let _ = self.arrivals.send(received);
    }

    fn beat(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.heartbeat = Heartbeat {
            count: kept.heartbeat.count + 1,
            at: Some(Timestamp::now()),
        };
    }

    fn heartbeat(&self) -> Heartbeat {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.heartbeat
    }

    fn after(&self, sequence: u64) -> Vec<Received> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.notifications
            .iter()
            .filter(|held| held.sequence > sequence)
            .cloned()
            .collect()
    }
}

async fn take(
    State(receiver): State<Receiver>,
    Json(notification): Json<Notification>,
) -> StatusCode {
    receiver.keep(notification);
    StatusCode::OK
}

async fn beat(State(receiver): State<Receiver>, Json(_): Json<Notification>) -> StatusCode {
    receiver.beat();
    StatusCode::OK
}

async fn last_beat(State(receiver): State<Receiver>) -> Json<Heartbeat> {
    Json(receiver.heartbeat())
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn list(
    State(receiver): State<Receiver>,
    Query(After { after }): Query<After>,
) -> Json<Vec<Received>> {
    Json(receiver.after(after))
}

/// Asks a running receiver what arrived.
#[derive(Debug, Clone)]
pub struct ReceiverClient {
    http: Http,
}

impl ReceiverClient {
    /// A client of the receiver at `base`.
    ///
    /// # Errors
    /// [`BackendError::BadUrl`].
    pub fn new(base: &Url) -> Result<Self, BackendError> {
        Ok(Self {
            http: Http::new(base)?,
        })
    }

    /// Where notifications are posted to.
    #[must_use]
    pub fn posted_to(&self) -> Url {
        let mut url = self.http.base().clone();
        let path = WEBHOOK_PATH.trim_start_matches('/');
        url.set_path(&format!("{}{path}", url.path()));
        url
    }

    /// The notifications after `sequence` (0 for all), oldest first.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn after(&self, sequence: u64) -> Result<Vec<Received>, BackendError> {
        self.http
            .get_json("api/v1/notifications", &[("after", &sequence.to_string())])
            .await
    }

    /// What it knows of heartbeats.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn heartbeat(&self) -> Result<Heartbeat, BackendError> {
        self.http
            .get_json(HEARTBEAT_PATH.trim_start_matches('/'), &[])
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRING: &str = r#"{"version":"4","groupKey":"{}:{alertname=\"A\"}","truncatedAlerts":0,
        "status":"firing","receiver":"voteops","groupLabels":{},"commonLabels":{},
        "commonAnnotations":{},"externalURL":"http://x","alerts":[{"status":"firing",
        "labels":{"alertname":"A"},"annotations":{},"startsAt":"2026-11-22T10:00:00.5Z",
        "endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"1"}]}"#;

    #[tokio::test]
    async fn a_posted_notification_is_kept_in_order_and_garbage_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base: Url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let shutdown = CancellationToken::new();
        let receiver = Receiver::default();
        let mut arrivals = receiver.subscribe();
        let server = tokio::spawn(receiver.serve(listener, shutdown.clone()));

        let http = reqwest_client();
        let url = base.join(WEBHOOK_PATH).unwrap();
        for body in [FIRING, &FIRING.replace("firing", "resolved"), "not json"] {
            let request = http
                .post(url.clone())
                .header("content-type", "application/json");
            let answer = request.body(body.to_owned()).send().await.unwrap();
            assert_eq!(answer.status().is_success(), body != "not json");
        }
        let client = ReceiverClient::new(&base).unwrap();
        let all = client.after(0).await.unwrap();
        assert_eq!(all.iter().map(|r| r.sequence).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(all[0].notification.alerts[0].labels["alertname"], "A");
        assert_eq!(
            client.after(1).await.unwrap()[0].notification.status,
            "resolved"
        );
        assert_eq!(arrivals.recv().await.unwrap(), all[0]);

        assert_eq!(client.heartbeat().await.unwrap(), Heartbeat::default());
        let request = http
            .post(base.join(HEARTBEAT_PATH).unwrap())
            .header("content-type", "application/json");
        let answer = request.body(FIRING).send().await.unwrap();
        assert!(answer.status().is_success());
        let heartbeat = client.heartbeat().await.unwrap();
        assert_eq!(heartbeat.count, 1);
        assert!(heartbeat.at >= Some(all[1].at));
        // They push out no notification, and are none.
        assert_eq!(client.after(0).await.unwrap(), all);

        shutdown.cancel();
        server.await.unwrap().unwrap();
    }

    fn reqwest_client() -> reqwest::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::new()
    }
}
