//! What one node asks another. It costs nothing while nobody asks.
//!
//! ```text
//! asker ── SPUBLISH hb:<node> "?<name> <words>" ──▶ the node's link ──▶ answering
//!   ▲                                                                      │ reply.lua
//!   └────────────────── BLPOP a:<name> ◀───────────────────────────────────┘
//! ```
//!
//! | words | what is asked |
//! | --- | --- |
//! | `report`, `drain` | what its attendant knows |
//! | `vitals` id room | how a member's connection is |
//! | `announce` frame | to tell everybody |

use super::{link::Common, partition::Partition, script::Script};
use crate::{
    exchange::{Unreachable, directory::Question, random_name},
    protocol::{RoomName, SocketId, Text},
};
use deadpool_redis::Connection;
use redis::{RedisResult, cmd, pipe};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};
use tracing::debug;

/// How long to wait for other nodes.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How long an answer is kept that nobody waits for any more, in milliseconds.
const KEPT: &str = "10000";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Of the attendant.
    Asked(Question),
    /// How a member's connection is.
    Vitals(SocketId, RoomName),
    /// To tell everybody.
    Announced(Text),
}

/// A question, as it was heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inquiry {
    /// The partition that it came by, and the answer goes by.
    pub(super) partition: usize,
    /// What it is called.
    name: String,
    about: About,
}

impl About {
    fn write(&self) -> String {
        match self {
            Self::Asked(Question::Report) => "report".into(),
            Self::Asked(Question::Drain) => "drain".into(),
            Self::Vitals(id, room) => format!("vitals {id} {room}"),
            Self::Announced(frame) => format!("announce {}", frame.as_str()),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "report" => Some(Self::Asked(Question::Report)),
            "drain" => Some(Self::Asked(Question::Drain)),
            "vitals" => {
                let (id, room) = rest.split_once(' ')?;
                Some(Self::Vitals(SocketId::parse(id)?, RoomName::parse(room)?))
            }
            "announce" => Some(Self::Announced(rest.to_owned().into())),
            _ => None,
        }
    }
}

impl Inquiry {
    /// Reads what came through the node's own channel; `None` where that is another thing, or a newer version's question.
    pub(super) fn read(partition: usize, payload: &[u8]) -> Option<Self> {
        let (name, words) = str::from_utf8(payload).ok()?.strip_prefix('?')?.split_once(' ')?;
        Some(Self { partition, name: name.to_owned(), about: About::read(words)? })
    }
}

/// What came of a question.
#[derive(Debug)]
pub(super) struct Told {
    /// The answer of each node that gave one.
    pub(super) answers: BTreeMap<String, String>,
    /// Those that don't listen.
    pub(super) unheard: Vec<String>,
}

/// Asks nodes, and waits for those that listen.
pub(super) async fn ask(
    connection: &mut Connection,
    partition: &Partition,
    nodes: &[String],
    about: &About,
    patience: Duration,
) -> RedisResult<Told> {
    let (name, deadline) = (random_name(), Instant::now() + patience);
    let question = format!("?{name} {}", about.write());
    let mut publish = pipe();
    for node in nodes {
        publish.cmd("SPUBLISH").arg(partition.probe(node)).arg(&question);
    }
    let heard: Vec<usize> = publish.query_async(connection).await?;
    let (heard, unheard): (Vec<_>, Vec<_>) =
        nodes.iter().cloned().zip(heard).partition(|(_, listeners)| *listeners > 0);
    let unheard = unheard.into_iter().map(|(node, _)| node).collect();
    let mut awaited = heard.len();
    let mut answers = BTreeMap::new();
    let key = format!("{}a:{name}", partition.at);
    while awaited > 0 {
        let left = deadline.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(1) {
            break;
        }
        let popped: Option<(String, String)> =
            cmd("BLPOP").arg(&key).arg(left.as_secs_f64()).query_async(connection).await?;
        let Some((_, answer)) = popped else { break };
        awaited -= 1;
        let (node, answer) = answer.split_once(' ').unwrap_or((&answer, ""));
        answers.insert(node.to_owned(), answer.to_owned());
    }
    Ok(Told { answers, unheard })
}

/// Answers what this node is asked, for as long as it may be.
pub(super) async fn answer_all(common: Arc<Common>, mut asked: mpsc::Receiver<Inquiry>) {
    while let Some(Inquiry { partition: number, name, about }) = asked.recv().await {
        let Some(answer) = common.answer(&about) else { continue };
        let answer = format!("{} {answer}", common.node);
        let partition = &common.lanes[number].partition;
        let replied: Result<(), Unreachable> = common
            .with_connection(number, async |connection| {
                let words = [name.as_str(), &answer, KEPT];
                partition
                    .scripts
                    .get(Script::Reply)
                    .key(&partition.at)
                    .arg(&words)
                    .invoke_async(connection)
                    .await
            })
            .await;
        if let Err(error) = replied {
            debug!(%error, "an answer to another node is lost");
        }
    }
}

impl Common {
    /// This node's answer.
    pub(super) fn answer(&self, about: &About) -> Option<String> {
        match about {
            About::Asked(question) => self.desk.answer(*question),
            About::Vitals(id, room) => self.lanes[self.layout.of(room)].vitals(*id),
            About::Announced(frame) => {
                self.lanes.iter().for_each(|lane| lane.announce(frame));
                Some(String::new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_reads_back_as_it_was_written() {
        let room = RoomName::parse("a room with spaces").unwrap();
        let frame = r#"{"eventName":"notice", "data": 1}"#.to_owned();
        for about in [
            About::Asked(Question::Report),
            About::Asked(Question::Drain),
            About::Vitals(SocketId::from_random([3; SocketId::LEN]), room),
            About::Announced(frame.into()),
        ] {
            let payload = format!("?name {}", about.write());
            let inquiry = Inquiry { partition: 7, name: "name".into(), about };
            assert_eq!(Inquiry::read(7, payload.as_bytes()), Some(inquiry), "{payload}");
        }
        for other in ["P12", "?name", "?name sing", "?name vitals short room", "", "?"] {
            assert_eq!(Inquiry::read(0, other.as_bytes()), None, "{other}");
        }
    }
}
