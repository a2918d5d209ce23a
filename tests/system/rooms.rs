//! A room in the native dialect, message for message: on one node, and with each client on another.

use crate::harness::{Client, on_each_site};
use serde_json::json;
use switchboard::protocol::SocketId;

#[tokio::test]
async fn people_find_each_other() {
    on_each_site(&[], async |site| {
        let mut ann = site.client().await;
        let peers = ann.join_with(json!({ "room": "tea", "info": { "name": "Ann" } })).await;
        let version = peers["version"].as_u64().expect("a number");
        assert_eq!(
            peers,
            json!({ "you": ann.id, "room": "tea", "connections": [], "peers": [], "version": version, "iceServers": [] })
        );

        let mut ben = site.client().await;
        let peers = ben.join_with(json!({ "room": "tea", "info": { "name": "Ben" } })).await;
        assert_eq!(peers["connections"], json!([ann.id]));
        assert_eq!(peers["peers"], json!([{ "socketId": ann.id, "info": { "name": "Ann" } }]));
        assert_eq!(
            ann.hear().await,
            json!({
                "eventName": "new_peer",
                "data": { "socketId": ben.id, "info": { "name": "Ben" }, "version": version + 1 },
            })
        );

        // The newcomer offers to everyone in `peers`.
        ben.say("offer", json!({ "socketId": ann.id, "sdp": { "type": "offer", "sdp": "v=0\r\n" } })).await;
        assert_eq!(
            ann.hear().await,
            json!({
                "eventName": "offer", "n": 1,
                "data": { "socketId": ben.id, "sdp": { "type": "offer", "sdp": "v=0\r\n" } },
            })
        );
        ann.say("answer", json!({ "socketId": ben.id, "sdp": { "type": "answer", "sdp": "v=0\r\n" } })).await;
        assert_eq!(
            ben.hear().await,
            json!({
                "eventName": "answer", "n": 1,
                "data": { "socketId": ann.id, "sdp": { "type": "answer", "sdp": "v=0\r\n" } },
            })
        );
        let candidate = json!({ "socketId": ann.id, "candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host",
            "sdpMid": "0", "sdpMLineIndex": 0, "label": 0 });
        ben.say("ice_candidate", candidate).await;
        assert_eq!(ann.hear_event("ice_candidate").await["socketId"], json!(ben.id));
        let end_of_candidates = json!({ "socketId": ben.id, "candidate": "", "sdpMid": "0" });
        ann.say("ice_candidate", end_of_candidates).await;
        assert_eq!(ben.hear_event("ice_candidate").await["candidate"], json!(""));

        let id = ben.id.clone();
        ben.close().await;
        assert_eq!(
            ann.hear().await,
            json!({
                "eventName": "remove_peer",
                "data": { "socketId": id, "reason": "left", "version": version + 2 },
            })
        );
    })
    .await;
}

#[tokio::test]
async fn a_message_arrives_byte_for_byte() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = site.room("room").await;
        let data = |id: &str| format!(r#"{{ "z":1e2, "socketId" : "{id}", "é":"\u00e9\/", "a":[ 1.0 ] }}"#);
        ben.say_text(&format!(r#"{{"n":7, "data":{}, "eventName":"wave"}}"#, data(&ann.id))).await;
        assert_eq!(
            ann.hear_text().await,
            format!(r#"{{"eventName":"wave","data":{},"n":7}}"#, data(&ben.id))
        );
    })
    .await;
}

#[tokio::test]
async fn a_message_without_a_peer_goes_to_the_whole_room() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben, mut cat] = site.room("room").await;
        let [mut dan] = site.room("another room").await;
        ann.say("message", json!({ "body": "hello" })).await;
        ann.say("hand", json!({ "up": true })).await;
        for other in [&mut ben, &mut cat] {
            assert_eq!(other.hear_event("message").await, json!({ "socketId": ann.id, "body": "hello" }));
            assert_eq!(other.hear_event("hand").await, json!({ "socketId": ann.id, "up": true }));
        }
        site.witness_silence("room", [&mut ann]).await;
        site.witness_silence("another room", [&mut dan]).await;
    })
    .await;
}

#[tokio::test]
async fn what_a_peer_shows_can_change() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = site.room("room").await;
        ben.say("info", json!({ "info": { "name": "Ben", "hand": "up" } })).await;
        let shown = ann.hear_event("peer_info").await;
        let version = shown["version"].as_u64().expect("a number");
        assert_eq!(
            shown,
            json!({ "socketId": ben.id, "info": { "name": "Ben", "hand": "up" }, "version": version })
        );
        let mut cat = site.client().await;
        let peers = cat.join("room").await;
        assert_eq!(peers["peers"][1]["info"], json!({ "name": "Ben", "hand": "up" }));
        assert_eq!(peers["version"], json!(version + 1));
        // Not of its own info.
        ben.hear_newcomer(&cat).await;
    })
    .await;
}

