//! The transaction coordinator: who produces under which transactional id, and what is part of the present transaction.
//!
//! A table in the core, by transactional id; a record of it is journaled when a producer comes, when a partition joins and when the
//! transaction ends. Bound: [`IDS_MAX`] ids, and so many of each user ([`owners`]); the ones that are not in use go first. A transaction that is open for longer than its
//! producer allows is aborted, and the producer fenced.

mod offsets;
mod owners;
mod record;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anymq_auth::acl::{CLUSTER, Operation, ResourceKind};
use anymq_batch::{BatchHeader, Control, Head, marker};
use anymq_types::{ConnectionId, Millis, QueueId, VhostId};

use self::owners::Owners;
use self::record::{Txn, put_text};
use super::Core;
use super::fx::Fx;
use crate::Committed;
use crate::groups::durable::write_commit;
use crate::journal::{Reader, TXN};
use crate::queue::settings::Kind;
use crate::routing::FastMap;
use crate::transactions::{ProducerEpoch, TxnFault, TxnState, TxnStatus};

/// Most transactional ids.
const IDS_MAX: usize = 100_000;
/// Longest that a transaction may be open (`transaction.max.timeout.ms`).
const TIMEOUT_MAX_MS: u32 = 900_000;
/// Longest transactional id, in bytes.
const ID_BYTES_MAX: usize = 32_767;
/// Offsets in one record of a snapshot, with notes of 4 KiB at most.
const OFFSETS_AT_ONCE: usize = 256;
/// After this epoch a producer gets another id.
const EPOCH_MAX: i16 = i16::MAX - 1;

/// The table of transactional ids.
#[derive(Debug, Default)]
pub(crate) struct Coordinator {
    by_id: BTreeMap<Arc<str>, Txn>,
    by_producer: FastMap<i64, Arc<str>>,
    /// When open transactions are aborted.
    deadlines: BTreeSet<(Millis, Arc<str>)>,
    owners: Owners,
}

impl Coordinator {
    /// When the next transaction is to be aborted.
    pub(crate) fn next(&self) -> Option<Millis> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Puts a transactional id where it belongs, whatever it was before.
    fn put(&mut self, id: &Arc<str>, txn: Txn) {
        self.remove(id);
        self.by_producer.insert(txn.producer.id, id.clone());
        if txn.state == TxnState::Ongoing {
            self.deadlines.insert((txn.deadline(), id.clone()));
        }
        self.owners.add(&txn.user, id, txn.idle());
        self.by_id.insert(id.clone(), txn);
    }

    fn remove(&mut self, id: &Arc<str>) {
        let Some(txn) = self.by_id.remove(id) else { return };
        self.by_producer.remove(&txn.producer.id);
        self.deadlines.remove(&(txn.deadline(), id.clone()));
        self.owners.remove(&txn.user, id, txn.idle());
    }

    /// Partitions of which an open transaction is about to commit a group's offset.
    pub(crate) fn pending(&self, vhost: VhostId, group: &str) -> BTreeSet<QueueId> {
        let open = self.deadlines.iter().filter_map(|(_, id)| self.by_id.get(id));
        let of_group = open.filter_map(|txn| txn.offsets.get(&(vhost, Box::from(group))));
        of_group.flat_map(|offsets| offsets.keys().copied()).collect()
    }

    /// Makes room for one more of a user's; whether there is any.
    fn make_room(&mut self, user: &str) -> bool {
        let goes = match (self.owners.is_full(user), self.by_id.len() >= IDS_MAX) {
            (true, _) => self.owners.longest_idle_of(user),
            (false, true) => self.owners.longest_idle(),
            (false, false) => return true,
        };
        goes.is_some_and(|id| {
            self.remove(&id);
            true
        })
    }
}

