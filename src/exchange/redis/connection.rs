//! One connection to Redis: commands out, replies in, in the order of the wire. No task, no queue: whoever holds it
//! reads it.

use super::{
    address::{Address, Credentials, Kind},
    deadline::Deadline,
    tls::Tls,
    trouble::Fault,
};
use bytes::BytesMut;
use redis_protocol::resp2::{decode::decode_bytes_mut, types::BytesFrame};
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    select, time,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{self, ClientConfig, pki_types::ServerName},
};

/// What Redis answers (RESP2).
pub(super) type Reply = BytesFrame;

/// How to reach a server.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) credentials: Option<Credentials>,
    pub(super) tls: Option<Tls>,
    /// For connecting, and for each answer.
    pub(super) timeout: Duration,
}

/// An open connection, which has said hello.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    timeout: Duration,
    /// Of the answer that is waited for.
    due: Deadline,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// What a server says of itself.
#[derive(Debug, Default)]
pub(super) struct Greeting {
    version: String,
    mode: String,
    role: String,
}

impl Connection {
    /// Connects and says hello.
    pub(super) async fn open(address: &Address, access: &Access) -> Result<(Self, Greeting), Fault> {
        let Access { credentials, tls, timeout } = access;
        let tcp = TcpStream::connect((address.host.as_str(), address.port));
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time (--redis-timeout)");
        let tcp = time::timeout(*timeout, tcp).await.unwrap_or_else(|elapsed| Err(late(elapsed)));
        let tcp = tcp.and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp)).map_err(Fault::Unreachable)?;
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(tcp),
            Some(tls) => {
                let encrypted = time::timeout(*timeout, encrypted(tcp, address, tls.config.clone()));
                Box::new(encrypted.await.map_err(|_| Fault::Silent)??)
            }
        };
        let buffer = BytesMut::with_capacity(READ_BUFFER);
        let due = Deadline::new(Instant::now() + *timeout);
        let mut connection = Self { stream, buffer, timeout: *timeout, due };
        let mut hello = vec!["HELLO", "2"];
        if let Some(Credentials { user, password }) = credentials {
            hello.extend(["AUTH", user, password]);
        }
        hello.extend(["SETNAME", "switchboard"]);
        let greeting = Greeting::read(&connection.ask(&hello).await?);
        Ok((connection, greeting))
    }

    /// Sends one command and reads its reply.
    pub(super) async fn ask(&mut self, command: &[&str]) -> Result<Reply, Fault> {
        let mut bytes = Vec::new();
        write_command(&mut bytes, command, NOTHING);
        self.send(&bytes).await?;
        match self.reply().await? {
            Reply::Error(text) => Err(Fault::of_error(&text)),
            reply => Ok(reply),
        }
    }

    /// Sends commands that are already written.
    pub(super) async fn send(&mut self, commands: &[u8]) -> Result<(), Fault> {
        let sent = time::timeout(self.timeout, async {
            self.stream.write_all(commands).await?;
            self.stream.flush().await
        });
        sent.await.map_err(|_| Fault::Silent)?.map_err(|_| Fault::Closed)
    }

    /// Waits for the next reply, for as long as an answer may take.
    pub(super) async fn reply(&mut self) -> Result<Reply, Fault> {
        if let Some(reply) = self.read_ready()? {
            return Ok(reply);
        }
        self.due.set(Instant::now() + self.timeout);
        loop {
            select! {
                biased;
                read = read_more(&mut self.stream, &mut self.buffer) => read?,
                () = self.due.passed() => return Err(Fault::Silent),
            }
            if let Some(reply) = self.read_ready()? {
                return Ok(reply);
            }
        }
    }

    /// Waits for the next reply. Nothing is lost when the wait is given up.
    pub(super) async fn read(&mut self) -> Result<Reply, Fault> {
        loop {
            if let Some(reply) = self.read_ready()? {
                return Ok(reply);
            }
            read_more(&mut self.stream, &mut self.buffer).await?;
        }
    }

    /// The next reply, if it is here already.
    pub(super) fn read_ready(&mut self) -> Result<Option<Reply>, Fault> {
        let decoded =
            decode_bytes_mut(&mut self.buffer).map_err(|error| Fault::Garbled(error.to_string()))?;
        Ok(decoded.map(|(reply, ..)| reply))
    }
}

/// Waits for more. Nothing is lost when the wait is given up.
async fn read_more(stream: &mut Box<dyn Stream>, buffer: &mut BytesMut) -> Result<(), Fault> {
    // What was read is handed on in place. So a buffer is used up, and a new one allocated, for many reads and not for each.
    if buffer.capacity() - buffer.len() < SMALLEST_READ {
        buffer.reserve(READ_BUFFER);
    }
    match stream.read_buf(buffer).await {
        Ok(0) | Err(_) => Err(Fault::Closed),
        Ok(_) => Ok(()),
    }
}

