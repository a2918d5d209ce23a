//! What an operator asks: of the partitions by scripts, over pooled connections; of the nodes by a question on their channels.

use super::{
    Redis,
    delivery::info_of,
    inquiry::{self, About, Told},
    link::Common,
    script::Script,
    topology::Server,
};
use crate::{
    exchange::directory::{
        Answering, Attendant, Cursor, Directory, Occupancy, Place, Question, RoomPage, Standing, Unreachable,
        Vitals,
    },
    protocol::{RoomName, SocketId, Text},
};
use deadpool_redis::Connection;
use futures_util::future::join_all;
use redis::{FromRedisValue, RedisResult, cmd};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Weak,
};

/// Sessions removed by one call of the script: it holds Redis up for as long as it runs.
const PORTION: &str = "64";

impl Directory for Redis {
    fn node(&self) -> &str {
        &self.common.node
    }

    fn attend(&self, attendant: Weak<dyn Attendant>) {
        self.common.desk.attend(attendant);
    }

    fn nodes(&self) -> Answering<'_, Vec<String>> {
        Box::pin(async move {
            let told = self.everywhere(|number| self.common.nodes(number)).await;
            let known: BTreeSet<String> = found(told)?.into_iter().flatten().collect();
            Ok(known.into_iter().collect())
        })
    }

    fn ask(&self, nodes: Vec<String>, question: Question) -> Answering<'_, BTreeMap<String, String>> {
        Box::pin(async move { self.common.ask_nodes(nodes, &About::Asked(question)).await })
    }

    fn rooms(&self, after: Option<Cursor>, limit: usize) -> Answering<'_, RoomPage> {
        Box::pin(async move {
            let told = self.everywhere(|number| self.common.room_count(number)).await;
            // Shares that can't be asked are passed over.
            let there: Vec<bool> = told.iter().map(Result::is_ok).collect();
            let counts = found(told)?;
            let count = (counts.len() == there.len()).then(|| counts.iter().sum());
            let Cursor { mut share, mut last } = after.unwrap_or(Cursor { share: 0, last: String::new() });
            let mut rooms = Vec::new();
            while share < there.len() {
                if there[share] {
                    let listed = self.common.list(share, &last, limit - rooms.len()).await?;
                    let name = listed.last().map(|(name, _)| name.clone());
                    rooms.extend(
                        listed
                            .into_iter()
                            .filter_map(|(name, members)| Some((RoomName::parse(&name)?, members))),
                    );
                    if rooms.len() >= limit {
                        let next = name.map(|last| Cursor { share, last });
                        return Ok(RoomPage { rooms, next, count });
                    }
                }
                (share, last) = (share + 1, String::new());
            }
            Ok(RoomPage { rooms, next: None, count })
        })
    }

    fn room<'a>(&'a self, room: &'a RoomName) -> Answering<'a, Option<Occupancy>> {
        Box::pin(async move {
            let number = self.common.layout.of(room);
            let words: Vec<String> = self.common.run(number, Script::Room, &[room.as_str()]).await?;
            let Some((version, words)) = words.split_first() else { return Ok(None) };
            let version = version.parse().unwrap_or_default();
            let mut members: Vec<(u64, (SocketId, Standing))> =
                words.chunks(5).filter_map(read_member).collect();
            members.sort_by_key(|(joined, _)| *joined);
            let members: Vec<_> = members.into_iter().map(|(_, member)| member).collect();
            Ok((!members.is_empty()).then_some(Occupancy { version, members }))
        })
    }

    fn socket(&self, id: SocketId) -> Answering<'_, Option<Place>> {
        Box::pin(async move {
            let words = self.everywhere(|number| async move {
                let words: Vec<String> = self.common.run(number, Script::Socket, &[id.as_str()]).await?;
                Ok(read_place(id, &words))
            });
            anywhere(words.await, Option::is_some)
        })
    }

    fn vitals<'a>(&'a self, place: &'a Place) -> Answering<'a, Option<Vitals>> {
        Box::pin(async move {
            let Some(node) = &place.standing.node else { return Ok(None) };
            let about = About::Vitals(place.id, place.room.clone());
            let mut answers = self.common.ask_nodes(vec![node.clone()], &about).await?;
            Ok(answers.remove(node).and_then(|json| serde_json::from_str(&json).ok()))
        })
    }

    fn kick(&self, id: SocketId) -> Answering<'_, bool> {
        Box::pin(async move {
            let kicked = self.everywhere(|number| async move {
                let kicked: u64 = self.common.run(number, Script::Kick, &[id.as_str()]).await?;
                Ok(kicked == 1)
            });
            anywhere(kicked.await, |kicked| *kicked)
        })
    }

    fn close<'a>(&'a self, room: &'a RoomName) -> Answering<'a, u64> {
        Box::pin(async move {
            let mut removed = 0;
            loop {
                let number = self.common.layout.of(room);
                let (ended, left): (u64, u64) =
                    self.common.run(number, Script::Close, &[room.as_str(), PORTION]).await?;
                removed += ended;
                if left == 0 {
                    return Ok(removed);
                }
            }
        })
    }

    fn announce<'a>(&'a self, room: &'a RoomName, frame: Text) -> Answering<'a, bool> {
        Box::pin(async move {
            let number = self.common.layout.of(room);
            let words = [room.as_str(), frame.as_str()];
            let members: u64 = self.common.run(number, Script::Announce, &words).await?;
            Ok(members > 0)
        })
    }

    fn announce_to_all(&self, frame: Text) -> Answering<'_, usize> {
        Box::pin(async move {
            let nodes = self.nodes().await?;
            Ok(self.common.ask_nodes(nodes, &About::Announced(frame)).await?.len())
        })
    }
}

