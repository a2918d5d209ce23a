//! Ways to break a promise in logs that keep them all.

use super::{super::Kind, world::World};
use crate::harness::caller::{Entry, Event, Id, Presence, Reason, Refusal};
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(super) enum Corruption {
    MissAMessage,
    HearTwice,
    HearLate,
    HearSomethingElse,
    HearWhatWasForAnother,
    HearWhatNobodySent,
    HearAStranger,
    MissAnAck,
    BeRefusedFalsely,
    SeeSomebodyGo,
    SeeSomebodyLeave,
    MissAGoing,
    MissAComing,
    MissTheWayBack,
    BeToldTwice,
    BeToldOfThePast,
    SeeTheDead,
    TakeAnId,
    ExpireTooEarly,
    HearNonsense,
}

impl Corruption {
    pub(super) const ALL: &[Self] = &[
        Self::MissAMessage,
        Self::HearTwice,
        Self::HearLate,
        Self::HearSomethingElse,
        Self::HearWhatWasForAnother,
        Self::HearWhatNobodySent,
        Self::HearAStranger,
        Self::MissAnAck,
        Self::BeRefusedFalsely,
        Self::SeeSomebodyGo,
        Self::SeeSomebodyLeave,
        Self::MissAGoing,
        Self::MissAComing,
        Self::MissTheWayBack,
        Self::BeToldTwice,
        Self::BeToldOfThePast,
        Self::SeeTheDead,
        Self::TakeAnId,
        Self::ExpireTooEarly,
        Self::HearNonsense,
    ];

