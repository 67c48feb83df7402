//! Looking at messages without side effects.

use anymq_types::record::Record;
use anymq_types::{Position, QueueId};
use bytes::Bytes;

use crate::broker::Broker;
use crate::error::{Error, Result};

/// One message seen without taking it.
#[derive(Clone, Debug)]
pub struct Browsed {
    /// Its offset.
    pub offset: u64,
    /// Its record (`types::record`).
    pub record: Bytes,
    /// Settled: only history.
    pub settled: bool,
    /// With a consumer.
    pub leased: bool,
}

impl Broker {
    /// Up to `count` messages of a queue from `offset` on, without taking them. Reads the disk: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] if there is no such queue, [`crate::ErrorKind::Corrupt`] if stored messages do not verify.
    pub fn browse(
        &self,
        vhost: &str,
        queue: &str,
        offset: Option<u64>,
        count: usize,
    ) -> Result<Vec<Browsed>> {
        let mut found = Vec::new();
        let mut at = offset;
        while found.len() < count {
            let Some((part, next)) = self.browse_extent(vhost, queue, at, count - found.len())? else {
                break;
            };
            found.extend(part);
            at = Some(next);
        }
        Ok(found)
    }

    /// Messages of one extent from `offset` on, and the offset after it; `None` at the end.
    fn browse_extent(
        &self,
        vhost: &str,
        queue: &str,
        offset: Option<u64>,
        count: usize,
    ) -> Result<Option<(Vec<Browsed>, u64)>> {
        let id = self.queue_id(vhost, queue)?;
        let (base, end, data, at, span) = {
            let core = self.inner.core.lock();
            let Some(q) = core.queues.get(&id) else { return Ok(None) };
            let from = offset.unwrap_or(q.head);
            let Some(extent) = q.stream.extent(q.stream.number_of(from)) else { return Ok(None) };
            (extent.base, extent.end(), extent.data.clone(), extent.at, extent.stored.then_some(extent.span))
        };
        let records = match (data, span) {
            (Some(data), _) => data,
            (None, None) => return Ok(Some((Vec::new(), end))),
            (None, Some(span)) => self.read_records(id, at, span)?,
        };
        let from = offset.unwrap_or(0);
        let core = self.inner.core.lock();
        let Some(q) = core.queues.get(&id) else { return Ok(None) };
        let mut found = Vec::new();
        let (mut rest, mut at) = (&records[..], base);
        while let Some(record) = Record::parse(rest) {
            rest = &rest[record.bytes.len()..];
            let wanted = at >= from && (offset.is_some() || !q.is_settled(at));
            if wanted && found.len() < count {
                found.push(Browsed {
                    offset: at,
                    record: records.slice_ref(record.bytes),
                    settled: q.is_settled(at),
                    leased: q.leases.contains_key(&at),
                });
            }
            at += 1;
            if found.len() == count {
                break;
            }
        }
        Ok(Some((found, at.max(if rest.is_empty() { end } else { at }))))
    }

    fn read_records(&self, id: QueueId, at: Position, span: u32) -> Result<Bytes> {
        let bytes = self
            .inner
            .log
            .read(at, span)
            .map_err(|e| Error::new(crate::ErrorKind::Corrupt, e.to_string()))?;
        let mut records = Vec::new();
        for frame in self.inner.log.frames(at, &bytes) {
            let frame = frame.map_err(|e| Error::new(crate::ErrorKind::Corrupt, e.to_string()))?;
            if let Some(part) = crate::core::load::part_of(&frame, id, &bytes) {
                records.extend_from_slice(&part.bytes);
            }
        }
        Ok(records.into())
    }
}
