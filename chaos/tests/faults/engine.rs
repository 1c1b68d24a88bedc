//! An engine that answers as a test wants it to, over plain HTTP, and containers of it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Response, Uri};
use serde_json::{Value, json};
use voteops_chaos::engine::ContainerId;
use voteops_chaos::identity::Identity;
use voteops_chaos::record::Target;

/// When containers were started at first, and when they were started again.
pub(crate) const FIRST: &str = "2026-11-29T01:02:03Z";
pub(crate) const AGAIN: &str = "2026-11-29T02:03:04Z";

/// An engine that ends with the test.
pub(crate) struct Engine {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Engine {
    /// Starts one that answers each question, a method and a path without the API's version, with a status and a
    /// body.
    pub(crate) fn start(
        answer: impl Fn(&Method, &str) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let app = Router::new().fallback(async move |method: Method, uri: Uri| {
            let path = uri.path();
            let (status, body) = if path.ends_with("/version") {
                (200, json!({ "ApiVersion": "1.44" }))
            } else {
                let path = path.trim_start_matches("/v1.44");
                log.lock().unwrap().push(format!("{method} {path}"));
                answer(&method, path)
            };
            let response = Response::builder().status(status);
            let response = response.header("content-type", "application/json");
            // One that answers nothing has nothing to tell.
            let body = if body.is_null() {
                Body::empty()
            } else {
                Body::from(body.to_string())
            };
            response.body(body).unwrap()
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
        Self {
            address,
            asked,
            _runtime: runtime,
        }
    }

    /// One that has a container no more, in these words.
    pub(crate) fn without_containers(words: &'static str) -> Self {
        Self::start(move |_, _| (404, json!({ "message": words })))
    }

    /// A container of it, in its first life.
    pub(crate) fn target(&self, name: &str) -> Target {
        container(&self.address, name)
    }

    /// Whether it was asked for this.
    pub(crate) fn was_asked(&self, question: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|it| it == question)
    }
}

/// A container of the engine at an address, in its first life.
pub(crate) fn container(engine: &str, name: &str) -> Target {
    Target {
        name: name.to_owned(),
        identity: Identity::Container(ContainerId {
            engine: engine.to_owned(),
            id: name.to_owned(),
            started_at: FIRST.parse().unwrap(),
        }),
        admin_url: None,
    }
}

/// What an engine tells of a container that was started then.
pub(crate) fn inspected(started_at: &str, is_running: bool) -> Value {
    json!({
        "Id": "shop-worker-1",
        "Name": "/shop-worker-1",
        "State": { "Running": is_running, "Paused": false, "StartedAt": started_at },
    })
}
