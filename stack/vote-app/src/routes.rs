//! Which request goes where.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use futures::future::Either;
use tower::{Service, service_fn};
use voteops_queue::check_voter;
use voteops_service::http::{Answerer, readiness};

use crate::ballot;
use crate::cookies::Cookie;
use crate::lang::Lang;
use crate::measure::{measure, measure_vote};
use crate::reply::{Format, Reason, Refusal, Wanted};
use crate::{App, assets, live, openapi, pages, results};

/// How long Redis may take to show that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// For a year.
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Where votes are sent.
pub(crate) const VOTE: &str = "/vote";

/// Answers every request; votes by `cast`, on a short way: the layers and places of a router cost as much
/// as all else that is done with a vote.
pub(crate) fn answerer<F, A>(app: &Arc<App>, cast: F) -> impl Answerer
where
    F: Fn(State<Arc<App>>, Request) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response> + Send + 'static,
{
    let (app, router) = (app.clone(), router(app, post(cast.clone())));
    service_fn(move |request: Request| {
        if request.uri().path() != VOTE || request.method() != Method::POST {
            return Either::Left(router.clone().call(request));
        }
        let is_https = app.config.is_https();
        let answer = measure_vote(app.clone(), cast(State(app.clone()), request));
        Either::Right(async move {
            let response = answer.await;
            Ok(if is_https {
                by_tls_only(response).await
            } else {
                response
            })
        })
    })
}

/// Voters' requests are measured; those of the monitoring and for files that are in memory are not, or
/// they would make a slow app look fast and an idle one busy.
fn router(app: &Arc<App>, cast: MethodRouter<Arc<App>>) -> Router {
    let voters = Router::new()
        .route("/", get(show_ballot))
        .route(VOTE, cast)
        .route("/results", get(results::show))
        .route("/results/live", get(live::listen))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), measure));
    let monitoring = Router::new()
        .route(
            "/metrics",
            get(|State(app): State<Arc<App>>| async move { app.metrics.registry.answer() }),
        )
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/openapi.json", get(openapi::show))
        .route("/static/{version}/{file}", get(assets::show));
    let router = voters.merge(monitoring).with_state(app.clone());
    if app.config.is_https() {
        router.layer(map_response(by_tls_only))
    } else {
        router
    }
}

/// Has browsers come by TLS only, once they came by it (RFC 6797).
async fn by_tls_only(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::STRICT_TRANSPORT_SECURITY, TLS_ONLY);
    response
}

/// The ballot; a voter without a name is given one.
async fn show_ballot(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let cookies = app.config.cookies();
    let own = cookies.last_choice(&headers, &app.config.choices);
    let page = pages::ballot(Lang::preferred(&headers), &app.config, own);
    let voter = cookies.voter(&headers);
    if voter.is_some_and(|voter| check_voter(&voter).is_ok()) {
        return page;
    }
    let set_cookie = cookies.set(Cookie::Voter, &ballot::new_name());
    ([(header::SET_COOKIE, set_cookie)], page).into_response()
}

/// Not ready any more once it is to end, while requests are still taken: a gateway has time to see it.
/// Otherwise votes can be taken as long as Redis is there; the ledger may come later. What the client of Redis
/// says names hosts, which voters are not told.
async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.leaving.is_cancelled() {
        return readiness(&[("process", Err("shutting down"))]);
    }
    let redis = match tokio::time::timeout(READY_TIMEOUT, app.queue.ping()).await {
        Ok(answer) => answer.map_err(|error| {
            tracing::info!(%error, "not ready: redis is away");
            "away"
        }),
        Err(_) => Err("no answer within 1 s"),
    };
    readiness(&[("redis", redis)])
}

async fn not_found(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let message = "There is nothing here. The ballot is at /, the results are at /results.";
    let refusal = Refusal::new(Reason::NotFound, message);
    app.refuse(&refusal, Wanted::of(&headers, Format::Json))
}

async fn method_not_allowed(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let message = "Not with this method: GET the ballot and the results, POST a vote to /vote.";
    let refusal = Refusal::new(Reason::MethodNotAllowed, message);
    app.refuse(&refusal, Wanted::of(&headers, Format::Json))
}
