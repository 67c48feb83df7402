//! Batches on their way into partitions.

use anymq_auth::acl::Operation;
use anymq_batch::BatchHeader;
use anymq_log::Frame;
use anymq_types::{ConnectionId, QueueId};
use bytes::{Bytes, BytesMut};

use super::super::Core;
use super::super::fx::Fx;
use super::Refused;
use super::producers::IDS_AT_ONCE;
use crate::journal::{BATCH, Batches, PRODUCER_IDS, Reader, put_varint};
use crate::queue::Chunk;
use crate::queue::encoding::Encoding;
use crate::queue::extent::Extent;
use crate::queue::settings::Kind;
use crate::topics::{Write, WriteFault, Wrote};
use crate::transactions::{TxnFault, TxnState};

/// Epoch of the leader: there has been no other.
const LEADER_EPOCH: i32 = 0;

impl Core {
    /// Stores a batch.
    pub(crate) fn write(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        write: Write,
    ) -> Result<Wrote, WriteFault> {
        let Write { partition: id, header, batch } = write;
        self.may_use(session, id, Operation::Write).map_err(|refused| match refused {
            Refused::NoPartition => WriteFault::NoPartition,
            Refused::Forbidden => WriteFault::Forbidden,
        })?;
        let queue = self.queues.get(&id).ok_or(WriteFault::NoPartition)?;
        let (base, start) = (queue.stream.next, queue.log_start());
        if header.has_producer() {
            let known = self.partition(id).producers.check(&header).map_err(WriteFault::Sequence)?;
            if let Some(base) = known {
                return Ok(Wrote { base, start, duplicate: true });
            }
        }
        if header.attributes.is_transactional() {
            self.transactional_write(fx, session, id, &header).map_err(WriteFault::Transaction)?;
        } else if header.has_producer() && self.partition(id).transactions.is_open(header.producer_id) {
            return Err(WriteFault::Transaction(TxnFault::State(TxnState::Ongoing)));
        }
        let count = self.store_unchecked(fx, id, &header, batch).ok_or(WriteFault::Unreadable)?;
        self.stats.published(u64::from(count), true);
        self.stats.confirmed += u64::from(count);
        if let Some(session) = self.sessions.get_mut(&session) {
            session.published += u64::from(count);
        }
        Ok(Wrote { base, start, duplicate: false })
    }

    /// Stores a batch, as it is or message by message; how many offsets it takes. [`None`] if it cannot be read.
    pub(crate) fn store_unchecked(
        &mut self,
        fx: &mut Fx<'_>,
        id: QueueId,
        header: &BatchHeader,
        mut batch: BytesMut,
    ) -> Option<u32> {
        let queue = self.queues.get(&id)?;
        if queue.kind != Kind::Stream {
            return self.write_messages(fx, id, &batch).ok();
        }
        anymq_batch::set_base_offset(&mut batch, queue.stream.next.cast_signed());
        anymq_batch::set_leader_epoch(&mut batch, LEADER_EPOCH);
        Some(self.store_batch(fx, id, header, batch.freeze()))
    }

    /// Appends a batch whose offset is set; how many offsets it takes.
    fn store_batch(&mut self, fx: &mut Fx<'_>, id: QueueId, header: &BatchHeader, bytes: Bytes) -> u32 {
        let Some(queue) = self.queues.get(&id) else { return 0 };
        let (durable, base) = (queue.durable, queue.stream.next);
        let count = header.last_offset_delta.cast_unsigned() + 1;
        let batches = Batches { queue: id, base, bytes: &bytes };
        let stored = durable.then(|| fx.frame(BATCH, |out| batches.write(out)));
        let chunk = Chunk {
            records: &bytes,
            count,
            encoding: Encoding::Batches,
            data: Some(bytes.clone()),
            stored,
            volatile: !durable,
        };
        self.with_queue(id, |queue, segments| queue.append(base, chunk, segments, &mut Vec::new()));
        if header.has_producer() {
            self.partition(id).note(header, &bytes, base);
        }
        self.touch(fx, id);
        count
    }

    /// The marker that ends a transaction in a partition.
    pub(crate) fn write_marker(&mut self, fx: &mut Fx<'_>, id: QueueId, marker: &[u8]) {
        let (Some(queue), Ok(header)) = (self.queues.get(&id), BatchHeader::parse(marker)) else { return };
        let mut batch = marker.to_vec();
        anymq_batch::set_base_offset(&mut batch, queue.stream.next.cast_signed());
        anymq_batch::set_leader_epoch(&mut batch, LEADER_EPOCH);
        self.store_batch(fx, id, &header, batch.into());
    }

    /// A queue whose messages are settled one by one gets them one by one.
    fn write_messages(&mut self, fx: &mut Fx<'_>, id: QueueId, batch: &[u8]) -> Result<u32, WriteFault> {
        let mut chunk = Vec::with_capacity(batch.len() * 2);
        let routing_key =
            self.queues.get(&id).map(|queue| queue.name.clone()).ok_or(WriteFault::NoPartition)?;
        let count = crate::mapping::append_batch(batch, 0, &routing_key, fx.now, &mut chunk)
            .map_err(|_| WriteFault::Unreadable)?;
        self.append(fx, &[id], Bytes::from(chunk), count, true);
        self.enforce_length(fx, id);
        Ok(count)
    }

    /// A producer id that was never given out before.
    pub(crate) fn new_producer(&mut self, fx: &mut Fx<'_>) -> i64 {
        let ids = &mut self.producer_ids;
        let id = ids.next;
        ids.next += 1;
        if ids.next > ids.reserved {
            ids.reserved = id + IDS_AT_ONCE;
            let reserved = ids.reserved;
            fx.frame(PRODUCER_IDS, |out| put_varint(out, reserved));
        }
        id.cast_signed()
    }

    pub(crate) fn replay_producer_ids(&mut self, body: &[u8]) -> Option<()> {
        let reserved = Reader::new(body).varint()?;
        self.producer_ids.reserved = self.producer_ids.reserved.max(reserved);
        self.producer_ids.next = self.producer_ids.reserved;
        Some(())
    }

    pub(crate) fn replay_batches(&mut self, frame: &Frame<'_>) -> Option<()> {
        let Batches { queue: id, base, bytes } = Batches::parse(frame.body)?;
        let count = u32::try_from(Encoding::Batches.offsets(bytes)?).ok()?;
        let span = (anymq_log::FRAME_HEADER + frame.body.len()) as u32;
        // The queue may have been deleted later in the journal that the snapshot already covers.
        let Some(queue) = self.queues.get_mut(&id) else { return Some(()) };
        queue.restore_next(&mut self.segments);
        if base < queue.stream.next {
            return Some(());
        }
        queue.skip_to(base);
        queue.stream.push(Extent {
            base,
            at: frame.at,
            count,
            live: count,
            span,
            own: span,
            time_s: crate::queue::time_s(Encoding::Batches, bytes),
            stored: true,
            volatile: false,
            synced: true,
            encoding: Encoding::Batches,
            data: None,
        });
        self.segments.retain(frame.at.segment(), span);
        queue.ready_bytes += bytes.len() as u64;
        let header = BatchHeader::parse(bytes).ok()?;
        if header.has_producer() {
            self.partition(id).note(&header, bytes, base);
        }
        Some(())
    }
}
