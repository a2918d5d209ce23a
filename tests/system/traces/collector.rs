//! An OpenTelemetry collector: takes OTLP over HTTP, and answers as it is told to.

pub(super) use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;

use crate::harness::{
    posts::{self, Post},
    until,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::status::StatusCode,
};
use prost::Message;
use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write,
    future::pending,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::AbortOnDropHandle;

pub(super) struct Collector {
    address: SocketAddr,
    shared: Arc<Shared>,
    _server: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Shared {
    /// How the next requests are answered; then it is well.
    moods: Mutex<Vec<Mood>>,
    requests: Mutex<Vec<Post>>,
    spans: Mutex<Vec<Span>>,
}

/// How it answers.
#[derive(Clone, Copy)]
pub(super) enum Mood {
    /// With this status.
    Ill(&'static str),
    /// Not at all, from now on.
    Silent,
}

/// A span that it took, with what it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// `service.name` and `service.version`.
    pub(super) service: [String; 2],
    /// `service.instance.id`.
    pub(super) node: String,
    pub(super) trace: String,
    pub(super) id: String,
    pub(super) parent: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) since: u64,
    pub(super) until: u64,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) is_error: bool,
}

impl Collector {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (address, shared) = (listener.local_addr().expect("bound"), Arc::<Shared>::default());
        let known = shared.clone();
        let serving = posts::serve(listener, move |stream| converse(stream, known.clone()));
        Self { address, shared, _server: AbortOnDropHandle::new(tokio::spawn(serving)) }
    }

    /// What `--otlp-endpoint` takes.
    pub(super) fn url(&self) -> String {
        format!("http://ann:p%40ss@{}", self.address)
    }

    /// Answers the next requests so.
    pub(super) fn be(&self, moods: &[Mood]) {
        self.shared.moods.lock().expect("no panic").extend(moods.iter().rev());
    }

    /// All requests so far.
    pub(super) fn requests(&self) -> Vec<Post> {
        self.shared.requests.lock().expect("no panic").clone()
    }

    pub(super) fn spans(&self) -> Vec<Span> {
        self.shared.spans.lock().expect("no panic").clone()
    }

    /// What came so far is over.
    pub(super) fn forget(&self) {
        self.shared.spans.lock().expect("no panic").clear();
    }

    /// Waits for so many spans; there are no more.
    pub(super) async fn until(&self, count: usize) -> Vec<Span> {
        until(&format!("{count} spans"), async || self.spans().len() >= count).await;
        let spans = self.spans();
        assert_eq!(spans.len(), count, "{spans:?}");
        spans
    }

    /// Waits for the three spans of one message, in the order of its way.
    pub(super) async fn trace(&self) -> [Span; 3] {
        let mut spans = self.until(3).await;
        let traces: HashSet<_> = spans.iter().map(|span| span.trace.clone()).collect();
        assert_eq!(traces.len(), 1, "{spans:?}");
        spans.sort_by_key(|span| match span.kind {
            Kind::Server => 0,
            Kind::Producer => 1,
            _ => 2,
        });
        spans.try_into().expect("three")
    }
}

/// Takes requests for as long as the connection lasts.
async fn converse(mut stream: BufReader<TcpStream>, shared: Arc<Shared>) {
    while let Some(post) = Post::read(&mut stream).await {
        shared.requests.lock().expect("no panic").push(post.clone());
        let mood = shared.moods.lock().expect("no panic").pop();
        let status = match mood {
            None => {
                let request = ExportTraceServiceRequest::decode(post.body.as_slice()).expect("OTLP");
                shared.spans.lock().expect("no panic").extend(spans(request));
                "200 OK"
            }
            Some(Mood::Ill(status)) => status,
            Some(Mood::Silent) => {
                shared.moods.lock().expect("no panic").push(Mood::Silent);
                pending().await
            }
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource in request.resource_spans {
        let about = attributes(resource.resource.expect("a resource").attributes);
        let about = |name: &str| about.get(name).unwrap_or_else(|| panic!("no {name}")).clone();
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Span {
                service: [about("service.name"), about("service.version")],
                node: about("service.instance.id"),
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                kind: span.kind(),
                name: span.name,
                since: span.start_time_unix_nano,
                until: span.end_time_unix_nano,
                attributes: attributes(span.attributes),
                is_error: span.status.is_some_and(|status| status.code() == StatusCode::Error),
            });
        }
    }
    spans
}

fn attributes(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |attribute: KeyValue| match attribute.value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => (attribute.key, text),
        other => panic!("{} is {other:?}", attribute.key),
    };
    attributes.into_iter().map(text).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("memory");
        text
    })
}
