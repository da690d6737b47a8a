//! What light clients are served: global proofs, receipts and paths, for anyone on the web. `openapi/light.json` describes it.
#![expect(
    clippy::result_large_err,
    reason = "a refusal is an answer, made once and moved once"
)]

mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use trifold_coordinator::archive::{Archive, At, Missing, Question, number, refusal_json};

use crate::assets::{known, tag};
use crate::routes::{has_body, protect};
use crate::source::{Accounts, Deliveries, Light, NoAccount, NoDelivery};

pub use page::LightPage;

/// How all of it is described.
const OPENAPI: &str = include_str!("../openapi/light.json");
/// An answer that will always be the same: it is of a fixed epoch.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// An answer that the next epoch may change; it is asked for again with its tag.
const BRIEFLY: &str = "public, max-age=1, must-revalidate";
/// What only a new version of the program changes, or another network.
const AN_HOUR: &str = "public, max-age=3600";

/// Anyone's page may read these answers: they are the same for everybody.
const OPEN: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "etag"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "cross-origin",
    ),
];
/// What a page may ask with.
const PREFLIGHT: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

/// The routes of a process that serves light clients.
pub fn routes(light: Light) -> Router {
    let (mut paged, mut served) = (Router::new(), Router::new());
    match light {
        Light::Archive(archive, page) => {
            served = archived(archive);
            paged = page.map_or_else(Router::new, page::routes);
        }
        Light::Shard(deliveries, accounts) => {
            let deliveries = get(delivery).with_state(deliveries);
            let accounts = get(account).with_state(accounts);
            served = served
                .route("/light/v1/epochs/{epoch}/deliveries/{shard}", deliveries)
                .route("/light/v1/accounts/{index}", accounts);
        }
    }
    served
        .route("/light/v1/openapi.json", get(openapi))
        .route("/light/v1/{*rest}", get(nowhere))
        .layer(axum::middleware::from_fn(guard))
        .merge(paged)
}

fn archived(archive: Archive) -> Router {
    Router::new()
        .route("/light/v1/network", get(network))
        .route("/light/v1/latest", get(latest))
        .route("/light/v1/epochs/{epoch}", get(proof))
        .route("/light/v1/epochs/{epoch}/shards/{shard}", get(receipt))
        .route("/light/v1/descent", get(descent))
        .with_state(archive)
}

/// Lets through what only reads, and opens every answer to every page.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = match *request.method() {
        Method::OPTIONS => (StatusCode::NO_CONTENT, PREFLIGHT).into_response(),
        Method::GET | Method::HEAD if !has_body(&request) => next.run(request).await,
        Method::GET | Method::HEAD => {
            let close = [(header::CONNECTION, "close")];
            (
                close,
                refused(StatusCode::BAD_REQUEST, "body", "a request has no body"),
            )
                .into_response()
        }
        _ => {
            let allow = [(header::ALLOW, "GET, HEAD, OPTIONS")];
            let code = StatusCode::METHOD_NOT_ALLOWED;
            (allow, refused(code, "method", "read-only: GET and HEAD")).into_response()
        }
    };
    for (name, value) in OPEN {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    protect(&mut response);
    let kept = response.headers_mut().entry(header::CACHE_CONTROL);
    kept.or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn network(State(archive): State<Archive>, headers: HeaderMap) -> Response {
    let told = archive.records().answer(&Question::Network);
    match told {
        Ok(told) => found(told.json, AN_HOUR, &headers),
        Err(missing) => not_there(&missing),
    }
}

async fn latest(State(archive): State<Archive>, headers: HeaderMap) -> Response {
    let epoch = At::Latest;
    answer(&archive, &Question::Proof { epoch }, &headers)
}

type Places<T> = Result<Path<T>, PathRejection>;

async fn proof(
    State(archive): State<Archive>,
    places: Places<String>,
    headers: HeaderMap,
) -> Response {
    let question = || {
        let epoch = at(&places.map_err(malformed)?)?;
        Ok(Question::Proof { epoch })
    };
    asked(&archive, question(), &headers)
}

#[derive(Deserialize)]
struct Under {
    under: Option<String>,
}

async fn receipt(
    State(archive): State<Archive>,
    places: Places<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let question = || {
        let Path((epoch, shard)) = places.map_err(malformed)?;
        let Query(Under { under }) = Query::try_from_uri(&uri).map_err(malformed)?;
        Ok(Question::Receipt {
            epoch: at(&epoch)?,
            shard: whole(&shard, "a shard's index")?,
            under: under.as_deref().map(at).transpose()?,
        })
    };
    asked(&archive, question(), &headers)
}

#[derive(Deserialize)]
struct Between {
    from: String,
    to: String,
}

async fn descent(State(archive): State<Archive>, uri: Uri, headers: HeaderMap) -> Response {
    let question = || {
        let Query(Between { from, to }) = Query::try_from_uri(&uri).map_err(malformed)?;
        let (from, to) = (whole(&from, "an epoch")?, at(&to)?);
        Ok(Question::Descent { from, to })
    };
    asked(&archive, question(), &headers)
}

async fn account(
    State(accounts): State<Arc<dyn Accounts>>,
    places: Places<String>,
    headers: HeaderMap,
) -> Response {
    let index = places.map_err(malformed);
    let index = index.and_then(|Path(index)| whole(&index, "an account's index"));
    let index: u64 = match index {
        Ok(index) => index,
        Err(refusal) => return refusal,
    };
    // The ledger may have to be read first.
    let claim = tokio::task::spawn_blocking(move || accounts.account(index)).await;
    match claim {
        Ok(Ok(claim)) => found(claim.to_json(), BRIEFLY, &headers),
        Ok(Err(no @ NoAccount::NoPlace(_))) => {
            refused(StatusCode::NOT_FOUND, "no_such_account", &no.to_string())
        }
        Ok(Err(no @ NoAccount::Unreadable(_))) => refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            &no.to_string(),
        ),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "broken", "no account"),
    }
}

