//! Who is in a lane: its members, each with the connection that speaks for it, and the connections that want to.

use super::registration::Registration;
use crate::{protocol::SocketId, room::Member};
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Roster {
    members: HashMap<SocketId, Registration>,
    /// Connections that have asked to take a member up.
    resuming: HashMap<SocketId, Vec<Registration>>,
}

impl Roster {
    /// A connection that joins.
    pub(super) fn join(&mut self, member: &Member, registration: Registration) {
        self.members.insert(member.id, registration);
    }

    /// A connection that wants to take a member up.
    pub(super) fn resume(&mut self, member: &Member, registration: Registration) {
        self.resuming.entry(member.id).or_default().push(registration);
    }

    /// A connection has taken a member up. Returns the one that spoke for it here before.
    pub(super) fn take_up(&mut self, member: &Member, registration: Registration) -> Option<Registration> {
        self.members.insert(member.id, registration)
    }

    /// Who speaks for a member.
    pub(super) fn speaker(&mut self, id: SocketId) -> Option<&mut Registration> {
        self.members.get_mut(&id)
    }

    /// Who wants to speak for a member.
    pub(super) fn resuming(&mut self, id: SocketId) -> impl Iterator<Item = &mut Registration> {
        self.resuming.get_mut(&id).into_iter().flatten()
    }

    /// Both.
    pub(super) fn of(&mut self, id: SocketId) -> impl Iterator<Item = &mut Registration> {
        self.members.get_mut(&id).into_iter().chain(self.resuming.get_mut(&id).into_iter().flatten())
    }

    /// Whether anybody speaks for a member, or wants to.
    pub(super) fn knows(&self, id: SocketId) -> bool {
        self.members.contains_key(&id) || self.resuming.contains_key(&id)
    }

    /// Who is in.
    pub(super) fn members(&mut self) -> impl Iterator<Item = (SocketId, &mut Registration)> {
        let members = self.members.iter_mut().map(|(id, registration)| (*id, registration));
        members.filter(|(_, registration)| registration.is_in())
    }

    /// How many are in.
    pub(super) fn len(&self) -> usize {
        self.members.values().filter(|registration| registration.is_in()).count()
    }

    /// Everyone with a connection here.
    pub(super) fn everyone(&mut self) -> impl Iterator<Item = (SocketId, &mut Registration)> {
        let members = self.members.iter_mut().map(|(id, registration)| (*id, registration));
        let resuming = self.resuming.iter_mut();
        members.chain(resuming.flat_map(|(id, all)| all.iter_mut().map(|registration| (*id, registration))))
    }

    /// The connection that this one is.
    pub(super) fn find(&mut self, member: &Member) -> Option<&mut Registration> {
        self.of(member.id).find(|registration| registration.is(member))
    }

    /// Forgets a connection.
    pub(super) fn remove(&mut self, member: &Member) -> Option<Registration> {
        let speaks = self.members.get(&member.id).is_some_and(|known| known.is(member));
        if speaks { self.members.remove(&member.id) } else { self.take_resuming(member) }
    }

    /// Takes out a connection that wants to take a member up.
    pub(super) fn take_resuming(&mut self, member: &Member) -> Option<Registration> {
        let resuming = self.resuming.get_mut(&member.id)?;
        let index = resuming.iter().position(|registration| registration.is(member))?;
        let taken = resuming.swap_remove(index);
        if resuming.is_empty() {
            self.resuming.remove(&member.id);
        }
        Some(taken)
    }
}
