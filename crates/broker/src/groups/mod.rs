//! Consumer groups: who shares the partitions of topics with whom, and how far each group has read.
//!
//! A [`Group`] is its committed offsets, which last, and a machine of one of the protocols, which is memory only: after a restart
//! members join again. [`Groups`] is the table of all, by vhost and name, with the next deadline of each. Nothing here does I/O or
//! reads a clock; `core::groups` puts journal, rights and sessions around it.
//!
//! Costs: a heartbeat is two look-ups; a deadline that has moved is not moved in the table but looked at when it would have been due.

pub mod api;
pub(crate) mod classic;
pub mod config;
pub(crate) mod consumer;
pub mod consumer_api;
pub(crate) mod durable;
pub(crate) mod embedded;
mod holdings;
mod migrate;
pub(crate) mod offsets;
pub mod offsets_api;
pub mod settings;
pub(crate) mod share;
pub mod share_api;
mod table;

use std::net::IpAddr;
use std::sync::Arc;

use anymq_types::{ConnectionId, Millis};

use self::api::{GroupAnswer, GroupFault, GroupKind, GroupResult, GroupState};
use self::classic::{Classic, Limits};
use self::consumer::{Consumer, Topics};
use self::offsets::Offsets;
use self::share::Share;
pub(crate) use self::table::{Groups, Key};

/// Longest name of a group.
pub const NAME_BYTES_MAX: usize = 32_767;
/// Longest note that may be committed with an offset.
pub const METADATA_BYTES_MAX: usize = 4_096;
/// Most that a member may say of itself, over all protocols.
pub(crate) const MEMBER_BYTES_MAX: usize = 1 << 20;
/// What a member, an id given out or an offset costs besides its contents.
pub(crate) const ENTRY_BYTES: u64 = 256;
/// What is kept of what a client calls itself.
const CLIENT_ID_BYTES_MAX: usize = 255;
/// A group without members and offsets is forgotten after so long.
const IDLE_MS: u64 = 600_000;

/// Whoever waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    pub(crate) session: ConnectionId,
    pub(crate) token: u64,
}

/// Where a member is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) host: IpAddr,
}

impl Peer {
    /// What the client calls itself, as far as it is kept.
    pub(crate) fn client(self, id: &str) -> Arc<str> {
        id[..id.floor_char_boundary(CLIENT_ID_BYTES_MAX)].into()
    }
}

/// What comes out of a machine.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) answers: Vec<(Waiter, GroupAnswer)>,
    /// The earliest deadline that was set.
    due: Option<Millis>,
}

impl Out {
    pub(crate) fn answer(&mut self, waiter: Waiter, answer: GroupAnswer) {
        self.answers.push((waiter, answer));
    }

    pub(crate) fn due(&mut self, at: Millis) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

/// Which protocol a group speaks, and its state.
#[derive(Debug)]
pub(crate) enum Machine {
    Classic(Classic),
    Consumer(Consumer),
    Share(Share),
}

/// One group.
#[derive(Debug)]
pub(crate) struct Group {
    /// Who made it; nobody after a restart.
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) machine: Machine,
    pub(crate) offsets: Offsets,
    /// When it is looked at next, as the table knows it.
    timer: Option<Millis>,
    /// Since when nobody would miss it.
    idle: Option<Millis>,
}

impl Group {
    fn new(owner: Option<Arc<str>>) -> Self {
        Group {
            owner,
            machine: Machine::Classic(Classic::new()),
            offsets: Offsets::default(),
            timer: None,
            idle: None,
        }
    }

    pub(crate) fn state(&self) -> GroupState {
        match &self.machine {
            Machine::Classic(classic) => classic.state(),
            Machine::Consumer(consumer) => consumer.state(),
            Machine::Share(share) => share.state(),
        }
    }

    pub(crate) fn kind(&self) -> GroupKind {
        match &self.machine {
            Machine::Classic(_) => GroupKind::Classic,
            Machine::Consumer(_) => GroupKind::Consumer,
            Machine::Share(_) => GroupKind::Share,
        }
    }

    /// The consumer machine, if it is one.
    pub(crate) fn consumer(&mut self) -> Option<&mut Consumer> {
        match &mut self.machine {
            Machine::Consumer(consumer) => Some(consumer),
            Machine::Classic(_) | Machine::Share(_) => None,
        }
    }

    /// The share group, if it is one.
    pub(crate) fn share(&mut self) -> Option<&mut Share> {
        match &mut self.machine {
            Machine::Share(share) => Some(share),
            Machine::Classic(_) | Machine::Consumer(_) => None,
        }
    }

