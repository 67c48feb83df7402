//! One member of a group of the consumer protocol.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use anymq_types::Millis;
use regex::Regex;

use super::assign::Assignor;
use super::{ClassicSide, Share};
use crate::groups::ENTRY_BYTES;

/// How far a member is on its way to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has what it shall have, as of its epoch.
    Stable,
    /// It has to give something up.
    Unrevoked,
    /// It shall have something that another member has not given up.
    Unreleased,
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) instance: Option<Arc<str>>,
    pub(crate) rack: Option<Arc<str>>,
    pub(crate) client_id: Arc<str>,
    pub(crate) host: IpAddr,
    pub(crate) rebalance_ms: u64,
    pub(crate) assignor: Option<Assignor>,
    /// Topics it wants by name.
    pub(crate) topics: BTreeSet<Arc<str>>,
    /// A pattern for others, and what it came to.
    pub(crate) pattern: Option<Arc<Regex>>,
    pub(crate) matched: BTreeSet<Arc<str>>,
    /// [`super::Topics::version`] when it came to that.
    pub(crate) matched_at: u64,
    pub(crate) epoch: i32,
    pub(crate) previous: i32,
    pub(crate) state: State,
    /// What it may have.
    pub(crate) assigned: Share,
    /// What it has to give up.
    pub(crate) revoking: Share,
    /// What it shall have in the end.
    pub(crate) target: Share,
    /// Without a heartbeat until then it is out.
    pub(crate) session: Option<Millis>,
    /// If it has not given up by then what it has to, it is out.
    pub(crate) revoke: Option<Millis>,
    /// It speaks the classic protocol.
    pub(crate) classic: Option<ClassicSide>,
}

impl Member {
    pub(crate) fn new(host: IpAddr) -> Self {
        Member {
            instance: None,
            rack: None,
            client_id: Arc::default(),
            host,
            rebalance_ms: 0,
            assignor: None,
            topics: BTreeSet::new(),
            pattern: None,
            matched: BTreeSet::new(),
            matched_at: 0,
            epoch: 0,
            previous: 0,
            state: State::Stable,
            assigned: Share::new(),
            revoking: Share::new(),
            target: Share::new(),
            session: None,
            revoke: None,
            classic: None,
        }
    }

    /// It has its target as of that epoch.
    pub(crate) fn is_at(&self, epoch: i32) -> bool {
        self.state == State::Stable && self.epoch == epoch
    }

    /// What nobody else may have.
    pub(crate) fn held(&self) -> impl Iterator<Item = &(crate::topics::TopicId, i32)> {
        self.assigned.iter().chain(&self.revoking)
    }

    pub(crate) fn wants(&self, topic: &str) -> bool {
        self.topics.contains(topic) || self.matched.contains(topic)
    }

    pub(crate) fn next_due(&self) -> Option<Millis> {
        let classic = self.classic.as_ref().and_then(ClassicSide::next_due);
        self.session.into_iter().chain(self.revoke).chain(classic).min()
    }

    pub(crate) fn advance(&mut self, epoch: i32) {
        self.previous = self.epoch;
        self.epoch = epoch;
    }

    pub(crate) fn bytes(&self) -> u64 {
        let names: usize = self.topics.iter().chain(&self.matched).map(|name| name.len() + 64).sum();
        let shares = (self.assigned.len() + self.revoking.len() + self.target.len()) * 64;
        let texts = [&self.instance, &self.rack].into_iter().flatten().map(|text| text.len()).sum::<usize>();
        let pattern = self.pattern.as_ref().map_or(0, |_| PATTERN_BYTES);
        let said = |c: &ClassicSide| c.protocols.iter().map(|(n, m)| n.len() + m.len() + 64).sum::<usize>();
        let classic = self.classic.as_ref().map_or(0, said);
        (classic + names + shares + texts + pattern + self.client_id.len()) as u64 + ENTRY_BYTES
    }
}

/// What a compiled pattern may cost.
pub(crate) const PATTERN_BYTES: usize = 64 << 10;
