//! A connection that is written to where a message falls due, and read in one place: neither waits.
//!
//! `tungstenite` works on any stream that may say "not now". Here that is a tokio stream, so one thread serves thousands of
//! sockets, and no message is handed from one task to another on its way.

use crate::dialect::Transport;
use anyhow::{Context as _, Result, bail};
use bytes::{Buf as _, BytesMut};
use std::{
    future::poll_fn,
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr},
    rc::Rc,
    task::{Context, Poll},
};
use tokio::{
    io::Interest,
    net::{TcpSocket, TcpStream},
};
use tungstenite::{
    ClientHandshake, Error, HandshakeError, Message, Utf8Bytes, WebSocket,
    client::IntoClientRequest as _,
    handshake::MidHandshake,
    http::HeaderValue,
    protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
};
use url::Url;

/// As in the servers: a buffer of a socket that is mostly at rest.
const READ_BUFFER: usize = 4 * 1024;

pub(crate) enum Socket {
    WebSocket(Box<WebSocket<Stream>>),
    Plain(Plain),
}

/// Why a connection is no more.
pub(crate) type End = String;

impl Socket {
    /// Opens a connection from an address of ours, or from any.
    pub(crate) async fn open(
        transport: Transport,
        address: &Url,
        subprotocol: Option<&str>,
        source: Option<IpAddr>,
    ) -> Result<Self> {
        let stream = Stream::connect(address, source).await?;
        Ok(match transport {
            Transport::WebSocket => Self::WebSocket(Box::new(upgrade(stream, address, subprotocol).await?)),
            Transport::Plain => {
                Self::Plain(Plain { stream, read: BytesMut::new(), written: BytesMut::new() })
            }
        })
    }

    /// What tells when to go on.
    pub(crate) fn stream(&self) -> Stream {
        match self {
            Self::WebSocket(socket) => socket.get_ref().clone(),
            Self::Plain(plain) => plain.stream.clone(),
        }
    }

    /// The next message, if one is there.
    pub(crate) fn read(&mut self) -> Result<Option<Utf8Bytes>, End> {
        match self {
            Self::WebSocket(socket) => read(socket),
            Self::Plain(plain) => plain.read(),
        }
    }

    /// Puts a message where [`Self::flush`] sends it from.
    pub(crate) fn write(&mut self, text: String) -> Result<(), End> {
        match self {
            Self::WebSocket(socket) => match socket.write(Message::text(text)) {
                Ok(()) => Ok(()),
                Err(error) if is_not_now(&error) => Ok(()),
                Err(error) => Err(said(&error)),
            },
            Self::Plain(plain) => {
                let length = u32::try_from(text.len()).map_err(|_| "a message is over 4 GiB".to_owned())?;
                plain.written.extend_from_slice(&length.to_be_bytes());
                plain.written.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }
    }

    /// Sends what can be sent now; false: there is more.
    pub(crate) fn flush(&mut self) -> Result<bool, End> {
        match self {
            Self::WebSocket(socket) => match socket.flush() {
                Ok(()) => Ok(true),
                Err(error) if is_not_now(&error) => Ok(false),
                Err(error) => Err(said(&error)),
            },
            Self::Plain(plain) => plain.flush(),
        }
    }

    /// Says goodbye. The connection ends when the server has answered.
    pub(crate) fn close(&mut self) {
        match self {
            Self::WebSocket(socket) => {
                let frame = CloseFrame { code: CloseCode::Normal, reason: "bye".into() };
                let _ = socket.close(Some(frame)); // an error is heard when it is read
            }
            Self::Plain(plain) => plain.stream.close(),
        }
    }
}

fn read(socket: &mut WebSocket<Stream>) -> Result<Option<Utf8Bytes>, End> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => return Ok(Some(text)),
            Ok(Message::Binary(bytes)) => {
                return Err(format!("a binary frame of {} bytes came", bytes.len()));
            }
            Ok(Message::Close(Some(CloseFrame { code, reason }))) => {
                let _ = socket.flush(); // answers it
                return Err(format!("the server closed it with {} {reason}", u16::from(code)));
            }
            Ok(Message::Close(None)) => return Err("the server closed it without a code".into()),
            Ok(_) => {} // a ping; its answer goes out with the next flush
            Err(error) if is_not_now(&error) => return Ok(None),
            Err(error) => return Err(said(&error)),
        }
    }
}

