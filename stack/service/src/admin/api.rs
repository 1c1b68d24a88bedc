//! The admin listener's API.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Faults;
use super::fault::{AnyKind, Put, Unput};
use super::parameters::Lease;
use super::token::Token;

/// The largest request body taken, in bytes.
const MAX_BODY_BYTES: usize = 4096;

struct Api {
    faults: Faults,
    token: Token,
}

/// A refusal: the machine's word for it, and what whoever asked should know.
struct Refusal {
    status: StatusCode,
    error: &'static str,
    message: String,
}

pub(super) fn router(faults: Faults, token: Token) -> Router {
    let api = Arc::new(Api { faults, token });
    Router::new()
        .route("/faults", get(list))
        .route("/faults/{kind}", put(inject).delete(end))
        .route("/faults/{kind}/{id}", delete(end_one))
        .fallback(|| async { not_found("there is nothing here but /faults") })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        // Outermost: a stranger is told nothing, not even what there is.
        .layer(from_fn_with_state(Arc::clone(&api), admit))
        .with_state(api)
}

async fn admit(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION);
    if given.is_some_and(|given| api.token.opens(given.as_bytes())) {
        return next.run(request).await;
    }
    let refusal = Refusal {
        status: StatusCode::UNAUTHORIZED,
        error: "unauthorized",
        message: "send the token of --admin-token-file as Authorization: Bearer TOKEN".to_owned(),
    };
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (challenge, refusal).into_response()
}

async fn list(State(api): State<Arc<Api>>) -> Response {
    let kinds = api.faults.kinds.iter();
    let in_force: Vec<_> = kinds.filter_map(|kind| kind.in_force()).collect();
    let listed = json!({
        "faults": in_force,
        "kinds": api.faults.names(),
        "instance": api.faults.instance,
    });
    Json(listed).into_response()
}

async fn inject(
    State(api): State<Arc<Api>>,
    Path(kind): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let kind = known(&api.faults, &kind)?;
    let body = body.map_err(|rejection| Refusal {
        status: rejection.status(),
        error: "unreadable_body",
        message: rejection.body_text(),
    })?;
    let Asked {
        id,
        lease,
        parameters,
    } = read(&body)?;
    let put = Arc::clone(kind).put(id, lease, parameters);
    let (put, fault) = put.map_err(|unput| match unput {
        Unput::Parameters(message) => unfit(message),
        Unput::Other(other) => in_force(kind.name(), other),
    })?;
    let status = match put {
        Put::Begun => StatusCode::CREATED,
        Put::Renewed => StatusCode::OK,
    };
    Ok((status, Json(fault)).into_response())
}

async fn end(State(api): State<Arc<Api>>, Path(kind): Path<String>) -> Result<StatusCode, Refusal> {
    known(&api.faults, &kind)?.end(None);
    Ok(StatusCode::NO_CONTENT)
}

async fn end_one(
    State(api): State<Arc<Api>>,
    Path((kind, id)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    let kind = known(&api.faults, &kind)?;
    let id = id.parse().map_err(|error| unfit(format!("id: {error}")))?;
    kind.end(Some(id));
    Ok(StatusCode::NO_CONTENT)
}

async fn method_not_allowed() -> Refusal {
    Refusal {
        status: StatusCode::METHOD_NOT_ALLOWED,
        error: "method_not_allowed",
        message: "GET /faults, PUT or DELETE /faults/{kind}, DELETE /faults/{kind}/{id}".to_owned(),
    }
}

fn known<'a>(faults: &'a Faults, kind: &str) -> Result<&'a Arc<dyn AnyKind>, Refusal> {
    faults.find(kind).ok_or_else(|| {
        let kinds = faults.names().join(", ");
        not_found(&format!(
            "this service has no fault {kind:?}; it has: {kinds}"
        ))
    })
}

/// What a body asks for.
struct Asked {
    id: Option<Uuid>,
    lease: Lease,
    /// Of the kind.
    parameters: Value,
}

fn read(body: &[u8]) -> Result<Asked, Refusal> {
    let mut parameters: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| unfit(format!("the body is no JSON object: {error}")))?;
    let lease = parameters.remove("lease_ms").unwrap_or_default();
    let lease = Lease::read(lease).map_err(|error| unfit(error.to_string()))?;
    let id = parameters.remove("id").map(serde_json::from_value);
    let id = id.transpose();
    Ok(Asked {
        id: id.map_err(|error| unfit(format!("id: {error}")))?,
        lease,
        parameters: Value::Object(parameters),
    })
}

fn in_force(kind: &str, other: Uuid) -> Refusal {
    Refusal {
        status: StatusCode::CONFLICT,
        error: "in_force",
        message: format!("{kind} is in force under the id {other}; wait for its end, or end it"),
    }
}

fn unfit(message: String) -> Refusal {
    Refusal {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        error: "invalid_parameters",
        message,
    }
}

fn not_found(message: &str) -> Refusal {
    Refusal {
        status: StatusCode::NOT_FOUND,
        error: "not_found",
        message: message.to_owned(),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "message": self.message });
        (self.status, Json(body)).into_response()
    }
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