    /// Breaks a promise in one of the places where it can be, and returns which; `None` where there is no place.
    #[expect(clippy::too_many_lines, reason = "a list")]
    pub(super) fn apply(self, world: &mut World, place: usize) -> Option<Kind> {
        match self {
            Self::MissAMessage => {
                // What is heard after it, without a gap between, makes it due.
                let due = |entries: &[Entry], at: usize| {
                    let Event::Heard { from, .. } = entries[at].event else { return false };
                    let rest = entries[at + 1..].iter().map(|entry| &entry.event);
                    let mut same =
                        rest.take_while(|event| !matches!(event, Event::Gap | Event::Joined { .. }));
                    same.any(|event| matches!(event, Event::Heard { from: again, .. } if *again == from))
                };
                let (who, at) = choose(world, place, due)?;
                let sender = world.logs[who].entries.remove(at);
                // A gap that its sender hears would excuse it, too.
                let excused = world.gaps > 0 && matches!(sender.event, Event::Heard { .. });
                (!excused).then_some(Kind::Lost)
            }
            Self::HearTwice => {
                let (who, at) = choose(world, place, |entries, at| is_heard(&entries[at]))?;
                let again = world.logs[who].entries[at].clone();
                world.logs[who].entries.insert(at, again);
                Some(Kind::Doubled)
            }
            Self::HearLate => {
                let followed = |entries: &[Entry], at: usize| next_of_same(entries, at).is_some();
                let (who, at) = choose(world, place, followed)?;
                let entries = &mut world.logs[who].entries;
                let next = next_of_same(entries, at).expect("it is followed");
                let (first, second) = (entries[at].event.clone(), entries[next].event.clone());
                (entries[at].event, entries[next].event) = (second, first);
                Some(Kind::OutOfOrder)
            }
            Self::HearSomethingElse => {
                let (who, at) = choose(world, place, |entries, at| is_heard(&entries[at]))?;
                let Event::Heard { stamp, .. } = &mut world.logs[who].entries[at].event else {
                    unreachable!()
                };
                *stamp ^= 1;
                Some(Kind::Altered)
            }
            Self::HearWhatWasForAnother => {
                let direct = |entries: &[Entry], at: usize| {
                    matches!(entries[at].event, Event::Sent { to: Some(_), .. })
                };
                let (who, at) = choose(world, place, direct)?;
                let from = session_of(&world.logs[who].entries, at)?;
                let Entry { at, event: Event::Sent { n, to, stamp } } = world.logs[who].entries[at] else {
                    unreachable!()
                };
                let another = world.logs.iter_mut().enumerate().find(|(peer, log)| {
                    *peer != who
                        && log.entries.last().is_some_and(|entry| entry.at > at)
                        && session_at(&log.entries, at) != to
                })?;
                insert(
                    &mut another.1.entries,
                    at + Duration::from_micros(1),
                    Event::Heard { from, n, stamp },
                );
                session_at(&another.1.entries, at).is_some().then_some(Kind::Misdelivered)
            }
            Self::HearWhatNobodySent => {
                let (who, at) = choose(world, place, |entries, at| is_heard(&entries[at]))?;
                let Event::Heard { n, .. } = &mut world.logs[who].entries[at].event else { unreachable!() };
                *n += 1_000_000;
                Some(Kind::Misdelivered)
            }
            Self::HearAStranger => {
                let heard_before = |entries: &[Entry], at: usize| {
                    let Event::Came { peer, .. } = entries[at].event else { return false };
                    let rest = entries[at..].iter().map(|entry| &entry.event);
                    let mut session =
                        rest.take_while(|event| !matches!(event, Event::Joined { .. } | Event::Over(_)));
                    let first = session.find(|event| {
                        event.is_notice_of(Some(peer)) && !matches!(event, Event::Came { .. })
                            || matches!(event, Event::Heard { from, .. } if *from == peer)
                    });
                    matches!(first, Some(Event::Heard { .. }))
                };
                let (who, at) = choose(world, place, heard_before)?;
                world.logs[who].entries.remove(at);
                Some(Kind::FromStranger)
            }
            Self::MissAnAck => {
                // Of the last session, all that acknowledges its last message.
                let log = world.logs.iter_mut().find(|log| {
                    matches!(log.entries.iter().rev().find(|entry| is_sent_or_joined(entry)), Some(entry) if is_sent(entry))
                })?;
                let last = log.entries.iter().rposition(is_sent)?;
                let mut index = 0;
                log.entries.retain(|entry| {
                    index += 1;
                    index <= last || !matches!(entry.event, Event::Acknowledged { .. })
                });
                Some(Kind::Unanswered)
            }
            Self::BeRefusedFalsely => {
                let open = open_sessions(world);
                let sent_to_open = |entries: &[Entry], at: usize| matches!(entries[at].event, Event::Sent { to: Some(to), .. } if open.contains(&to));
                let (who, at) = choose(world, place, sent_to_open)?;
                let Event::Sent { n, to, .. } = world.logs[who].entries[at].event else { unreachable!() };
                let moment = world.logs[who].entries[at].at;
                let event = Event::Refused { n, to, refusal: Refusal::PeerGone };
                world.logs[who].entries.insert(at + 1, Entry { at: moment, event });
                Some(Kind::FalselyGone)
            }
            Self::SeeSomebodyGo | Self::SeeSomebodyLeave => {
                let reason = if matches!(self, Self::SeeSomebodyGo) { Reason::Lost } else { Reason::Left };
                let open = open_sessions(world);
                let of_open = |entries: &[Entry], at: usize| matches!(entries[at].event, Event::Came { peer, .. } if open.contains(&peer));
                let (who, at) = choose(world, place, of_open)?;
                let Entry { at: moment, event: Event::Came { peer, version, .. } } =
                    world.logs[who].entries[at]
                else {
                    unreachable!()
                };
                let event = Event::Left { peer, reason, version };
                world.logs[who].entries.insert(at + 1, Entry { at: moment, event });
                Some(Kind::FalseRemoval)
            }
            Self::MissAGoing => {
                let (who, at) =
                    choose_in_last_session(world, place, |event| matches!(event, Event::Left { .. }))?;
                world.logs[who].entries.remove(at);
                Some(Kind::Ghost)
            }
            Self::MissAComing => {
                let open = open_sessions(world);
                let (who, at) = choose_in_last_session(
                    world,
                    place,
                    |event| matches!(event, Event::Came { peer, .. } if open.contains(peer)),
                )?;
                let Event::Came { peer, .. } = world.logs[who].entries[at].event else { unreachable!() };
                world.logs[who].entries.retain(|entry| !entry.event.is_notice_of(Some(peer)));
                Some(Kind::Missing)
            }
            Self::MissTheWayBack => {
                let open = open_sessions(world);
                let (who, at) = choose_in_last_session(
                    world,
                    place,
                    |event| matches!(event, Event::Back { peer, .. } if open.contains(peer)),
                )?;
                let Event::Back { peer, .. } = world.logs[who].entries[at].event else { unreachable!() };
                let later = world.logs[who].entries[at + 1..]
                    .iter()
                    .any(|entry| entry.event.is_notice_of(Some(peer)));
                world.logs[who].entries.remove(at);
                // The next one is a repetition, which is allowed once it has resumed.
                (!later).then_some(Kind::StillAway)
            }
            Self::BeToldTwice => {
                let info = |event: &Event| matches!(event, Event::Shows { .. });
                let told =
                    |entries: &[Entry], at: usize| entries[at].event.is_notice() && !info(&entries[at].event);
                let (who, at) = choose(world, place, told)?;
                let again = world.logs[who].entries[at].clone();
                world.logs[who].entries.insert(at, again);
                Some(Kind::NoticeTwice)
            }
            Self::BeToldOfThePast => {
                let (who, at) = choose(world, place, |entries, at| {
                    entries[at].event.is_notice() && matches!(entries[at].event, Event::Away { .. })
                })?;
                let Event::Away { version, .. } = &mut world.logs[who].entries[at].event else {
                    unreachable!()
                };
                *version = 0;
                Some(Kind::VersionFell)
            }
            Self::SeeTheDead => {
                let (who, at) =
                    choose(world, place, |entries, at| matches!(entries[at].event, Event::Left { .. }))?;
                let Entry { at: moment, event: Event::Left { peer, version, .. } } =
                    world.logs[who].entries[at]
                else {
                    unreachable!()
                };
                let event = Event::Came { peer, presence: Presence::Here, version };
                world.logs[who].entries.insert(at + 1, Entry { at: moment, event });
                Some(Kind::IdCameBack)
            }
            Self::TakeAnId => {
                let taken = session_at(&world.logs[0].entries, Duration::MAX)?;
                let joins = |entry: &&mut Entry| matches!(entry.event, Event::Joined { .. });
                let Event::Joined { you, .. } = &mut world.logs[1].entries.iter_mut().find(joins)?.event
                else {
                    unreachable!()
                };
                *you = taken;
                Some(Kind::IdCameBack)
            }
            Self::ExpireTooEarly => {
                world.terms.window = Duration::from_hours(1);
                (world.expired > 0).then_some(Kind::FalseEnd)
            }
            Self::HearNonsense => {
                let (who, at) = choose(world, place, |entries, at| is_heard(&entries[at]))?;
                world.logs[who].entries[at].event = Event::Strange("nonsense".into());
                Some(Kind::Strange)
            }
        }
    }
}

