use crate::errors::{AmqpError, Result};
use crate::session::Cx;
use crate::wire::methods::tx;

/// `tx.select`: from here on messages and settlements of this channel wait for `tx.commit`.
pub(crate) fn tx_select(cx: &mut Cx<'_>, _: tx::Select) -> Result<()> {
    if cx.channel.confirms.is_some() {
        return Err(AmqpError::precondition("cannot switch from confirm to tx mode"));
    }
    cx.channel.tx.get_or_insert_default();
    cx.describe();
    cx.reply(&tx::SelectOk {});
    Ok(())
}
