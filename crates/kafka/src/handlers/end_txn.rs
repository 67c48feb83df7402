//! `EndTxn`: commits or aborts a transaction.

use anymq_broker::transactions::ProducerEpoch;

use crate::errors::txn_error;
use crate::session::{Cx, Reply};
use crate::wire::messages::transactions::{EndTxnRequest, EndTxnResponse};

/// From here on a producer gets a new epoch with each end (KIP-890), so that nothing late is taken for part of the next transaction.
const BUMPS_FROM: i16 = 5;

pub(super) fn end_txn(cx: &mut Cx<'_>, request: EndTxnRequest<'_>) -> Reply {
    let who = ProducerEpoch { id: request.producer_id, epoch: request.producer_epoch };
    let bump = cx.version() >= BUMPS_FROM;
    match cx.hall.end_transaction(request.transactional_id, who, request.committed, bump) {
        Ok(done) => {
            let ProducerEpoch { id: producer_id, epoch: producer_epoch } = done.value;
            cx.reply_when(done.commit, &EndTxnResponse { producer_id, producer_epoch, ..Default::default() })
        }
        Err(fault) => {
            let error_code = txn_error(fault, cx.version() >= super::FENCED_FROM);
            cx.reply(&EndTxnResponse { error_code, ..Default::default() })
        }
    }
}
