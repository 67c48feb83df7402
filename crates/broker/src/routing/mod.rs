//! Routing: from an exchange and a routing key to queues.
//!
//! One [`Router`] per vhost, an index over what the catalogue holds: whoever commits a catalogue change tells the router
//! each step, in order. Start with [`Router::route`]; one file per kind of exchange.
//!
//! ```text
//!   "" ------------------> the queue of that name
//!   exchange -> its kind -> queues (collected, each once)
//!                        -> exchanges (visited, each once)
//!                        -> nothing: its alternate exchange
//! ```
//!
//! Names and keys compare as bytes. Default, direct and fanout exchanges allocate nothing and cost one look-up by name
//! and one by key. Every exchange is visited at most once per message, so cycles end.

mod direct;
mod fanout;
mod hash;
mod headers;
mod kind;
mod name;
mod random;
mod targets;
mod topic;

pub(crate) use targets::Targets;

use std::sync::Arc;

use anymq_catalog::{Binding, Destination, Exchange};
use anymq_types::props::PropsRef;
use anymq_types::{ExchangeId, QueueId};
use hashbrown::HashMap;
use smallvec::SmallVec;

use kind::Kind;
use name::{Name, NameRef};
use targets::{Sink, Target};

/// Further routing keys of a message: those of its headers `CC` and `BCC`.
pub(crate) type Copies<'a> = SmallVec<[&'a [u8]; 4]>;

pub(crate) type FastMap<K, V> = HashMap<K, V, foldhash::fast::FixedState>;

/// 128 bits of a key, the same in every process: so many that no two keys meet.
pub(crate) fn hash_128(key: &[u8]) -> u128 {
    use std::hash::{BuildHasher, Hasher};
    let half = |seed: u64| {
        let mut hasher = foldhash::quality::FixedState::with_seed(seed).build_hasher();
        hasher.write(key);
        hasher.finish()
    };
    u128::from(half(1)) << 64 | u128::from(half(2))
}

/// What routing looks at.
pub(crate) struct Message<'m, P> {
    /// Name of the exchange; empty is the default exchange.
    pub(crate) exchange: &'m [u8],
    /// The routing key.
    pub(crate) routing_key: &'m [u8],
    /// Further routing keys, of the headers `CC` and `BCC`.
    pub(crate) copies: &'m [&'m [u8]],
    /// The properties; asked for by exchanges that look at them, once for each.
    pub(crate) props: P,
    /// Chooses among bindings where chance does; the core reads no randomness of its own.
    pub(crate) seed: u64,
    /// May enter an internal exchange: dead letters, the broker's own events.
    pub(crate) trusted: bool,
}

/// What became of a message. Where not `Routed`, no targets were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// To at least one queue.
    Routed,
    /// To none, also not by alternate exchanges.
    Unroutable,
    /// There is no such exchange.
    NoSuchExchange,
    /// The exchange takes messages from other exchanges only.
    Internal,
    /// To more than [`anymq_types::limits::TARGETS_MAX`] queues.
    TooMany,
}

/// Exchanges and bindings of one vhost, arranged for routing.
#[derive(Debug, Default)]
pub(crate) struct Router {
    exchanges: FastMap<Name, Node>,
    names: FastMap<ExchangeId, Arc<str>>,
    queues: FastMap<Name, QueueId>,
}

#[derive(Debug)]
struct Node {
    id: ExchangeId,
    internal: bool,
    alternate: Option<Arc<str>>,
    kind: Kind,
}

/// What there is. Each change is told once, as the catalogue makes it; one that does not fit is ignored.
impl Router {
    /// Adds an exchange, or changes its alternate exchange.
    pub(crate) fn exchange_put(&mut self, exchange: &Exchange, alternate: Option<Arc<str>>) {
        if let Some(node) = self.exchanges.get_mut(&NameRef(exchange.name.as_bytes())) {
            node.internal = exchange.internal;
            node.alternate = alternate;
            return;
        }
        let node = Node {
            id: exchange.id,
            internal: exchange.internal,
            alternate,
            kind: Kind::new(exchange.routing_kind(), &exchange.args),
        };
        self.names.insert(exchange.id, exchange.name.clone());
        self.exchanges.insert(Name(exchange.name.clone()), node);
    }

    /// Removes an exchange; its bindings go with it.
    pub(crate) fn exchange_delete(&mut self, id: ExchangeId) {
        if let Some(name) = self.names.remove(&id) {
            self.exchanges.remove(&NameRef(name.as_bytes()));
        }
    }

