use crate::errors::Result;
use crate::names::clean;
use crate::session::Cx;
use crate::wire::methods::queue;

/// `queue.delete`: one that does not exist is no error.
pub(crate) fn queue_delete(cx: &mut Cx<'_>, delete: queue::Delete<'_>) -> Result<()> {
    let name = clean(cx.queue_name(delete.queue)?);
    let done = cx.hall.delete_queue(&name, delete.if_unused, delete.if_empty)?;
    let message_count = u32::try_from(done.value).unwrap_or(u32::MAX);
    cx.reply_when(done.commit, delete.nowait, &queue::DeleteOk { message_count });
    Ok(())
}
