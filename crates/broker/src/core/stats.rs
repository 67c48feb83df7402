//! Counters over everything, since the process started. They never go down.

use super::deadletter::Reason;

/// Totals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Messages taken from publishers.
    pub published: u64,
    /// Messages whose publisher asked to be told, and is told, that they were taken.
    pub confirmed: u64,
    /// Messages that reached no queue.
    pub unroutable: u64,
    /// Of those, sent back because they were mandatory.
    pub returned: u64,
    /// Messages handed to consumers.
    pub delivered: u64,
    /// Of those, handed out before.
    pub redelivered: u64,
    /// Messages settled by consumers, or by being delivered where no acknowledgement is asked for.
    pub acked: u64,
    /// Messages refused by an overflow policy.
    pub rejected: u64,
    /// Messages dropped because their deduplication key was known.
    pub duplicates: u64,
    /// Dead letters: refused by a consumer.
    pub dead_rejected: u64,
    /// Dead letters: expired.
    pub dead_expired: u64,
    /// Dead letters: no room.
    pub dead_maxlen: u64,
    /// Dead letters: failed too often.
    pub dead_delivery_limit: u64,
    /// Messages in memory only that were written out to free memory.
    pub spilled: u64,
    /// Stored messages that did not verify.
    pub corrupt: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Connections closed.
    pub connections_closed: u64,
    /// Channels opened.
    pub channels_opened: u64,
    /// Channels closed.
    pub channels_closed: u64,
    /// Declarations of queues that succeeded, of those that existed too.
    pub queues_declared: u64,
    /// Queues that came to be.
    pub queues_created: u64,
    /// Queues deleted.
    pub queues_deleted: u64,
    /// Consumers that came.
    pub consumers_opened: u64,
    /// Consumers that went.
    pub consumers_closed: u64,
    /// Logins that were refused.
    pub auth_failures: u64,
    /// Logins that had to wait, or were refused unheard, because their address had failed too often.
    pub auth_held_back: u64,
}

impl Stats {
    pub(crate) fn published(&mut self, n: u64) {
        self.published += n;
    }

    pub(crate) fn unroutable(&mut self, mandatory: bool) {
        self.unroutable += 1;
        self.returned += u64::from(mandatory);
    }

    pub(crate) fn delivered(&mut self, n: u64, again: bool) {
        self.delivered += n;
        self.redelivered += if again { n } else { 0 };
    }

    pub(crate) fn acked(&mut self, n: u64) {
        self.acked += n;
    }

    pub(crate) fn dead_lettered(&mut self, reason: Reason) {
        match reason {
            Reason::Rejected => self.dead_rejected += 1,
            Reason::Expired => self.dead_expired += 1,
            Reason::MaxLength => self.dead_maxlen += 1,
            Reason::DeliveryLimit => self.dead_delivery_limit += 1,
        }
    }
}
