//! The demo room and the SDK, inside the binary. (A debug build reads them from the checkout at each request.)

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{Embed, EmbeddedFile};
use std::fmt::Write;

/// The demo room, at `/`.
#[derive(Embed)]
#[folder = "client/demo/"]
struct Demo;

/// The SDK, at `/switchboard.js`.
#[derive(Embed)]
#[folder = "client/"]
#[include = "switchboard.js"]
#[include = "switchboard.d.ts"]
#[include = "sdk/*.js"]
struct Sdk;

/// Nothing from elsewhere; the WebSocket may be on another host.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; \
    media-src 'self' blob: mediastream:; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'self'";

/// The file at a path, or "not found".
pub(super) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let name = match uri.path() {
        "/" => "index.html",
        path => path.strip_prefix('/').unwrap_or(path),
    };
    match Demo::get(name).or_else(|| Sdk::get(name)) {
        Some(file) => respond(file, media_type(name), &headers),
        None => (StatusCode::NOT_FOUND, "not found\n").into_response(),
    }
}

/// The file, or "not modified" for a browser that has this very one.
fn respond(file: EmbeddedFile, media_type: &'static str, request: &HeaderMap) -> Response {
    let tag = tag(&file);
    let headers = [
        (header::ETAG, tag.clone()),
        // Ask each time: the page of a new release must not meet scripts of the last.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        // Pages of others import the SDK from here.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    if request.get(header::IF_NONE_MATCH) == Some(&tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(header::CONTENT_TYPE, media_type)], file.data).into_response()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

fn tag(file: &EmbeddedFile) -> HeaderValue {
    let digest = file.metadata.sha256_hash()[..8].iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    });
    HeaderValue::from_str(&format!("\"{digest}\"")).expect("hexadecimal digits")
}
