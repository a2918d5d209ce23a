//! The document that programs read, and the page for people.

use crate::harness::{Node, document, get};
use serde_json::Value;
use std::{collections::BTreeSet, env, fs};

/// `UPDATE_OPENAPI=1 cargo test --test system admin::document` writes it anew.
#[tokio::test]
async fn the_document_that_is_served_is_the_one_that_is_checked_in() {
    let node = Node::start().await;
    let answer = get(node.admin, "/api/v1/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let served = format!("{}\n", answer.body.trim_end());
    if env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write("docs/openapi.json", &served).expect("written");
    }
    let checked_in = fs::read_to_string("docs/openapi.json").expect("the document");
    assert!(
        checked_in == served,
        "docs/openapi.json is not what a node serves: UPDATE_OPENAPI=1 writes it anew"
    );
}

#[test]
fn the_page_for_people_has_every_operation() {
    let page = fs::read_to_string("docs/admin.md").expect("the page");
    let documented: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.split_once('`'))
        .map(|(operation, _)| operation.to_owned())
        .collect();
    let document = document();
    let paths = document["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().expect("operations").keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    assert_eq!(documented, operations.collect());
}

#[test]
fn each_operation_says_what_it_is_and_needs_the_token() {
    let document = document();
    assert!(document["openapi"].as_str().expect("a version").starts_with("3."));
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    assert_eq!(document["security"][0]["token"], Value::Array(vec![]));
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            for status in ["400", "401", "403", "404", "413", "503"] {
                assert!(operation["responses"][status].is_object(), "{method} {path} may answer {status}");
            }
        }
    }
}
