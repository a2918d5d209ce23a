//! What a browser gets over plain HTTP.

use crate::harness::{Node, get, request};
use std::{collections::BTreeSet, net::SocketAddr};

#[tokio::test]
async fn the_demo_room_is_at_the_root() {
    let node = Node::start().await;
    let page = get(node.address, "/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").expect("a policy").starts_with("default-src 'self'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.body.contains("<title>"));
}

#[tokio::test]
async fn everything_that_the_page_names_is_there() {
    let node = Node::start().await;
    let read = all_named(node.address).await;
    for path in ["/demo.js", "/demo.css", "/favicon.svg", "/switchboard.js"] {
        assert!(read.contains(path), "{path} is not among {read:?}");
    }
}

#[tokio::test]
async fn the_cluster_page_is_at_the_root_of_the_admin_listener() {
    let node = Node::start().await;
    let page = get(node.admin, "/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert_eq!(policy, "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    assert_eq!(page.header("access-control-allow-origin"), None);
    let read = all_named(node.admin).await;
    for path in ["/admin.js", "/admin.css", "/favicon.svg", "/histogram.js"] {
        assert!(read.contains(path), "{path} is not among {read:?}");
    }
}

#[tokio::test]
async fn each_listener_serves_its_own_page_only() {
    let node = Node::start().await;
    for (address, path) in
        [(node.address, "/admin.js"), (node.admin, "/demo.js"), (node.admin, "/switchboard.js")]
    {
        assert_eq!(get(address, path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_sdk_comes_with_its_types() {
    let node = Node::start().await;
    let types = get(node.address, "/switchboard.d.ts").await;
    assert_eq!((types.status, types.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    let sdk = get(node.address, "/switchboard.js").await;
    assert_eq!(sdk.header("content-type"), Some("text/javascript; charset=utf-8"));
}

#[tokio::test]
async fn the_sdk_comes_in_small_files_too() {
    let node = Node::start().await;
    for name in ["switchboard.min.js", "switchboard-files.min.js", "switchboard.iife.js"] {
        let file = get(node.address, &format!("/{name}")).await;
        assert_eq!((file.status, file.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
        assert_eq!(file.header("access-control-allow-origin"), Some("*"), "{name}");
        assert!(file.body.starts_with("/*! Switchboard "), "{name}");
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let node = Node::start().await;
    let tag = get(node.address, "/demo.js").await.header("etag").expect("a tag").to_owned();
    let again = format!(
        "GET /demo.js HTTP/1.1\r\nHost: {}\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n",
        node.address
    );
    let answer = request(node.address, &again).await;
    assert_eq!((answer.status, answer.body.as_str()), (304, ""));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let node = Node::start().await;
    for path in
        ["/nothing", "/../Cargo.toml", "/package.json", "/demo/demo.js", "/metrics", "/echo", "//demo.js"]
    {
        assert_eq!(get(node.address, path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_websocket_endpoint_says_so() {
    let node = Node::start().await;
    let answer = get(node.address, "/ws").await;
    assert_eq!((answer.status, answer.header("upgrade")), (426, Some("websocket")));
}

/// The paths of a page and of all that it names, each of which is there.
async fn all_named(address: SocketAddr) -> BTreeSet<String> {
    let mut unread = vec!["/".to_owned()];
    let mut read = BTreeSet::new();
    while let Some(path) = unread.pop() {
        if read.insert(path.clone()) {
            let file = get(address, &path).await;
            assert_eq!(file.status, 200, "{path}");
            unread.extend(names_in(&path, &file.body));
        }
    }
    read
}

/// The paths that a page links or a script imports. (What it imports in a comment is a type, and no browser asks for it.)
fn names_in(path: &str, text: &str) -> Vec<String> {
    let marks: &[&str] = match path {
        "/" => &["src=\"", "href=\""],
        path if path.ends_with(".js") => &["from '"],
        _ => &[],
    };
    let lines = || text.lines().filter(|line| !line.contains("@import"));
    let named = marks.iter().flat_map(|mark| lines().flat_map(|line| line.split(*mark).skip(1)));
    let named =
        named.filter_map(|rest| rest.split(['"', '\'']).next()).filter(|name| !name.starts_with(['#', 'h']));
    named.map(|name| resolved(path, name)).collect()
}

fn resolved(from: &str, name: &str) -> String {
    let folder = &from[..=from.rfind('/').expect("a path")];
    match name.trim_start_matches("./") {
        name if name.starts_with('/') => name.to_owned(),
        name => name.strip_prefix("../").map_or(format!("{folder}{name}"), |name| format!("/{name}")),
    }
}
