//! Transactions over partitions.

use anymq_types::QueueId;

use super::Session;
use crate::api::Done;
use crate::core::Core;
use crate::core::fx::Fx;
use crate::transactions::{ProducerEpoch, TxnFault, TxnStatus};
use crate::{CommitOffsets, CommittedAll, GroupResult};

impl Session {
    /// Gives a transactional id's producer its next epoch, or its first. What an earlier one left open is aborted. `expected` is what
    /// the producer believes to be, if it comes again.
    ///
    /// # Errors
    /// [`TxnFault`].
    pub fn init_producer(
        &self,
        id: &str,
        timeout_ms: u32,
        expected: Option<ProducerEpoch>,
    ) -> Result<Done<ProducerEpoch>, TxnFault> {
        self.transactional(|core, fx| core.init_producer(fx, self.id, id, timeout_ms, expected))
    }

    /// Makes partitions part of a transaction, which begins with the first.
    ///
    /// # Errors
    /// [`TxnFault`]; then none is.
    pub fn join_transaction(
        &self,
        id: &str,
        who: ProducerEpoch,
        partitions: &[QueueId],
    ) -> Result<Done<()>, TxnFault> {
        self.transactional(|core, fx| core.join_transaction(fx, self.id, id, who, partitions))
    }

    /// Makes offsets part of a transaction: they are committed with it, or not at all. What became of each.
    ///
    /// # Errors
    /// [`TxnFault`] of the transaction; within, as [`Session::commit_offsets`].
    pub fn commit_offsets_in_transaction(
        &self,
        id: &str,
        who: ProducerEpoch,
        request: &CommitOffsets<'_>,
    ) -> Result<GroupResult<CommittedAll>, TxnFault> {
        let done =
            self.transactional(|core, fx| core.transactional_offsets(fx, self.id, id, who, request))?;
        Ok(done.value.map(|all| CommittedAll { commit: done.commit, ..all }))
    }

    /// Ends a transaction. With `bump` the producer goes on in the next epoch, which is returned.
    ///
    /// # Errors
    /// [`TxnFault`].
    pub fn end_transaction(
        &self,
        id: &str,
        who: ProducerEpoch,
        commit: bool,
        bump: bool,
    ) -> Result<Done<ProducerEpoch>, TxnFault> {
        self.transactional(|core, fx| core.end_transaction(fx, self.id, id, who, commit, bump))
    }

    /// Every transactional id that the user may use, in order.
    pub fn transactions(&self) -> Vec<TxnStatus> {
        self.with(|core, _| core.transactions(self.id)).0
    }

    /// Aborts a transaction that is open, and fences its producer; `false` if there is none.
    ///
    /// # Errors
    /// [`TxnFault::Forbidden`].
    pub fn abort_transaction(&self, id: &str) -> Result<Done<bool>, TxnFault> {
        self.transactional(|core, fx| core.abort_transaction(fx, self.id, id))
    }

    /// Aborts the transaction that a producer has open in any of these partitions, as a whole, and fences the producer; `false` if
    /// there is none.
    ///
    /// # Errors
    /// [`TxnFault::Forbidden`] to who may neither alter the cluster nor act for it, [`TxnFault::Fenced`] if the producer goes by
    /// another epoch.
    pub fn abort_producer(&self, who: ProducerEpoch, partitions: &[QueueId]) -> Result<Done<bool>, TxnFault> {
        self.transactional(|core, fx| core.abort_producer(fx, self.id, who, partitions))
    }

    fn transactional<T>(
        &self,
        operation: impl FnOnce(&mut Core, &mut Fx<'_>) -> Result<T, TxnFault>,
    ) -> Result<Done<T>, TxnFault> {
        let ((result, end), _) = self.with(|core, fx| {
            let result = operation(core, fx);
            (result, fx.end())
        });
        let commit = self.pending(end);
        result.map(|value| Done { value, commit })
    }
}
