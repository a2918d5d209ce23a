//! The other end of a node's own requests: a server that takes POSTs.

use std::collections::HashMap;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A request that came.
#[derive(Clone)]
pub(crate) struct Post {
    /// Its first line.
    pub(crate) line: String,
    /// By their names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// Has a conversation on each connection that comes. They end with it.
pub(crate) async fn serve<C>(listener: TcpListener, converse: impl Fn(BufReader<TcpStream>) -> C)
where
    C: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        connections.spawn(converse(BufReader::new(stream)));
        while connections.try_join_next().is_some() {}
    }
}

impl Post {
    /// The next one on a connection, if it lasts.
    pub(crate) async fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let line = read_line(stream).await?;
        let mut headers = HashMap::new();
        while let Some((name, value)) = read_line(stream).await?.split_once(": ") {
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers.get("content-length")?.parse().expect("a length")];
        stream.read_exact(&mut body).await.ok()?;
        Some(Self { line, headers, body })
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|length| *length > 0)?;
    Some(line.trim_end().to_owned())
}
