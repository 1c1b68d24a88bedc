//! Marks of experiments where people look: a line in Loki when a fault begins and when it ends, and one
//! region in Grafana.
//!
//! Loki: `POST /loki/api/v1/push` with JSON
//! (<https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>). Grafana:
//! `POST /api/annotations`, and `PATCH /api/annotations/ID` once the end is known
//! (<https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/annotations/>); the
//! annotation belongs to no dashboard, and is shown by its tags.

use jiff::Timestamp;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::access::Access;
use crate::backend::{BackendError, Http};

/// The value of the label `service` of the lines.
pub const SERVICE: &str = "chaos";
/// The tag of every annotation, beside the fault's name.
pub const TAG: &str = "voteops-chaos";

/// A fault, as far as a mark tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it is called, `stall-worker` for instance.
    pub name: String,
    /// Whom it is done to, in words.
    pub targets: String,
    /// The alert that it is to prove, if it is.
    pub alert: Option<String>,
}

/// The servers that are told.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    loki: Option<Http>,
    grafana: Option<Http>,
}

/// A fault that has begun, with what is needed to tell of its end.
#[derive(Debug, Clone)]
pub struct Begun {
    fault: Fault,
    /// The annotation's id in Grafana.
    annotation: Option<u64>,
}

#[derive(Deserialize)]
struct Annotated {
    id: u64,
}

impl Marks {
    /// Has lines written to the Loki at `base`.
    ///
    /// # Errors
    /// [`BackendError::BadUrl`], [`BackendError::NoAccess`].
    pub fn in_loki(self, base: &Url, access: &Access) -> Result<Self, BackendError> {
        let loki = Some(Http::with_access(base, access)?);
        Ok(Self { loki, ..self })
    }

    /// Has annotations made in the Grafana at `base`, whose access has to allow that.
    ///
    /// # Errors
    /// [`BackendError::BadUrl`], [`BackendError::NoAccess`].
    pub fn in_grafana(self, base: &Url, access: &Access) -> Result<Self, BackendError> {
        let grafana = Some(Http::with_access(base, access)?);
        Ok(Self { grafana, ..self })
    }

    /// Whether nobody is told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.loki.is_none() && self.grafana.is_none()
    }

    /// Tells that a fault began at `at`. What cannot be told is returned, and keeps nothing else from
    /// being told.
    pub async fn begin(&self, fault: Fault, at: Timestamp) -> (Begun, Vec<BackendError>) {
        let told = async {
            let text = format!("{} begins on {}", fault.name, fault.targets);
            self.line(&fault, &text, at).await.err()
        };
        let annotated = async {
            match &self.grafana {
                Some(grafana) => annotate(grafana, &fault, at).await.map(Some),
                None => Ok(None),
            }
        };
        let (refused, annotated) = tokio::join!(told, annotated);
        let mut problems = Vec::from_iter(refused);
        let annotation = annotated.unwrap_or_else(|error| {
            problems.push(error);
            None
        });
        (Begun { fault, annotation }, problems)
    }

    /// Tells that it ended at `at`.
    pub async fn end(&self, begun: Begun, at: Timestamp) -> Vec<BackendError> {
        let fault = &begun.fault;
        let told = async {
            let text = format!("{} is undone on {}", fault.name, fault.targets);
            self.line(fault, &text, at).await.err()
        };
        let closed = async {
            let (grafana, id) = self.grafana.as_ref().zip(begun.annotation)?;
            let path = format!("api/annotations/{id}");
            let body = json!({ "timeEnd": at.as_millisecond() });
            let answer = grafana.patch_json(&path, &body).await;
            done(grafana, &path, answer).err()
        };
        let (line, region) = tokio::join!(told, closed);
        line.into_iter().chain(region).collect()
    }

    async fn line(&self, fault: &Fault, text: &str, at: Timestamp) -> Result<(), BackendError> {
        let Some(loki) = &self.loki else {
            return Ok(());
        };
        let line = json!({
            "level": "INFO",
            "message": text,
            "fault": fault.name,
            "targets": fault.targets,
            "alert": fault.alert,
        });
        let path = "loki/api/v1/push";
        let body = push(&line, at);
        let answer = loki.post_json(path, &body).await;
        done(loki, path, answer).map(drop)
    }
}

/// The body of a push of one line.
fn push(line: &Value, at: Timestamp) -> Value {
    json!({
        "streams": [{
            "stream": { "service": SERVICE, "level": "info" },
            "values": [[at.as_nanosecond().to_string(), line.to_string()]],
        }],
    })
}

