//! One WebSocket, for a caller of many: little memory, and no wait without an end.

use super::{Ending, Habits};
use crate::harness::contract::{self, Dialect, Direction};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

pub(crate) struct Line {
    socket: WebSocketStream<TcpStream>,
    habits: Habits,
    /// Which of the nodes it goes to.
    pub(super) door: usize,
}

impl Line {
    /// `None` where nobody answers.
    pub(super) async fn open(address: SocketAddr, door: usize, habits: Habits) -> Option<Self> {
        let opened = async {
            let stream = TcpStream::connect(address).await.ok()?;
            stream.set_nodelay(true).ok()?;
            let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
            let url = format!("ws://{address}/ws");
            client_async_with_config(url, stream, Some(config)).await.ok()
        };
        let (socket, _) = timeout(habits.patience, opened).await.ok()??;
        Some(Self { socket, habits, door })
    }

    pub(super) async fn say(&mut self, text: &str) -> Result<(), Ending> {
        if self.habits.checked {
            let frame = serde_json::from_str(text).expect("JSON");
            contract::check(Direction::Client, Dialect::Native, &frame);
        }
        let said = timeout(self.habits.patience, self.socket.send(Message::text(text)));
        match said.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.last_word().await),
            Err(_) => Err(Ending::Silent),
        }
    }

    /// The next frame, however long it takes. To stop waiting for it loses nothing.
    pub(super) async fn hear(&mut self) -> Result<Value, Ending> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text).expect("JSON");
                    if self.habits.checked {
                        contract::check(Direction::Gateway, Dialect::Native, &frame);
                    }
                    return Ok(frame);
                }
                Some(Ok(Message::Close(Some(close)))) => return Err(Ending::Closed(close.code.into())),
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return Err(Ending::Broken),
            }
        }
    }

    /// Why it can't be written to: what the gateway said at its end lies behind what it said before.
    async fn last_word(&mut self) -> Ending {
        let patience = self.habits.patience;
        let ending = async {
            loop {
                if let Err(ending) = self.hear().await {
                    return ending;
                }
            }
        };
        timeout(patience, ending).await.unwrap_or(Ending::Silent)
    }
}
