//! Measures every voter's request, also those that time out, are refused or are given up.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::App;

/// The status counted when the client disconnects before it is answered, as nginx has it.
const CLIENT_LEFT: u16 = 499;

/// Observes the request when dropped, so that one cut short is observed too.
struct Measured {
    app: Arc<App>,
    method: &'static str,
    route: String,
    status: u16,
    started: Instant,
}

impl Drop for Measured {
    fn drop(&mut self) {
        let labels = [self.method, &self.route, &self.status.to_string()];
        let seconds = self.started.elapsed().as_secs_f64();
        self.app
            .metrics
            .requests
            .with_label_values(&labels)
            .observe(seconds);
    }
}

pub(crate) async fn measure(
    State(app): State<Arc<App>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let mut measured = Measured {
        app,
        method: method_label(request.method()),
        route: route.map_or_else(|| "unmatched".to_owned(), |route| route.as_str().to_owned()),
        status: CLIENT_LEFT,
        started: Instant::now(),
    };
    let mut response = next.run(request).await;
    measured.status = response.status().as_u16();
    if measured.app.leaving.is_cancelled() {
        // The next request of this client is to find another instance.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
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
