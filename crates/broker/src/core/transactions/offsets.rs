//! Offsets of consumer groups that are committed with a transaction.

use anymq_types::{ConnectionId, QueueId, VhostId};

use super::record::{put_text, text};
use crate::core::Core;
use crate::core::fx::Fx;
use crate::core::groups::Checked;
use crate::groups::durable::{Change, write_commit};
use crate::journal::{Reader, TXN_OFFSETS};
use crate::transactions::{ProducerEpoch, TxnFault};
use crate::{CommitOffsets, Committed, CommittedAll, GroupResult};

impl Core {
    /// Offsets become part of a transaction, which begins with them if it has not begun; what became of each.
    pub(crate) fn transactional_offsets(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        id: &str,
        who: ProducerEpoch,
        request: &CommitOffsets<'_>,
    ) -> Result<GroupResult<CommittedAll>, TxnFault> {
        self.join_transaction(fx, session, id, who, &[])?;
        let Checked { vhost, topics, offsets } = match self.check_offsets(fx, session, request) {
            Ok(checked) => checked,
            Err(fault) => return Ok(Err(fault)),
        };
        fx.frame(TXN_OFFSETS, |out| {
            put_text(id, out);
            write_commit(vhost, request.who.group, offsets.iter().map(|(id, c)| (*id, c)), out);
        });
        self.put_by(id, vhost, request.who.group, offsets);
        Ok(Ok(CommittedAll { topics, commit: None }))
    }

    fn put_by(&mut self, id: &str, vhost: VhostId, group: &str, offsets: Vec<(QueueId, Committed)>) {
        if let Some(txn) = self.coordinator.by_id.get_mut(id) {
            txn.offsets.entry((vhost, group.into())).or_default().extend(offsets);
        }
    }

    pub(crate) fn replay_pending_offsets(&mut self, body: &[u8]) -> Option<()> {
        let mut r = Reader::new(body);
        let id = text(&mut r)?;
        let (vhost, group, Change::Commit(offsets)) = Change::parse(r.rest)? else { return None };
        self.put_by(id, vhost, group, offsets);
        Some(())
    }
}
