//! `AddOffsetsToTxn`: announces that a group's offsets will be part of a transaction, which begins with it if it has not begun.

use anymq_broker::transactions::ProducerEpoch;

use crate::errors::txn_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::transactions::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

pub(super) fn add_offsets_to_txn(cx: &mut Cx<'_>, request: AddOffsetsToTxnRequest<'_>) -> Reply {
    let who = ProducerEpoch { id: request.producer_id, epoch: request.producer_epoch };
    let answer = |error_code| AddOffsetsToTxnResponse { error_code, ..Default::default() };
    if request.group_id.is_empty() {
        return cx.reply(&answer(ErrorCode::INVALID_GROUP_ID));
    }
    match cx.hall.join_transaction(request.transactional_id, who, &[]) {
        Ok(done) => cx.reply_when(done.commit, &answer(ErrorCode::NONE)),
        Err(fault) => cx.reply(&answer(txn_error(fault, cx.version() >= super::FENCED_FROM))),
    }
}
