//! `x-consistent-hash` and `x-modulus-hash`: one binding, chosen by a hash.
//!
//! The consistent hash is weighted rendezvous hashing: each destination draws a number from the hash of the message's
//! key and its own name, and the highest wins. Shares follow the weights exactly; a destination that comes takes its
//! share from all others evenly, and one that goes leaves the keys of the others where they are. It costs a few
//! nanoseconds per destination and no memory, whatever the weights.

use std::sync::Arc;

use anymq_catalog::args::binding::weight;
use anymq_catalog::{Args, Binding, Destination};
use anymq_types::props::PropsRef;
use anymq_types::value::ValueRef;
use smallvec::SmallVec;

use super::Message;
use super::targets::{Sink, Target};

/// What is hashed.
#[derive(Debug)]
enum Source {
    RoutingKey,
    Header(Box<str>),
    MessageId,
    CorrelationId,
    Timestamp,
}

/// One destination per message, in proportion to weights.
#[derive(Debug)]
pub(super) struct ConsistentHash {
    source: Source,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    target: Target,
    /// Hash of kind and name: a queue deleted and declared again has the same share.
    seed: u64,
    /// Of each binding there is; the highest counts.
    weights: SmallVec<[u32; 2]>,
}

impl ConsistentHash {
    pub(super) fn new(args: &Args) -> Self {
        let text = |key| args.get(key).and_then(|value| value.as_str());
        let source = match (text("hash-header"), text("hash-property")) {
            (Some(header), _) => Source::Header(header.into()),
            (None, Some("message_id")) => Source::MessageId,
            (None, Some("correlation_id")) => Source::CorrelationId,
            (None, Some("timestamp")) => Source::Timestamp,
            (None, _) => Source::RoutingKey,
        };
        ConsistentHash { source, members: Vec::new() }
    }

    pub(super) fn bind(&mut self, binding: &Binding, target: Target) {
        let Ok(weight) = weight(binding.routing_key.as_bytes()) else { return };
        match self.members.iter_mut().find(|member| member.target == target) {
            Some(member) => member.weights.push(weight),
            None => {
                let seed = destination_hash(&binding.destination);
                self.members.push(Member { target, seed, weights: SmallVec::from_slice(&[weight]) });
            }
        }
    }

    pub(super) fn unbind(&mut self, binding: &Binding, target: Target) {
        let Ok(weight) = weight(binding.routing_key.as_bytes()) else { return };
        let Some(at) = self.members.iter().position(|member| member.target == target) else { return };
        let weights = &mut self.members[at].weights;
        if let Some(place) = weights.iter().position(|w| *w == weight) {
            weights.swap_remove(place);
        }
        if weights.is_empty() {
            self.members.swap_remove(at);
        }
    }

    pub(super) fn route<'p, P>(&self, message: &Message<'_, P>, sink: &mut Sink<'_>)
    where
        P: Fn() -> Option<PropsRef<'p>>,
    {
        if let [only] = self.members.as_slice() {
            return sink.push(only.target);
        }
        let key = self.source.hash(message);
        // Of two equal draws the smaller target wins, whatever the order of binding.
        let best = self
            .members
            .iter()
            .max_by(|a, b| a.draw(key).total_cmp(&b.draw(key)).then_with(|| b.target.cmp(&a.target)));
        if let Some(member) = best {
            sink.push(member.target);
        }
    }
}

impl Member {
    /// The number this member draws for a key: `weight / -ln(u)` with `u` uniform between 0 and 1.
    fn draw(&self, key: u64) -> f64 {
        let weight = self.weights.iter().copied().max().unwrap_or(0);
        // 53 bits make a float; a half keeps it off 0 and 1.
        let uniform = ((mix(key ^ self.seed) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        f64::from(weight) / -uniform.ln()
    }
}

impl Source {
    /// Messages without the header or property all hash alike.
    fn hash<'p, P>(&self, message: &Message<'_, P>) -> u64
    where
        P: Fn() -> Option<PropsRef<'p>>,
    {
        let props = || (message.props)();
        let none = hash_bytes(b"");
        match self {
            Source::RoutingKey => hash_bytes(message.routing_key),
            Source::MessageId => props().and_then(|p| p.message_id()).map_or(none, hash_bytes),
            Source::CorrelationId => props().and_then(|p| p.correlation_id()).map_or(none, hash_bytes),
            Source::Timestamp => {
                props().and_then(|p| p.timestamp()).map_or(none, |t| hash_bytes(&t.to_le_bytes()))
            }
            Source::Header(name) => {
                let value = props().and_then(|p| p.headers()).and_then(|headers| headers.get(name));
                value.map_or(none, hash_value)
            }
        }
    }
}

/// Integers hash by value, whatever their width.
fn hash_value(value: ValueRef<'_>) -> u64 {
    match value {
        ValueRef::Str(bytes) | ValueRef::Bytes(bytes) => hash_bytes(bytes),
        ValueRef::Table(table) => hash_bytes(table.as_bytes()),
        ValueRef::Array(array) => hash_bytes(array.as_bytes()),
        ValueRef::Bool(b) => hash_bytes(&[u8::from(b)]),
        ValueRef::Timestamp(t) => hash_bytes(&t.to_le_bytes()),
        ValueRef::Float(n) => hash_bytes(&f64::from(n.get()).to_le_bytes()),
        ValueRef::Double(n) => hash_bytes(&n.get().to_le_bytes()),
        other => other.as_int().map_or_else(|| hash_bytes(b""), |n| hash_bytes(&n.to_le_bytes())),
    }
}

/// One destination per message: the hash of the routing key modulo their number, in the order of names.
#[derive(Debug, Default)]
pub(super) struct ModulusHash(Vec<Slot>);

#[derive(Debug)]
struct Slot {
    is_exchange: bool,
    name: Arc<str>,
    target: Target,
    bindings: u32,
}

impl ModulusHash {
    pub(super) fn bind(&mut self, binding: &Binding, target: Target) {
        match self.place(&binding.destination) {
            Ok(at) => self.0[at].bindings += 1,
            Err(at) => {
                let is_exchange = matches!(binding.destination, Destination::Exchange(_));
                let name = binding.destination.name().clone();
                self.0.insert(at, Slot { is_exchange, name, target, bindings: 1 });
            }
        }
    }

    pub(super) fn unbind(&mut self, binding: &Binding, _target: Target) {
        let Ok(at) = self.place(&binding.destination) else { return };
        self.0[at].bindings -= 1;
        if self.0[at].bindings == 0 {
            self.0.remove(at);
        }
    }

    pub(super) fn route(&self, key: &[u8], sink: &mut Sink<'_>) {
        if !self.0.is_empty() {
            let at = hash_bytes(key) % self.0.len() as u64;
            sink.push(self.0[at as usize].target);
        }
    }

    fn place(&self, destination: &Destination) -> Result<usize, usize> {
        let wanted = (matches!(destination, Destination::Exchange(_)), &**destination.name());
        self.0.binary_search_by(|slot| (slot.is_exchange, &*slot.name).cmp(&wanted))
    }
}

fn destination_hash(destination: &Destination) -> u64 {
    mix(hash_bytes(destination.name().as_bytes()) ^ matches!(destination, Destination::Exchange(_)) as u64)
}

/// FNV-1a and a finalizer: fixed for ever, because keys must stay with their queues over restarts and versions.
fn hash_bytes(bytes: &[u8]) -> u64 {
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fnv))
}

/// The finalizer of splitmix64.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests;
