//! One WebSocket: what came in a read, what goes in a write, and its end told properly.

use super::{
    frame::{self, Opcode},
    lingering::Lingering,
    reader::{Message, Reader},
};
use crate::{
    metrics::Metrics,
    protocol::{CloseCode, LeaveReason, Text},
};
use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    time::timeout,
};

/// What a thread reads into at once, in bytes: for all of its sockets, which take turns.
const READ_BUFFER: usize = 64 * 1024;

/// A thread keeps the buffer that it writes from up to this size, in bytes.
const WRITE_BUFFER: usize = 64 * 1024;

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

thread_local! {
    static INCOMING: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BUFFER].into());
    static OUTGOING: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A client's connection, once it is a WebSocket.
pub struct Socket {
    stream: Lingering,
    reader: Reader,
    incoming: Incoming,
    /// What is still to be written: answers that the protocol itself wants, and what a write was given up with. Empty, and
    /// without memory, between turns.
    unwritten: Vec<u8>,
    metrics: Arc<Metrics>,
}

/// What may be read without waiting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Incoming {
    /// Nothing.
    Nothing,
    /// Perhaps another frame.
    Frames,
    /// The frames that are left, and then nothing: the stream has ended.
    Rest,
    /// Nothing any more: the client broke the rules, and what it says after that doesn't count.
    Over,
}

/// What a read brought.
#[derive(Clone, Copy, Debug)]
pub enum Frame<'a> {
    /// A message of text.
    Text(&'a str),
    /// A message that isn't text.
    Binary(&'a [u8]),
    /// A ping, which is answered by itself, a pong, or part of a message.
    Heard,
    /// The client ended the connection, or it broke.
    Gone(LeaveReason),
    /// The client broke the rules of WebSockets.
    Broken(CloseCode),
}

/// What can be written.
#[derive(Debug)]
pub enum Outgoing {
    /// A message of text.
    Text(Text),
    /// A message that isn't text.
    Binary(Vec<u8>),
    /// A ping, which clients answer by themselves.
    Ping,
}

/// The connection broke while it was written to.
#[derive(Debug)]
pub struct Lost;

impl Socket {
    /// A socket on `stream`, of which `early` was read already. A message may have up to `limit` bytes.
    pub(super) fn new(stream: Lingering, early: &[u8], limit: usize, metrics: Arc<Metrics>) -> Self {
        let mut reader = Reader::new(limit);
        reader.take(early);
        Self { stream, reader, incoming: Incoming::Frames, unwritten: Vec::new(), metrics }
    }

    /// Waits until there may be something to take. Safe to cancel.
    pub async fn ready(&mut self) {
        if self.incoming == Incoming::Nothing {
            poll_fn(|cx| self.poll_read(cx)).await;
        }
    }

    /// The next frame, if it is there already.
    pub fn take(&mut self) -> Option<Frame<'_>> {
        if self.incoming == Incoming::Over {
            return Some(Frame::Gone(LeaveReason::Lost));
        }
        match self.reader.next() {
            Ok(Some(message)) => Some(heard(message, &mut self.unwritten, &self.metrics)),
            Ok(None) if self.incoming == Incoming::Rest => Some(Frame::Gone(LeaveReason::Lost)),
            Ok(None) => {
                self.incoming = Incoming::Nothing;
                None
            }
            Err(code) => {
                self.incoming = Incoming::Over;
                Some(Frame::Broken(code))
            }
        }
    }

    /// Writes all of the frames at once, with the answers that are due. Where it is given up, the next write goes on with the
    /// rest.
    pub async fn write(&mut self, frames: Vec<Outgoing>) -> Result<(), Lost> {
        if self.incoming == Incoming::Nothing {
            self.reader.rest();
        }
        if frames.is_empty() && self.unwritten.is_empty() {
            return Ok(());
        }
        OUTGOING.with_borrow_mut(|out| self.write_ready(frames, out)).map_err(|_| Lost)?;
        while !self.unwritten.is_empty() {
            match self.stream.write(&self.unwritten).await {
                Ok(0) | Err(_) => return Err(Lost),
                Ok(written) => drop(self.unwritten.drain(..written)),
            }
        }
        self.unwritten = Vec::new();
        Ok(())
    }

    /// Writes what can be written without waiting, and keeps the rest. `out` is empty before and after.
    fn write_ready(&mut self, frames: Vec<Outgoing>, out: &mut Vec<u8>) -> io::Result<()> {
        out.append(&mut self.unwritten);
        for frame in frames {
            self.encode(&frame, out);
        }
        let written = self.stream.write_ready(out);
        if let Ok(written) = written {
            self.unwritten.extend_from_slice(&out[written..]);
        }
        out.clear();
        out.shrink_to(WRITE_BUFFER);
        written.map(drop)
    }

    fn encode(&self, frame: &Outgoing, out: &mut Vec<u8>) {
        match frame {
            Outgoing::Text(text) => {
                self.metrics.frames_sent.inc();
                self.metrics.sent_bytes.inc_by(text.len() as u64);
                frame::encode(Opcode::Text, text.as_bytes(), out);
            }
            Outgoing::Binary(bytes) => frame::encode(Opcode::Binary, bytes, out),
            Outgoing::Ping => frame::encode(Opcode::Ping, &[], out),
        }
    }

    /// Lets a client go that went by itself: the answer to its close frame only has to leave.
    pub async fn part(mut self) {
        // Where the connection is broken, there is nothing to let go.
        let _ = timeout(CLOSE_TIMEOUT, self.write(Vec::new())).await;
    }

    /// Says why, and waits a little for the client to say that it heard, unless it broke the rules (RFC 6455, section 7.1.7).
    pub async fn close(mut self, code: CloseCode) {
        frame::encode_close(code.code(), code.name(), &mut self.unwritten);
        let farewell = async {
            if self.write(Vec::new()).await.is_ok() {
                self.until_closed().await;
            }
        };
        // It went, or it didn't answer: both end here.
        let _ = timeout(CLOSE_TIMEOUT, farewell).await;
    }

    /// Throws away what the client still says before it closes.
    async fn until_closed(&mut self) {
        loop {
            self.ready().await;
            while let Some(frame) = self.take() {
                if matches!(frame, Frame::Gone(_) | Frame::Broken(_)) {
                    return;
                }
            }
            self.reader.rest();
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        INCOMING.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let over = read.is_err() || buffer.filled().is_empty();
            self.incoming = if over { Incoming::Rest } else { Incoming::Frames };
            self.reader.take(buffer.filled());
            Poll::Ready(())
        })
    }
}

