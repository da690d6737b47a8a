//! What is answered to which address.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::sync::{Semaphore, watch};

use crate::assets::{ASSETS, PAGE};
use crate::events::{Client, MAX_CLIENTS, Sent};
use crate::pulse::Pulse;
use crate::source::{Console, Exposition, Ready, Source};

/// What every answer says: the page loads from this server only, nobody frames it, nothing is guessed.
const PROTECTION: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

#[derive(Clone)]
struct Farm {
    pulse: Arc<Pulse>,
    places: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

/// The routes of a process; `stopping` ends the events.
pub fn routes(
    console: &Console,
    pulse: Option<Arc<Pulse>>,
    stopping: watch::Receiver<bool>,
) -> Router {
    let process = health(console);
    let all = match pulse {
        Some(pulse) => process.merge(page()).merge(api(pulse, stopping)),
        None => process,
    };
    let guarded = all
        .fallback(|| async { (StatusCode::NOT_FOUND, "no such address\n") })
        .layer(axum::middleware::from_fn(guard));
    match &console.light {
        Some(light) => guarded.merge(crate::light::routes(light.clone())),
        None => guarded,
    }
}

fn health(console: &Console) -> Router {
    let Console { ready, metrics, .. } = console.clone();
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(move || async move { readiness(&ready) }))
        .route("/metrics", get(move || exposition(metrics)))
}

fn page() -> Router {
    Router::new()
        .route(
            "/",
            get(|headers: HeaderMap| async move { PAGE.answer(&headers) }),
        )
        .route("/assets/{name}", get(asset))
}

fn api(pulse: Arc<Pulse>, stopping: watch::Receiver<bool>) -> Router {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    Router::new()
        .route("/api/v1/view", get(view))
        .route("/api/v1/cells/{epoch}", get(cells))
        .route("/api/v1/events", get(events))
        .with_state(Farm {
            pulse,
            places,
            stopping,
        })
}

/// Lets through what only reads, and protects every answer.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = match refusal(&request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    protect(&mut response);
    let kept = response.headers_mut().entry(header::CACHE_CONTROL);
    kept.or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Says on an answer what every answer says, where it does not say something else.
pub fn protect(response: &mut Response) {
    for (name, value) in PROTECTION {
        let said = response.headers_mut().entry(name);
        said.or_insert(HeaderValue::from_static(value));
    }
}

/// Why a request is not answered: only reading is.
pub fn refusal(request: &Request) -> Option<Response> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return Some(
            (
                StatusCode::METHOD_NOT_ALLOWED,
                allow,
                "read-only: GET and HEAD\n",
            )
                .into_response(),
        );
    }
    let close = [(header::CONNECTION, "close")];
    let refused = || (StatusCode::BAD_REQUEST, close, "a request has no body\n").into_response();
    has_body(request).then(refused)
}

/// Whether a request announces a body.
pub fn has_body(request: &Request) -> bool {
    let length = request.headers().get(header::CONTENT_LENGTH);
    request.headers().contains_key(header::TRANSFER_ENCODING)
        || length.is_some_and(|length| length != "0")
}

fn readiness(ready: &Ready) -> Response {
    match ready() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {why}\n"),
        )
            .into_response(),
    }
}

async fn exposition(metrics: Exposition) -> Response {
    let kind = crate::metrics::CONTENT_TYPE;
    match tokio::task::spawn_blocking(move || metrics()).await {
        Ok(text) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "no metrics\n").into_response(),
    }
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => asset.answer(&headers),
        None => (StatusCode::NOT_FOUND, "no such file\n").into_response(),
    }
}

async fn view(State(farm): State<Farm>) -> Response {
    json(farm, |source| Some(serde_json::to_vec(&*source.view()))).await
}

async fn cells(State(farm): State<Farm>, Path(epoch): Path<u64>) -> Response {
    json(farm, move |source| {
        source.cells(epoch).map(|cells| serde_json::to_vec(&cells))
    })
    .await
}

/// What `read` takes of the farm; a large farm's picture takes longer than a task may block.
async fn json<R>(farm: Farm, read: R) -> Response
where
    R: FnOnce(&dyn Source) -> Option<serde_json::Result<Vec<u8>>> + Send + 'static,
{
    let source = farm.pulse.source();
    match tokio::task::spawn_blocking(move || read(&*source)).await {
        Ok(Some(Ok(json))) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, "this epoch's tree is not known\n").into_response(),
        _ => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "the farm's picture could not be taken\n",
        )
            .into_response(),
    }
}

#[derive(Deserialize)]
struct Wanted {
    epoch: Option<u64>,
}

async fn events(
    State(farm): State<Farm>,
    Query(wanted): Query<Wanted>,
    method: Method,
) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    if method == Method::HEAD {
        return kind.into_response();
    }
    match follow(&farm, wanted.epoch).await {
        Some(client) => (kind, Body::from_stream(client.events())).into_response(),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many follow the farm, or too many of its epochs\n",
        )
            .into_response(),
    }
}

async fn follow(farm: &Farm, epoch: Option<u64>) -> Option<Client> {
    let place = farm.places.clone().try_acquire_owned().ok()?;
    let watching = match epoch {
        Some(epoch) => Some((epoch, farm.pulse.watch(epoch)?)),
        None => None,
    };
    Some(Client {
        frames: farm.pulse.subscribe().await,
        watching,
        stopping: farm.stopping.clone(),
        _place: place,
        sent: Sent::default(),
    })
}
