//! A group changes its protocol while it has members. (KIP-848, "Online Migration".)
//!
//! When the first member of the consumer protocol joins a classic group of consumers, the group becomes one whose partitions the
//! broker assigns, with the members, generation and shares it had; when the last of them leaves, it becomes classic again, and its
//! members join anew.

use std::sync::Arc;

use anymq_types::Millis;

use super::Out;
use super::api::GroupFault;
use super::classic::{Classic, Moving};
use super::consumer::{ClassicSide, Consumer, Member, Share, Topics};
use super::embedded::{CONSUMER, Subscription, parse_assignment};

impl Consumer {
    /// A group of the consumer protocol with the members of a classic one, each with the share it had. [`None`] if its members do not
    /// speak as consumers do.
    pub(crate) fn from_classic(
        now: Millis,
        from: &mut Classic,
        topics: &dyn Topics,
        out: &mut Out,
    ) -> Option<Consumer> {
        if from.protocol_type().is_none_or(|kind| **kind != *CONSUMER) {
            return None;
        }
        let members: Option<Vec<(Arc<str>, Member)>> =
            from.moving().map(|moving| consumer_member(now, moving, topics)).collect();
        let mut group = Consumer::at_epoch(from.generation());
        for (id, member) in members? {
            group.adopt(id, member);
        }
        group.take_over(topics);
        from.send_away(&GroupFault::RebalanceInProgress, out);
        group.due(out);
        Some(group)
    }

    /// The classic group that is left when all members speak the classic protocol.
    pub(crate) fn into_classic(self, now: Millis, out: &mut Out) -> Classic {
        let generation = self.epoch();
        let moving = self.classic_members().collect();
        Classic::from_moving(now, generation, moving, out)
    }
}

fn consumer_member(now: Millis, moving: Moving, topics: &dyn Topics) -> Option<(Arc<str>, Member)> {
    let (_, metadata) = moving.protocols.first()?;
    let subscription = Subscription::parse(metadata)?;
    let mut share = Share::new();
    for (name, numbers) in parse_assignment(&moving.assignment)? {
        if let Some((topic, _)) = topics.find(name) {
            share.extend(numbers.into_iter().map(|number| (topic, number)));
        }
    }
    let mut member = Member::new(moving.host);
    member.topics = subscription.topics.iter().map(|&name| Arc::from(name)).collect();
    member.instance = moving.instance;
    member.client_id = moving.client_id;
    member.rebalance_ms = moving.rebalance_ms;
    member.target = share;
    member.session = Some(Millis(now.0 + moving.session_ms));
    let (session_ms, protocols) = (moving.session_ms, moving.protocols);
    member.classic = Some(ClassicSide { session_ms, protocols, join: None, sync: None });
    Some((moving.id, member))
}
