//! What shows a breach, and nothing else: the events of the clients concerned, about the message or the peer, in the order
//! of time, each in a line.

use super::{Breach, Kind, sessions::Session};
use crate::harness::caller::{Entry, Event, Id};
use std::{collections::BTreeMap, fmt::Write, time::Duration};

type Line<'a> = (&'a Session<'a>, &'a Entry);

pub(super) fn of(breach: &Breach, by_id: &BTreeMap<Id, &Session<'_>>) -> String {
    let to = by_id[&breach.to];
    let about = breach.about.and_then(|id| by_id.get(&id).copied());
    let mut lines = match breach.n {
        Some(n) => of_message(breach, n, to, about),
        None => of_peer(breach, to, about),
    };
    lines.sort_by_key(|(_, entry)| entry.at);
    let mut history = format!("{breach}, in {:?}:\n", to.room);
    for (session, Entry { at, event }) in lines {
        let (seconds, caller, id) = (at.as_secs_f64(), session.caller, session.id);
        writeln!(history, "{seconds:>10.4} s  caller {caller:<4} {id} {event}").expect("memory");
    }
    history
}

/// The message, what its receiver heard of its sender next to it, and what happened to both and between them meanwhile.
fn of_message<'a>(
    breach: &Breach,
    n: u64,
    to: &'a Session<'a>,
    about: Option<&'a Session<'a>>,
) -> Vec<Line<'a>> {
    let answered = matches!(breach.kind, Kind::Unanswered | Kind::FalselyGone);
    let (sender, receiver) = if answered { (Some(to), about) } else { (about, Some(to)) };
    let sending =
        sender.iter().flat_map(|sender| sender.entries.iter().filter(|entry| sends(sender, n, &entry.event)));
    let from = if answered { Some(breach.to) } else { breach.about };
    let hearing = receiver.iter().flat_map(|receiver| {
        receiver
            .entries
            .iter()
            .filter(|entry| from.is_some_and(|from| hears(receiver, from, n, &entry.event)))
    });
    let times: Vec<_> = sending.chain(hearing).map(|entry| entry.at).chain([breach.at]).collect();
    let period = *times.iter().min().expect("one")..=*times.iter().max().expect("one");

    let mut lines = Vec::new();
    for session in [sender, receiver].into_iter().flatten() {
        let other = if session.id == breach.to { breach.about } else { Some(breach.to) };
        lines.extend(last_before(session, *period.start(), Event::is_of_connection));
        if breach.kind == Kind::FromStranger && session.id == breach.to {
            lines.extend(last_before(session, *period.start(), |event| event.is_notice_of(other)));
        }
        let kept = |entry: &&Entry| {
            let (event, during) = (&entry.event, period.contains(&entry.at));
            let sends = sender.is_some_and(|sender| sender.id == session.id) && sends(session, n, event);
            let hears = from.is_some_and(|from| from != session.id && hears(session, from, n, event));
            sends || hears || during && (event.is_of_connection() || event.is_notice_of(other))
        };
        lines.extend(session.entries.iter().filter(kept).map(|entry| (session, entry)));
    }
    lines
}

fn sends(sender: &Session<'_>, n: u64, event: &Event) -> bool {
    match *event {
        Event::Sent { n: number, .. } | Event::Repeated { n: number } | Event::Refused { n: number, .. } => {
            number == n
        }
        Event::Acknowledged { n: number } => number >= n && first_acknowledgement(sender, n) == Some(number),
        _ => false,
    }
}

fn first_acknowledgement(sender: &Session<'_>, n: u64) -> Option<u64> {
    sender.entries.iter().find_map(|entry| match entry.event {
        Event::Acknowledged { n: number } if number >= n => Some(number),
        _ => None,
    })
}

/// It is the message, or the last one before it, or the first one after it.
fn hears(receiver: &Session<'_>, from: Id, n: u64, event: &Event) -> bool {
    let Event::Heard { from: sender, n: number, .. } = *event else { return false };
    let heard = receiver.heard_from(from).iter().map(|heard| heard.n);
    let before = heard.clone().filter(|heard| *heard < n).max();
    let after = heard.filter(|heard| *heard > n).min();
    sender == from && (number == n || Some(number) == before || Some(number) == after)
}

/// The last two things that a client was told of a peer, and what happened to both around that moment.
fn of_peer<'a>(breach: &Breach, to: &'a Session<'a>, about: Option<&'a Session<'a>>) -> Vec<Line<'a>> {
    let told = |entry: &&Entry| {
        let any = breach.kind == Kind::VersionFell;
        entry.event.is_notice_of(breach.about)
            || any && entry.event.versioned().is_some()
            || matches!(entry.event, Event::Strange(_))
    };
    let mut lines = up_to(to, breach.at, 2, told);
    lines.extend(up_to(to, breach.at, if about.is_none() { 4 } else { 1 }, |entry| {
        entry.event.is_of_connection()
    }));
    if let Some(about) = about {
        let moment = lines.iter().filter(|(_, entry)| told(entry)).map(|(_, entry)| entry.at).max();
        let moment = moment.unwrap_or(breach.at);
        lines.extend(up_to(about, moment, 3, |entry| entry.event.is_of_connection()));
        let next = about.entries.iter().find(|entry| entry.at > moment && entry.event.is_of_connection());
        lines.extend(next.map(|entry| (about, entry)));
    }
    lines.dedup_by_key(|(_, entry)| std::ptr::from_ref(*entry));
    lines
}

/// The last few that count, until a moment.
fn up_to<'a>(
    session: &'a Session<'a>,
    moment: Duration,
    count: usize,
    counts: impl Fn(&&Entry) -> bool,
) -> Vec<Line<'a>> {
    let entries = session.entries.iter().rev().filter(|entry| entry.at <= moment && counts(entry));
    entries.take(count).map(|entry| (session, entry)).collect()
}

fn last_before<'a>(
    session: &'a Session<'a>,
    moment: Duration,
    counts: impl Fn(&Event) -> bool,
) -> Option<Line<'a>> {
    let entry = session.entries.iter().rfind(|entry| entry.at < moment && counts(&entry.event));
    entry.map(|entry| (session, entry))
}
