//! `InitProducerId`: an id for a producer that wants nothing stored twice, or the next epoch of a transactional one.

use anymq_broker::transactions::ProducerEpoch;

use crate::errors::txn_error;
use crate::session::{Cx, Reply};
use crate::wire::ErrorCode;
use crate::wire::messages::transactions::{InitProducerIdRequest, InitProducerIdResponse};

/// From this version on a producer that is fenced hears so; before, that its epoch is wrong.
const FENCED_FROM: i16 = 4;
/// Says "none" of a producer's id and epoch.
const NONE: ProducerEpoch = ProducerEpoch { id: -1, epoch: -1 };

pub(super) fn init_producer_id(cx: &mut Cx<'_>, request: InitProducerIdRequest<'_>) -> Reply {
    let id = match request.transactional_id {
        Some("") => return refused(cx, ErrorCode::INVALID_REQUEST),
        Some(id) => id,
        None if !cx.hall.may_produce() => return refused(cx, ErrorCode::CLUSTER_AUTHORIZATION_FAILED),
        None => {
            // One that has an id and lost its place gets another, as from Kafka.
            let producer = cx.hall.new_producer();
            let answer = answer(ProducerEpoch { id: producer.value, epoch: 0 });
            return cx.reply_when(producer.commit, &answer);
        }
    };
    let said = ProducerEpoch { id: request.producer_id, epoch: request.producer_epoch };
    if (said.id == NONE.id) != (said.epoch == NONE.epoch) {
        return refused(cx, ErrorCode::INVALID_REQUEST);
    }
    // A timeout that is no time at all is one that is not allowed.
    let timeout = u32::try_from(request.transaction_timeout_ms).unwrap_or(0);
    match cx.hall.init_producer(id, timeout, (said != NONE).then_some(said)) {
        Ok(done) => cx.reply_when(done.commit, &answer(done.value)),
        Err(fault) => refused(cx, txn_error(fault, cx.version() >= FENCED_FROM)),
    }
}

fn answer(producer: ProducerEpoch) -> InitProducerIdResponse {
    InitProducerIdResponse { producer_id: producer.id, producer_epoch: producer.epoch, ..Default::default() }
}

fn refused(cx: &Cx<'_>, error_code: ErrorCode) -> Reply {
    cx.reply(&InitProducerIdResponse { error_code, ..answer(NONE) })
}