/// One of the places in all logs where something holds.
fn choose(world: &World, place: usize, holds: impl Fn(&[Entry], usize) -> bool) -> Option<(usize, usize)> {
    let places = world.logs.iter().enumerate().flat_map(|(who, log)| {
        let holds = &holds;
        (0..log.entries.len()).filter(move |at| holds(&log.entries, *at)).map(move |at| (who, at))
    });
    let places: Vec<_> = places.collect();
    places.get(place % places.len().max(1)).copied()
}

fn choose_in_last_session(
    world: &World,
    place: usize,
    holds: impl Fn(&Event) -> bool,
) -> Option<(usize, usize)> {
    choose(world, place, |entries, at| {
        let later = entries[at..].iter().any(|entry| matches!(entry.event, Event::Joined { .. }));
        !later && holds(&entries[at].event)
    })
}

fn is_heard(entry: &Entry) -> bool {
    matches!(entry.event, Event::Heard { .. })
}

fn is_sent(entry: &Entry) -> bool {
    matches!(entry.event, Event::Sent { .. })
}

fn is_sent_or_joined(entry: &Entry) -> bool {
    is_sent(entry) || matches!(entry.event, Event::Joined { .. })
}

/// The next thing that is heard of the same sender in the session.
fn next_of_same(entries: &[Entry], at: usize) -> Option<usize> {
    let Event::Heard { from, .. } = entries[at].event else { return None };
    let rest = entries.iter().enumerate().skip(at + 1);
    let mut session = rest.take_while(|(_, entry)| !matches!(entry.event, Event::Joined { .. }));
    session
        .find(|(_, entry)| matches!(entry.event, Event::Heard { from: again, .. } if again == from))
        .map(|(at, _)| at)
}

fn session_of(entries: &[Entry], at: usize) -> Option<Id> {
    session_at(entries, entries[at].at)
}

/// Whose session it is at a moment.
fn session_at(entries: &[Entry], moment: Duration) -> Option<Id> {
    let before = entries.iter().rev().filter(|entry| entry.at <= moment);
    let mut ids = before.filter_map(|entry| match entry.event {
        Event::Joined { you, .. } => Some(you),
        _ => None,
    });
    ids.next()
}

fn open_sessions(world: &World) -> Vec<Id> {
    world.logs.iter().filter_map(|log| session_at(&log.entries, Duration::MAX)).collect()
}

fn insert(entries: &mut Vec<Entry>, at: Duration, event: Event) {
    let place = entries.iter().position(|entry| entry.at > at).unwrap_or(entries.len());
    entries.insert(place, Entry { at, event });
}
