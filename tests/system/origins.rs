//! Which pages may connect.

use crate::harness::{Client, Ended, Node};

const FORBIDDEN: &str = r#"switchboard_closes_total{reason="forbidden"}"#;

async fn page(node: &Node, origin: &str) -> Client {
    node.client_with(&[("origin", origin)]).await
}

#[tokio::test]
async fn a_page_from_elsewhere_is_told_that_it_may_not_connect() {
    let node = Node::start().await;
    let own = format!("http://{}", node.address);
    page(&node, &own).await.join("room").await;
    for origin in ["https://evil.example", "http://127.0.0.1", "null", "nonsense"] {
        assert_eq!(page(&node, origin).await.ended().await, Ended::with(4403, "forbidden"), "{origin}");
    }
    assert_eq!(node.metric(FORBIDDEN).await, 4);
    // On its page's own path, as a SkyRTC client, too.
    let url = format!("ws://{}/", node.address);
    let mut old = Client::connect_with(&url, &[("origin", "https://evil.example")]).await;
    assert_eq!(old.ended().await, Ended::with(4403, "forbidden"));
}

#[tokio::test]
async fn who_is_no_page_says_no_origin() {
    let node = Node::start().await;
    node.client().await.join("room").await;
}

#[tokio::test]
async fn an_operator_may_allow_pages_from_elsewhere() {
    let node = Node::with(&["--allow-origin", "https://example.org", "--allow-origin", "null"]).await;
    for origin in ["https://example.org", "https://example.org:443", "null"] {
        page(&node, origin).await.join("room").await;
    }
    for origin in ["http://example.org", "https://www.example.org", "https://example.org, null"] {
        assert_eq!(page(&node, origin).await.ended().await, Ended::with(4403, "forbidden"), "{origin}");
    }
    let node = Node::with(&["--allow-origin", "*"]).await;
    page(&node, "https://evil.example").await.join("room").await;
}
