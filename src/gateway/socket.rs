//! One WebSocket: frames in batches, and its end told properly.

use crate::{
    metrics::Metrics,
    protocol::{CloseCode, LeaveReason, Text},
};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use futures_util::{FutureExt, SinkExt, StreamExt};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use tungstenite::{Error, error::CapacityError, error::ProtocolError};

/// Each socket holds a read buffer of this size for all its life, and reads zero it: what signaling sends mostly fits,
/// and what doesn't is read in several goes. `docs/performance.md` has the figures.
const READ_BUFFER: usize = 1024;

/// Frames gather up to this many bytes before they are written without a flush.
const WRITE_BUFFER: usize = 16 * 1024;

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Sets an upgrade's buffers and limit. axum's own are made for few, busy sockets: 128 KiB each.
pub(super) fn configure(upgrade: WebSocketUpgrade, max_frame: usize) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(max_frame)
        .max_frame_size(max_frame)
}

pub(super) struct Socket {
    socket: WebSocket,
    metrics: Arc<Metrics>,
}

/// What a read brought.
#[derive(Debug)]
pub(super) enum Frame {
    Text(Utf8Bytes),
    Binary,
    /// A ping, which is answered by itself, or a pong.
    Heard,
    /// The client ended the connection, or it broke.
    Gone(LeaveReason),
    /// The client broke the rules of WebSockets.
    Broken(CloseCode),
}

/// The connection broke while it was written to.
#[derive(Debug)]
pub(super) struct Lost;

impl Socket {
    pub(super) fn new(socket: WebSocket, metrics: Arc<Metrics>) -> Self {
        Self { socket, metrics }
    }

    /// Waits for the next frame. Safe to cancel.
    pub(super) async fn read(&mut self) -> Frame {
        let frame = self.socket.next().await;
        self.sorted(frame)
    }

    /// The next frame, if it is there already.
    pub(super) fn read_ready(&mut self) -> Option<Frame> {
        let frame = self.socket.next().now_or_never()?;
        Some(self.sorted(frame))
    }

    /// Writes all of the frames, with one flush. Not safe to cancel, but to end the connection.
    pub(super) async fn write(&mut self, frames: Vec<Outgoing>) -> Result<(), Lost> {
        for frame in frames {
            let message = match frame {
                Outgoing::Text(text) => {
                    self.metrics.frames_sent.inc();
                    self.metrics.sent_bytes.inc_by(text.len() as u64);
                    Message::Text(Utf8Bytes::try_from(text.into_bytes()).expect("a Text is UTF-8"))
                }
                Outgoing::Ping => Message::Ping(bytes::Bytes::new()),
            };
            self.socket.feed(message).await.map_err(|_| Lost)?;
        }
        self.socket.flush().await.map_err(|_| Lost)
    }

    /// Lets a client go that went by itself: tungstenite has an answer to its close frame ready, which only has to leave.
    pub(super) async fn part(mut self) {
        // Where the connection is broken, there is nothing to let go.
        let _ = timeout(CLOSE_TIMEOUT, self.socket.flush()).await;
    }

    /// Says why, and waits a little for the client to say that it heard.
    pub(super) async fn close(mut self, code: CloseCode) {
        let reason = Utf8Bytes::from_static(code.name());
        let farewell = async {
            let frame = CloseFrame { code: code.code(), reason };
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        // It went, or it didn't answer: both end here.
        let _ = timeout(CLOSE_TIMEOUT, farewell).await;
    }

    fn sorted(&self, frame: Option<Result<Message, axum::Error>>) -> Frame {
        let (frame, size) = match frame {
            None => (Frame::Gone(LeaveReason::Lost), 0),
            Some(Err(error)) => (broken(error), 0),
            Some(Ok(Message::Close(close))) => (Frame::Gone(parting(close.as_ref())), 0),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => (Frame::Heard, 0),
            Some(Ok(Message::Binary(bytes))) => (Frame::Binary, bytes.len()),
            Some(Ok(Message::Text(text))) => {
                let size = text.as_str().len();
                (Frame::Text(text), size)
            }
        };
        if matches!(frame, Frame::Text(_) | Frame::Binary) {
            self.metrics.frames_received.inc();
            self.metrics.received_bytes.inc_by(size as u64);
        }
        frame
    }
}

/// What can be written.
#[derive(Debug)]
pub(super) enum Outgoing {
    Text(Text),
    Ping,
}

/// A client that closes with 1000, with 1001 (its page is left) or without a code means to go.
fn parting(close: Option<&CloseFrame>) -> LeaveReason {
    match close.map(|close| close.code) {
        None | Some(1000 | 1001 | 1005) => LeaveReason::Left,
        Some(_) => LeaveReason::Lost,
    }
}

/// Tells what the client did wrong from a connection that just broke. tungstenite leaves the answer to us.
pub(super) fn broken(error: axum::Error) -> Frame {
    let Ok(error) = error.into_inner().downcast::<Error>() else {
        return Frame::Broken(CloseCode::Internal);
    };
    match *error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Frame::Broken(CloseCode::TooBig),
        Error::Utf8(_) => Frame::Broken(CloseCode::BadUtf8),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Frame::Gone(LeaveReason::Lost),
        Error::Protocol(_) => Frame::Broken(CloseCode::ProtocolError),
        _ => Frame::Gone(LeaveReason::Lost),
    }
}