/// Counts a message and writes the answer that the protocol itself wants.
fn heard<'a>(message: Message<'a>, out: &mut Vec<u8>, metrics: &Metrics) -> Frame<'a> {
    let count = |size: usize| {
        metrics.frames_received.inc();
        metrics.received_bytes.inc_by(size as u64);
    };
    match message {
        Message::Text(text) => {
            count(text.len());
            Frame::Text(text)
        }
        Message::Binary(bytes) => {
            count(bytes.len());
            Frame::Binary(bytes)
        }
        Message::Ping(payload) => {
            frame::encode(Opcode::Pong, payload, out);
            Frame::Heard
        }
        Message::Pong | Message::Fragment => Frame::Heard,
        Message::Close(code) => {
            match code {
                Some(code) => frame::encode_close(code, "", out),
                None => frame::encode(Opcode::Close, &[], out),
            }
            Frame::Gone(parting(code))
        }
    }
}

/// A client that closes with 1000, with 1001 (its page is left) or without a code means to go.
fn parting(code: Option<u16>) -> LeaveReason {
    match code {
        None | Some(1000 | 1001) => LeaveReason::Left,
        Some(_) => LeaveReason::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpStream},
        sync::Semaphore,
    };
    use tokio_util::task::TaskTracker;

    /// A socket, and its client's end.
    async fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let place = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        let stream = Lingering::new(stream, place, TaskTracker::new());
        (Socket::new(stream, &[], 1024, Arc::new(Metrics::new().unwrap())), client)
    }

    fn text(length: usize) -> Outgoing {
        Outgoing::Text("x".repeat(length).into())
    }

    #[tokio::test]
    async fn a_write_that_is_given_up_leaves_no_half_a_frame() {
        // More than the system takes while nobody reads.
        const LARGE: usize = 32 * 1024 * 1024;
        let (mut socket, mut client) = pair().await;
        assert!(socket.write(vec![text(LARGE)]).now_or_never().is_none(), "it has to wait");
        assert!(socket.write(vec![text(3)]).now_or_never().is_none());
        let reading = async {
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).await.unwrap();
            heard
        };
        let (heard, ()) = tokio::join!(reading, socket.close(CloseCode::SlowConsumer));
        let mut expected = Vec::new();
        frame::encode(Opcode::Text, "x".repeat(LARGE).as_bytes(), &mut expected);
        frame::encode(Opcode::Text, b"xxx", &mut expected);
        frame::encode_close(4508, "slow_consumer", &mut expected);
        assert!(heard == expected, "{} bytes of {}", heard.len(), expected.len());
    }

    #[tokio::test]
    async fn between_turns_it_keeps_nothing_but_what_is_incomplete() {
        let (mut socket, mut client) = pair().await;
        assert!(socket.take().is_none(), "nothing came with the handshake");
        let mut frames = vec![0x89, 0x80, 0, 0, 0, 0];
        // A ping, and the first half of another.
        frames.extend([0x89, 0x82, 0]);
        client.write_all(&frames).await.unwrap();
        socket.ready().await;
        assert!(matches!(socket.take(), Some(Frame::Heard)));
        assert!(socket.take().is_none());
        socket.write(Vec::new()).await.unwrap();
        assert_eq!((socket.unwritten.capacity(), socket.reader.kept()), (0, 3));
        client.write_all(&[0, 0, 0, b'h', b'i']).await.unwrap();
        socket.ready().await;
        assert!(matches!(socket.take(), Some(Frame::Heard)));
        assert!(socket.take().is_none());
        socket.write(Vec::new()).await.unwrap();
        assert_eq!(socket.reader.kept(), 0);
        let mut pongs = [0; 6];
        client.read_exact(&mut pongs).await.unwrap();
        assert_eq!(pongs, [0x8A, 0, 0x8A, 2, b'h', b'i']);
    }
}