impl Core {
    /// A producer comes, or comes again: what it left open is aborted, and it gets the next epoch.
    pub(crate) fn init_producer(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        id: &str,
        timeout_ms: u32,
        expected: Option<ProducerEpoch>,
    ) -> Result<ProducerEpoch, TxnFault> {
        self.may_transact(session, id, Operation::Write)?;
        if timeout_ms == 0 || timeout_ms > TIMEOUT_MAX_MS {
            return Err(TxnFault::Timeout(TIMEOUT_MAX_MS));
        }
        let id: Arc<str> = id.into();
        let known = self.coordinator.by_id.get(&id).cloned();
        if let (Some(who), Some(txn)) = (expected, &known)
            && !txn.is_repeated_end(who, txn.state)
        {
            txn.check(who)?;
        }
        let user = self.sessions.get(&session).map(|state| state.user.clone()).unwrap_or_default();
        if known.is_none() && !self.coordinator.make_room(&user) {
            return Err(TxnFault::Exhausted);
        }
        if known.as_ref().is_some_and(|txn| txn.state == TxnState::Ongoing) {
            self.finish(fx, &id, false, false);
        }
        let before = self.coordinator.by_id.get(&id).map(|txn| txn.producer);
        let producer = self.next_epoch(fx, before);
        let txn = Txn {
            user,
            producer,
            bumped: false,
            state: TxnState::Empty,
            timeout_ms,
            since: fx.now,
            partitions: BTreeSet::new(),
            offsets: BTreeMap::new(),
        };
        self.record(fx, &id, txn);
        Ok(producer)
    }

    /// Partitions become part of a transaction, which begins with the first.
    pub(crate) fn join_transaction(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        id: &str,
        who: ProducerEpoch,
        partitions: &[QueueId],
    ) -> Result<(), TxnFault> {
        self.may_transact(session, id, Operation::Write)?;
        let (id, txn) = self.coordinator.by_id.get_key_value(id).ok_or(TxnFault::NotThisProducer)?;
        txn.check(who)?;
        let (id, txn) = (id.clone(), txn.clone());
        self.join(fx, &id, txn, partitions)
    }

    fn join(
        &mut self,
        fx: &mut Fx<'_>,
        id: &Arc<str>,
        mut txn: Txn,
        partitions: &[QueueId],
    ) -> Result<(), TxnFault> {
        let is_stream = |id: &QueueId| self.queues.get(id).is_some_and(|queue| queue.kind == Kind::Stream);
        if let Some(&other) = partitions.iter().find(|id| !is_stream(id)) {
            return Err(TxnFault::NoPartition(other));
        }
        if txn.state == TxnState::Ongoing && partitions.iter().all(|id| txn.partitions.contains(id)) {
            return Ok(());
        }
        if txn.state != TxnState::Ongoing {
            (txn.state, txn.since, txn.bumped) = (TxnState::Ongoing, fx.now, false);
            txn.partitions.clear();
            txn.offsets.clear();
        }
        txn.partitions.extend(partitions);
        self.record(fx, id, txn);
        Ok(())
    }

    /// A batch of a transaction comes to a partition, which thereby becomes part of it.
    pub(crate) fn transactional_write(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        partition: QueueId,
        header: &BatchHeader,
    ) -> Result<(), TxnFault> {
        let id = self.coordinator.by_producer.get(&header.producer_id).cloned();
        let id = id.ok_or(TxnFault::NotThisProducer)?;
        // Whatever transaction the request says it is for: this one it writes to.
        self.may_transact(session, &id, Operation::Write)?;
        let txn = self.coordinator.by_id.get(&id).cloned().ok_or(TxnFault::NotThisProducer)?;
        txn.check(ProducerEpoch { id: header.producer_id, epoch: header.producer_epoch })?;
        self.join(fx, &id, txn, &[partition])
    }

