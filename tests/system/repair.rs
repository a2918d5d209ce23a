//! A gateway whose exchange misses things, says so, and tells them when asked.

use crate::harness::{Ended, gateway};
use serde_json::json;
use std::sync::{Arc, Mutex};
use switchboard::{
    exchange::{Entry, Exchange, Recipient},
    protocol::{ClientEvent, ClientFrame, Dialect, Had, Info, LeaveReason, Peer, Signal, SocketId},
    room::{Claim, Event, Member, Snapshot},
};

/// Lets one client into an empty room, and misses that Ben came and said something. It hands nothing on to the room, and
/// removes who shows something else.
#[derive(Default)]
struct Forgetful(Mutex<Option<Arc<dyn Recipient>>>);

impl Forgetful {
    fn tell(&self, event: Event) {
        self.0.lock().expect("no panic").as_ref().expect("somebody joined").deliver(event);
    }
}

impl Exchange for Forgetful {
    fn join(&self, _: &Member, _: Entry, recipient: Arc<dyn Recipient>) {
        *self.0.lock().expect("no panic") = Some(recipient);
        self.tell(Event::Joined(Snapshot { version: 1, peers: Vec::new() }));
        self.tell(Event::Lapse);
    }
    fn sync(&self, _: &Member) {
        let ben = Peer::here(ben(), Info::default());
        let snapshot = Snapshot { version: 2, peers: vec![ben] };
        self.tell(Event::Synced { snapshot, mailbox: vec![hello_from_ben()] });
    }
    fn broadcast(&self, _: &Member, signal: Signal) {
        self.tell(Event::Failed { to: Some(ben()), n: Some(signal.n) });
    }
    fn resume(&self, _: &Member, _: Claim, _: Arc<dyn Recipient>) {}
    fn detach(&self, _: &Member) {}
    fn acknowledge(&self, _: &Member, _: Had) {}
    fn leave(&self, _: &Member, _: LeaveReason) {}
    fn post(&self, _: &Member, _: SocketId, _: Signal) {}
    fn set_info(&self, _: &Member, _: Info) {
        self.tell(Event::Removed);
    }
    fn health(&self) -> Result<(), String> {
        Ok(())
    }
}

#[tokio::test]
async fn what_was_missed_is_told_and_counted() {
    let gateway = gateway(Arc::new(Forgetful::default()), &[]).await;
    let mut ann = gateway.client().await;
    ann.join("room").await;
    assert_eq!(ann.hear_event("new_peer").await["socketId"], json!(ben()));
    assert_eq!(ann.hear_event("message").await["body"], "hello");
    for (series, count) in [
        ("switchboard_syncs_total", 1),
        (r#"switchboard_sync_repairs_total{kind="change"}"#, 1),
        (r#"switchboard_sync_repairs_total{kind="message"}"#, 1),
    ] {
        assert_eq!(gateway.metric(series).await, count, "{series}");
    }
}

#[tokio::test]
async fn who_cannot_be_served_is_told() {
    let gateway = gateway(Arc::new(Forgetful::default()), &[]).await;
    let mut ann = gateway.client().await;
    ann.join("room").await;
    ann.hear_event("new_peer").await;
    ann.hear_event("message").await;
    ann.say_frame(json!({ "eventName": "message", "data": {}, "n": 7 })).await;
    let error = ann.hear_error("unavailable").await;
    assert_eq!((&error["n"], &error["socketId"]), (&json!(7), &json!(ben())));
    ann.say("info", json!({ "info": 1 })).await;
    assert_eq!(ann.ended().await, Ended::with(4503, "unavailable"));
}

fn ben() -> SocketId {
    SocketId::from_random([1; SocketId::LEN])
}

fn hello_from_ben() -> Signal {
    let frame = ClientFrame::parse(r#"{"eventName":"message","data":{"body":"hello"}}"#).expect("a frame");
    let Ok(ClientEvent::Relay(relay)) = frame.event(Dialect::Native) else { panic!("a message") };
    relay.sign(ben(), 1)
}
