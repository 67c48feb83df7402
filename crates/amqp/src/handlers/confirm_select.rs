use crate::errors::{AmqpError, Result};
use crate::session::Cx;
use crate::wire::methods::confirm;

/// `confirm.select`: from here on messages of this channel are confirmed.
pub(crate) fn confirm_select(cx: &mut Cx<'_>, select: confirm::Select) -> Result<()> {
    if cx.channel.tx.is_some() {
        return Err(AmqpError::precondition("cannot switch from tx to confirm mode"));
    }
    cx.channel.confirms.get_or_insert_default();
    cx.describe();
    if !select.nowait {
        cx.reply(&confirm::SelectOk {});
    }
    Ok(())
}
