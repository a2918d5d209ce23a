//! A bare WebSocket client. Every frame that it says and hears is held against `docs/asyncapi.yaml`.

use super::contract::{self, Dialect, Direction};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{
    Message,
    client::IntoClientRequest,
    handshake::client::Request,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async_with_config};

/// Longer than anything takes that works: what isn't there by then is missing.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    dialect: Dialect,
    /// Its id, once it has joined.
    pub(crate) id: String,
}

/// How a connection ended, as its client saw it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: u16,
    pub(crate) name: String,
}

impl Client {
    pub(crate) async fn connect(url: &str) -> Self {
        Self::connect_with(url, &[]).await
    }

    /// One whose request has these headers, too.
    pub(crate) async fn connect_with(url: &str, headers: &[(&'static str, &str)]) -> Self {
        let no_delay = true;
        let (socket, _) = connect_async_with_config(request(url, headers), None, no_delay).await.expect(url);
        Self { socket, dialect: Dialect::Native, id: String::new() }
    }

    /// The same, from one of this machine's addresses.
    pub(crate) async fn connect_from(
        source: IpAddr,
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((source, 0).into()).expect("an address of ours");
        let stream = MaybeTlsStream::Plain(socket.connect(address).await.expect("a listening node"));
        let url = format!("ws://{address}/ws");
        let (socket, _) = client_async(request(&url, headers), stream).await.expect("a WebSocket");
        Self { socket, dialect: Dialect::Native, id: String::new() }
    }

    /// Clients that connect and join a room one after the other; each has heard of all the others.
    pub(crate) async fn gather<const N: usize>(room: &str, connect: impl AsyncFn() -> Self) -> [Self; N] {
        let mut clients: Vec<Self> = Vec::new();
        for _ in 0..N {
            let mut newcomer = connect().await;
            newcomer.join(room).await;
            for earlier in &mut clients {
                earlier.hear_newcomer(&newcomer).await;
            }
            clients.push(newcomer);
        }
        clients.try_into().unwrap_or_else(|_| unreachable!("N were made"))
    }

    pub(crate) fn speaking_skyrtc(self) -> Self {
        Self { dialect: Dialect::SkyRtc, ..self }
    }

    /// Says an event that the contract knows.
    pub(crate) async fn say(&mut self, event_name: &str, data: Value) {
        self.say_frame(json!({ "eventName": event_name, "data": data })).await;
    }

    /// Says a whole frame that the contract knows.
    pub(crate) async fn say_frame(&mut self, frame: Value) {
        contract::check(Direction::Client, self.dialect, &frame);
        self.say_text(&frame.to_string()).await;
    }

    /// Says anything.
    pub(crate) async fn say_text(&mut self, text: &str) {
        self.say_message(Message::text(text)).await;
    }

    /// Says anything, in any kind of frame.
    pub(crate) async fn say_message(&mut self, message: Message) {
        self.socket.send(message).await.expect("an open connection");
    }

    /// Says anything, to a gateway that may end the connection any time.
    pub(crate) async fn try_say(&mut self, message: Message) {
        // Why it ended is read afterwards.
        let _ = self.socket.send(message).await;
    }

    /// Joins, and returns the data of `peers`.
    pub(crate) async fn join(&mut self, room: &str) -> Value {
        self.join_with(json!({ "room": room })).await
    }

    pub(crate) async fn join_with(&mut self, data: Value) -> Value {
        let (join, peers) = match self.dialect {
            Dialect::Native => ("join", "peers"),
            Dialect::SkyRtc => ("__join", "_peers"),
        };
        self.say(join, data).await;
        let data = self.hear_event(peers).await;
        self.id = data["you"].as_str().expect("an id").to_owned();
        data
    }

    /// The next frame.
    pub(crate) async fn hear(&mut self) -> Value {
        let text = self.hear_text().await;
        serde_json::from_str(&text).expect("JSON")
    }

    /// The next frame, however long it takes. To stop waiting for it loses nothing.
    pub(crate) async fn hear_any_time(&mut self) -> Value {
        loop {
            match self.next_message().await {
                Message::Text(text) => return self.checked(&text),
                Message::Close(end) => panic!("expected a text frame, got the end: {end:?}"),
                _ => {}
            }
        }
    }

    /// The next frame as it came.
    pub(crate) async fn hear_text(&mut self) -> String {
        loop {
            match self.hear_message().await {
                Message::Text(text) => {
                    self.checked(&text);
                    return text.to_string();
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected a text frame, got {other:?}"),
            }
        }
    }

    /// The next frame, nested deeper than can be checked.
    pub(crate) async fn hear_deep(&mut self) -> String {
        match self.hear_message().await {
            Message::Text(text) => text.to_string(),
            other => panic!("expected a text frame, got {other:?}"),
        }
    }

    /// The next text frame, `None` for a WebSocket pong, or how the connection ended.
    pub(crate) async fn hear_anything(&mut self) -> Result<Option<Value>, Ended> {
        loop {
            match self.hear_message().await {
                Message::Text(text) => return Ok(Some(self.checked(&text))),
                Message::Pong(_) => return Ok(None),
                Message::Close(Some(CloseFrame { code, reason })) => {
                    return Err(Ended::with(code.into(), &reason));
                }
                _ => {}
            }
        }
    }

    /// Whether its dialect has errors.
    pub(crate) fn hears_errors(&self) -> bool {
        self.dialect == Dialect::Native
    }

    /// The data of the next frame, which has this name.
    pub(crate) async fn hear_event(&mut self, event_name: &str) -> Value {
        let mut frame = self.hear().await;
        assert_eq!(frame["eventName"], event_name, "{frame}");
        frame["data"].take()
    }

    /// The next frame tells that `newcomer` is there; returns its data.
    pub(crate) async fn hear_newcomer(&mut self, newcomer: &Self) -> Value {
        let new_peer = match self.dialect {
            Dialect::Native => "new_peer",
            Dialect::SkyRtc => "_new_peer",
        };
        let data = self.hear_event(new_peer).await;
        assert_eq!(data["socketId"], json!(newcomer.id), "{data}");
        data
    }

    /// The next frame tells that the peer with this id is gone; returns its data.
    pub(crate) async fn hear_leaver(&mut self, id: &str) -> Value {
        let remove_peer = match self.dialect {
            Dialect::Native => "remove_peer",
            Dialect::SkyRtc => "_remove_peer",
        };
        let data = self.hear_event(remove_peer).await;
        assert_eq!(data["socketId"], json!(id), "{data}");
        data
    }

    /// The next frame asks it to come back elsewhere; returns after how long.
    pub(crate) async fn hear_reconnect(&mut self) -> Duration {
        let data = self.hear_event("reconnect").await;
        Duration::from_millis(data["afterMs"].as_u64().expect("milliseconds"))
    }

    /// The next frame is an error with this code; returns its data.
    pub(crate) async fn hear_error(&mut self, code: &str) -> Value {
        let error = self.hear_event("error").await;
        assert_eq!(error["code"], code, "{error}");
        error
    }

    /// The data of the next frame with this name, past those before it of the name that is `passed`.
    pub(crate) async fn hear_past(&mut self, passed: &str, event_name: &str) -> Value {
        loop {
            let mut frame = self.hear().await;
            if frame["eventName"] == event_name {
                return frame["data"].take();
            }
            assert_eq!(frame["eventName"], passed, "{frame}");
        }
    }

    /// Waits for a WebSocket ping, which is answered by itself.
    pub(crate) async fn hear_ping(&mut self) {
        while !self.hear_message().await.is_ping() {}
    }

    /// Its node has nothing for this client: the answer to a question asked now is the next thing it hears. (Where other
    /// nodes may have something, see `Site::witness_silence`.)
    pub(crate) async fn hears_nothing(&mut self) {
        match self.dialect {
            Dialect::Native => {
                self.say("ping", json!({})).await;
                self.hear_event("pong").await;
            }
            Dialect::SkyRtc => {
                let question = Message::Ping("anything there?".into());
                self.say_message(question).await;
                match self.hear_message().await {
                    Message::Pong(_) => {}
                    other => panic!("expected nothing, got {other:?}"),
                }
            }
        }
    }

    /// Waits for the end that the gateway makes, past whatever comes before it.
    pub(crate) async fn ended(&mut self) -> Ended {
        loop {
            if let Message::Close(Some(CloseFrame { code, reason })) = self.hear_message().await {
                return Ended { code: code.into(), name: reason.to_string() };
            }
        }
    }

    /// Says goodbye properly.
    pub(crate) async fn close(mut self) {
        let goodbye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        self.socket.close(Some(goodbye)).await.expect("an open connection");
        let answered = async {
            while let Some(Ok(message)) = self.socket.next().await {
                if message.is_close() {
                    return true;
                }
            }
            false
        };
        assert!(
            timeout(PATIENCE, answered).await.expect("an answer in time"),
            "a close frame answers a close frame"
        );
    }

    /// Goes without a word.
    pub(crate) fn vanish(self) {
        drop(self);
    }

    /// A frame of the gateway's, which the contract knows.
    fn checked(&self, text: &str) -> Value {
        let frame = serde_json::from_str(text).expect("JSON");
        contract::check(Direction::Gateway, self.dialect, &frame);
        frame
    }

    async fn hear_message(&mut self) -> Message {
        timeout(PATIENCE, self.next_message()).await.expect("something to hear")
    }

    async fn next_message(&mut self) -> Message {
        self.socket.next().await.expect("an open connection").expect("a whole frame")
    }
}

fn request(url: &str, headers: &[(&'static str, &str)]) -> Request {
    let mut request = url.into_client_request().expect(url);
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().expect("a value"));
    }
    request
}

impl Ended {
    pub(crate) fn with(code: u16, name: &str) -> Self {
        Self { code, name: name.to_owned() }
    }
}
