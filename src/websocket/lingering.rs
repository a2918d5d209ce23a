//! A TCP stream that lets its last bytes arrive.
//!
//! Closing a socket with unread bytes in it makes the kernel send a reset, and a reset can overtake what was written
//! before: the close frame that tells a client why. So a stream that is dropped before its peer has ended stops
//! writing, reads on for a while and throws away what comes: nginx' "lingering close".

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_util::task::TaskTracker;

/// How long a peer may take to end.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// How much is read from it meanwhile, in bytes.
const LINGER_BYTES: usize = 16 * 1024 * 1024;

/// Whatever a server counts a connection by.
type Place = Box<dyn Send + Sync>;

/// A connection that its server accepted. It holds its place until it has lingered.
pub struct Lingering {
    /// `None` only while it is being dropped.
    stream: Option<TcpStream>,
    /// The peer has ended, or the connection broke: nothing to wait for.
    at_end: bool,
    /// Its place among its server's connections: taken until it has lingered.
    place: Option<Place>,
    tasks: TaskTracker,
}

impl Lingering {
    /// The task that lingers is one of `tasks`.
    pub fn new(stream: TcpStream, place: impl Send + Sync + 'static, tasks: TaskTracker) -> Self {
        // Signaling is small frames that someone waits for. Where the system refuses, they only come a little later.
        let _ = stream.set_nodelay(true);
        Self { stream: Some(stream), at_end: false, place: Some(Box::new(place)), tasks }
    }

    /// It holds this place, too.
    pub fn hold(&mut self, place: impl Send + Sync + 'static) {
        self.place = self.place.take().map(|first| Box::new((first, place)) as Place);
    }

    /// Closes it at once, with no last word to wait for.
    pub fn cut(mut self) {
        self.at_end = true;
    }

    /// Writes what can be written without waiting, and says how much that was.
    pub(super) fn write_ready(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream().try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.stream.as_mut().expect("there until it is dropped"))
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if let (Some(stream), false) = (self.stream.take(), self.at_end) {
            let place = self.place.take();
            self.tasks.spawn(async move {
                let _place = place;
                timeout(LINGER_TIMEOUT, linger(stream)).await
            });
        }
    }
}

async fn linger(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut discarded = 0;
    while discarded < LINGER_BYTES {
        stream.readable().await?;
        match discard(&stream) {
            Ok(0) => return Ok(()),
            Ok(size) => discarded += size,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads into a buffer on the stack: thousands may linger at once, and need no memory to wait.
fn discard(stream: &TcpStream) -> io::Result<usize> {
    stream.try_read(&mut [0; 16 * 1024])
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let had = buf.filled().len();
        let read = ready!(self.stream().poll_read(cx, buf));
        self.at_end = read.is_err() || (buf.filled().len() == had && buf.remaining() > 0);
        Poll::Ready(read)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