    /// Ends a transaction; with `bump`, its producer goes on in the next epoch.
    pub(crate) fn end_transaction(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        id: &str,
        who: ProducerEpoch,
        commit: bool,
        bump: bool,
    ) -> Result<ProducerEpoch, TxnFault> {
        self.may_transact(session, id, Operation::Write)?;
        let (id, txn) = self.coordinator.by_id.get_key_value(id).ok_or(TxnFault::NotThisProducer)?;
        let (id, producer, state) = (id.clone(), txn.producer, txn.state);
        let ended = if commit { TxnState::Committed } else { TxnState::Aborted };
        if txn.is_repeated_end(who, ended) {
            return Ok(producer);
        }
        txn.check(who)?;
        match state {
            TxnState::Ongoing => Ok(self.finish(fx, &id, commit, bump)),
            _ if state == ended && !bump => Ok(producer),
            // Nothing was sent; the producer aborts all the same, to be sure of its epoch.
            _ if !commit && bump => Ok(self.finish(fx, &id, false, true)),
            other => Err(TxnFault::State(other)),
        }
    }

    /// Aborts what has been open for too long, and fences its producer.
    pub(crate) fn abort_late_transactions(&mut self, fx: &mut Fx<'_>) {
        while let Some((at, id)) = self.coordinator.deadlines.first().cloned() {
            if at > fx.now {
                return;
            }
            tracing::warn!(transactional_id = %id, "a transaction was open for longer than its producer allows: aborted");
            self.abort_and_fence(fx, &id);
        }
    }

    /// Aborts an open transaction for an operator; `false` if there is none.
    pub(crate) fn abort_transaction(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        id: &str,
    ) -> Result<bool, TxnFault> {
        self.may_transact(session, id, Operation::Write)?;
        let open = self.coordinator.by_id.get_key_value(id).filter(|(_, txn)| txn.state == TxnState::Ongoing);
        let Some(id) = open.map(|(id, _)| id.clone()) else { return Ok(false) };
        self.abort_and_fence(fx, &id);
        Ok(true)
    }

    /// Aborts the transaction that a producer has open in any of these partitions, for an operator of the cluster; `false` if there is
    /// none.
    pub(crate) fn abort_producer(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        who: ProducerEpoch,
        partitions: &[QueueId],
    ) -> Result<bool, TxnFault> {
        let mut operations = [Operation::Alter, Operation::ClusterAction].into_iter();
        if !operations.any(|of| self.may(session, ResourceKind::Cluster, CLUSTER, of)) {
            return Err(TxnFault::Forbidden);
        }
        let Some(id) = self.coordinator.by_producer.get(&who.id).cloned() else { return Ok(false) };
        let Some(txn) = self.coordinator.by_id.get(&id) else { return Ok(false) };
        txn.check(who)?;
        let is_open = txn.state == TxnState::Ongoing;
        if !is_open || !partitions.iter().any(|id| txn.partitions.contains(id)) {
            return Ok(false);
        }
        self.abort_and_fence(fx, &id);
        Ok(true)
    }

    fn abort_and_fence(&mut self, fx: &mut Fx<'_>, id: &Arc<str>) {
        self.finish(fx, id, false, false);
        let Some(txn) = self.coordinator.by_id.get(id).cloned() else { return };
        let producer = self.next_epoch(fx, Some(txn.producer));
        self.record(fx, id, Txn { producer, ..txn });
    }

    /// Writes the markers and the coordinator's record: one journal group, because it is one operation.
    fn finish(&mut self, fx: &mut Fx<'_>, id: &Arc<str>, commit: bool, bump: bool) -> ProducerEpoch {
        let Some(mut txn) = self.coordinator.by_id.get(id).cloned() else {
            return ProducerEpoch { id: -1, epoch: -1 };
        };
        let producer = txn.producer;
        for partition in std::mem::take(&mut txn.partitions) {
            let head = Head { producer_id: producer.id, producer_epoch: producer.epoch, ..Head::default() };
            let control = Control { commit, coordinator_epoch: 0 };
            match marker(head, control, fx.now.0.cast_signed()) {
                Ok(batch) => self.write_marker(fx, partition, &batch),
                Err(fault) => tracing::error!(%partition, %fault, "a marker could not be made"),
            }
        }
        for ((vhost, group), offsets) in std::mem::take(&mut txn.offsets) {
            if commit {
                self.commit_pending(fx, &txn.user, (vhost, &group), offsets.into_iter().collect());
            }
        }
        txn.state = if commit { TxnState::Committed } else { TxnState::Aborted };
        txn.since = fx.now;
        txn.bumped = bump && producer.epoch < EPOCH_MAX;
        if bump {
            txn.producer = self.next_epoch(fx, Some(producer));
        }
        let producer = txn.producer;
        self.record(fx, id, txn);
        producer
    }

