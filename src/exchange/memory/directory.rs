//! What an operator asks of rooms in memory. Nothing of it waits.

use super::{Memory, Rooms};
use crate::{
    exchange::directory::{
        Answering, Attendant, Cursor, Directory, Occupancy, Place, Question, RoomPage, Vitals,
    },
    protocol::{LeaveReason, RoomName, SocketId, Text},
};
use std::{collections::BTreeMap, future::ready, sync::Weak};

impl Directory for Memory {
    fn node(&self) -> &str {
        &self.node
    }

    fn attend(&self, attendant: Weak<dyn Attendant>) {
        self.desk.attend(attendant);
    }

    fn nodes(&self) -> Answering<'_, Vec<String>> {
        answered(vec![self.node.clone()])
    }

    fn ask(&self, nodes: Vec<String>, question: Question) -> Answering<'_, BTreeMap<String, String>> {
        let own = nodes.into_iter().filter(|node| *node == self.node);
        answered(own.filter_map(|node| Some((node, self.desk.answer(question)?))).collect())
    }

    fn rooms(&self, after: Option<Cursor>, limit: usize) -> Answering<'_, RoomPage> {
        answered(self.rooms.page(after.unwrap_or(Cursor { share: 0, last: String::new() }), limit))
    }

    fn room<'a>(&'a self, room: &'a RoomName) -> Answering<'a, Option<Occupancy>> {
        answered(self.rooms.shard(room).get(room).map(|room| room.occupancy(&self.node)))
    }

    fn socket(&self, id: SocketId) -> Answering<'_, Option<Place>> {
        answered(self.rooms.all().find_map(|shard| {
            shard.iter().find_map(|(name, room)| {
                Some(Place { id, room: name.clone(), standing: room.standing(id, &self.node)? })
            })
        }))
    }

    fn vitals<'a>(&'a self, place: &'a Place) -> Answering<'a, Option<Vitals>> {
        let rooms = self.rooms.shard(&place.room);
        let recipient = rooms.get(&place.room).and_then(|room| room.recipient_of(place.id));
        answered(recipient.and_then(|recipient| recipient.vitals()))
    }

    fn kick(&self, id: SocketId) -> Answering<'_, bool> {
        answered(self.rooms.all().any(|mut shard| {
            let kicked = shard.values_mut().any(|room| room.dismiss(id, LeaveReason::Kicked));
            shard.retain(|_, room| room.len() > 0);
            kicked
        }))
    }

    fn close<'a>(&'a self, room: &'a RoomName) -> Answering<'a, u64> {
        answered(self.rooms.shard(room).remove(room).map_or(0, |mut room| room.close()))
    }

    fn announce<'a>(&'a self, room: &'a RoomName, frame: Text) -> Answering<'a, bool> {
        answered(self.rooms.shard(room).get(room).map(|room| room.announce_frame(&frame)).is_some())
    }

    fn announce_to_all(&self, frame: Text) -> Answering<'_, usize> {
        for shard in self.rooms.all() {
            shard.values().for_each(|room| room.announce_frame(&frame));
        }
        answered(1)
    }
}

impl Rooms {
    /// The rooms of each shard in the order of their names, as maps have none that stays.
    fn page(&self, Cursor { share, last }: Cursor, limit: usize) -> RoomPage {
        let (mut rooms, mut last) = (Vec::new(), last);
        let count = Some(self.all().map(|shard| shard.len() as u64).sum());
        for (share, shard) in self.all().enumerate().skip(share) {
            let later = shard.iter().filter(|(name, _)| name.as_str() > last.as_str());
            let mut later: Vec<_> = later.map(|(name, room)| (name.clone(), room.len() as u64)).collect();
            later.sort_unstable_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
            rooms.extend(later.into_iter().take(limit - rooms.len()));
            if rooms.len() == limit {
                let last = rooms.last().map(|(name, _)| name.as_str().to_owned());
                return RoomPage { rooms, next: last.map(|last| Cursor { share, last }), count };
            }
            last = String::new();
        }
        RoomPage { rooms, next: None, count }
    }
}

fn answered<'a, T: Send + 'a>(answer: T) -> Answering<'a, T> {
    Box::pin(ready(Ok(answer)))
}
