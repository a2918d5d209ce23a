//! What a Redis user has to be allowed so that it may run the scripts: no more than this.

use super::partition::{ANN, AT, BEN, Beat, DAN, LEASE, NORTH, Partition, SCRIPTS, SOUTH};
use crate::harness::documented_user;
use redis::{RedisResult, Value};
use std::{collections::BTreeSet, fs};

/// What the gateway asks for itself, and its pool of connections. HELLO and AUTH are anybody's.
const GATEWAY: [&str; 13] = [
    "blpop",
    "cluster|slots",
    "evalsha",
    "info",
    "ping",
    "script|load",
    "set",
    "spublish",
    "ssubscribe",
    "sunsubscribe",
    "unwatch",
    "zcard",
    "zrangebyscore",
];

#[tokio::test]
async fn the_user_may_run_every_script() {
    let partition = Partition::with_user(&documented_user()).await.telling(100);
    for node in [NORTH, SOUTH] {
        partition.pulse(Beat { nonce: "nonce", ..Beat::of(node, LEASE) }).await;
    }
    let mut everywhere = partition.listen_everywhere().await;
    partition.join_to_return(&ANN, "key 1").await;
    partition.join(&BEN).await;
    for n in 1..=1025 {
        partition.post(&ANN, &BEN.says(n)).await;
    }
    assert_eq!(partition.broadcast(&BEN, "too many").await, [ANN.sid]);
    assert_eq!(partition.info(&ANN, "{}").await, 1);
    assert!(partition.sync(&ANN).await.is_ok());
    assert_eq!(partition.trim(&ANN, &BEN.says(1)).await, 1);
    assert_eq!(partition.ack(&ANN, &[(&BEN, 2)]).await, 1);
    assert_eq!(partition.detach(&ANN).await, 1);
    let back = ANN.resumed_by(1, NORTH);
    assert!(partition.resume(&back, "key 1", "key 2", &[(&BEN, 3)]).await.is_ok());
    assert_eq!(partition.audit(NORTH).await.len(), 1);
    assert_eq!(partition.leave(&BEN, "left").await, 1);
    partition.lapse(NORTH).await;
    assert_eq!(partition.beat(SOUTH, LEASE).await.1, [NORTH]);
    assert_eq!(partition.reap(NORTH, 16).await, (1, 0));
    partition.expire_window_of(&ANN).await;
    assert_eq!(partition.expire(16).await, (1, false));
    partition.pulse(Beat { server: "another", ..Beat::knowing(NORTH, LEASE, "data server") }).await;
    assert_eq!(partition.restore(&back, Some(["key 2", ""])).await, Value::Int(2));
    assert_eq!(partition.leave(&back, "left").await, 1);
    partition.beat(SOUTH, LEASE).await;
    partition.join(&BEN).await;
    partition.join(&DAN).await;
    assert_eq!(partition.rooms("", 9).await.len(), 2);
    assert_eq!(partition.room(DAN.room).await.1.len(), 1);
    assert_eq!(partition.socket(&DAN).await.len(), 4);
    assert_eq!(partition.announce(DAN.room, "{}").await, 1);
    assert!(partition.kick(&DAN).await);
    assert_eq!(partition.close(BEN.room, 9).await, (1, 0));
    assert_eq!(partition.reply("name", "answer").await, 1);
    assert_eq!(partition.retire(SOUTH).await, 0);
    assert_eq!(partition.connected(&[(&ANN, "192.0.2.1")]).await, 1);
    assert!(partition.turn(SOUTH, LEASE, ("", 0), 100).await.is_ok_and(|turn| !turn.given.is_empty()));
    assert!(!everywhere.heard().await.is_empty());
}

#[tokio::test]
async fn the_user_may_do_nothing_else() {
    let partition = Partition::with_user(&documented_user()).await;
    for words in [
        &["FLUSHALL"][..],
        &["KEYS", "*"],
        &["CONFIG", "GET", "*"],
        &["EVAL", "return 1", "0"],
        &["SCRIPT", "FLUSH"],
        &["GET", "other"],
        &["SPUBLISH", "other", "text"],
        &["SSUBSCRIBE", "other"],
        &["PUBLISH", AT, "text"],
    ] {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let answer: RedisResult<Value> = command.query_async(&mut partition.redis()).await;
        assert_eq!(answer.expect_err("denied").code(), Some("NOPERM"), "{words:?}");
    }
}

/// So none is missing for a case that the tests don't reach, and none is left over when a script changes.
#[test]
fn the_user_is_allowed_what_the_scripts_do_and_the_gateway_asks() {
    let user = documented_user();
    let allowed = user.split(' ').filter_map(|word| word.strip_prefix('+'));
    let allowed: BTreeSet<String> = allowed.map(ToOwned::to_owned).collect();
    let mut needed = BTreeSet::from(GATEWAY.map(ToOwned::to_owned));
    for name in SCRIPTS.iter().chain(&["prelude"]) {
        let text = fs::read_to_string(format!("src/exchange/redis/lua/{name}.lua")).expect("a script");
        let calls = text.split("redis.call('").skip(1);
        let name = |call: &str| call.split('\'').next().expect("a name").to_lowercase();
        // Of a command with parts, one is used.
        needed.extend(calls.map(name).map(|name| match name.as_str() {
            "memory" => "memory|usage".into(),
            "xinfo" => "xinfo|stream".into(),
            _ => name,
        }));
    }
    assert_eq!(allowed, needed);
}
