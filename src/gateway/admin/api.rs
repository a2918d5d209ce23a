//! The operations under `/api/v1`. `docs/admin.md` is the page for people; the document that programs read is made of what
//! stands here.

use super::{
    Admin, access,
    model::{
        Announcement, Answer, AnsweringNode, Node, NodeName, Nodes, Problem, ProblemAnswer, Removed, Report,
        Room, RoomEntry, RoomPage, SilentNode, Socket, ToldNodes, ToldRooms,
    },
    refusal::{Refusal, Refused},
};
use crate::{
    exchange::{Cursor, Question},
    protocol::{RoomName, SocketId, Text, is_custom_name},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, State, rejection::PathRejection},
    http::{StatusCode, Uri, header},
    middleware::from_fn_with_state,
    routing::{any, get},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::value::RawValue;
use std::sync::Arc;
use url::form_urlencoded;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Rooms of a page, unless asked otherwise, and at most.
const PAGE: usize = 100;
const LONGEST_PAGE: usize = 1000;

type Asked<T> = Result<Answer<T>, Refusal>;
type At = State<Arc<Admin>>;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Switchboard's admin API",
        description = "Rooms, sockets and nodes of a whole deployment, asked of any node's admin listener.",
    ),
    // What is only refused with isn't found by itself.
    components(schemas(Problem, ProblemAnswer)),
    modifiers(&Bearer),
    security(("token" = [])),
    tags(
        (name = "nodes", description = "The nodes of the deployment"),
        (name = "rooms", description = "Rooms, whichever node their members are connected to"),
        (name = "sockets", description = "Members of rooms"),
    ),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The --admin-token"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token.build()));
    }
}

/// The routes, with the document that describes them, which anybody may read.
pub(super) fn routes(admin: &Arc<Admin>) -> Router<Arc<Admin>> {
    let (operations, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(nodes))
        .routes(routes!(drain_node))
        .routes(routes!(rooms))
        .routes(routes!(room, close_room))
        .routes(routes!(announce_in_room))
        .routes(routes!(announce))
        .routes(routes!(socket, kick))
        .split_for_parts();
    let document = document.to_pretty_json().expect("plain data");
    let document = move || async move { ([(header::CONTENT_TYPE, "application/json")], document) };
    operations
        .route("/api/{*other}", any(|| async { Refusal::NoOperation }))
        .method_not_allowed_fallback(|| async { Refusal::WrongMethod })
        .layer(from_fn_with_state(admin.clone(), access::guard))
        .route("/api/v1/openapi.json", get(document))
}

/// All nodes, and how they are
///
/// A node that doesn't answer within a second is shown with its name alone.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "nodes",
    responses((status = 200, description = "The nodes", body = Nodes), Refused))]
async fn nodes(State(admin): At) -> Asked<Nodes> {
    let names = admin.directory.nodes().await?;
    let mut reports = admin.directory.ask(names.clone(), Question::Report).await?;
    let nodes = names.into_iter().map(|name| {
        let report = reports.remove(&name).and_then(|json| serde_json::from_str(&json).ok());
        admin.node(name, report)
    });
    Ok(Answer(StatusCode::OK, Nodes { nodes: nodes.collect() }))
}

/// Drain a node
///
/// It sends its clients elsewhere and stops, as it does when it is sent SIGTERM.
#[utoipa::path(post, path = "/api/v1/nodes/{node}/drain", tag = "nodes",
    params(("node" = String, Path, description = "Its name")),
    responses((status = 202, description = "It drains", body = Node), Refused))]
async fn drain_node(State(admin): At, node: Result<Path<String>, PathRejection>) -> Asked<Node> {
    let node = named(node)?;
    if !admin.directory.nodes().await?.contains(&node) {
        return Err(Refusal::NoNode);
    }
    let mut answers = admin.directory.ask(vec![node.clone()], Question::Drain).await?;
    let report = answers.remove(&node).and_then(|json| serde_json::from_str(&json).ok());
    match report {
        Some(report) => Ok(Answer(StatusCode::ACCEPTED, admin.node(node, Some(report)))),
        None => Err(Refusal::Unavailable(format!("node {node} doesn't answer"))),
    }
}

/// All rooms, page by page
///
/// A room that is there while you read from the first page to the last is on exactly one of them. One that is opened or
/// closed meanwhile may be on one. A page may have fewer than `limit`.
#[utoipa::path(get, path = "/api/v1/rooms", tag = "rooms",
    params(
        ("cursor" = Option<String>, Query, description = "Of the page before; none for the first page"),
        ("limit" = Option<usize>, Query, description = "Rooms of a page, at most: 1 to 1000, 100 if not given",
            minimum = 1, maximum = 1000),
    ),
    responses((status = 200, description = "Some rooms", body = RoomPage), Refused))]
