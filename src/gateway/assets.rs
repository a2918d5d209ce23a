//! The demo room, the SDK and the cluster page, inside the binary. (A debug build reads them from the checkout at each
//! request.)

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

/// The SDK, at `/switchboard.js`; small, as a module at `/switchboard.min.js`, and for a script tag at
/// `/switchboard.iife.js`.
#[derive(Embed)]
#[folder = "client/"]
#[include = "switchboard.js"]
#[include = "switchboard.min.js"]
#[include = "switchboard-files.min.js"]
#[include = "switchboard.iife.js"]
#[include = "switchboard.d.ts"]
#[include = "sdk/*.js"]
struct Sdk;

/// The cluster page, at `/` of the admin listener.
#[derive(Embed)]
#[folder = "client/admin/"]
struct Admin;

/// What the cluster page has from the demo room.
#[derive(Embed)]
#[folder = "client/demo/"]
#[include = "favicon.svg"]
struct Icon;

/// Nothing from elsewhere; the WebSocket may be on another host.
const PUBLIC_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; \
    media-src 'self' blob: mediastream:; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'self'";

/// Nothing from elsewhere, to nowhere else, and in no other page: who is tricked into a click here closes rooms.
const ADMIN_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The public listener's file at a path, or "not found".
pub(super) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let name = name(&uri);
    let mut response = find(Demo::get(name).or_else(|| Sdk::get(name)), name, PUBLIC_POLICY, &headers);
    // Pages of others import the SDK from here.
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// The admin listener's file at a path, or "not found".
pub(super) async fn serve_admin(uri: Uri, headers: HeaderMap) -> Response {
    let name = name(&uri);
    find(Admin::get(name).or_else(|| Icon::get(name)), name, ADMIN_POLICY, &headers)
}

fn name(uri: &Uri) -> &str {
    match uri.path() {
        "/" => "index.html",
        path => path.strip_prefix('/').unwrap_or(path),
    }
}

fn find(file: Option<EmbeddedFile>, name: &str, policy: &'static str, request: &HeaderMap) -> Response {
    match file {
        Some(file) => respond(file, media_type(name), policy, request),
        None => (StatusCode::NOT_FOUND, "not found\n").into_response(),
    }
}

/// The file, or "not modified" for a browser that has this very one.
fn respond(
    file: EmbeddedFile,
    media_type: &'static str,
    policy: &'static str,
    request: &HeaderMap,
) -> Response {
    let tag = tag(&file);
    let headers = [
        (header::ETAG, tag.clone()),
        // Ask each time: the page of a new release must not meet scripts of the last.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
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