async fn delivery(
    State(deliveries): State<Arc<dyn Deliveries>>,
    places: Places<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let asked = places.map_err(malformed).and_then(|Path((epoch, shard))| {
        let destination = whole(&shard, "a shard's index")?;
        Ok((destination, whole(&epoch, "an epoch")?))
    });
    let (destination, epoch) = match asked {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    // The ledger may have to be read first.
    let made = move || deliveries.delivery(destination, epoch);
    let no = match tokio::task::spawn_blocking(made).await {
        Ok(Ok(json)) => return found(json, BRIEFLY, &headers),
        Ok(Err(no)) => no,
        Err(_) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return refused(status, "broken", "no delivery");
        }
    };
    let (status, code) = match no {
        NoDelivery::NoShard(_) => (StatusCode::NOT_FOUND, "no_such_shard"),
        NoDelivery::NotKept(_) => (StatusCode::NOT_FOUND, "not_kept"),
        NoDelivery::Unreadable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    refused(status, code, &no.to_string())
}

async fn openapi(headers: HeaderMap) -> Response {
    found(OPENAPI.into(), AN_HOUR, &headers)
}

async fn nowhere() -> Response {
    let code = StatusCode::NOT_FOUND;
    refused(code, "no_such_address", "see /light/v1/openapi.json")
}

fn at(text: &str) -> Result<At, Response> {
    text.parse().map_err(malformed)
}

fn whole<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, Response> {
    number(text).ok_or_else(|| malformed(format_args!("{what} is a number without leading zeros")))
}

fn malformed(why: impl std::fmt::Display) -> Response {
    refused(StatusCode::BAD_REQUEST, "malformed", &why.to_string())
}

fn asked(archive: &Archive, question: Result<Question, Response>, headers: &HeaderMap) -> Response {
    match question {
        Ok(question) => answer(archive, &question, headers),
        Err(refusal) => refusal,
    }
}

fn answer(archive: &Archive, question: &Question, headers: &HeaderMap) -> Response {
    let told = archive.records().answer(question);
    match told {
        Ok(told) => {
            let kept = if told.fixed { FOREVER } else { BRIEFLY };
            found(told.json, kept, headers)
        }
        Err(missing) => not_there(&missing),
    }
}

/// An answer, or word that the client already has it.
fn found(json: String, kept: &'static str, headers: &HeaderMap) -> Response {
    let tag = tag(json.as_bytes());
    let said = [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, kept)];
    match known(headers, &tag) {
        true => (StatusCode::NOT_MODIFIED, said).into_response(),
        false => (said, [(header::CONTENT_TYPE, "application/json")], json).into_response(),
    }
}

fn not_there(missing: &Missing) -> Response {
    let status = match missing {
        Missing::NotAfter { .. } => StatusCode::BAD_REQUEST,
        Missing::Broken { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::NOT_FOUND,
    };
    refused(status, missing.code(), &missing.to_string())
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, refusal_json(code, message)).into_response()
}