    /// The share group, if it is one, to look at.
    pub(crate) fn as_share(&self) -> Option<&Share> {
        match &self.machine {
            Machine::Share(share) => Some(share),
            Machine::Classic(_) | Machine::Consumer(_) => None,
        }
    }

    /// Makes it a group of that kind, without members, unless it is one.
    fn set_kind(&mut self, kind: GroupKind) {
        if self.kind() != kind {
            self.machine = match kind {
                GroupKind::Classic => Machine::Classic(Classic::new()),
                GroupKind::Consumer => Machine::Consumer(Consumer::new()),
                GroupKind::Share => Machine::Share(Share::default()),
            };
        }
    }

    /// Whether members use a topic.
    ///
    /// # Errors
    /// [`GroupFault::NotEmpty`] if nobody knows what they use; [`GroupFault::NotFound`] if it is of a kind that commits no offsets.
    pub(crate) fn is_subscribed(&self, topic: &str) -> GroupResult<bool> {
        match &self.machine {
            Machine::Classic(classic) => classic.is_subscribed(topic),
            Machine::Consumer(consumer) => Ok(consumer.is_subscribed(topic)),
            Machine::Share(_) => Err(GroupFault::NotFound),
        }
    }

    /// Makes it a group whose partitions the broker assigns, with the members it has.
    ///
    /// # Errors
    /// [`GroupFault::NotFound`] if they are no consumers.
    pub(crate) fn make_consumer(
        &mut self,
        now: Millis,
        topics: &dyn Topics,
        out: &mut Out,
    ) -> GroupResult<()> {
        if let Machine::Classic(classic) = &mut self.machine {
            let consumer = if classic.is_unused() {
                Consumer::new()
            } else {
                Consumer::from_classic(now, classic, topics, out).ok_or(GroupFault::NotFound)?
            };
            self.machine = Machine::Consumer(consumer);
        }
        Ok(())
    }

    /// Makes it a share group, if there was nothing but its name.
    ///
    /// # Errors
    /// [`GroupFault::NotFound`] if it is another kind of group.
    pub(crate) fn make_share(&mut self) -> GroupResult<&mut Share> {
        if matches!(self.machine, Machine::Classic(_)) && self.is_unused() {
            self.machine = Machine::Share(Share::default());
        }
        self.share().ok_or(GroupFault::NotFound)
    }

    /// A group without members takes up the classic protocol.
    pub(crate) fn make_classic_if_empty(&mut self) {
        if self.consumer().is_some_and(|consumer| consumer.is_empty()) {
            self.machine = Machine::Classic(Classic::new());
        }
    }

    /// When all members speak the classic protocol one of them assigns.
    pub(crate) fn leave_protocol(&mut self, now: Millis, out: &mut Out) {
        if let Some(consumer) = self.consumer().filter(|consumer| consumer.is_all_classic()) {
            let consumer = std::mem::replace(consumer, Consumer::new());
            self.machine = Machine::Classic(consumer.into_classic(now, out));
        }
    }

    /// Tells when it is due next.
    pub(crate) fn due(&self, out: &mut Out) {
        if let Some(at) = self.next_due() {
            out.due(at);
        }
    }

    /// Whether it outlives a restart.
    pub(crate) fn lasts(&self) -> bool {
        !self.offsets.is_empty() || self.kind() != GroupKind::Classic
    }

    fn is_unused(&self) -> bool {
        let machine = match &self.machine {
            Machine::Classic(classic) => classic.is_unused(),
            Machine::Consumer(consumer) => consumer.is_empty(),
            Machine::Share(share) => share.is_unused(),
        };
        machine && self.offsets.is_empty()
    }

    fn bytes(&self) -> u64 {
        let machine = match &self.machine {
            Machine::Classic(classic) => classic.bytes(),
            Machine::Consumer(consumer) => consumer.bytes(),
            Machine::Share(share) => share.bytes(),
        };
        machine + self.offsets.bytes()
    }

    fn next_due(&self) -> Option<Millis> {
        match &self.machine {
            Machine::Classic(classic) => classic.next_due(),
            Machine::Consumer(consumer) => consumer.next_due(),
            Machine::Share(share) => share.next_due(),
        }
    }

    pub(crate) fn tick(&mut self, now: Millis, limits: &Limits, out: &mut Out) {
        match &mut self.machine {
            Machine::Classic(classic) => classic.tick(now, limits, out),
            Machine::Consumer(consumer) => consumer.tick(now),
            Machine::Share(share) => share.tick(now),
        }
    }
}