async fn rooms(State(admin): At, uri: Uri) -> Asked<RoomPage> {
    let Paging { after, limit } = Paging::read(uri.query().unwrap_or_default())?;
    let page = admin.directory.rooms(after, limit).await?;
    let entry = |(room, members): (RoomName, u64)| RoomEntry { room: room.as_str().into(), members };
    let rooms = page.rooms.into_iter().map(entry).collect();
    let cursor = page.next.as_ref().map(written);
    Ok(Answer(StatusCode::OK, RoomPage { rooms, cursor, count: page.count }))
}

/// Who is in a room
#[utoipa::path(get, path = "/api/v1/rooms/{room}", tag = "rooms",
    params(("room" = String, Path, description = "Its name, percent-encoded")),
    responses((status = 200, description = "The room", body = Room), Refused))]
async fn room(State(admin): At, room: Result<Path<String>, PathRejection>) -> Asked<Room> {
    let room = room_named(room)?;
    let occupancy = admin.directory.room(&room).await?.ok_or(Refusal::NoRoom)?;
    Ok(Answer(StatusCode::OK, Room::new(room.as_str(), occupancy)))
}

/// Send everybody in a room away
///
/// Their connections are closed with 4411, after which clients don't come back by themselves. Who was away can't resume.
/// The name may be used again at once.
#[utoipa::path(delete, path = "/api/v1/rooms/{room}", tag = "rooms",
    params(("room" = String, Path, description = "Its name, percent-encoded")),
    responses((status = 200, description = "They are sent away", body = Removed), Refused))]
async fn close_room(State(admin): At, room: Result<Path<String>, PathRejection>) -> Asked<Removed> {
    match admin.directory.close(&room_named(room)?).await? {
        0 => Err(Refusal::NoRoom),
        removed => Ok(Answer(StatusCode::OK, Removed { removed })),
    }
}

/// Tell everybody in a room
///
/// Clients of both dialects get the frame as it is. It isn't kept: who is away misses it.
#[utoipa::path(post, path = "/api/v1/rooms/{room}/broadcast", tag = "rooms", request_body = Announcement,
    params(("room" = String, Path, description = "Its name, percent-encoded")),
    responses((status = 202, description = "It is on its way", body = ToldRooms), Refused))]
async fn announce_in_room(
    State(admin): At,
    room: Result<Path<String>, PathRejection>,
    body: Body,
) -> Asked<ToldRooms> {
    let (room, frame) = (room_named(room)?, announcement(body, admin.gateway.limits.frame).await?);
    if admin.directory.announce(&room, frame).await? {
        Ok(Answer(StatusCode::ACCEPTED, ToldRooms { rooms: 1 }))
    } else {
        Err(Refusal::NoRoom)
    }
}

/// Tell everybody in any room
///
/// As in one room. A node that doesn't answer within a second isn't counted.
#[utoipa::path(post, path = "/api/v1/broadcast", tag = "rooms", request_body = Announcement,
    responses((status = 202, description = "It is on its way", body = ToldNodes), Refused))]
async fn announce(State(admin): At, body: Body) -> Asked<ToldNodes> {
    let frame = announcement(body, admin.gateway.limits.frame).await?;
    let nodes = admin.directory.announce_to_all(frame).await?;
    Ok(Answer(StatusCode::ACCEPTED, ToldNodes { nodes }))
}

/// Where a socket is, and how it is
#[utoipa::path(get, path = "/api/v1/sockets/{id}", tag = "sockets",
    params(("id" = String, Path, description = "Its `socketId`")),
    responses((status = 200, description = "The socket", body = Socket), Refused))]
async fn socket(State(admin): At, id: Result<Path<String>, PathRejection>) -> Asked<Socket> {
    let place = admin.directory.socket(socket_named(id)?).await?.ok_or(Refusal::NoSocket)?;
    // Without its vitals it is known where it is.
    let vitals = admin.directory.vitals(&place).await.unwrap_or_default();
    Ok(Answer(StatusCode::OK, Socket::new(place, vitals.as_ref())))
}

/// Send a socket away
///
/// Its connection is closed with 4410, after which a client doesn't come back by itself; the others hear `remove_peer` with
/// the reason `kicked`. Who was away can't resume.
#[utoipa::path(delete, path = "/api/v1/sockets/{id}", tag = "sockets",
    params(("id" = String, Path, description = "Its `socketId`")),
    responses((status = 200, description = "It is sent away", body = Removed), Refused))]
async fn kick(State(admin): At, id: Result<Path<String>, PathRejection>) -> Asked<Removed> {
    if admin.directory.kick(socket_named(id)?).await? {
        Ok(Answer(StatusCode::OK, Removed { removed: 1 }))
    } else {
        Err(Refusal::NoSocket)
    }
}

impl Admin {
    fn node(&self, node: String, report: Option<Report>) -> Node {
        let own = node == self.directory.node();
        match report {
            Some(report) => Node::Answering(Box::new(AnsweringNode {
                name: NodeName { node, own, answers: true },
                report,
            })),
            None => Node::Silent(SilentNode { node, own, answers: false }),
        }
    }
}

/// Which page of the rooms.
struct Paging {
    after: Option<Cursor>,
    limit: usize,
}

