//! The streams, read as `docs/events.md` says.

use super::{Receiver, as_refs, flags, visit};
use crate::harness::{Cluster, Node, RedisServer, until};
use futures_util::future::join_all;
use redis::{Value, aio::MultiplexedConnection, cmd, from_redis_value};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
};

/// Id and fields.
type Entry = (String, HashMap<String, String>);

#[tokio::test]
async fn a_consumer_group_reads_all() {
    let redis = RedisServer::start().await;
    let node = Node::with(&["--redis", &redis.url(), "--event-stream"]).await;
    let names = names();
    let connection = &mut redis.connection().await;
    for name in &names {
        group(connection, name).await;
    }
    let mut events = Vec::new();
    join_all((0..40).map(|number| visit_room(&node, number))).await;
    until("all is read", async || {
        for (name, entries) in read(connection, &names).await {
            for (id, fields) in entries {
                let _: usize =
                    cmd("XACK").arg(&[&name, "app", &id]).query_async(connection).await.expect("done");
                events.push(fields);
            }
        }
        events.len() == 40 * 5
    })
    .await;
    for room in 0..40 {
        let of_room = events.iter().filter(|fields| fields.get("room") == Some(&format!("room {room}")));
        let kinds: Vec<_> = of_room.map(|fields| fields["type"].as_str()).collect();
        assert_eq!(kinds, ["room.opened", "peer.joined", "peer.left", "room.closed"]);
    }
    let kept: BTreeSet<_> = redis.keys("*:events").await.into_iter().collect();
    assert_eq!(kept, names.into_iter().collect(), "the page names them");
}

#[tokio::test]
async fn a_redis_cluster_has_them_too() {
    let (receiver, mut redis) = (Receiver::start().await, Cluster::start().await);
    let flags = flags(&receiver, &["--redis", &redis.url(), "--event-stream"]);
    let nodes = [Node::with(&as_refs(&flags)).await, Node::with(&as_refs(&flags)).await];
    let mut connections = Vec::new();
    for name in names() {
        let master = redis.master_of(&name).await;
        let mut connection = redis.server(master).connection().await;
        group(&mut connection, &name).await;
        connections.push((name, connection));
    }
    join_all((0..20).map(|number| visit_room(&nodes[number % 2], number))).await;
    let story = receiver.until("all is told", |story| story.0.len() == 20 * 5).await;
    assert_eq!(story.members().len(), 0);
    let mut count = 0;
    for (name, connection) in &mut connections {
        count += read(connection, std::slice::from_ref(name))
            .await
            .iter()
            .map(|(_, entries)| entries.len())
            .sum::<usize>();
    }
    assert_eq!(count, 20 * 5);
}

#[tokio::test]
async fn a_stream_keeps_about_as_many_as_it_should() {
    let redis = RedisServer::start().await;
    let node = Node::with(&["--redis", &redis.url(), "--event-stream", "--event-stream-length=1"]).await;
    visit(&node, "tea", 80).await;
    let connection = &mut redis.connection().await;
    for key in redis.keys("*:events").await {
        let length: usize = cmd("XLEN").arg(key).query_async(connection).await.expect("a length");
        assert!(length <= 200, "{length}");
    }
}

async fn visit_room(node: &Node, number: usize) {
    visit(node, &format!("room {number}"), 1).await;
}

/// The streams of 16 partitions, as the page has them.
fn names() -> Vec<String> {
    let page = fs::read_to_string("docs/events.md").expect("the page");
    let words = page.split_whitespace().filter(|word| word.starts_with("sb:{") && word.ends_with("}:events"));
    let names: BTreeSet<String> = words.map(ToOwned::to_owned).collect();
    assert_eq!(names.len(), 16);
    names.into_iter().collect()
}

async fn group(connection: &mut MultiplexedConnection, stream: &str) {
    let mut create = cmd("XGROUP");
    create.arg(&["CREATE", stream, "app", "0", "MKSTREAM"]);
    () = create.query_async(connection).await.expect("a group");
}

async fn read(connection: &mut MultiplexedConnection, streams: &[String]) -> Vec<(String, Vec<Entry>)> {
    let mut read = cmd("XREADGROUP");
    read.arg(&["GROUP", "app", "worker-1", "COUNT", "100", "STREAMS"])
        .arg(streams)
        .arg(vec![">"; streams.len()]);
    match read.query_async(connection).await.expect("events") {
        Value::Nil => Vec::new(),
        some => from_redis_value(some).expect("streams of entries"),
    }
}
