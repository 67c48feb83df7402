use crate::errors::{AmqpError, Result};
use crate::session::Cx;
use crate::wire::methods::tx;

/// `tx.rollback`: messages are forgotten, settled deliveries are unsettled again; nothing is requeued.
pub(crate) fn tx_rollback(cx: &mut Cx<'_>, _: tx::Rollback) -> Result<()> {
    let Some(open) = &mut cx.channel.tx else {
        return Err(AmqpError::precondition("channel is not transactional"));
    };
    let undone = std::mem::take(&mut **open);
    cx.channel.unacked.restore(undone.taken);
    cx.reply(&tx::RollbackOk {});
    Ok(())
}
