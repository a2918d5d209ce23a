//! What every directory promises, asked of each node in turn.

use super::*;
use std::collections::BTreeSet;
use switchboard::{
    exchange::{Attendant, Cursor, Directory, Question},
    protocol::Text,
};

pub(super) async fn behaves(nodes: &[Arc<dyn Exchange>], directories: &[Arc<dyn Directory>]) {
    for directory in directories {
        who_is_kicked_is_told_and_so_are_the_others(&Room::on(nodes), directory).await;
        who_is_kicked_can_not_come_back(&Room::on(nodes), directory).await;
        who_is_away_is_kicked_for_good(&Room::on(nodes), directory).await;
        a_closed_room_is_empty_and_free(&Room::on(nodes), &Room::on(nodes), directory).await;
        a_room_is_shown_as_it_is(&Room::on(nodes), directory).await;
        an_announcement_reaches_a_room(&Room::on(nodes), &Room::on(nodes), directory).await;
        an_announcement_reaches_everybody(&Room::on(nodes), &Room::on(nodes), directory).await;
    }
    one_of_many_kicks_does_it(&Room::on(nodes), directories).await;
    pages_have_each_room_once(nodes, directories).await;
    nodes_answer_for_themselves(directories).await;
}

async fn who_is_kicked_is_told_and_so_are_the_others(room: &Room<'_>, directory: &Arc<dyn Directory>) {
    let [mut ann, mut ben, cat] = room.guests().await;
    assert_eq!(directory.kick(cat.id()).await, Ok(true));
    for other in [&mut ann, &mut ben] {
        assert_eq!(other.change().await, Change::Left(cat.id(), LeaveReason::Kicked));
    }
    let mut cat = cat;
    assert_eq!(cat.next().await, Event::Ended(LeaveReason::Kicked));
    assert_eq!(directory.kick(cat.id()).await, Ok(false));
    assert_eq!(directory.socket(cat.id()).await, Ok(None));
    // It has no say, and is told nothing.
    cat.post(ann.id(), 1);
    cat.show("1");
    cat.exchange.sync(&cat.member);
    cat.leave(LeaveReason::Left);
    ben.post(cat.id(), 1);
    assert_eq!(ben.next().await, Event::Gone { to: cat.id(), n: 1 });
    ann.hears_nothing().await;
    cat.has_heard_nothing();
}

async fn who_is_kicked_can_not_come_back(room: &Room<'_>, directory: &Arc<dyn Directory>) {
    let (mut ann, mut ben) = room.a_call().await;
    assert_eq!(directory.kick(ann.id()).await, Ok(true));
    assert_eq!(ann.next().await, Event::Ended(LeaveReason::Kicked));
    for hops in [0, 1] {
        let mut back = room.connection_of(&ann, 1, hops);
        assert_eq!(back.ask_to_resume([1, 2], &[]).await, Event::Refused(Refusal::Expired));
    }
    assert_eq!(ben.change().await, Change::Left(ann.id(), LeaveReason::Kicked));
    ben.hears_nothing().await;
}

async fn who_is_away_is_kicked_for_good(room: &Room<'_>, directory: &Arc<dyn Directory>) {
    let (ann, mut ben) = room.a_call().await;
    ann.detach();
    assert_eq!(ben.change().await, Change::Away(ann.id()));
    let place = directory.socket(ann.id()).await.expect("an answer").expect("a place");
    assert_eq!((place.standing.node, place.standing.resumable), (None, true));
    assert_eq!(directory.kick(ann.id()).await, Ok(true));
    assert_eq!(ben.change().await, Change::Left(ann.id(), LeaveReason::Kicked));
    let mut back = room.connection_of(&ann, 1, 1);
    assert_eq!(back.ask_to_resume([1, 2], &[]).await, Event::Refused(Refusal::Expired));
}

async fn a_closed_room_is_empty_and_free(room: &Room<'_>, other: &Room<'_>, directory: &Arc<dyn Directory>) {
    let mut guests: [Guest; 5] = room.guests().await;
    let mut neighbour = other.guest();
    neighbour.join().await;
    assert_eq!(directory.close(&room.name).await, Ok(5));
    for guest in &mut guests {
        // Of those who went in an earlier portion it may hear.
        assert_eq!(guest.next().await, Event::Ended(LeaveReason::Closed));
    }
    assert_eq!(directory.room(&room.name).await, Ok(None));
    assert_eq!(directory.close(&room.name).await, Ok(0));
    let mut newcomer = room.guest();
    assert_eq!(newcomer.join().await.peers, []);
    for guest in &mut guests {
        guest.has_heard_nothing();
    }
    neighbour.hears_nothing().await;
}

