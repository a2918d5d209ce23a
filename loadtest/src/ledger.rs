//! Every message, from its sending to its hearing: who said it, to whom, in which order, and how often. Pure.
//!
//! The ledger counts for each sender and receiver. It keeps numbers only, so a run of a hundred million messages needs no
//! more room than a short one.

use crate::stamp::Stamp;

/// What a message can be accused of. One message is accused of one thing: the first here that holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// Altered, or never sent.
    Corrupted(String),
    /// Heard by another than it was for, or as from another than sent it.
    Misattributed(String),
    Duplicated(String),
    Misordered(String),
}

/// All memberships of a worker's rooms, past and present.
#[derive(Default)]
pub(crate) struct Ledger {
    members: Vec<Membership>,
    under_way: u64,
}

/// One stay of a client in a room, under one id.
#[derive(Default)]
struct Membership {
    id: String,
    is_over: bool,
    links: Vec<Link>,
    /// Who has a link to this one.
    heard_from: Vec<u32>,
}

/// From one member to another.
struct Link {
    to: u32,
    sent: u32,
    /// The highest number heard.
    heard: u32,
    /// Numbers below `heard` that weren't.
    missing: Vec<u32>,
    /// One of both is gone: what wasn't heard by then may be lost.
    is_excused: bool,
}

impl Ledger {
    /// A client is in a room, and the server calls it `id`.
    pub(crate) fn enter(&mut self, id: String) -> u32 {
        self.members.push(Membership { id, ..Membership::default() });
        u32::try_from(self.members.len() - 1).unwrap_or(u32::MAX)
    }

    /// A membership is over: what is still under way from it and to it needn't arrive.
    pub(crate) fn end(&mut self, member: u32) {
        let membership = &mut self.members[member as usize];
        membership.is_over = true;
        for link in &mut membership.links {
            self.under_way -= link.excuse();
        }
        for from in std::mem::take(&mut membership.heard_from) {
            self.under_way -= self.link(from, member).excuse();
        }
    }

    pub(crate) fn id(&self, member: u32) -> &str {
        &self.members[member as usize].id
    }

    /// The number of the next message from one to another, which is under way from now on.
    pub(crate) fn send(&mut self, from: u32, to: u32) -> u32 {
        let excused = self.members[from as usize].is_over || self.members[to as usize].is_over;
        let link = self.link(from, to);
        link.sent += 1;
        let n = link.sent;
        link.is_excused |= excused;
        if !link.is_excused {
            self.under_way += 1;
        }
        n
    }

    /// `receiver` hears a message that the server says is from `said`. Whoever is accused: a message that reached its
    /// receiver is no longer under way.
    pub(crate) fn hear(&mut self, receiver: u32, said: &str, stamp: &Stamp) -> Result<(), Fault> {
        let Stamp { from, to, n, .. } = *stamp;
        let known = from as usize != to as usize && (from.max(to) as usize) < self.members.len();
        if !known || self.find(from, to).is_none_or(|link| n == 0 || n > link.sent) {
            return Err(Fault::Corrupted(format!("message {n} from {from} to {to} was never sent")));
        }
        if to != receiver {
            let who = self.id(receiver);
            return Err(Fault::Misattributed(format!(
                "message {n} from {} to {} was heard by {who}",
                self.id(from),
                self.id(to)
            )));
        }
        let place = self.link(from, to).hear(n);
        if place.is_first && !self.link(from, to).is_excused {
            self.under_way -= 1;
        }
        let message = || format!("message {n} from {} to {}", self.id(from), self.id(to));
        if !place.is_first {
            return Err(Fault::Duplicated(format!("{} was heard again", message())));
        }
        if said != self.id(from) {
            return Err(Fault::Misattributed(format!("{} was heard as from {said}", message())));
        }
        if let Some(later) = place.after {
            return Err(Fault::Misordered(format!("{} was heard after {later}", message())));
        }
        Ok(())
    }

    /// How many messages were sent and not heard, and have to be.
    pub(crate) fn under_way(&self) -> u64 {
        self.under_way
    }

    /// What was never heard: a sentence for each sender and receiver.
    pub(crate) fn lost(&self) -> impl Iterator<Item = String> {
        self.members.iter().flat_map(move |from| {
            from.links.iter().filter(|link| !link.is_excused && link.open() > 0).map(move |link| {
                let to = self.id(link.to);
                let first = link.missing.first().copied().unwrap_or(link.heard + 1);
                format!(
                    "{} of {} messages from {} to {to} were never heard, the first of them {first}",
                    link.open(),
                    link.sent,
                    from.id
                )
            })
        })
    }

    fn find(&self, from: u32, to: u32) -> Option<&Link> {
        self.members[from as usize].links.iter().find(|link| link.to == to)
    }

    fn link(&mut self, from: u32, to: u32) -> &mut Link {
        let links = &mut self.members[from as usize].links;
        if let Some(place) = links.iter().position(|link| link.to == to) {
            return &mut self.members[from as usize].links[place];
        }
        self.members[to as usize].heard_from.push(from);
        let links = &mut self.members[from as usize].links;
        links.push(Link { to, sent: 0, heard: 0, missing: Vec::new(), is_excused: false });
        let last = links.len() - 1;
        &mut links[last]
    }
}

/// Where a message stands among those of its sender.
struct Place {
    is_first: bool,
    /// A later one that was heard before.
    after: Option<u32>,
}

impl Link {
    fn hear(&mut self, n: u32) -> Place {
        if n > self.heard {
            self.missing.extend(self.heard + 1..n);
            self.heard = n;
            return Place { is_first: true, after: None };
        }
        match self.missing.binary_search(&n) {
            Ok(place) => {
                self.missing.remove(place);
                Place { is_first: true, after: Some(self.heard) }
            }
            Err(_) => Place { is_first: false, after: None },
        }
    }

    fn open(&self) -> u64 {
        u64::from(self.sent - self.heard) + self.missing.len() as u64
    }

    /// Returns how many are excused that weren't.
    fn excuse(&mut self) -> u64 {
        let open = if self.is_excused { 0 } else { self.open() };
        self.is_excused = true;
        open
    }
}