#[derive(Serialize)]
struct Annotation<'a> {
    time: i64,
    tags: [&'a str; 2],
    text: String,
}

async fn annotate(grafana: &Http, fault: &Fault, at: Timestamp) -> Result<u64, BackendError> {
    let proves = fault.alert.as_ref();
    let proves = proves.map_or_else(String::new, |alert| format!(", to prove {alert}"));
    let body = Annotation {
        time: at.as_millisecond(),
        tags: [TAG, &fault.name],
        text: format!("{} on {}{proves}", fault.name, fault.targets),
    };
    let path = "api/annotations";
    let answer = grafana.post_json(path, &body).await;
    let body = done(grafana, path, answer)?;
    let annotated = serde_json::from_slice::<Annotated>(&body);
    annotated
        .map(|annotated| annotated.id)
        .map_err(|error| grafana.garbage(path, &error, &body))
}

/// The body of an answer that says that it is done.
fn done(
    http: &Http,
    path: &str,
    answer: Result<(StatusCode, Vec<u8>), BackendError>,
) -> Result<Vec<u8>, BackendError> {
    let (status, body) = answer?;
    if status.is_success() {
        Ok(body)
    } else {
        Err(http.status_error(path, status, &body))
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_partial_json, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn fault() -> Fault {
        Fault {
            name: "stall-worker".into(),
            targets: "worker-1, worker-2".into(),
            alert: Some("WorkerDown".into()),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn marks(server: &MockServer) -> Marks {
        let base: Url = server.uri().parse().unwrap();
        let access = Access::default();
        let marks = Marks::default().in_loki(&base, &access).unwrap();
        marks.in_grafana(&base, &access).unwrap()
    }

    #[tokio::test]
    async fn a_fault_is_two_lines_and_one_region() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/loki/api/v1/push"))
            .respond_with(ResponseTemplate::new(204))
            .expect(2)
            .mount(&server)
            .await;
        Mock::given(method("POST"))
            .and(path("/api/annotations"))
            .and(body_partial_json(json!({
                "time": 1_800_000_000_000_i64,
                "tags": [TAG, "stall-worker"],
                "text": "stall-worker on worker-1, worker-2, to prove WorkerDown",
            })))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({
                "message": "Annotation added", "id": 7,
            })))
            .expect(1)
            .mount(&server)
            .await;
        Mock::given(method("PATCH"))
            .and(path("/api/annotations/7"))
            .and(body_partial_json(
                json!({ "timeEnd": 1_800_000_060_000_i64 }),
            ))
            .respond_with(ResponseTemplate::new(200))
            .expect(1)
            .mount(&server)
            .await;
        let marks = marks(&server);
        let (begun, problems) = marks.begin(fault(), at(1_800_000_000)).await;
        assert_eq!(problems, []);
        assert_eq!(marks.end(begun, at(1_800_000_060)).await, []);

        let requests = server.received_requests().await.unwrap();
        let pushed: Vec<Value> = requests
            .iter()
            .filter(|request| request.url.path().ends_with("push"))
            .map(|request| serde_json::from_slice(&request.body).unwrap())
            .collect();
        let [first, last] = [0, 1].map(|n| &pushed[n]["streams"][0]);
        assert_eq!(
            first["stream"],
            json!({ "service": "chaos", "level": "info" })
        );
        assert_eq!(first["values"][0][0], "1800000000000000000");
        let line: Value = serde_json::from_str(last["values"][0][1].as_str().unwrap()).unwrap();
        assert_eq!(
            line["message"],
            "stall-worker is undone on worker-1, worker-2"
        );
        assert_eq!(line["alert"], "WorkerDown");
    }

    #[tokio::test]
    async fn what_cannot_be_told_is_said_and_keeps_nothing_else_from_being_told() {
        let server = MockServer::start().await;
        Mock::given(path("/loki/api/v1/push"))
            .respond_with(ResponseTemplate::new(204))
            .expect(2)
            .mount(&server)
            .await;
        Mock::given(path("/api/annotations"))
            .respond_with(ResponseTemplate::new(403))
            .mount(&server)
            .await;
        let marks = marks(&server);
        let (begun, problems) = marks.begin(fault(), at(1)).await;
        assert!(matches!(
            problems[..],
            [BackendError::Status { status: 403, .. }]
        ));
        assert_eq!(marks.end(begun, at(2)).await, []);
        assert!(!marks.is_empty() && Marks::default().is_empty());
    }
}