    /// Adds a queue to the default exchange.
    pub(crate) fn queue_put(&mut self, name: &Arc<str>, id: QueueId) {
        self.queues.insert(Name(name.clone()), id);
    }

    /// Removes a queue from the default exchange. Its bindings are unbound before.
    pub(crate) fn queue_delete(&mut self, name: &str) {
        self.queues.remove(&NameRef(name.as_bytes()));
    }

    /// Adds a binding that did not exist.
    pub(crate) fn bind(&mut self, binding: &Binding) {
        let Some(target) = self.target(&binding.destination) else { return };
        if let Some(node) = self.exchanges.get_mut(&NameRef(binding.source.as_bytes())) {
            node.kind.bind(binding, target);
        }
    }

    /// Removes a binding that existed, while both of its ends still do.
    pub(crate) fn unbind(&mut self, binding: &Binding) {
        let Some(target) = self.target(&binding.destination) else { return };
        if let Some(node) = self.exchanges.get_mut(&NameRef(binding.source.as_bytes())) {
            node.kind.unbind(binding, target);
        }
    }

    fn target(&self, destination: &Destination) -> Option<Target> {
        let name = NameRef(destination.name().as_bytes());
        match destination {
            Destination::Queue(_) => self.queues.get(&name).map(|id| Target::Queue(*id)),
            Destination::Exchange(_) => self.exchanges.get(&name).map(|node| Target::Exchange(node.id)),
        }
    }
}

/// Where messages go.
impl Router {
    /// The queue of that name.
    pub(crate) fn queue(&self, name: &[u8]) -> Option<QueueId> {
        self.queues.get(&NameRef(name)).copied()
    }

    /// True if there is an exchange of that name.
    pub(crate) fn has_exchange(&self, name: &[u8]) -> bool {
        name.is_empty() || self.exchanges.contains_key(&NameRef(name))
    }

    /// True if the route depends on the exchange and the routing key alone: then it may be cached until the version
    /// changes. Exchanges behind it are looked at, too.
    pub(crate) fn is_cacheable(&self, exchange: &[u8]) -> bool {
        match self.exchanges.get(&NameRef(exchange)) {
            None => exchange.is_empty(),
            Some(node) => node.alternate.is_none() && node.kind.is_cacheable(),
        }
    }

    /// Adds the queues the message goes to, each once.
    pub(crate) fn route<'p, P>(&self, message: &Message<'_, P>, out: &mut Targets) -> Outcome
    where
        P: Fn() -> Option<PropsRef<'p>>,
    {
        if message.exchange.is_empty() {
            self.to_default(message, out);
            return out.finish();
        }
        let Some(first) = self.exchanges.get(&NameRef(message.exchange)) else {
            return Outcome::NoSuchExchange;
        };
        if first.internal && !message.trusted {
            return Outcome::Internal;
        }
        let mut visited = SmallVec::<[ExchangeId; 8]>::from_slice(&[first.id]);
        let mut pending = SmallVec::<[&Node; 8]>::from_slice(&[first]);
        while let Some(node) = pending.pop() {
            let mut sink = Sink::new(out);
            node.kind.route(message, &mut sink);
            let (hits, exchanges) = sink.into_parts();
            for id in exchanges {
                self.visit(self.names.get(&id).map(|name| name.as_bytes()), &mut visited, &mut pending);
            }
            match node.alternate.as_deref() {
                Some("") if hits == 0 => self.to_default(message, out),
                Some(alternate) if hits == 0 => {
                    self.visit(Some(alternate.as_bytes()), &mut visited, &mut pending)
                }
                _ => {}
            }
        }
        out.finish()
    }

    fn to_default<P>(&self, message: &Message<'_, P>, out: &mut Targets) {
        for key in message.keys() {
            if let Some(queue) = self.queue(key) {
                out.push(queue);
            }
        }
    }

    /// Queues an exchange for a visit, unless it is gone or had one.
    fn visit<'r>(
        &'r self,
        name: Option<&[u8]>,
        visited: &mut SmallVec<[ExchangeId; 8]>,
        pending: &mut SmallVec<[&'r Node; 8]>,
    ) {
        let Some(node) = name.and_then(|name| self.exchanges.get(&NameRef(name))) else { return };
        if let Err(at) = visited.binary_search(&node.id) {
            visited.insert(at, node.id);
            pending.push(node);
        }
    }
}

impl<P> Message<'_, P> {
    /// The routing key and its copies.
    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(self.routing_key).chain(self.copies.iter().copied())
    }
}

#[cfg(test)]
mod tests;
