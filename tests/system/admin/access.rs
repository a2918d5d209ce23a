//! Who may ask.

use crate::harness::{Node, Operator, TOKEN, WITH_TOKEN, request};

const NODES: &str = "/api/v1/nodes";

#[tokio::test]
async fn without_the_token_each_answer_is_the_same() {
    let node = Node::with(&WITH_TOKEN).await;
    let operator = Operator::of(&node);
    let right = operator.ask_with("GET", NODES, &format!("Authorization: Bearer {TOKEN}\r\n"), "").await;
    assert_eq!(right.status, 200);
    let mut answers = Vec::new();
    let longer = format!("{TOKEN}!");
    for said in [
        String::new(),
        "Authorization: \r\n".into(),
        "Authorization: Bearer\r\n".into(),
        "Authorization: Bearer wrong\r\n".into(),
        format!("Authorization: Bearer {longer}\r\n"),
        format!("Authorization: Bearer {}\r\n", &TOKEN[1..]),
        format!("Authorization: Bearer {}\r\n", TOKEN.to_uppercase()),
        format!("Authorization: Basic {TOKEN}\r\n"),
        format!("Authorization: {TOKEN}\r\n"),
        format!("X-Authorization: Bearer {TOKEN}\r\n"),
    ] {
        for (method, path) in [("GET", NODES), ("DELETE", "/api/v1/rooms/x"), ("GET", "/api/v1/nothing")] {
            let answer = operator.ask_with(method, path, &said, "").await;
            assert_eq!(answer.status, 401, "{said}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            answers.push(answer.text());
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    node.until_metric(r#"switchboard_admin_requests_total{status="4xx"}"#, 30).await;
    assert_eq!(node.metric(r#"switchboard_admin_requests_total{status="2xx"}"#).await, 1);
}

#[tokio::test]
async fn without_a_token_of_its_own_a_node_is_closed_and_says_so() {
    let node = Node::start().await;
    let (status, answer) = Operator::of(&node).get(NODES).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (403, Some("forbidden")));
    assert!(answer["error"]["message"].as_str().expect("a sentence").contains("--admin-token"));
    for path in ["/livez", "/readyz", "/metrics", "/api/v1/openapi.json"] {
        let answer = Operator::of(&node).ask_with("GET", path, "", "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_may_not_even_with_the_token() {
    let node = Node::with(&WITH_TOKEN).await;
    let operator = Operator::of(&node);
    let own = format!("Origin: http://{}\r\n", node.admin);
    for (origin, expected) in
        [(own.as_str(), 200), ("Origin: http://evil.example\r\n", 403), ("Origin: null\r\n", 403)]
    {
        let head = format!("Authorization: Bearer {TOKEN}\r\n{origin}");
        let answer = operator.ask_with("GET", NODES, &head, "").await;
        assert_eq!(answer.status, expected, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    // What a form of another site's can send: no token, and what it can't know it needn't be told.
    let form = "Origin: http://evil.example\r\nContent-Type: text/plain\r\n";
    let body = r#"{"eventName":"notice","data":{}}"#;
    assert_eq!(operator.ask_with("POST", "/api/v1/broadcast", form, body).await.status, 403);
    let preflight = operator.ask_with("OPTIONS", "/api/v1/broadcast", form, "").await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (403, None));
}

#[tokio::test]
async fn a_node_with_a_token_is_drained_with_it() {
    let node = Node::with(&WITH_TOKEN).await;
    let drain = async |head: &str| {
        let drain = format!("POST /drain HTTP/1.1\r\nHost: x\r\n{head}Connection: close\r\n\r\n");
        request(node.admin, &drain).await.status
    };
    assert_eq!(drain("").await, 401);
    assert_eq!(drain("Authorization: Bearer wrong\r\n").await, 401);
    assert!(node.is_ready().await);
    assert_eq!(drain(&format!("Authorization: Bearer {TOKEN}\r\n")).await, 202);
}
