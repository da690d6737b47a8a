//! The live page: files that are part of the program, so that it needs no folder, no build and nobody else's server.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use trifold_coordinator::Digest;

/// A file of the page.
pub struct Asset {
    pub name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    tag: LazyLock<String>,
}

macro_rules! asset {
    ($name:literal, $kind:literal) => {
        Asset {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("../assets/", $name)),
            tag: LazyLock::new(|| tag(include_bytes!(concat!("../assets/", $name)))),
        }
    };
}

/// The page itself.
pub static PAGE: Asset = asset!("index.html", "text/html; charset=utf-8");

/// What the page refers to.
pub static ASSETS: [Asset; 13] = [
    asset!("page.css", "text/css; charset=utf-8"),
    asset!("mark.svg", "image/svg+xml"),
    asset!("page.js", "text/javascript; charset=utf-8"),
    asset!("feed.js", "text/javascript; charset=utf-8"),
    asset!("farm.js", "text/javascript; charset=utf-8"),
    asset!("tree.js", "text/javascript; charset=utf-8"),
    asset!("triangle.js", "text/javascript; charset=utf-8"),
    asset!("painter.js", "text/javascript; charset=utf-8"),
    asset!("stage.js", "text/javascript; charset=utf-8"),
    asset!("panels.js", "text/javascript; charset=utf-8"),
    asset!("details.js", "text/javascript; charset=utf-8"),
    asset!("announcer.js", "text/javascript; charset=utf-8"),
    asset!("format.js", "text/javascript; charset=utf-8"),
];

impl Asset {
    /// The file, or word that the client already has it.
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let headers = [(ETAG, self.tag.as_str()), (CACHE_CONTROL, "no-cache")];
        match known(request, &self.tag) {
            true => (StatusCode::NOT_MODIFIED, headers).into_response(),
            false => (headers, [(CONTENT_TYPE, self.kind)], self.bytes).into_response(),
        }
    }
}

/// Whether the client says that it has what has this tag. Caches on the way may have made the tag a weak one.
pub fn known(request: &HeaderMap, tag: &str) -> bool {
    let lists = request.get_all(IF_NONE_MATCH).iter();
    let tags = lists.filter_map(|list| list.to_str().ok());
    let mut tags = tags.flat_map(|list| list.split(','));
    tags.any(|known| matches!(known.trim(), known if known == "*" || known.trim_start_matches("W/") == tag))
}

/// A tag that bytes have for themselves.
pub fn tag(bytes: &[u8]) -> String {
    let digest = Digest::of(bytes).to_string();
    format!("\"{}\"", digest.get(..32).unwrap_or_default())
}