impl Redis {
    /// Does something in each partition, all at once.
    async fn everywhere<T, F: Future<Output = T>>(&self, act: impl Fn(usize) -> F) -> Vec<T> {
        join_all((0..self.common.lanes.len()).map(act)).await
    }
}

impl Common {
    /// Runs a script in a partition.
    async fn run<T: FromRedisValue>(
        &self,
        number: usize,
        script: Script,
        words: &[&str],
    ) -> Result<T, Unreachable> {
        let partition = &self.lanes[number].partition;
        self.with_connection(number, async |connection| {
            partition.scripts.get(script).key(&partition.at).arg(words).invoke_async(connection).await
        })
        .await
    }

    async fn nodes(&self, number: usize) -> Result<Vec<String>, Unreachable> {
        let key = format!("{}nodes", self.lanes[number].partition.at);
        self.with_connection(number, async |connection| {
            cmd("ZRANGEBYSCORE").arg(&[&key, "-inf", "+inf"]).query_async(connection).await
        })
        .await
    }

    /// Rooms of a partition after the last one that was listed.
    async fn list(&self, number: usize, last: &str, most: usize) -> Result<Vec<(String, u64)>, Unreachable> {
        self.run(number, Script::Rooms, &[last, &most.to_string()]).await
    }

    async fn room_count(&self, number: usize) -> Result<u64, Unreachable> {
        let key = format!("{}rooms", self.lanes[number].partition.at);
        self.with_connection(number, async |connection| cmd("ZCARD").arg(&key).query_async(connection).await)
            .await
    }

