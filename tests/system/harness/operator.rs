//! Who asks the admin API. Each answer is held against `docs/openapi.json`.

use super::{
    Endpoints,
    http::{Answer, request},
};
use serde_json::{Value, json};
use std::{fs, net::SocketAddr};

/// What opens the API of the tests' nodes.
pub(crate) const TOKEN: &str = "a-token-of-the-operator's";

/// The flags of such a node.
pub(crate) const WITH_TOKEN: [&str; 2] = ["--admin-token", TOKEN];

pub(crate) struct Operator {
    admin: SocketAddr,
}

impl Operator {
    /// One who asks this node.
    pub(crate) fn of(node: &Endpoints) -> Self {
        Self { admin: node.admin }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, "").await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.ask("DELETE", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, &body.to_string()).await
    }

    /// What is there.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let (status, answer) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let head = format!("Authorization: Bearer {TOKEN}\r\n");
        let answer = self.ask_with(method, path, &head, body).await;
        let json = serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("JSON: {}", answer.body));
        check(method, path, answer.status, &json);
        (answer.status, json)
    }

    /// With other lines of the head.
    pub(crate) async fn ask_with(&self, method: &str, path: &str, head: &str, body: &str) -> Answer {
        let (admin, length) = (self.admin, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {admin}\r\n{head}Content-Length: {length}\r\nConnection: close\r\n"
        );
        request(admin, &format!("{head}\r\n{body}")).await
    }
}

/// The document, as it is checked in.
pub(crate) fn document() -> Value {
    serde_json::from_str(&fs::read_to_string("docs/openapi.json").expect("the document")).expect("JSON")
}

/// The answer is one that the document has for this operation.
fn check(method: &str, path: &str, status: u16, answer: &Value) {
    let document = document();
    let path = path.split('?').next().expect("a path");
    let paths = document["paths"].as_object().expect("paths");
    let Some(template) = paths.keys().find(|template| fits(template, path)) else {
        return assert_eq!(status, 404, "{path} isn't documented");
    };
    let operation = &document["paths"][template][method.to_lowercase()];
    if operation.is_null() {
        return assert_eq!(status, 405, "{method} {path} isn't documented");
    }
    let schema = &operation["responses"][status.to_string()]["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{method} {template} isn't said to answer {status}: {answer}");
    let schema = json!({ "allOf": [schema], "components": document["components"] });
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = schema.iter_errors(answer).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0], "{method} {template}, {status}: {answer}");
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let alike = |(one, other): (&&str, &&str)| one == other || one.starts_with('{');
    template.len() == path.len() && template.iter().zip(&path).all(alike)
}
