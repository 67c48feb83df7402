use crate::errors::Result;
use crate::names::clean;
use crate::session::Cx;
use crate::wire::methods::exchange;

/// `exchange.delete`: one that does not exist is no error.
pub(crate) fn exchange_delete(cx: &mut Cx<'_>, delete: exchange::Delete<'_>) -> Result<()> {
    let done = cx.hall.delete_exchange(&clean(delete.exchange), delete.if_unused)?;
    cx.reply_when(done.commit, delete.nowait, &exchange::DeleteOk {});
    Ok(())
}
