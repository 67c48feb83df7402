use crate::errors::Result;
use crate::names::clean;
use crate::session::Cx;
use crate::wire::methods::queue;

/// `queue.purge`: drops all ready messages.
pub(crate) fn queue_purge(cx: &mut Cx<'_>, purge: queue::Purge<'_>) -> Result<()> {
    let name = clean(cx.queue_name(purge.queue)?);
    let done = cx.hall.purge(&name)?;
    let message_count = u32::try_from(done.value).unwrap_or(u32::MAX);
    cx.reply_when(done.commit, purge.nowait, &queue::PurgeOk { message_count });
    Ok(())
}
