//! A server that webhooks are sent to. It verifies them by itself, and answers as it is told to.

use super::story::Story;
use crate::harness::{
    posts::{self, Post},
    until,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;
use serde_json::Value;
use std::{
    collections::HashMap,
    future::pending,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

const KEY: &[u8; 32] = b"a key that none but tests know .";

/// What `--webhook-secret` takes.
pub(super) fn secret() -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(KEY))
}

pub(super) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: Option<AbortOnDropHandle<()>>,
}

#[derive(Default)]
struct Shared {
    mood: Mutex<Mood>,
    hooks: Mutex<Vec<Hook>>,
    /// What is wrong with what came.
    wrong: Mutex<Vec<String>>,
}

/// How it answers.
#[derive(Clone, Copy, Default)]
pub(super) enum Mood {
    /// With success.
    #[default]
    Well,
    /// With success, but not at once.
    Slow,
    /// With this status, and these lines of a head.
    Ill(&'static str),
    /// Not at all.
    Silent,
    /// By closing the connection.
    Gruff,
    /// In any of these ways, each for some of the requests.
    Moody,
}

/// A request that came.
#[derive(Clone)]
pub(super) struct Hook {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) body: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) at: Instant,
    /// Whether it was answered with success.
    pub(super) taken: bool,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let mut receiver = Self {
            address: "127.0.0.1:0".parse().expect("an address"),
            shared: Arc::default(),
            server: None,
        };
        receiver.open().await;
        receiver
    }

    /// Serves, where it did before.
    #[allow(clippy::unused_async, reason = "it needs a runtime")]
    pub(super) async fn open(&mut self) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a fresh socket");
        socket.bind(self.address).expect("a free port");
        let listener = socket.listen(64).expect("a bound socket");
        self.address = listener.local_addr().expect("bound");
        let shared = self.shared.clone();
        let serving = posts::serve(listener, move |stream| converse(stream, shared.clone()));
        self.server = Some(AbortOnDropHandle::new(tokio::spawn(serving)));
    }

    /// Is gone, with its connections.
    pub(super) async fn shut(&mut self) {
        let server = self.server.take().expect("open");
        server.abort();
        let _ = server.await;
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook?for=tests", self.address)
    }

    pub(super) fn be(&self, mood: Mood) {
        *self.shared.mood.lock().expect("no panic") = mood;
    }

    /// Every request so far. All of them were right.
    pub(super) fn hooks(&self) -> Vec<Hook> {
        let wrong = self.shared.wrong.lock().expect("no panic").clone();
        assert_eq!(wrong, [""; 0]);
        self.shared.hooks.lock().expect("no panic").clone()
    }

    /// What it took, each once, as a back end sees it that drops an id that it has had.
    pub(super) fn story(&self) -> Story {
        let mut had: HashMap<String, String> = HashMap::new();
        let mut events = Vec::new();
        for hook in self.hooks() {
            let before = had.insert(hook.id.clone(), hook.body.clone());
            assert!(
                before.as_ref().is_none_or(|before| *before == hook.body),
                "a repeat says the same: {before:?}"
            );
        }
        let mut taken: Vec<String> = Vec::new();
        for hook in self.hooks().into_iter().filter(|hook| hook.taken) {
            if !taken.contains(&hook.id) {
                events.push(serde_json::from_str::<Value>(&hook.body).expect("JSON"));
                taken.push(hook.id);
            }
        }
        Story(events)
    }

    /// Waits until what it took is as it should be.
    pub(super) async fn until(&self, what: &str, holds: impl Fn(&Story) -> bool) -> Story {
        until(what, async || holds(&self.story())).await;
        self.story()
    }

    /// Waits for so many requests.
    pub(super) async fn until_asked(&self, times: usize) {
        until("it is asked", async || self.hooks().len() >= times).await;
    }
}

/// Takes requests for as long as the connection lasts.
async fn converse(mut stream: BufReader<TcpStream>, shared: Arc<Shared>) {
    while let Some(Post { line, headers, body }) = Post::read(&mut stream).await {
        let path = line.strip_prefix("POST ").expect("a POST").split(' ').next().expect("a path").to_owned();
        let body = String::from_utf8(body).expect("UTF-8");
        let mood = match *shared.mood.lock().expect("no panic") {
            Mood::Moody => [
                Mood::Well,
                Mood::Well,
                Mood::Well,
                Mood::Well,
                Mood::Gruff,
                Mood::Ill("500 Internal Server Error"),
            ][fastrand::usize(..6)],
            mood => mood,
        };
        if let Err(why) = verify(&headers, &body) {
            shared.wrong.lock().expect("no panic").push(why);
        }
        let taken = matches!(mood, Mood::Well | Mood::Slow);
        let id = headers.get("webhook-id").cloned().unwrap_or_default();
        let hook = Hook { id, path, body, headers, at: Instant::now(), taken };
        shared.hooks.lock().expect("no panic").push(hook);
        let head = match mood {
            Mood::Well => "204 No Content\r\n",
            Mood::Slow => {
                sleep(Duration::from_millis(100)).await;
                "204 No Content\r\n"
            }
            Mood::Ill(head) => &format!("{head}\r\nContent-Length: 0\r\n"),
            Mood::Silent => pending().await,
            Mood::Gruff | Mood::Moody => return,
        };
        if stream.write_all(format!("HTTP/1.1 {head}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

/// As the standard says, and by other means than the node's.
fn verify(headers: &HashMap<String, String>, body: &str) -> Result<(), String> {
    let header = |name: &str| headers.get(name).ok_or_else(|| format!("no {name}"));
    let (id, time) = (header("webhook-id")?, header("webhook-timestamp")?);
    let signature = header("webhook-signature")?.strip_prefix("v1,").ok_or("not of the first version")?;
    let signature = BASE64_STANDARD.decode(signature).map_err(|error| error.to_string())?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
    hmac::verify(&key, format!("{id}.{time}.{body}").as_bytes(), &signature)
        .map_err(|_| "a wrong signature")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let sent: u64 = time.parse().map_err(|_| "not a time")?;
    if now.abs_diff(sent) > 60 || header("content-type")? != "application/json" {
        return Err(format!("{time} at {now}, {headers:?}"));
    }
    Ok(())
}