async fn a_room_is_shown_as_it_is(room: &Room<'_>, directory: &Arc<dyn Directory>) {
    assert_eq!(directory.room(&room.name).await, Ok(None));
    let (ann, mut ben) = room.a_call().await;
    let mut cat = room.guest();
    let version = cat.join_showing(r#"{"name":"Cat"}"#).await.version;
    let shown = directory.room(&room.name).await.expect("an answer").expect("a room");
    assert_eq!(shown.version, version);
    let of_all = shown.members.iter().map(|(id, standing)| (*id, standing.resumable, standing.info.as_str()));
    let expected =
        [(ann.id(), true, "null"), (ben.id(), false, "null"), (cat.id(), false, r#"{"name":"Cat"}"#)];
    assert_eq!(of_all.collect::<Vec<_>>(), expected);
    let known = directory.nodes().await.expect("an answer");
    for (id, standing) in shown.members {
        let place = directory.socket(id).await.expect("an answer").expect("a place");
        assert_eq!((&place.room, &place.standing), (&room.name, &standing));
        assert!(known.contains(&standing.node.expect("here")));
        assert_eq!(directory.vitals(&place).await, Ok(None), "these recipients have none");
    }
    ann.detach();
    ben.change().await;
    ben.change().await;
    let shown = directory.room(&room.name).await.expect("an answer").expect("a room");
    assert_eq!(shown.members[0].1.node, None, "it is away");
}

fn frame(text: &str) -> Text {
    format!(r#"{{"eventName":"notice","data":"{text}"}}"#).into()
}

async fn an_announcement_reaches_a_room(room: &Room<'_>, other: &Room<'_>, directory: &Arc<dyn Directory>) {
    let mut guests: [Guest; 3] = room.guests().await;
    let mut neighbour = other.guest();
    neighbour.join().await;
    assert_eq!(directory.announce(&room.name, frame("hello")).await, Ok(true));
    for guest in &mut guests {
        assert_eq!(guest.next().await, Event::Announced(frame("hello")));
        guest.hears_nothing().await;
    }
    neighbour.hears_nothing().await;
    let nowhere = RoomName::parse("nobody is here").expect("a name");
    assert_eq!(directory.announce(&nowhere, frame("hello")).await, Ok(false));
}

async fn an_announcement_reaches_everybody(
    room: &Room<'_>,
    other: &Room<'_>,
    directory: &Arc<dyn Directory>,
) {
    let [mut ann, mut ben, mut cat] = room.guests().await;
    let mut dan = other.guest();
    dan.join().await;
    let nodes = directory.nodes().await.expect("an answer").len();
    assert_eq!(directory.announce_to_all(frame("all")).await, Ok(nodes));
    for guest in [&mut ann, &mut ben, &mut cat, &mut dan] {
        assert_eq!(guest.next().await, Event::Announced(frame("all")));
        guest.hears_nothing().await;
    }
}

async fn one_of_many_kicks_does_it(room: &Room<'_>, directories: &[Arc<dyn Directory>]) {
    let [mut ann, mut ben] = room.guests().await;
    let kicks = (0..12).map(|number| directories[number % directories.len()].kick(ben.id()));
    let done = futures_util::future::join_all(kicks).await;
    assert_eq!(done.into_iter().filter(|kicked| *kicked == Ok(true)).count(), 1);
    assert_eq!(ben.next().await, Event::Ended(LeaveReason::Kicked));
    assert_eq!(ann.change().await, Change::Left(ben.id(), LeaveReason::Kicked));
    ann.hears_nothing().await;
}

async fn pages_have_each_room_once(nodes: &[Arc<dyn Exchange>], directories: &[Arc<dyn Directory>]) {
    let mut guests = Vec::new();
    for _ in 0..100 {
        let mut guest = Room::on(nodes).guest();
        guest.join().await;
        guests.push(guest);
    }
    let stay: BTreeSet<String> =
        guests[..50].iter().map(|guest| guest.member.room.as_str().to_owned()).collect();
    let mut rest = guests.split_off(50).into_iter();
    for limit in [1, 7, 1000] {
        let (mut seen, mut after, mut pages) = (Vec::new(), None::<Cursor>, 0);
        loop {
            let directory = &directories[pages % directories.len()];
            let page = directory.rooms(after, limit).await.expect("an answer");
            assert!(page.rooms.len() <= limit);
            assert!(page.rooms.iter().all(|(_, members)| *members > 0));
            assert!(page.count >= Some(50), "{:?}", page.count);
            seen.extend(page.rooms.into_iter().map(|(name, _)| name.as_str().to_owned()));
            // Meanwhile rooms come and go.
            if let Some(guest) = rest.next() {
                guest.leave(LeaveReason::Left);
                Room::on(nodes).guest().join().await;
            }
            pages += 1;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let distinct: BTreeSet<String> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len(), "none twice");
        assert!(distinct.is_superset(&stay), "limit {limit}");
    }
}

/// Says its node's name.
struct Clerk(String);

impl Attendant for Clerk {
    fn answer(&self, question: Question) -> String {
        format!("{question:?} of {} ", self.0)
    }
}

async fn nodes_answer_for_themselves(directories: &[Arc<dyn Directory>]) {
    let mut clerks = Vec::new();
    for directory in directories {
        let clerk: Arc<dyn Attendant> = Arc::new(Clerk(directory.node().to_owned()));
        directory.attend(Arc::downgrade(&clerk));
        clerks.push(clerk);
    }
    let expected: BTreeMap<String, String> = directories
        .iter()
        .map(|directory| (directory.node().to_owned(), format!("Report of {} ", directory.node())))
        .collect();
    for directory in directories {
        let nodes = directory.nodes().await.expect("an answer");
        let asked = [nodes.clone(), vec!["nobody".to_owned()]].concat();
        assert_eq!(directory.ask(asked, Question::Report).await, Ok(expected.clone()));
        assert_eq!(nodes, expected.keys().cloned().collect::<Vec<_>>());
    }
    // Who has nobody to answer is missing.
    drop(clerks);
    assert_eq!(
        directories[0].ask(expected.into_keys().collect(), Question::Drain).await,
        Ok(BTreeMap::new())
    );
}
