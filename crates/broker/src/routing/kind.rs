//! Dispatch over the kinds of exchange.

use anymq_catalog::{Args, Binding, ExchangeKind};
use anymq_types::props::PropsRef;

use super::Message;
use super::direct::Direct;
use super::fanout::Fanout;
use super::hash::{ConsistentHash, ModulusHash};
use super::headers::Headers;
use super::random::Random;
use super::targets::{Sink, Target};
use super::topic::Topic;

/// The bindings of one exchange, arranged as its kind needs them.
#[derive(Debug)]
pub(super) enum Kind {
    Direct(Direct),
    Fanout(Fanout),
    Topic(Topic),
    Headers(Headers),
    ConsistentHash(ConsistentHash),
    ModulusHash(ModulusHash),
    Random(Random),
}

impl Kind {
    pub(super) fn new(kind: ExchangeKind, args: &Args) -> Self {
        match kind {
            // A delayed exchange is asked for the kind it wraps, so this is one that does not say.
            ExchangeKind::Direct | ExchangeKind::Delayed => Kind::Direct(Direct::default()),
            ExchangeKind::Fanout => Kind::Fanout(Fanout::default()),
            ExchangeKind::Topic => Kind::Topic(Topic::default()),
            ExchangeKind::Headers => Kind::Headers(Headers::default()),
            ExchangeKind::ConsistentHash => Kind::ConsistentHash(ConsistentHash::new(args)),
            ExchangeKind::ModulusHash => Kind::ModulusHash(ModulusHash::default()),
            // On one node every queue is local.
            ExchangeKind::Random | ExchangeKind::LocalRandom => Kind::Random(Random::default()),
        }
    }

    pub(super) fn bind(&mut self, binding: &Binding, target: Target) {
        match self {
            Kind::Direct(direct) => direct.bind(binding, target),
            Kind::Fanout(fanout) => fanout.bind(target),
            Kind::Topic(topic) => topic.bind(binding.routing_key.as_bytes(), target),
            Kind::Headers(headers) => headers.bind(binding, target),
            Kind::ConsistentHash(hash) => hash.bind(binding, target),
            Kind::ModulusHash(hash) => hash.bind(binding, target),
            Kind::Random(random) => random.bind(target),
        }
    }

    pub(super) fn unbind(&mut self, binding: &Binding, target: Target) {
        match self {
            Kind::Direct(direct) => direct.unbind(binding, target),
            Kind::Fanout(fanout) => fanout.unbind(target),
            Kind::Topic(topic) => topic.unbind(binding.routing_key.as_bytes(), target),
            Kind::Headers(headers) => headers.unbind(binding, target),
            Kind::ConsistentHash(hash) => hash.unbind(binding, target),
            Kind::ModulusHash(hash) => hash.unbind(binding, target),
            Kind::Random(random) => random.unbind(target),
        }
    }

    pub(super) fn route<'p, P>(&self, message: &Message<'_, P>, sink: &mut Sink<'_>)
    where
        P: Fn() -> Option<PropsRef<'p>>,
    {
        match self {
            Kind::Direct(direct) => message.keys().for_each(|key| direct.route(key, sink)),
            Kind::Fanout(fanout) => fanout.route(sink),
            Kind::Topic(topic) => message.keys().for_each(|key| topic.route(key, sink)),
            Kind::Headers(headers) => {
                headers.route((message.props)().and_then(|props| props.headers()), sink)
            }
            Kind::ConsistentHash(hash) => hash.route(message, sink),
            Kind::ModulusHash(hash) => hash.route(message.routing_key, sink),
            Kind::Random(random) => random.route(message.seed, sink),
        }
    }

    /// True if the route depends on the routing key alone and ends at queues.
    pub(super) fn is_cacheable(&self) -> bool {
        match self {
            Kind::Direct(direct) => !direct.has_exchanges(),
            Kind::Fanout(fanout) => !fanout.has_exchanges(),
            Kind::Topic(topic) => !topic.has_exchanges(),
            Kind::Headers(_) | Kind::ConsistentHash(_) | Kind::ModulusHash(_) | Kind::Random(_) => false,
        }
    }
}
