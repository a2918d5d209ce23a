//! A gateway whose exchange doesn't answer.

use crate::harness::{Client, Ended};
use serde_json::json;
use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc};
use switchboard::{
    config::Config,
    exchange::{Exchange, Recipient},
    gateway::{Gateway, public_routes},
    metrics::Metrics,
    protocol::{Info, LeaveReason, Signal, SocketId},
    room::Member,
};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// Takes joins and says nothing; tells the test who leaves.
struct Mute(UnboundedSender<LeaveReason>);

impl Exchange for Mute {
    fn join(&self, _: &Member, _: Info, _: NonZeroUsize, _: Arc<dyn Recipient>) {}
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

async fn mute_gateway(join_timeout: &str) -> (SocketAddr, UnboundedReceiver<LeaveReason>) {
    let (leaves, left) = unbounded_channel();
    let arguments = ["switchboard", "--join-timeout", join_timeout, "--ping-interval", "100ms"];
    let settings = Config::read(arguments.map(Into::into).to_vec()).expect("flags").server();
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let gateway = Gateway::new(settings.rules, settings.limits, Arc::new(Mute(leaves)), metrics);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(axum::serve(listener, public_routes(Arc::new(gateway))).into_future());
    (address, left)
}

#[tokio::test]
async fn who_waits_is_heard_and_may_go() {
    let (address, mut left) = mute_gateway("1m").await;
    let mut ann = Client::connect(&format!("ws://{address}/ws")).await;
    ann.say("join", json!({ "room": "room" })).await;
    for _ in 0..3 {
        ann.hear_ping().await;
    }
    ann.close().await;
    assert_eq!(left.recv().await, Some(LeaveReason::Left));
}

#[tokio::test]
async fn who_waits_too_long_is_told_and_then_served_on() {
    let (address, mut left) = mute_gateway("200ms").await;
    let mut ann = Client::connect(&format!("ws://{address}/ws")).await;
    ann.say("join", json!({ "room": "room" })).await;
    ann.say_frame(json!({ "eventName": "message", "data": {}, "n": 7 })).await;
    assert_eq!(ann.hear_error("unavailable").await["retryable"], true);
    assert_eq!(left.recv().await, Some(LeaveReason::Lost));
    assert_eq!(ann.hear_error("not_joined").await["n"], 7);
    assert_eq!(ann.ended().await, Ended::with(4408, "join_timeout"));
}

#[tokio::test]
async fn a_skyrtc_client_that_waits_too_long_may_come_back() {
    let (address, _left) = mute_gateway("50ms").await;
    let mut ann = Client::connect(&format!("ws://{address}/")).await.speaking_skyrtc();
    ann.say("__join", json!({ "room": "room" })).await;
    assert_eq!(ann.ended().await, Ended::with(4503, "unavailable"));
}
