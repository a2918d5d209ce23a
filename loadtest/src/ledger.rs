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

/// How many numbers a worker has for its members.
const NUMBERS: u32 = 1 << 24;

/// All memberships of a worker's rooms, past and present. Each worker has numbers of its own for them, so that a message
/// which strays into another's rooms is known there.
pub(crate) struct Ledger {
    /// The number of the first.
    first: u32,
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
    pub(crate) fn new(worker: usize) -> Self {
        let first = u32::try_from(worker).unwrap_or(u32::MAX).wrapping_mul(NUMBERS);
        Self { first, members: Vec::new(), under_way: 0 }
    }

    /// A client is in a room, and the server calls it `id`.
    pub(crate) fn enter(&mut self, id: String) -> u32 {
        self.members.push(Membership { id, ..Membership::default() });
        self.first + u32::try_from(self.members.len() - 1).unwrap_or(u32::MAX)
    }

    /// A membership is over: what is still under way from it and to it needn't arrive.
    pub(crate) fn end(&mut self, member: u32) {
        let place = self.place(member);
        let membership = &mut self.members[place];
        membership.is_over = true;
        for link in &mut membership.links {
            self.under_way -= link.excuse();
        }
        for from in std::mem::take(&mut membership.heard_from) {
            self.under_way -= self.link(from, member).excuse();
        }
    }

    pub(crate) fn id(&self, member: u32) -> &str {
        &self.members[self.place(member)].id
    }

