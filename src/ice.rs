//! Servers for finding a way between two browsers: a list of STUN servers, and TURN servers with credentials.
//!
//! The credentials are those of the TURN REST API (draft-uberti-behave-turn-rest-00, section 2.2): made from a secret
//! that the node shares with the TURN servers, good for a while, and known to none of them before they are used. So there
//! is nothing to store, and nobody to ask.

mod url;

pub use self::url::{StunUrl, TurnUrl};

use crate::{
    protocol::{IceServer, IceServers, SocketId},
    secret::Secret,
    session::IceSource,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;
use std::{
    borrow::Cow,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The STUN servers, which are the same for everybody; no TURN.
pub fn stun(servers: Vec<StunUrl>) -> IceServers {
    let servers = servers.into_iter().map(|url| IceServer::Stun { urls: vec![url.into()] });
    IceServers { servers: servers.collect(), ttl: None }
}

/// STUN and TURN servers, with credentials of its own for each client.
#[derive(Clone, Debug)]
pub struct Turn {
    stun: IceServers,
    urls: Vec<String>,
    secret: Secret,
    ttl: Duration,
}

impl Turn {
    /// TURN servers that share a secret. The credentials are good for `ttl`, in whole seconds.
    pub fn new(stun: IceServers, servers: Vec<TurnUrl>, secret: Secret, ttl: Duration) -> Self {
        let urls = servers.into_iter().map(String::from).collect();
        Self { stun, urls, secret, ttl: Duration::from_secs(ttl.as_secs()) }
    }

    fn ice_servers_at(&self, now: SystemTime, id: SocketId) -> IceServers {
        let mut told = self.stun.clone();
        let username = format!("{}:{id}", unix_seconds(now + self.ttl));
        let credential = password(&self.secret, &username);
        told.servers.push(IceServer::Turn { urls: self.urls.clone(), username, credential });
        told.ttl = Some(self.ttl);
        told
    }
}

impl IceSource for Turn {
    fn ice_servers(&self, id: SocketId) -> Cow<'_, IceServers> {
        // The TURN server reads the expiry by its own wall clock, so that no other will do.
        Cow::Owned(self.ice_servers_at(SystemTime::now(), id))
    }
}

/// `base64(hmac-sha1(secret, username))`. The draft knows no other hash, and nor does coturn.
fn password(secret: &Secret, username: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.reveal());
    BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()))
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    const SECRET: &str = "a secret of sixteen bytes and more";

    fn turn() -> Turn {
        let stun = stun(vec![StunUrl::parse("stun:stun.example.org").unwrap()]);
        let servers = ["turn:a.example", "turns:b.example?transport=tcp"];
        let servers = servers.map(|url| TurnUrl::parse(url).unwrap()).to_vec();
        Turn::new(stun, servers, Secret::new(SECRET.as_bytes()), Duration::from_millis(3_600_999))
    }

    #[test]
    fn credentials_are_those_of_the_draft() {
        let now = UNIX_EPOCH + Duration::from_millis(1_700_000_000_400);
        let id = SocketId::from_random([7; SocketId::LEN]);
        let username = "1700003600:77777777777777777777";
        let told = turn().ice_servers_at(now, id);
        assert_eq!(
            told.servers,
            [
                IceServer::Stun { urls: vec!["stun:stun.example.org".into()] },
                IceServer::Turn {
                    urls: vec!["turn:a.example".into(), "turns:b.example?transport=tcp".into()],
                    username: username.into(),
                    credential: by_openssl(SECRET, username),
                },
            ]
        );
        assert_eq!(told.ttl, Some(Duration::from_hours(1)));
    }

    #[test]
    fn they_begin_now() {
        let seconds = || unix_seconds(SystemTime::now());
        let before = seconds() + 3600;
        let told = turn().ice_servers(SocketId::from_random([1; SocketId::LEN])).into_owned();
        let Some(IceServer::Turn { username, .. }) = told.servers.last() else { panic!("{told:?}") };
        let expiry: u64 = username.split(':').next().unwrap().parse().unwrap();
        assert!((before..=seconds() + 3600).contains(&expiry), "{username}");
    }

    #[test]
    fn neither_secret_nor_credential_prints() {
        let turn = turn();
        let told = turn.ice_servers(SocketId::from_random([1; SocketId::LEN])).into_owned();
        let IceServer::Turn { credential, .. } = &told.servers[1] else { panic!("{told:?}") };
        let printed = format!("{turn:?} {told:?}");
        assert!(!printed.contains(SECRET) && !printed.contains(credential), "{printed}");
    }

    /// The password as another program makes it.
    fn by_openssl(secret: &str, username: &str) -> String {
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha1", "-binary", "-hmac", secret])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl, which scripts/test.sh installs");
        openssl.stdin.take().unwrap().write_all(username.as_bytes()).unwrap();
        BASE64_STANDARD.encode(openssl.wait_with_output().unwrap().stdout)
    }
}
