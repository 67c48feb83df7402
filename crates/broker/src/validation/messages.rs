//! Messages of a publisher, judged before they are published.

use anymq_types::props::PropsRef;
use anymq_types::record::Record;
use anymq_types::value::ValueRef;
use anymq_types::{ConnectionId, QueueId};

use super::{Part, Place};
use crate::api::{PublishBatch, PublishItem};
use crate::core::Core;
use crate::core::publish::is_reply;
use crate::error::Error;
use crate::mapping::{KEY, TOMBSTONE};
use crate::routing::Targets;
use crate::session::Session;

/// The places that a message would reach and that demand schemas.
struct Demand {
    item: u32,
    places: Vec<Place>,
}

impl Session {
    /// Judges a batch. Where its publisher is told of each message, those refused are marked; else the batch ends before the
    /// first, and that is the error.
    pub(crate) fn judge(&self, batch: &mut PublishBatch) -> Option<Error> {
        let broker = self.broker();
        if !broker.inner.schemas.any() || batch.items.is_empty() {
            return None;
        }
        let demands = broker.inner.with(|core, _| core.demands(self.id(), batch)).0;
        for Demand { item, places } in demands {
            let PublishItem { start, end, .. } = batch.items[item as usize];
            let record = Record::parse(&batch.chunk[start as usize..end as usize])?;
            let Some(text) = places.iter().find_map(|place| self.judge_one(place, &record)) else { continue };
            if batch.confirms {
                batch.refused.push(item);
            } else {
                batch.items.truncate(item as usize);
                return Some(Error::invalid(text));
            }
        }
        None
    }

    fn judge_one(&self, place: &Place, record: &Record<'_>) -> Option<String> {
        let (key, value) = parts_of(record, &place.name);
        let judged = [(Part::Key, place.rules.key, key), (Part::Value, place.rules.value, value)];
        judged.into_iter().find_map(|(part, rule, payload)| {
            rule.and(payload).and_then(|payload| self.broker().refusal(place, part, payload))
        })
    }
}

/// Key and value as a reader of batches sees them (see [`crate::mapping`]).
fn parts_of<'a>(record: &Record<'a>, name: &str) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let mut key = Some(record.routing_key).filter(|key| !key.is_empty() && *key != name.as_bytes());
    let mut value = Some(record.body);
    let props = PropsRef::parse(record.props).ok();
    for (header, said) in props.iter().filter_map(PropsRef::headers).flat_map(|headers| headers.iter()) {
        match said {
            ValueRef::Bool(true) if header == TOMBSTONE.as_bytes() && record.body.is_empty() => value = None,
            ValueRef::Str(long) | ValueRef::Bytes(long) if header == KEY.as_bytes() => key = Some(long),
            _ => {}
        }
    }
    (key, value)
}

impl Core {
    /// Routes a batch without publishing it, and remembers in it how: which of its messages reach queues that demand schemas.
    /// What cannot be published at all is found out when it is.
    fn demands(&mut self, session: ConnectionId, batch: &mut PublishBatch) -> Vec<Demand> {
        let mut demands = Vec::new();
        let mut targets = Targets::new();
        batch.seeds = batch.items.iter().map(|_| self.next_random()).collect();
        for (index, item) in batch.items.iter().enumerate() {
            let bytes = &batch.chunk[item.start as usize..item.end as usize];
            let Some(record) = Record::parse(bytes) else { break };
            if is_reply(&record) {
                continue;
            }
            let seed = batch.seeds[index];
            if self.destinations(session, &record, item, seed, &mut targets).is_err() {
                break;
            }
            let places: Vec<Place> = targets.as_slice().iter().filter_map(|&id| self.place(id)).collect();
            if !places.is_empty() {
                demands.push(Demand { item: index as u32, places });
            }
        }
        demands
    }

    /// What a queue demands, if anything.
    pub(super) fn place(&self, id: QueueId) -> Option<Place> {
        let queue = self.queues.get(&id)?;
        let rules = queue.settings.schemas;
        let name =
            || self.catalog.topic_of(id).map_or_else(|| queue.name.clone(), |topic| topic.name.clone());
        (!rules.is_empty()).then(|| Place { vhost: queue.vhost, name: name(), rules })
    }
}
