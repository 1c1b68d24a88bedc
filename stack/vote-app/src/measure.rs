//! Measures every voter's request, also those that time out, are refused or are given up.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::App;
use crate::routes::VOTE;

/// The status counted when the client disconnects before it is answered, as nginx has it.
const CLIENT_LEFT: u16 = 499;

/// What a request was for.
enum Route {
    Vote,
    Matched(Option<MatchedPath>),
}

/// Observes the request when dropped, so that one cut short is observed too.
struct Measured {
    app: Arc<App>,
    method: &'static str,
    route: Route,
    status: u16,
    started: Instant,
}

impl Drop for Measured {
    fn drop(&mut self) {
        let route = match &self.route {
            Route::Vote => VOTE,
            Route::Matched(route) => route.as_ref().map_or("unmatched", MatchedPath::as_str),
        };
        let took = self.started.elapsed();
        let metrics = &self.app.metrics;
        metrics.observe(self.method, route, self.status, took);
    }
}

impl Measured {
    fn new(app: Arc<App>, method: &'static str, route: Route) -> Self {
        Self {
            app,
            method,
            route,
            status: CLIENT_LEFT,
            started: Instant::now(),
        }
    }

    async fn answer(mut self, answer: impl Future<Output = Response>) -> Response {
        let mut response = answer.await;
        self.status = response.status().as_u16();
        if self.app.leaving.is_cancelled() {
            // The next request of this client is to find another instance.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }
}

/// Measures a request that a router passes on.
pub(crate) async fn measure(
    State(app): State<Arc<App>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let method = method_label(request.method());
    let measured = Measured::new(app, method, Route::Matched(route));
    measured.answer(next.run(request)).await
}

/// Measures the sending of a vote.
pub(crate) fn measure_vote(
    app: Arc<App>,
    answer: impl Future<Output = Response>,
) -> impl Future<Output = Response> {
    Measured::new(app, "POST", Route::Vote).answer(answer)
}

/// A client may invent methods; each would be a new series.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