#[tokio::test]
async fn who_leaves_may_come_back_as_someone_new() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = site.room("room").await;
        let before = ben.id.clone();
        ben.say("leave", json!({})).await;
        ben.hear_event("left").await;
        assert_eq!(ann.hear_event("remove_peer").await["reason"], "left");
        ben.join("room").await;
        assert_ne!(ben.id, before);
        assert_eq!(ann.hear_event("new_peer").await["socketId"], json!(ben.id));
        ann.say("offer", json!({ "socketId": before, "sdp": "v=0" })).await;
        assert_eq!(ann.hear_error("peer_gone").await["socketId"], json!(before));
    })
    .await;
}

#[tokio::test]
async fn who_vanishes_is_lost() {
    on_each_site(&[], async |site| {
        let [mut ann, ben] = site.room("room").await;
        ben.vanish();
        assert_eq!(ann.hear_event("remove_peer").await["reason"], "lost");
    })
    .await;
}

#[tokio::test]
async fn a_burst_keeps_its_order() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = site.room("room").await;
        for body in 0..1000 {
            ben.say("message", json!({ "socketId": ann.id, "body": body })).await;
        }
        for body in 0..1000 {
            assert_eq!(ann.hear_event("message").await["body"], json!(body));
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_asked_with_the_join_waits_for_its_answer() {
    on_each_site(&[], async |site| {
        let [mut ann] = site.room("room").await;
        let mut ben = site.client().await;
        ben.say("join", json!({ "room": "room" })).await;
        ben.say("message", json!({ "body": "hello" })).await;
        ben.hear_event("peers").await;
        ann.hear_event("new_peer").await;
        assert_eq!(ann.hear_event("message").await["body"], "hello");
    })
    .await;
}

#[tokio::test]
async fn a_repeated_number_is_not_relayed_again() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = site.room("room").await;
        for n in [3, 3, 2, 4] {
            ben.say_frame(
                json!({ "eventName": "message", "data": { "socketId": ann.id, "body": n }, "n": n }),
            )
            .await;
        }
        assert_eq!(ann.hear_event("message").await["body"], 3);
        assert_eq!(ann.hear_event("message").await["body"], 4);
    })
    .await;
}

#[tokio::test]
async fn questions_are_answered_at_any_time() {
    on_each_site(&["--ice-server", "stun:a.example:3478", "--ice-server", "stuns:b.example"], async |site| {
        let servers = json!([{ "urls": ["stun:a.example:3478"] }, { "urls": ["stuns:b.example"] }]);
        let mut ann = site.client().await;
        ann.say("ping", json!({})).await;
        ann.hear_event("pong").await;
        ann.say("leave", json!({})).await;
        ann.hear_event("left").await;
        for renewal in ["token", "ice_servers"] {
            ann.say(renewal, json!({ "token": "any" })).await;
            ann.hear_error("not_joined").await;
        }
        assert_eq!(ann.join("room").await["iceServers"], servers);
        ann.say("ice_servers", json!({})).await;
        assert_eq!(ann.hear_event("ice_servers").await, json!({ "iceServers": servers }));
    })
    .await;
}

#[tokio::test]
async fn a_full_room_takes_no_more() {
    on_each_site(&["--room-capacity", "2"], async |site| {
        let [mut ann, ben] = site.room("room").await;
        let mut cat = site.client().await;
        cat.say("join", json!({ "room": "room" })).await;
        assert_eq!(cat.hear_error("room_full").await["retryable"], true);
        cat.join("another room").await;
        ben.close().await;
        ann.hear_event("remove_peer").await;
        site.witness_silence("room", [&mut ann]).await;
    })
    .await;
}

#[tokio::test]
async fn the_subprotocol_is_optional() {
    on_each_site(&[], async |site| {
        use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

        for (offered, selected) in [
            (None, None),
            (Some("switchboard.v1"), Some("switchboard.v1")),
            (Some("x, switchboard.v1"), Some("switchboard.v1")),
        ] {
            let mut request = format!("ws://{}/ws", site.door()).into_client_request().expect("a URL");
            if let Some(offered) = offered {
                request.headers_mut().insert("sec-websocket-protocol", offered.parse().expect("a header"));
            }
            let (_, response) = connect_async(request).await.expect("an upgrade");
            let header =
                response.headers().get("sec-websocket-protocol").map(|value| value.to_str().expect("text"));
            assert_eq!(header, selected);
        }
    })
    .await;
}

#[tokio::test]
async fn ids_are_ids() {
    on_each_site(&[], async |site| {
        let clients: [Client; 3] = site.room("room").await;
        for client in &clients {
            assert_eq!(SocketId::parse(&client.id).expect("well-formed").as_str(), client.id);
        }
    })
    .await;
}

#[tokio::test]
async fn a_peer_of_another_room_cannot_be_reached() {
    on_each_site(&[], async |site| {
        let [mut ann] = site.room("room").await;
        let [mut ben] = site.room("another room").await;
        for event in ["offer", "answer", "ice_candidate", "message", "wave"] {
            ann.say(event, json!({ "socketId": ben.id, "sdp": "", "candidate": "" })).await;
            assert_eq!(ann.hear_error("peer_gone").await["socketId"], json!(ben.id), "{event}");
        }
        ann.say("message", json!({ "body": "to my room" })).await;
        site.witness_silence("room", [&mut ann]).await;
        site.witness_silence("another room", [&mut ben]).await;
    })
    .await;
}
