//! What makes no sense is refused, with a sentence.

use crate::harness::{Node, Operator, WITH_TOKEN};
use serde_json::json;

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_sentence() {
    let node = Node::with(&WITH_TOKEN).await;
    let operator = Operator::of(&node);
    let long = format!("/api/v1/rooms/{}", "x".repeat(1025));
    let large = format!(r#"{{"eventName":"notice","data":"{}"}}"#, "x".repeat(64 * 1024));
    for (method, path, body, status, code) in [
        ("GET", "/api/v1/rooms?limit=0", "", 400, "bad_request"),
        ("GET", "/api/v1/rooms?limit=1001", "", 400, "bad_request"),
        ("GET", "/api/v1/rooms?limit=ten", "", 400, "bad_request"),
        ("GET", "/api/v1/rooms?cursor=nonsense", "", 400, "bad_request"),
        ("GET", "/api/v1/rooms?limits=10", "", 400, "bad_request"),
        ("GET", &long, "", 400, "bad_request"),
        ("DELETE", "/api/v1/rooms/a%0Ab", "", 400, "bad_request"),
        ("GET", "/api/v1/rooms/%FF", "", 400, "bad_request"),
        ("POST", "/api/v1/broadcast", "", 400, "bad_request"),
        ("POST", "/api/v1/broadcast", "[]", 400, "bad_request"),
        ("POST", "/api/v1/broadcast", r#"{"eventName":"peers","data":{}}"#, 400, "bad_request"),
        ("POST", "/api/v1/broadcast", r#"{"eventName":"a","data":{"socketId":1}}"#, 400, "bad_request"),
        ("POST", "/api/v1/rooms/tea/broadcast", "nonsense", 400, "bad_request"),
        ("POST", "/api/v1/broadcast", &large, 413, "too_large"),
        ("GET", "/api/v1/rooms/nobody", "", 404, "room_not_found"),
        ("GET", "/api/v1/sockets/short", "", 404, "socket_not_found"),
        ("DELETE", "/api/v1/sockets/0123456789abcdefghjk", "", 404, "socket_not_found"),
        ("POST", "/api/v1/nodes/nobody/drain", "", 404, "node_not_found"),
        ("GET", "/api/v1/nothing", "", 404, "not_found"),
        ("GET", "/api/v2/nodes", "", 404, "not_found"),
        ("DELETE", "/api/v1/nodes", "", 405, "method_not_allowed"),
        ("GET", "/api/v1/broadcast", "", 405, "method_not_allowed"),
    ] {
        let (was, answer) = operator.ask(method, path, body).await;
        assert_eq!((was, &answer["error"]["code"]), (status, &json!(code)), "{method} {path}: {answer}");
        let sentence = answer["error"]["message"].as_str().expect("a sentence");
        assert!(sentence.len() > 10, "{sentence}");
    }
}

/// What clients are told fits where they may send as much themselves: nobody is thrown out by it.
#[tokio::test]
async fn what_clients_are_told_is_no_larger_than_what_they_may_say() {
    let room = ["--room-capacity", "4", "--max-info", "1KiB", "--mailbox-bytes", "8KiB"];
    let small = ["--mailbox-messages", "16", "--max-frame", "4KiB", "--outbox-bytes", "16KiB"];
    let node = Node::with(&[&room[..], &small, &WITH_TOKEN].concat()).await;
    let mut ann = node.client().await;
    ann.join("tea").await;
    let operator = Operator::of(&node);
    let notice = |length| json!({ "eventName": "notice", "data": "x".repeat(length) });
    for path in ["/api/v1/broadcast", "/api/v1/rooms/tea/broadcast"] {
        let (status, answer) = operator.post(path, &notice(4096)).await;
        assert_eq!((status, &answer["error"]["code"]), (413, &json!("too_large")));
        let sentence = answer["error"]["message"].as_str().expect("a sentence");
        assert!(sentence.contains("4096") && sentence.contains("--max-frame"), "{sentence}");
        assert_eq!(operator.post(path, &notice(4000)).await.0, 202);
        assert_eq!(ann.hear_event("notice").await, notice(4000)["data"]);
    }
}
