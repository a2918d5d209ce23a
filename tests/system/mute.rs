//! A gateway whose exchange doesn't answer.

use crate::harness::{Ended, Endpoints, gateway};
use serde_json::json;
use std::sync::Arc;
use switchboard::{
    exchange::{Entry, Exchange, Recipient},
    protocol::{Had, Info, LeaveReason, Signal, SocketId},
    room::{Claim, Member},
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Takes joins and says nothing; tells the test who leaves.
struct Mute(UnboundedSender<LeaveReason>);

impl Exchange for Mute {
    fn join(&self, _: &Member, _: Entry, _: Arc<dyn Recipient>) {}
    fn resume(&self, _: &Member, _: Claim, _: Arc<dyn Recipient>) {}
    fn detach(&self, _: &Member) {}
    fn acknowledge(&self, _: &Member, _: Had) {}
    fn leave(&self, _: &Member, reason: LeaveReason) {
        self.0.send(reason).expect("the test listens");
    }
    fn post(&self, _: &Member, _: SocketId, _: Signal) {}
    fn broadcast(&self, _: &Member, _: Signal) {}
    fn set_info(&self, _: &Member, _: Info) {}
    fn sync(&self, _: &Member) {}
    fn health(&self) -> Result<(), String> {
        Ok(())
    }
}

async fn mute_gateway(join_timeout: &str) -> (Endpoints, UnboundedReceiver<LeaveReason>) {
    let (leaves, left) = unbounded_channel();
    let flags = ["--join-timeout", join_timeout, "--ping-interval", "100ms"];
    (gateway(Arc::new(Mute(leaves)), &flags).await, left)
}

#[tokio::test]
async fn who_waits_is_heard_and_may_go() {
    let (gateway, mut left) = mute_gateway("1m").await;
    let mut ann = gateway.client().await;
    ann.say("join", json!({ "room": "room" })).await;
    for _ in 0..3 {
        ann.hear_ping().await;
    }
    ann.close().await;
    assert_eq!(left.recv().await, Some(LeaveReason::Left));
}

#[tokio::test]
async fn who_waits_too_long_is_told_and_then_served_on() {
    let (gateway, mut left) = mute_gateway("200ms").await;
    let mut ann = gateway.client().await;
    ann.say("join", json!({ "room": "room" })).await;
    ann.say_frame(json!({ "eventName": "message", "data": {}, "n": 7 })).await;
    assert_eq!(ann.hear_error("unavailable").await["retryable"], true);
    assert_eq!(left.recv().await, Some(LeaveReason::Lost));
    assert_eq!(ann.hear_error("not_joined").await["n"], 7);
    assert_eq!(ann.ended().await, Ended::with(4408, "join_timeout"));
}

#[tokio::test]
async fn a_skyrtc_client_that_waits_too_long_may_come_back() {
    let (gateway, _left) = mute_gateway("50ms").await;
    let mut ann = gateway.skyrtc_client().await;
    ann.say("__join", json!({ "room": "room" })).await;
    assert_eq!(ann.ended().await, Ended::with(4503, "unavailable"));
}
