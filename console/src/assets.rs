//! The live page: files that are part of the program, so that it needs no folder, no build and nobody else's server.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
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
        let tag = HeaderValue::from_str(&self.tag).unwrap_or(HeaderValue::from_static("\"\""));
        let known = request
            .get_all(IF_NONE_MATCH)
            .iter()
            .any(|known| known == tag);
        let headers = [
            (ETAG, tag),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        match known {
            true => (StatusCode::NOT_MODIFIED, headers).into_response(),
            false => (headers, [(CONTENT_TYPE, self.kind)], self.bytes).into_response(),
        }
    }
}

fn tag(bytes: &[u8]) -> String {
    let digest = Digest::of(bytes).to_string();
    format!("\"{}\"", digest.get(..32).unwrap_or_default())
}
