use crate::errors::{AmqpError, Result};
use crate::session::Cx;
use crate::wire::methods::tx;

/// `tx.commit`: messages and settlements take effect in one journal group: all of them, or none.
pub(crate) fn tx_commit(cx: &mut Cx<'_>, _: tx::Commit) -> Result<()> {
    let holder = cx.holder()?;
    let Some(open) = &mut cx.channel.tx else {
        return Err(AmqpError::precondition("channel is not transactional"));
    };
    let mut tx = std::mem::take(&mut **open);
    let done = cx.hall.transact(holder, &mut tx.work)?;
    cx.return_unroutable(&done.value, &tx.mandatory);
    if !done.value.rejected.is_empty() {
        return Err(AmqpError::precondition("partial tx completion"));
    }
    cx.reply_when(done.commit, false, &tx::CommitOk {});
    Ok(())
}