impl Paging {
    fn read(query: &str) -> Result<Self, Refusal> {
        let mut paging = Self { after: None, limit: PAGE };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "cursor" => {
                    let cursor = read_cursor(&value);
                    let why = "cursor is not one that a page of rooms gave";
                    paging.after = Some(cursor.ok_or_else(|| Refusal::bad(why))?);
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=LONGEST_PAGE).contains(limit));
                    let why = "limit is a whole number from 1 to 1000";
                    paging.limit = limit.ok_or_else(|| Refusal::bad(why))?;
                }
                other => {
                    let why = format!("there is no parameter {other:?}; there are cursor and limit");
                    return Err(Refusal::Bad(why));
                }
            }
        }
        Ok(paging)
    }
}

fn written(Cursor { share, last }: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{share} {last}"))
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (share, last) = text.split_once(' ')?;
    Some(Cursor { share: share.parse().ok()?, last: RoomName::parse(last)?.as_str().into() })
}

fn named(path: Result<Path<String>, PathRejection>) -> Result<String, Refusal> {
    let Path(name) = path.map_err(|_| Refusal::bad("what the path names is UTF-8, percent-encoded"))?;
    Ok(name)
}

fn room_named(path: Result<Path<String>, PathRejection>) -> Result<RoomName, Refusal> {
    let room = RoomName::parse(&named(path)?);
    room.ok_or_else(|| Refusal::bad("no room can have this name: it is too long, or has a control character"))
}

/// What can't be an id is nobody's.
fn socket_named(path: Result<Path<String>, PathRejection>) -> Result<SocketId, Refusal> {
    SocketId::parse(&named(path)?).ok_or(Refusal::NoSocket)
}

/// Reads what clients are to be told, into the frame that tells it. It is as large as a client's own may be: an outbox has
/// room for that.
async fn announcement(body: Body, most: usize) -> Result<Text, Refusal> {
    let body = to_bytes(body, most).await.map_err(|_| Refusal::TooLarge { most })?;
    let Announcement { event_name, data } = serde_json::from_slice(&body)
        .map_err(|error| Refusal::Bad(format!("the body is not {{\"eventName\",\"data\"}}: {error}")))?;
    if !is_custom_name(&event_name) {
        return Err(Refusal::bad(
            "no event of yours can have this name: docs/protocol.md has the rules, under Custom events",
        ));
    }
    if names_a_sender(&data) {
        return Err(Refusal::bad("data has a socketId, which would make it look like a peer's"));
    }
    // The name needs no escape.
    Ok(format!(r#"{{"eventName":"{event_name}","data":{}}}"#, data.get()).into())
}

fn names_a_sender(data: &RawValue) -> bool {
    #[derive(serde::Deserialize)]
    struct Sender<'a> {
        #[serde(rename = "socketId", borrow, default)]
        id: Option<&'a RawValue>,
    }

    // What is read twice is an error, and has one, too.
    data.get().starts_with('{') && serde_json::from_str(data.get()).map_or(true, |Sender { id }| id.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_it_was_written() {
        for (share, last) in [(0, "a"), (15, "a b:c"), (1023, "房间")] {
            let cursor = Cursor { share, last: last.into() };
            assert_eq!(read_cursor(&written(&cursor)), Some(cursor));
        }
        for text in ["", "x", "MA", "🦀", &URL_SAFE_NO_PAD.encode("x a"), &URL_SAFE_NO_PAD.encode("1 ")] {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn what_clients_are_told_is_as_it_was_written() {
        let told = async |body: &str| announcement(Body::from(body.to_owned()), 1000).await;
        let frame = told(r#" {"data": [1.0, "é\/"],"eventName":"hand\u0020up"} "#).await.unwrap();
        assert_eq!(frame.as_str(), r#"{"eventName":"hand up","data":[1.0, "é\/"]}"#);
        for body in [
            "",
            "[]",
            r#"{"eventName":"a"}"#,
            r#"{"data":{}}"#,
            r#"{"eventName":"a","data":{},"to":1}"#,
            r#"{"eventName":"","data":{}}"#,
            r#"{"eventName":"peers","data":{}}"#,
            r#"{"eventName":"_peers","data":{}}"#,
            r#"{"eventName":"offer","data":{}}"#,
            r#"{"eventName":"a","data":{"x":1,"socketId":2}}"#,
            r#"{"eventName":"a","data":{"socketId":1,"socketId":2}}"#,
            r#"{"eventName":"a","data":{"socket\u0049d":1}}"#,
        ] {
            assert!(matches!(told(body).await, Err(Refusal::Bad(_))), "{body}");
        }
        let most = |length: usize| format!(r#"{{"eventName":"a","data":"{}"}}"#, "x".repeat(length - 27));
        assert_eq!(told(&most(1000)).await.unwrap().len(), 1000);
        assert_eq!(told(&most(1001)).await.err(), Some(Refusal::TooLarge { most: 1000 }));
    }
}
