//! As much of a TURN client (RFC 8656) as asks for a relay: STUN messages (RFC 8489) over TCP, with long-term credentials.

use ring::hmac;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const ALLOCATE: u16 = 0x0003;
const REFRESH: u16 = 0x0004;

/// What makes an answer of a request's type: it was done, or it wasn't.
const SUCCESS: u16 = 0x0100;
const ERROR: u16 = 0x0110;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const LIFETIME: u16 = 0x000d;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const XOR_RELAYED_ADDRESS: u16 = 0x0016;
const REQUESTED_TRANSPORT: u16 = 0x0019;

/// The number of UDP, the only transport that a relay has.
const UDP: [u8; 4] = [17, 0, 0, 0];

const COOKIE: [u8; 4] = 0x2112_a442_u32.to_be_bytes();

pub(crate) struct TurnClient {
    stream: TcpStream,
    username: String,
    password: String,
    /// What the server asked for when it was asked without credentials.
    realm: Vec<u8>,
    nonce: Vec<u8>,
}

/// The code of an error: 401 where the credentials aren't good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) u16);

/// A STUN message.
struct Message {
    kind: u16,
    attributes: Vec<(u16, Vec<u8>)>,
}

impl TurnClient {
    /// One that was told whom the server takes.
    pub(crate) async fn connect(server: SocketAddr, username: &str, password: &str) -> Self {
        let mut stream = TcpStream::connect(server).await.expect("a TURN server");
        let ask = Message::new(ALLOCATE, [(REQUESTED_TRANSPORT, UDP.to_vec())]);
        let told = exchange(&mut stream, &ask.bytes()).await;
        assert_eq!(told.outcome(ALLOCATE), Err(Refused(401)), "nobody gets a relay without credentials");
        let attribute = |name| told.attribute(name).expect("what is to be repeated").to_vec();
        let (realm, nonce) = (attribute(REALM), attribute(NONCE));
        Self { stream, username: username.to_owned(), password: password.to_owned(), realm, nonce }
    }

    /// Asks for a relay.
    pub(crate) async fn allocate(&mut self) -> Result<(), Refused> {
        let answer = self.ask(ALLOCATE, (REQUESTED_TRANSPORT, UDP.to_vec())).await;
        answer.outcome(ALLOCATE)?;
        assert!(answer.attribute(XOR_RELAYED_ADDRESS).is_some(), "a relay has an address");
        Ok(())
    }

    /// Asks to keep the relay, for ten minutes more.
    pub(crate) async fn refresh(&mut self) -> Result<(), Refused> {
        self.ask(REFRESH, (LIFETIME, 600_u32.to_be_bytes().to_vec())).await.outcome(REFRESH)
    }

    async fn ask(&mut self, kind: u16, attribute: (u16, Vec<u8>)) -> Message {
        let credentials = [
            (USERNAME, self.username.clone().into_bytes()),
            (REALM, self.realm.clone()),
            (NONCE, self.nonce.clone()),
        ];
        let request = Message::new(kind, [attribute].into_iter().chain(credentials));
        let request = request.signed(&self.key());
        exchange(&mut self.stream, &request).await
    }

    /// RFC 8489, section 9.2.2.
    fn key(&self) -> hmac::Key {
        let parts = [self.username.as_bytes(), &self.realm, self.password.as_bytes()];
        hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &md5::compute(parts.join(&b':')).0)
    }
}

impl Message {
    fn new(kind: u16, attributes: impl IntoIterator<Item = (u16, Vec<u8>)>) -> Self {
        Self { kind, attributes: attributes.into_iter().collect() }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, value) in &self.attributes {
            body.extend(name.to_be_bytes());
            body.extend(length(value.len()));
            body.extend(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let id: [u8; 12] = std::array::from_fn(|_| fastrand::u8(..));
        [&self.kind.to_be_bytes(), &length(body.len())[..], &COOKIE, &id, &body].concat()
    }

    /// With its HMAC, which covers a length that counts the HMAC itself (section 14.5).
    fn signed(&self, key: &hmac::Key) -> Vec<u8> {
        let mut bytes = self.bytes();
        let whole = length(bytes.len() - 20 + 24);
        bytes[2..4].copy_from_slice(&whole);
        let hmac = hmac::sign(key, &bytes);
        [&bytes, &MESSAGE_INTEGRITY.to_be_bytes()[..], &length(20), hmac.as_ref()].concat()
    }

    fn read(kind: u16, mut body: &[u8]) -> Self {
        let mut attributes = Vec::new();
        while let [n0, n1, l0, l1, rest @ ..] = body {
            let length = usize::from(u16::from_be_bytes([*l0, *l1]));
            attributes.push((u16::from_be_bytes([*n0, *n1]), rest[..length].to_vec()));
            body = &rest[length.next_multiple_of(4)..];
        }
        Self { kind, attributes }
    }

    fn attribute(&self, name: u16) -> Option<&[u8]> {
        self.attributes.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_slice())
    }

    fn outcome(&self, asked: u16) -> Result<(), Refused> {
        if self.kind == asked | SUCCESS {
            return Ok(());
        }
        assert_eq!(self.kind, asked | ERROR, "an answer to another question");
        let code = self.attribute(ERROR_CODE).expect("a code");
        Err(Refused(u16::from(code[2]) * 100 + u16::from(code[3])))
    }
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Message {
    stream.write_all(request).await.expect("an open connection");
    let answer = async {
        let mut head = [0; 20];
        stream.read_exact(&mut head).await.expect("an answer");
        assert_eq!(head[4..], request[4..20], "the answer to this request");
        let [k0, k1, l0, l1, ..] = head;
        let mut body = vec![0; u16::from_be_bytes([l0, l1]).into()];
        stream.read_exact(&mut body).await.expect("the whole answer");
        Message::read(u16::from_be_bytes([k0, k1]), &body)
    };
    timeout(Duration::from_secs(10), answer).await.expect("an answer in time")
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).expect("a short message").to_be_bytes()
}