fn is_not_now(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == ErrorKind::WouldBlock)
}

fn said(error: &Error) -> End {
    match error {
        Error::Io(error) => format!("it broke: {error}"),
        Error::ConnectionClosed => "it was closed".into(),
        error => format!("it broke: {error}"),
    }
}

async fn upgrade(stream: Stream, address: &Url, subprotocol: Option<&str>) -> Result<WebSocket<Stream>> {
    let mut request = address.as_str().into_client_request()?;
    if let Some(name) = subprotocol {
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_str(name)?);
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_write_buffer_size(usize::MAX)
        .max_message_size(None)
        .max_frame_size(None);
    let readiness = stream.clone();
    let mut step = tungstenite::client::client_with_config(request, stream, Some(config));
    loop {
        let waiting: MidHandshake<ClientHandshake<Stream>> = match step {
            Ok((socket, _)) => return Ok(socket),
            Err(HandshakeError::Failure(error)) => bail!("the upgrade failed: {error}"),
            Err(HandshakeError::Interrupted(waiting)) => waiting,
        };
        poll_fn(|context| readiness.poll(context, false)).await;
        step = waiting.handshake();
    }
}

/// A stream that says "not now" where another would wait. Its clones are the same stream.
#[derive(Clone)]
pub(crate) struct Stream(Rc<TcpStream>);

impl Stream {
    async fn connect(address: &Url, source: Option<IpAddr>) -> Result<Self> {
        let addresses = address.socket_addrs(|| None).with_context(|| format!("{address} leads nowhere"))?;
        let [to, ..] = addresses[..] else { bail!("{address} leads nowhere") };
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = source {
            socket
                .bind(SocketAddr::new(source, 0))
                .with_context(|| format!("{source} can't be connected from"))?;
        }
        let stream = socket.connect(to).await.with_context(|| format!("{to} can't be reached"))?;
        stream.set_nodelay(true)?;
        Ok(Self(Rc::new(stream)))
    }

    /// Ready when there is something to read, or, if asked, when something can be written.
    pub(crate) fn poll(&self, context: &mut Context<'_>, to_write: bool) -> Poll<()> {
        if self.0.poll_read_ready(context).is_ready() {
            return Poll::Ready(());
        }
        if to_write && self.0.poll_write_ready(context).is_ready() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn close(&self) {
        let _ = rustix::net::shutdown(&*self.0, rustix::net::Shutdown::Write); // it is gone already
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.try_read(buffer)?;
        if 0 < read && read < buffer.len() {
            // That was all there is. Tokio is told so as by a read that finds nothing, which saves that read. It has to be
            // now: once something new was announced, this would take the announcement back.
            let nothing = || Err::<(), _>(ErrorKind::WouldBlock.into());
            let _ = self.0.try_io(Interest::READABLE, nothing);
        }
        Ok(read)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Messages behind their length.
pub(crate) struct Plain {
    stream: Stream,
    read: BytesMut,
    written: BytesMut,
}

impl Plain {
    fn read(&mut self) -> Result<Option<Utf8Bytes>, End> {
        loop {
            if let Some(message) = self.take() {
                return match Utf8Bytes::try_from(message.freeze()) {
                    Ok(text) => Ok(Some(text)),
                    Err(_) => Err("a message wasn't text".into()),
                };
            }
            let had = self.read.len();
            self.read.resize(had + READ_BUFFER, 0);
            let read = self.stream.read(&mut self.read[had..]);
            self.read.truncate(had + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => return Err("the server closed it".into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(format!("it broke: {error}")),
            }
        }
    }

    fn take(&mut self) -> Option<BytesMut> {
        let length = u32::from_be_bytes(*self.read.first_chunk()?) as usize;
        if self.read.len() < 4 + length {
            return None;
        }
        self.read.advance(4);
        Some(self.read.split_to(length))
    }

    fn flush(&mut self) -> Result<bool, End> {
        while !self.written.is_empty() {
            match self.stream.write(&self.written) {
                Ok(count) => self.written.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(format!("it broke: {error}")),
            }
        }
        Ok(true)
    }
}
