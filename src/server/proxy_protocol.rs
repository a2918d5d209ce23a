//! The PROXY protocol: what a proxy says of a connection before the connection's own bytes
//! (<https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>).

use ppp::{HeaderResult, v1, v2};
use std::{
    io,
    net::{IpAddr, SocketAddr},
};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What both versions have at least: by so many bytes they can be told apart.
const BEGINNING: usize = 12;

/// What version 2 has before its length's end.
const FIXED: usize = 16;

/// The longest line of version 1.
const LINE: usize = 107;

/// Reads a header, and no byte more. Gives the client's address, if it tells one: a proxy asks for itself, too.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; BEGINNING];
    stream.read_exact(&mut header).await?;
    if header == v2::PROTOCOL_PREFIX {
        header.resize(FIXED, 0);
        stream.read_exact(&mut header[BEGINNING..]).await?;
        let rest = u16::from_be_bytes([header[FIXED - 2], header[FIXED - 1]]);
        header.resize(FIXED + usize::from(rest), 0);
        stream.read_exact(&mut header[FIXED..]).await?;
    } else if header.starts_with(v1::PROTOCOL_PREFIX.as_bytes()) {
        while header.len() < LINE && !header.ends_with(b"\r\n") {
            header.push(stream.read_u8().await?);
        }
    }
    client(&header)
}

fn client(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(tcp) => Some(of(tcp.source_address, tcp.source_port)),
            v1::Addresses::Tcp6(tcp) => Some(of(tcp.source_address, tcp.source_port)),
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(header)) => Ok(match (header.command, header.addresses) {
            (v2::Command::Proxy, v2::Addresses::IPv4(ip)) => Some(of(ip.source_address, ip.source_port)),
            (v2::Command::Proxy, v2::Addresses::IPv6(ip)) => Some(of(ip.source_address, ip.source_port)),
            _ => None,
        }),
        HeaderResult::V1(Err(error)) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        HeaderResult::V2(Err(error)) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}

fn of(address: impl Into<IpAddr>, port: u16) -> SocketAddr {
    (address.into(), port).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

    /// What a header tells, if what comes after it is left alone.
    async fn told(header: &[u8]) -> Option<Option<SocketAddr>> {
        let bytes = [header, REQUEST].concat();
        let mut stream = bytes.as_slice();
        let told = read(&mut stream).await.ok()?;
        assert_eq!(stream, REQUEST);
        Some(told)
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [v2::PROTOCOL_PREFIX, &[0x20 | command, family], &length, rest].concat()
    }

    #[tokio::test]
    async fn both_versions_tell_the_client_and_leave_the_request() {
        let ann = Some("192.0.2.1:4711".parse().expect("an address"));
        assert_eq!(told(b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n").await, Some(ann));
        let addresses = [192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x67, 0, 80];
        assert_eq!(told(&version_2(1, 0x11, &addresses)).await, Some(ann));
        let and_more = [&addresses[..], &[0x04, 0, 3, 1, 2, 3]].concat();
        assert_eq!(told(&version_2(1, 0x11, &and_more)).await, Some(ann));
        let ben = Some("[2001:db8::1]:1".parse().expect("an address"));
        assert_eq!(told(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 80\r\n").await, Some(ben));
    }

    #[tokio::test]
    async fn a_proxy_may_ask_for_itself() {
        assert_eq!(told(b"PROXY UNKNOWN\r\n").await, Some(None));
        assert_eq!(told(&version_2(0, 0, &[])).await, Some(None));
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        let long = format!("PROXY TCP4 {}\r\n", "1".repeat(LINE));
        for bytes in [
            REQUEST,
            b"PROXY TCP4 nonsense\r\n",
            b"PROXYnonsense\r\n",
            b"",
            long.as_bytes(),
            &version_2(1, 0x11, &[1]),
        ] {
            assert_eq!(read(&mut &bytes[..]).await.ok(), None, "{bytes:?}");
        }
    }
}
