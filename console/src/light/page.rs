//! The light client's page: files of a folder that the browser package's build makes, read once.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as Place, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::assets::{known, tag};
use crate::error::ConsoleError;
use crate::routes::{protect, refusal};

/// Most files of the page, and the largest of them, in bytes.
const MAX_FILES: usize = 32;
const MAX_FILE_BYTES: u64 = 2 << 20;
/// The page compiles WebAssembly and asks whatever sources its reader names.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src data:; \
                      connect-src 'self' http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Files that a page is made of.
const KINDS: [(&str, &str); 4] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("wasm", "application/wasm"),
];

/// The page's files by name.
#[derive(Clone)]
pub struct LightPage(Arc<BTreeMap<String, File>>);

struct File {
    kind: &'static str,
    bytes: Vec<u8>,
    tag: String,
}

impl LightPage {
    /// Reads the folder.
    ///
    /// # Errors
    /// It can't be read, has no `index.html`, or is too large.
    pub fn read(folder: &Path) -> Result<Self, ConsoleError> {
        let failed = |why: String| ConsoleError::Page {
            folder: folder.display().to_string(),
            why,
        };
        let entries = std::fs::read_dir(folder).map_err(|error| failed(error.to_string()))?;
        let mut files = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(|error| failed(error.to_string()))?.path();
            if let Some((name, kind)) = named(&path) {
                let bytes = bounded(&path).map_err(|error| failed(format!("{name}: {error}")))?;
                let tag = tag(&bytes);
                files.insert(name, File { kind, bytes, tag });
            }
        }
        match files.len() {
            _ if !files.contains_key(INDEX) => Err(failed(format!("no {INDEX}"))),
            0..=MAX_FILES => Ok(Self(Arc::new(files))),
            count => Err(failed(format!("{count} files, more than {MAX_FILES}"))),
        }
    }
}

const INDEX: &str = "index.html";

/// The name of a file that the page may have, and its kind.
fn named(path: &Path) -> Option<(String, &'static str)> {
    let name = path.file_name()?.to_str()?;
    let ending = path.extension()?.to_str()?;
    let (_, kind) = KINDS.iter().find(|(known, _)| *known == ending)?;
    Some((name.into(), kind))
}

fn bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 <= MAX_FILE_BYTES {
        true => Ok(bytes),
        false => Err(std::io::Error::other(format!(
            "more than {MAX_FILE_BYTES} bytes"
        ))),
    }
}

/// The page at `/light/`.
pub fn routes(page: LightPage) -> Router {
    let index = |State(page): State<LightPage>, headers: HeaderMap| async move {
        answer(&page, INDEX, &headers)
    };
    Router::new()
        .route("/light", get(|| async { moved() }))
        .route("/light/", get(index))
        .route("/light/{name}", get(file))
        .with_state(page)
        .layer(axum::middleware::from_fn(guard))
}

fn moved() -> Response {
    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, "/light/")]).into_response()
}

async fn file(
    State(page): State<LightPage>,
    Place(name): Place<String>,
    headers: HeaderMap,
) -> Response {
    answer(&page, &name, &headers)
}

fn answer(page: &LightPage, name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = page.0.get(name) else {
        return (StatusCode::NOT_FOUND, "no such file\n").into_response();
    };
    let said = [(ETAG, file.tag.as_str()), (CACHE_CONTROL, "no-cache")];
    match known(headers, &file.tag) {
        true => (StatusCode::NOT_MODIFIED, said).into_response(),
        false => (said, [(CONTENT_TYPE, file.kind)], file.bytes.clone()).into_response(),
    }
}

async fn guard(request: axum::extract::Request, next: Next) -> Response {
    let mut response = match refusal(&request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let policy = response.headers_mut().entry(CONTENT_SECURITY_POLICY);
    policy.or_insert(axum::http::HeaderValue::from_static(POLICY));
    protect(&mut response);
    response
}