    /// Asks nodes, those that don't listen at one server over the next.
    async fn ask_nodes(
        &self,
        nodes: Vec<String>,
        about: &About,
    ) -> Result<BTreeMap<String, String>, Unreachable> {
        let mut answers = BTreeMap::new();
        let (own, mut others): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|node| *node == self.node);
        for node in own {
            answers.extend(self.answer(about).map(|answer| (node, answer)));
        }
        let (mut has_asked, mut trouble) = (others.is_empty(), None);
        for number in self.first_of_each_server() {
            if others.is_empty() {
                break;
            }
            match self.ask_over(number, &others, about).await {
                Ok(Told { answers: told, unheard }) => {
                    answers.extend(told);
                    (others, has_asked) = (unheard, true);
                }
                Err(why) => trouble = Some(why),
            }
        }
        if has_asked { Ok(answers) } else { Err(trouble.unwrap_or_else(|| Unreachable(self.last_trouble()))) }
    }

    async fn ask_over(&self, number: usize, nodes: &[String], about: &About) -> Result<Told, Unreachable> {
        let partition = &self.lanes[number].partition;
        self.with_connection(number, async |connection| {
            inquiry::ask(connection, partition, nodes, about, self.patience()).await
        })
        .await
    }

    /// The first partition of each server that can be reached. There the links of all nodes listen.
    fn first_of_each_server(&self) -> Vec<usize> {
        let mut known = HashSet::new();
        let is_first =
            |number: &usize| self.pools.server_of(*number).is_some_and(|server| known.insert(server.address));
        (0..self.lanes.len()).filter(is_first).collect()
    }

    /// How long to wait for another node: less than for Redis.
    fn patience(&self) -> std::time::Duration {
        (self.timeout / 2).min(inquiry::PATIENCE)
    }

    /// Takes a connection to a partition's server for a while.
    pub(super) async fn with_connection<T>(
        &self,
        number: usize,
        act: impl AsyncFnOnce(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, Unreachable> {
        let Some(server) = self.pools.server_of(number) else {
            return Err(self.unreachable(number, None, &self.last_trouble()));
        };
        let done = self.pools.with_connection(&server, self.timeout, act).await;
        done.map_err(|trouble| self.unreachable(number, Some(&server), &trouble.to_string()))
    }

    fn unreachable(&self, number: usize, server: Option<&Server>, trouble: &str) -> Unreachable {
        let (number, of) = (number + 1, self.lanes.len());
        let place = server.map(|server| format!(", on {}", server.address)).unwrap_or_default();
        Unreachable(format!("partition {number} of {of}{place} can't be asked: {trouble}"))
    }
}

/// What is found in some partition; nothing, if all say so; else why one doesn't.
fn anywhere<T>(told: Vec<Result<T, Unreachable>>, is_it: impl Fn(&T) -> bool) -> Result<T, Unreachable> {
    let mut nothing = None;
    for answer in told {
        match answer {
            Ok(found) if is_it(&found) => return Ok(found),
            Ok(other) => nothing = Some(nothing.unwrap_or(Ok(other))),
            Err(why) => nothing = Some(Err(why)),
        }
    }
    nothing.expect("there is a partition")
}

/// What those say that answer, if one does.
fn found<T>(told: Vec<Result<T, Unreachable>>) -> Result<Vec<T>, Unreachable> {
    let (mut found, mut trouble) = (Vec::new(), None);
    for answer in told {
        match answer {
            Ok(answer) => found.push(answer),
            Err(why) => trouble = Some(why),
        }
    }
    match trouble {
        Some(why) if found.is_empty() => Err(why),
        _ => Ok(found),
    }
}

/// A member as `room.lua` shows it, and the version that its joining made.
fn read_member(words: &[String]) -> Option<(u64, (SocketId, Standing))> {
    let [id, joined, node, resumable, info] = words else { return None };
    Some((joined.parse().ok()?, (SocketId::parse(id)?, read_standing(node, resumable, info)?)))
}

/// A member as `socket.lua` shows it.
fn read_place(id: SocketId, words: &[String]) -> Option<Place> {
    let [room, node, resumable, info] = words else { return None };
    Some(Place { id, room: RoomName::parse(room)?, standing: read_standing(node, resumable, info)? })
}

fn read_standing(node: &str, resumable: &str, info: &str) -> Option<Standing> {
    let node = (!node.is_empty()).then(|| node.to_owned());
    Some(Standing { node, resumable: resumable == "1", info: info_of(info)? })
}