    /// The number of the next message from one to another, which is under way from now on.
    pub(crate) fn send(&mut self, from: u32, to: u32) -> u32 {
        let excused = self.members[self.place(from)].is_over || self.members[self.place(to)].is_over;
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
        if from / NUMBERS != self.first / NUMBERS {
            let who = self.id(receiver);
            let sentence = format!("message {n} of a room that {who} has nothing to do with was heard by it");
            return Err(Fault::Misattributed(sentence));
        }
        let is_member = |member| self.place(member) < self.members.len();
        if !is_member(from)
            || !is_member(to)
            || self.find(from, to).is_none_or(|link| n == 0 || n > link.sent)
        {
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

    fn place(&self, member: u32) -> usize {
        member.wrapping_sub(self.first) as usize
    }

    fn find(&self, from: u32, to: u32) -> Option<&Link> {
        self.members[self.place(from)].links.iter().find(|link| link.to == to)
    }

    fn link(&mut self, from: u32, to: u32) -> &mut Link {
        let (sender, receiver) = (self.place(from), self.place(to));
        let known = self.members[sender].links.iter().position(|link| link.to == to);
        if let Some(place) = known {
            return &mut self.members[sender].links[place];
        }
        self.members[receiver].heard_from.push(from);
        let links = &mut self.members[sender].links;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Kind;
    use proptest::prelude::*;

    fn stamp(from: u32, to: u32, n: u32) -> Stamp {
        Stamp { from, to, n, due_us: 0, kind: Kind::Offer }
    }

    /// What can be done to a message on its way.
    #[derive(Clone, Copy, Debug)]
    enum Crime {
        Lose,
        Double,
        /// It arrives after the next one.
        Delay,
        /// Another hears it.
        Misdeliver,
        /// It is said to be another's.
        Blame,
        /// Its number was never given out.
        Invent,
    }

    const MEMBERS: u32 = 4;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(0);
        for member in 0..MEMBERS {
            assert_eq!(ledger.enter(format!("id{member}")), member);
        }
        ledger
    }

    /// Who tells whom, in order.
    fn sendings() -> impl Strategy<Value = Vec<(u32, u32)>> {
        let pair = (0..MEMBERS, 1..MEMBERS).prop_map(|(from, step)| (from, (from + step) % MEMBERS));
        prop::collection::vec(pair, 1..60)
    }

    /// Sends all, and returns what was sent.
    fn send(ledger: &mut Ledger, sendings: &[(u32, u32)]) -> Vec<Stamp> {
        sendings.iter().map(|&(from, to)| stamp(from, to, ledger.send(from, to))).collect()
    }

    /// An order that any right server may deliver in: that of each sender to each receiver is kept.
    fn shuffled(sent: &[Stamp], seed: u64) -> Vec<Stamp> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut queues: std::collections::BTreeMap<(u32, u32), std::collections::VecDeque<Stamp>> =
            std::collections::BTreeMap::default();
        for stamp in sent {
            queues.entry((stamp.from, stamp.to)).or_default().push_back(*stamp);
        }
        let mut order = Vec::new();
        while !queues.is_empty() {
            let key = *queues.keys().nth(random.usize(..queues.len())).unwrap();
            order.extend(queues.get_mut(&key).and_then(std::collections::VecDeque::pop_front));
            queues.retain(|_, queue| !queue.is_empty());
        }
        order
    }

    fn hear(ledger: &mut Ledger, stamp: &Stamp) -> Result<(), Fault> {
        ledger.hear(stamp.to, &format!("id{}", stamp.from), stamp)
    }

    proptest! {
        #[test]
        fn a_right_history_is_not_accused(sendings in sendings(), seed: u64) {
            let mut ledger = ledger();
            let sent = send(&mut ledger, &sendings);
            prop_assert_eq!(ledger.under_way(), sent.len() as u64);
            for stamp in shuffled(&sent, seed) {
                prop_assert_eq!(hear(&mut ledger, &stamp), Ok(()));
            }
            prop_assert_eq!(ledger.under_way(), 0);
            prop_assert_eq!(ledger.lost().count(), 0);
        }

        #[test]
        fn each_crime_is_found_and_nothing_else(
            sendings in sendings(),
            seed: u64,
            victim in any::<prop::sample::Index>(),
            crime in prop_oneof![
                Just(Crime::Lose), Just(Crime::Double), Just(Crime::Delay),
                Just(Crime::Misdeliver), Just(Crime::Blame), Just(Crime::Invent),
            ],
        ) {
            let mut ledger = ledger();
            // The victim is followed by another message of its sender to its receiver, so that it can be overtaken.
            let mut sendings = sendings;
            let victim = victim.index(sendings.len());
            sendings.push(sendings[victim]);
            let sent = send(&mut ledger, &sendings);
            let victim = sent[victim];
            let mut delayed = None;
            let mut faults = Vec::new();
            for stamp in shuffled(&sent, seed) {
                if stamp == victim {
                    match crime {
                        Crime::Lose => continue,
                        Crime::Delay => {
                            delayed = Some(stamp);
                            continue;
                        }
                        Crime::Double => {
                            faults.extend(hear(&mut ledger, &stamp).err());
                        }
                        Crime::Misdeliver => {
                            let other = (stamp.to + 1) % MEMBERS;
                            faults.extend(ledger.hear(other, &format!("id{}", stamp.from), &stamp).err());
                            continue;
                        }
                        Crime::Blame => {
                            let other = (stamp.from + 1) % MEMBERS;
                            faults.extend(ledger.hear(stamp.to, &format!("id{other}"), &stamp).err());
                            continue;
                        }
                        Crime::Invent => {
                            let invented = Stamp { n: stamp.n + 1000, ..stamp };
                            faults.extend(hear(&mut ledger, &invented).err());
                        }
                    }
                }
                faults.extend(hear(&mut ledger, &stamp).err());
                if delayed.is_some_and(|late| (late.from, late.to) == (stamp.from, stamp.to)) {
                    faults.extend(delayed.take().and_then(|late| hear(&mut ledger, &late).err()));
                }
            }
            let (lost, found) = match crime {
                Crime::Lose => (1, faults.is_empty()),
                Crime::Double => (0, matches!(faults[..], [Fault::Duplicated(_)])),
                Crime::Delay => (0, matches!(faults[..], [Fault::Misordered(_)])),
                Crime::Misdeliver => (1, matches!(faults[..], [Fault::Misattributed(_)])),
                Crime::Blame => (0, matches!(faults[..], [Fault::Misattributed(_)])),
                Crime::Invent => (0, matches!(faults[..], [Fault::Corrupted(_)])),
            };
            prop_assert!(found, "{:?} brought {:?}", crime, faults);
            prop_assert_eq!(ledger.under_way(), lost);
            prop_assert_eq!(ledger.lost().count() as u64, lost);
        }

        #[test]
        fn who_is_gone_needn_t_be_heard(sendings in sendings(), heard in 0_usize..60, gone in 0..MEMBERS) {
            let mut ledger = ledger();
            let sent = send(&mut ledger, &sendings);
            for stamp in sent.iter().take(heard) {
                prop_assert_eq!(hear(&mut ledger, stamp), Ok(()));
            }
            ledger.end(gone);
            let rest = sent.iter().skip(heard);
            let among_others: Vec<&Stamp> = rest.filter(|stamp| stamp.from != gone && stamp.to != gone).collect();
            prop_assert_eq!(ledger.under_way(), among_others.len() as u64);
            // What comes from it all the same is no fault, and neither is it missed.
            for stamp in sent.iter().skip(heard) {
                prop_assert_eq!(hear(&mut ledger, stamp), Ok(()));
            }
            prop_assert_eq!(ledger.under_way(), 0);
        }
    }

    #[test]
    fn what_strays_from_one_worker_to_another_is_known() {
        let [mut one, mut other] = [Ledger::new(0), Ledger::new(1)];
        let [ann, ben] = ["ann", "ben"].map(|id| one.enter(id.to_owned()));
        let [cat, dan] = ["cat", "dan"].map(|id| other.enter(id.to_owned()));
        let [n, same] = [one.send(ann, ben), other.send(cat, dan)];
        assert_eq!(n, same);
        assert!(matches!(other.hear(dan, "ann", &stamp(ann, ben, n)), Err(Fault::Misattributed(_))));
        assert_eq!((one.under_way(), other.under_way()), (1, 1));
        assert_eq!(other.hear(dan, "cat", &stamp(cat, dan, n)), Ok(()));
    }

    #[test]
    fn who_was_never_there_has_sent_nothing() {
        let mut ledger = ledger();
        for (from, to) in [(0, 99), (99, 0), (1, 1), (0, 1)] {
            assert!(matches!(ledger.hear(0, "id0", &stamp(from, to, 1)), Err(Fault::Corrupted(_))));
        }
    }
}
