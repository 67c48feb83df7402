//! What a handler gets to see, and what it can reply.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use anymq_broker::acl::Operation;
use anymq_broker::topics::TopicId;
use anymq_broker::{Event, Session as Hall};
use anymq_types::Position;

use crate::config::{Config, VIRTUAL_NODE_PORTS};
use crate::peer::{Peer, Ports};
use crate::topics::Seen;
use crate::wire::{ApiKey, IntoResponse, RequestHeader, Segments};

/// What of a request's header outlives its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// What is asked.
    pub(crate) api: ApiKey,
    /// In which version.
    pub(crate) version: i16,
    /// To be repeated in the response.
    pub(crate) correlation_id: i32,
    /// This request and no other of the connection: what is asked of the hall with it comes back to this request.
    pub(crate) token: u64,
}

impl Head {
    pub(crate) fn of(header: &RequestHeader<'_>) -> Head {
        let RequestHeader { api, version, correlation_id, .. } = *header;
        Head { api, version, correlation_id, token: 0 }
    }
}

/// What becomes of a request.
pub(crate) enum Reply {
    /// This response.
    Now(Segments),
    /// This response, once that is on disk.
    Committed(Position, Segments),
    /// It waits, at most so long, and is asked again.
    Park(Box<dyn Parked>, Option<Duration>),
    /// No response: the client wants none.
    Nothing,
    /// No response, and nothing after it: the connection is closed.
    Close,
}

/// Why a waiting request is asked whether it can answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wake<'e> {
    /// The hall's answer to what it asked with its token.
    Event(&'e Event),
    /// Something happened in the hall: perhaps what it waits for.
    Signal,
    /// It has waited long enough. It may go on waiting, but is not told again.
    Deadline,
}

/// A request that waits for something to happen. Dropped without an answer if the connection ends.
pub(crate) trait Parked: Send {
    /// Its reply, if there can be one now.
    fn poll(&mut self, cx: &mut Cx<'_>, why: Wake<'_>) -> Option<Reply>;

    /// Whether nothing more is read before it is answered: its answer may be large.
    fn is_alone(&self) -> bool {
        false
    }
}

/// One request and its surroundings.
pub(crate) struct Cx<'a> {
    /// Every operation there is.
    pub(crate) hall: &'a Hall,
    pub(crate) config: &'a Config,
    pub(crate) peer: &'a Peer,
    /// Topics that the connection has used.
    pub(crate) seen: &'a RefCell<Seen>,
    pub(crate) head: Head,
    /// What the client calls itself.
    pub(crate) client_id: &'a str,
    /// For how long the client is to be silent, in milliseconds.
    pub(crate) silence: &'a Cell<u64>,
}

/// A broker as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) id: i32,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Cx<'_> {
    /// Whether the user may do `operation` to the server as a whole.
    pub(crate) fn may_cluster(&self, operation: Operation) -> bool {
        self.hall.may_cluster(operation)
    }

    /// The version of the request.
    pub(crate) fn version(&self) -> i16 {
        self.head.version
    }

    /// This response.
    pub(crate) fn reply<'r, R: IntoResponse<'r>>(&self, response: &R) -> Reply {
        Reply::Now(self.head.encode(response))
    }

    /// This response, once `commit` is on disk.
    pub(crate) fn reply_when<'r, R: IntoResponse<'r>>(
        &self,
        commit: Option<Position>,
        response: &R,
    ) -> Reply {
        match commit {
            Some(position) => Reply::Committed(position, self.head.encode(response)),
            None => self.reply(response),
        }
    }

    /// Waits for something to happen, for `wait` at most.
    pub(crate) fn park(&self, parked: impl Parked + 'static, wait: Option<Duration>) -> Reply {
        Reply::Park(Box::new(parked), wait)
    }

    /// The id of the node that the client is talking to.
    pub(crate) fn node_id(&self) -> i32 {
        let dialled = |ports: &Ports| ports.of(self.peer.entry) == Some(self.peer.local.port());
        self.peer.nodes.iter().position(dialled).map_or(0, |id| id as i32)
    }

    /// The node that leads a partition, as clients are told; each answers for all of them.
    pub(crate) fn leader(&self, topic: TopicId, partition: usize) -> i32 {
        let nodes = self.peer.nodes.len().max(1) as u128;
        ((topic.0 % nodes + partition as u128) % nodes) as i32
    }

    /// The node that coordinates a group or a transaction, as clients are told; each answers for all of them.
    pub(crate) fn coordinator(&self, key: &str) -> i32 {
        let nodes = self.peer.nodes.len().max(1) as u32;
        let hash = key.bytes().fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        (hash % nodes) as i32
    }

    /// The nodes to tell the client of.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        let (host, port) = self.config.advertised().unwrap_or_default();
        let local = self.peer.local;
        let host = host.map_or_else(|| local.ip().to_canonical().to_string(), str::to_owned);
        let dialled = |own: Option<u16>| port.or(own).unwrap_or(local.port());
        if self.peer.nodes.len() <= 1 {
            return vec![Node { id: 0, host, port: dialled(None) }];
        }
        // An advertised port is the first node's; the others follow as their own ports do.
        let numbered = (0u16..).zip(self.peer.nodes.iter());
        numbered
            .map(|(id, ports)| Node {
                id: id.into(),
                host: host.clone(),
                port: match port {
                    Some(first) => first.saturating_add(id * VIRTUAL_NODE_PORTS),
                    None => dialled(ports.of(self.peer.entry)),
                },
            })
            .collect()
    }

    /// One of the nodes.
    pub(crate) fn node(&self, id: i32) -> Node {
        let mut nodes = self.nodes();
        let at = nodes.iter().position(|node| node.id == id).unwrap_or(0);
        nodes.swap_remove(at)
    }

    /// The cluster's id.
    pub(crate) fn cluster_id(&self) -> String {
        self.hall.broker().cluster_name()
    }
}
