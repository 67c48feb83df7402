//! Members on their way to or from the other protocol.

use std::net::IpAddr;
use std::sync::Arc;

use anymq_types::Millis;
use bytes::Bytes;

use super::members::{Member, Protocols};
use super::{Classic, Phase};
use crate::groups::Out;
use crate::groups::api::GroupFault;
use crate::groups::embedded::CONSUMER;

/// A member, as either protocol knows it.
#[derive(Clone, Debug)]
pub(crate) struct Moving {
    pub(crate) id: Arc<str>,
    pub(crate) instance: Option<Arc<str>>,
    pub(crate) client_id: Arc<str>,
    pub(crate) host: IpAddr,
    pub(crate) session_ms: u64,
    pub(crate) rebalance_ms: u64,
    /// The one in use first.
    pub(crate) protocols: Protocols,
    pub(crate) assignment: Bytes,
}

impl Classic {
    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    /// The members, as they go.
    pub(crate) fn moving(&self) -> impl Iterator<Item = Moving> + '_ {
        self.members.iter().map(|(id, member)| {
            let mut protocols = member.protocols.clone();
            protocols.sort_by_key(|(name, _)| Some(name) != self.protocol.as_ref());
            Moving {
                id: id.clone(),
                instance: member.instance.clone(),
                client_id: member.client_id.clone(),
                host: member.host,
                session_ms: member.session_ms,
                rebalance_ms: member.rebalance_ms,
                protocols,
                assignment: member.assignment.clone(),
            }
        })
    }

    /// Tells everybody who waits why there is no answer to that.
    pub(crate) fn send_away(&mut self, fault: &GroupFault, out: &mut Out) {
        let ids: Vec<_> = self.members.iter().map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| self.members.turn_away(id, fault, out));
    }

    /// A group of those members, who are to join again.
    pub(crate) fn from_moving(now: Millis, generation: i32, moving: Vec<Moving>, out: &mut Out) -> Classic {
        let mut group = Classic::new();
        group.generation = generation;
        group.protocol_type = Some(CONSUMER.into());
        group.leader = moving.first().map(|member| member.id.clone());
        for from in moving {
            let mut member = Member::new(from.instance, from.client_id, from.host);
            member.session_ms = from.session_ms;
            member.rebalance_ms = from.rebalance_ms;
            member.protocols = from.protocols;
            member.assignment = from.assignment;
            member.is_new = false;
            group.members.insert(from.id.clone(), member);
            group.alive(now, &from.id, out);
        }
        group.protocol = group.members.elect();
        group.phase = Phase::Stable;
        group.rebalance(now, out);
        group
    }
}