    fn next_epoch(&mut self, fx: &mut Fx<'_>, before: Option<ProducerEpoch>) -> ProducerEpoch {
        match before.filter(|producer| producer.epoch < EPOCH_MAX) {
            Some(producer) => ProducerEpoch { epoch: producer.epoch + 1, ..producer },
            None => ProducerEpoch { id: self.new_producer(fx), epoch: 0 },
        }
    }

    fn record(&mut self, fx: &mut Fx<'_>, id: &Arc<str>, txn: Txn) {
        fx.frame(TXN, |out| txn.write(id, out));
        if txn.state == TxnState::Ongoing {
            let at = txn.deadline();
            self.earliest_timer = Some(self.earliest_timer.map_or(at, |earlier| earlier.min(at)));
        }
        self.coordinator.put(id, txn);
    }

    fn may_transact(&self, session: ConnectionId, id: &str, operation: Operation) -> Result<(), TxnFault> {
        let allowed = self.may(session, ResourceKind::TransactionalId, id, operation);
        if allowed && !id.is_empty() && id.len() <= ID_BYTES_MAX { Ok(()) } else { Err(TxnFault::Forbidden) }
    }

    /// Every transactional id that a session may use, in order.
    pub(crate) fn transactions(&self, session: ConnectionId) -> Vec<TxnStatus> {
        let all = self
            .coordinator
            .by_id
            .iter()
            .filter(|(id, _)| self.may_transact(session, id, Operation::Describe).is_ok());
        all.map(|(id, txn)| TxnStatus {
            id: id.to_string(),
            producer: txn.producer,
            state: txn.state,
            timeout_ms: txn.timeout_ms,
            started: (txn.state == TxnState::Ongoing).then_some(txn.since),
            partitions: txn.partitions.iter().copied().collect(),
        })
        .collect()
    }

    /// The coordinator's record, from the journal or a snapshot.
    pub(crate) fn replay_transaction(&mut self, body: &[u8]) -> Option<()> {
        let (id, mut txn) = Txn::read(&mut Reader::new(body))?;
        // What it will commit was said in records of its own.
        if let Some(before) = self.coordinator.by_id.get_mut(&id).filter(|before| before.goes_on_as(&txn)) {
            txn.offsets = std::mem::take(&mut before.offsets);
        }
        self.coordinator.put(&id, txn);
        Some(())
    }

    /// Every record and the offsets that it will commit, for a snapshot.
    pub(crate) fn transaction_records(&self) -> impl Iterator<Item = (Vec<u8>, Vec<Vec<u8>>)> {
        self.coordinator.by_id.iter().map(|(id, txn)| {
            let mut record = Vec::new();
            txn.write(id, &mut record);
            let offsets = txn.offsets.iter().flat_map(|((vhost, group), offsets)| {
                let offsets: Vec<_> = offsets.iter().map(|(&partition, c)| (partition, c)).collect();
                let write = |part: &[(QueueId, &Committed)]| {
                    let mut out = Vec::new();
                    put_text(id, &mut out);
                    write_commit(*vhost, group, part.iter().copied(), &mut out);
                    out
                };
                offsets.chunks(OFFSETS_AT_ONCE).map(write).collect::<Vec<_>>()
            });
            (record, offsets.collect())
        })
    }
}