const NOTHING: &[&str] = &[];

/// Read at once, at most.
const READ_BUFFER: usize = 64 * 1024;

/// Read at once, as far as there is as much.
const SMALLEST_READ: usize = 16 * 1024;

async fn encrypted(
    tcp: TcpStream,
    address: &Address,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Fault> {
    let invalid =
        |_| Fault::Certificate(io::Error::other("the host is no name that a certificate could have"));
    let name = ServerName::try_from(address.host.clone()).map_err(invalid)?;
    TlsConnector::from(config).connect(name, tcp).await.map_err(|error| {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::InvalidCertificate(_)) => Fault::Certificate(error),
            Some(_) => Fault::NoTls(error),
            None => Fault::Unreachable(error),
        }
    })
}

/// Writes a command as Redis reads it (RESP: an array of bulk strings).
pub(super) fn write_command(out: &mut Vec<u8>, command: &[&str], arguments: &[impl AsRef<[u8]>]) {
    write_header(out, b'*', command.len() + arguments.len());
    for part in command.iter().map(|part| part.as_bytes()).chain(arguments.iter().map(AsRef::as_ref)) {
        write_header(out, b'$', part.len());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
}

fn write_header(out: &mut Vec<u8>, kind: u8, count: usize) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The text of a reply that is one.
pub(super) fn text_of(reply: &Reply) -> Option<&str> {
    match reply {
        Reply::BulkString(bytes) | Reply::SimpleString(bytes) => str::from_utf8(bytes).ok(),
        _ => None,
    }
}

impl Greeting {
    fn read(reply: &Reply) -> Self {
        let mut greeting = Self::default();
        let Reply::Array(pairs) = reply else { return greeting };
        for pair in pairs.chunks_exact(2) {
            let (Some(key), Some(value)) = (text_of(&pair[0]), text_of(&pair[1])) else { continue };
            match key {
                "version" => greeting.version = value.into(),
                "mode" => greeting.mode = value.into(),
                "role" => greeting.role = value.into(),
                _ => {}
            }
        }
        greeting
    }

    /// Whether it is a master of the kind that its URL says, and recent enough.
    pub(super) fn check(&self, kind: &Kind) -> Result<(), Fault> {
        match kind {
            Kind::Cluster => self.check_mode("cluster")?,
            Kind::Standalone | Kind::Sentinel { .. } => self.check_mode("standalone")?,
        }
        let major = self.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < 7) {
            return Err(Fault::TooOld(self.version.clone()));
        }
        if self.role == "master" { Ok(()) } else { Err(Fault::Moved("it is a replica".into())) }
    }

    /// Whether it is what its URL says: `standalone`, `sentinel` or `cluster`.
    pub(super) fn check_mode(&self, expected: &str) -> Result<(), Fault> {
        let (found, form) = match self.mode.as_str() {
            mode if mode == expected => return Ok(()),
            "sentinel" => ("Sentinel", "redis+sentinel://host:port/service"),
            "cluster" => ("node of a Redis Cluster", "redis+cluster://host:port"),
            _ => ("single server", "redis://host:port"),
        };
        Err(Fault::OtherKind { found, form })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(version: &str, mode: &str, role: &str) -> Greeting {
        Greeting { version: version.into(), mode: mode.into(), role: role.into() }
    }

    #[test]
    fn a_server_must_be_what_its_url_says() {
        let standalone = Kind::Standalone;
        assert!(greeting("7.0.15", "standalone", "master").check(&standalone).is_ok());
        assert!(greeting("8.2.0", "cluster", "master").check(&Kind::Cluster).is_ok());
        for (greeting, said) in [
            (greeting("6.2.14", "standalone", "master"), "is version 6.2.14; 7.0 or later"),
            (greeting("7.0.15", "sentinel", "sentinel"), "is a Sentinel; name it redis+sentinel://"),
            (greeting("7.0.15", "cluster", "master"), "name it redis+cluster://"),
            (greeting("7.0.15", "standalone", "replica"), "it is a replica"),
        ] {
            let fault = greeting.check(&standalone).expect_err(said);
            assert!(fault.to_string().contains(said), "{fault}");
        }
    }

    #[test]
    fn commands_are_written_as_redis_reads_them() {
        let mut out = Vec::new();
        write_command(&mut out, &["GET"], &["ключ"]);
        assert_eq!(out, "*2\r\n$3\r\nGET\r\n$8\r\nключ\r\n".as_bytes());
    }
}
