//! The wire of SkyRTC 0.0.2, message for message, and both dialects in one room: on one node, and with each client on
//! another.

use crate::harness::{Client, Ended, on_each_site};
use serde_json::json;

#[tokio::test]
async fn people_find_each_other_as_in_2014() {
    on_each_site(&[], async |site| {
        let mut ann = site.skyrtc_client().await;
        ann.say("__join", json!({ "room": "tea" })).await;
        let peers = ann.hear_event("_peers").await;
        ann.id = peers["you"].as_str().expect("an id").to_owned();
        assert_eq!(peers, json!({ "connections": [], "you": ann.id }));

        let mut ben = site.skyrtc_client().await;
        let peers = ben.join_with(json!({ "room": "tea" })).await;
        assert_eq!(peers, json!({ "connections": [ann.id], "you": ben.id }));
        assert_eq!(ann.hear().await, json!({ "eventName": "_new_peer", "data": { "socketId": ben.id } }));

        let sdp = json!({ "type": "offer", "sdp": "v=0\r\n" });
        ben.say("__offer", json!({ "sdp": sdp, "socketId": ann.id })).await;
        assert_eq!(
            ann.hear().await,
            json!({ "eventName": "_offer", "data": { "sdp": sdp, "socketId": ben.id } })
        );
        ann.say("__answer", json!({ "sdp": sdp, "socketId": ben.id })).await;
        assert_eq!(
            ben.hear().await,
            json!({ "eventName": "_answer", "data": { "sdp": sdp, "socketId": ann.id } })
        );
        ben.say("__ice_candidate", json!({ "label": 1, "candidate": "candidate:1", "socketId": ann.id }))
            .await;
        assert_eq!(
            ann.hear().await,
            json!({
                "eventName": "_ice_candidate",
                "data": { "label": 1, "sdpMLineIndex": 1, "candidate": "candidate:1", "socketId": ben.id },
            })
        );

        let id = ben.id.clone();
        ben.vanish();
        assert_eq!(ann.hear().await, json!({ "eventName": "_remove_peer", "data": { "socketId": id } }));
    })
    .await;
}

#[tokio::test]
async fn both_dialects_meet_in_one_room() {
    on_each_site(&[], async |site| {
        let mut old = site.skyrtc_client().await;
        old.join("room").await;
        let mut new = site.client().await;
        assert_eq!(new.join("room").await["peers"], json!([{ "socketId": old.id, "info": null }]));
        assert_eq!(old.hear_event("_new_peer").await, json!({ "socketId": new.id }));

        new.say("offer", json!({ "socketId": old.id, "sdp": { "type": "offer", "sdp": "" } })).await;
        assert_eq!(old.hear_event("_offer").await["socketId"], json!(new.id));
        old.say("__answer", json!({ "socketId": new.id, "sdp": { "type": "answer", "sdp": "" } })).await;
        assert_eq!(new.hear_event("answer").await["socketId"], json!(old.id));

        let candidate =
            |to: &Client| json!({ "socketId": to.id, "candidate": "candidate:1", "sdpMLineIndex": 0 });
        new.say("ice_candidate", candidate(&old)).await;
        assert_eq!(old.hear_event("_ice_candidate").await["label"], 0);
        old.say("__ice_candidate", json!({ "socketId": new.id, "candidate": "candidate:1", "label": 0 }))
            .await;
        assert_eq!(
            new.hear_event("ice_candidate").await,
            json!({ "socketId": old.id, "candidate": "candidate:1", "label": 0 })
        );

        // What the old client has no word for, it isn't told.
        new.say("ice_candidate", json!({ "socketId": old.id, "candidate": "" })).await;
        new.say("message", json!({ "body": "hello" })).await;
        new.say("wave", json!({ "socketId": old.id })).await;
        new.say("info", json!({ "info": 1 })).await;
        new.say("offer", json!({ "socketId": old.id, "sdp": "after all this" })).await;
        assert_eq!(old.hear_event("_offer").await["sdp"], "after all this");
        site.witness_silence("room", [&mut old, &mut new]).await;

        new.say("leave", json!({})).await;
        assert_eq!(old.hear_event("_remove_peer").await, json!({ "socketId": new.id }));
    })
    .await;
}

#[tokio::test]
async fn a_client_without_a_room_is_in_the_default_one() {
    on_each_site(&[], async |site| {
        let mut ann = site.skyrtc_client().await;
        ann.join_with(json!({})).await;
        let mut ben = site.skyrtc_client().await;
        ben.join("").await;
        assert_eq!(ann.hear_event("_new_peer").await, json!({ "socketId": ben.id }));
        let mut cat = site.client().await;
        assert_eq!(cat.join("__default").await["connections"], json!([ann.id, ben.id]));
    })
    .await;
}

#[tokio::test]
async fn it_hears_no_errors() {
    on_each_site(&[], async |site| {
        let mut ann = site.skyrtc_client().await;
        ann.join("room").await;
        for text in [
            "nonsense",
            r#"{"eventName":"__join","data":{"room":"room"}}"#,
            r#"{"eventName":"__offer","data":{"socketId":"nobody"}}"#,
            r#"{"eventName":"__invite","data":{}}"#,
            r#"{"eventName":"message","data":{}}"#,
            r#"{"eventName":"leave"}"#,
        ] {
            ann.say_text(text).await;
            ann.hears_nothing().await;
        }
        // It is still in its room.
        site.witness_silence("room", [&mut ann]).await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_join_closes() {
    on_each_site(&["--room-capacity", "2"], async |site| {
        let [mut ann, cat] = site.room("room").await;
        for room in ["room", "\u{1}"] {
            let mut ben = site.skyrtc_client().await;
            ben.say_text(&json!({ "eventName": "__join", "data": { "room": room } }).to_string()).await;
            assert_eq!(ben.ended().await, Ended::with(4403, "forbidden"));
        }
        cat.vanish();
        assert_eq!(ann.hear_event("remove_peer").await["reason"], "lost");
    })
    .await;
}
