//! Counters over everything, since the process started. They never go down.

use super::deadletter::Reason;
use crate::queue::settings::{Kind, Settings};

/// How a message was handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// Fetched by itself, not pushed to a consumer.
    pub(crate) fetch: bool,
    /// Settled by being sent.
    pub(crate) auto_ack: bool,
    /// Handed out before.
    pub(crate) again: bool,
}

/// Deliveries from one queue, or from all queues of one kind, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Fetched one by one, to be acknowledged.
    pub fetched: u64,
    /// Fetched one by one, settled by that.
    pub fetched_auto: u64,
    /// Fetches that found nothing.
    pub fetched_none: u64,
    /// Handed to consumers that acknowledge.
    pub pushed: u64,
    /// Handed to consumers that do not.
    pub pushed_auto: u64,
    /// Of all these, messages handed out before.
    pub again: u64,
    /// Acknowledged.
    pub acked: u64,
}

impl Deliveries {
    /// All messages handed out.
    pub fn all(&self) -> u64 {
        self.fetched + self.fetched_auto + self.pushed + self.pushed_auto
    }

    /// Messages that are done with: acknowledged, or sent to somebody who does not acknowledge.
    pub fn settled(&self) -> u64 {
        self.acked + self.fetched_auto + self.pushed_auto
    }

    pub(crate) fn add(&mut self, n: u64, way: Way) {
        let count = match (way.fetch, way.auto_ack) {
            (true, false) => &mut self.fetched,
            (true, true) => &mut self.fetched_auto,
            (false, false) => &mut self.pushed,
            (false, true) => &mut self.pushed_auto,
        };
        *count += n;
        self.again += if way.again { n } else { 0 };
    }
}

/// Messages that left queues of one kind as dead letters, by what their queues do with them: dropped for want of a
/// dead-letter exchange, sent to it, sent to it where `at-least-once` was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deaths {
    /// Refused by a consumer.
    pub rejected: [u64; 3],
    /// Expired.
    pub expired: [u64; 3],
    /// No room.
    pub maxlen: [u64; 3],
    /// Failed too often.
    pub delivery_limit: [u64; 3],
    /// Those of all reasons that were to arrive at least once, and did.
    pub arrived: u64,
}

/// Counters of all queues of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindStats {
    /// What was handed out.
    pub deliveries: Deliveries,
    /// What was lost.
    pub deaths: Deaths,
}

/// Totals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Messages taken from publishers.
    pub published: u64,
    /// Messages whose publisher asked to be told, and is told, that they were taken.
    pub confirmed: u64,
    /// Of those published, messages whose publisher asks to be told.
    pub published_confirmed: u64,
    /// Copies of them that went to queues: a message for three queues counts three times.
    pub copies: u64,
    /// Messages that reached no queue.
    pub unroutable: u64,
    /// Of those, sent back because they were mandatory.
    pub returned: u64,
    /// Messages handed straight to reply addresses.
    pub replies: u64,
    /// Counters of the queues of each kind: classic, quorum, stream.
    pub kinds: [KindStats; 3],
    /// Messages refused by an overflow policy.
    pub rejected: u64,
    /// Messages dropped because their deduplication key was known.
    pub duplicates: u64,
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
    /// Messages refused because they are not of the schema that their queue or topic demands.
    pub schema_refused: u64,
}

impl Stats {
    /// Messages handed to consumers, of all kinds of queues and of none.
    pub fn delivered(&self) -> u64 {
        self.replies + self.kinds.iter().map(|k| k.deliveries.all()).sum::<u64>()
    }

    /// Of those, messages handed out before.
    pub fn redelivered(&self) -> u64 {
        self.kinds.iter().map(|k| k.deliveries.again).sum()
    }

    /// Messages settled by consumers, or by being delivered where no acknowledgement is asked for.
    pub fn acked(&self) -> u64 {
        self.kinds.iter().map(|k| k.deliveries.settled()).sum()
    }

    /// Messages that left any queue as dead letters, whether sent or dropped.
    pub fn deaths(&self) -> Deaths {
        let mut all = Deaths::default();
        for kind in &self.kinds {
            all.arrived += kind.deaths.arrived;
            let of_kind = [
                (&mut all.rejected, kind.deaths.rejected),
                (&mut all.expired, kind.deaths.expired),
                (&mut all.maxlen, kind.deaths.maxlen),
                (&mut all.delivery_limit, kind.deaths.delivery_limit),
            ];
            for (sums, counts) in of_kind {
                sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
            }
        }
        all
    }

    pub(crate) fn published(&mut self, n: u64, confirms: bool) {
        self.published += n;
        self.published_confirmed += if confirms { n } else { 0 };
    }

    pub(crate) fn unroutable(&mut self, mandatory: bool) {
        self.unroutable += 1;
        self.returned += u64::from(mandatory);
    }

    pub(crate) fn of(&mut self, kind: Kind) -> &mut KindStats {
        &mut self.kinds[kind as usize]
    }

    pub(crate) fn dead_lettered(&mut self, kind: Kind, settings: &Settings, reason: Reason) {
        let deaths = &mut self.of(kind).deaths;
        let counts = match reason {
            Reason::Rejected => &mut deaths.rejected,
            Reason::Expired => &mut deaths.expired,
            Reason::MaxLength => &mut deaths.maxlen,
            Reason::DeliveryLimit => &mut deaths.delivery_limit,
        };
        let strategy = match settings.dead_letter_exchange {
            None => 0,
            Some(_) => 1 + usize::from(settings.dead_letter_at_least_once),
        };
        counts[strategy] += 1;
    }
}
