use anymq_broker::{Bind, Destination};

use crate::errors::Result;
use crate::names::clean;
use crate::session::Cx;
use crate::wire::methods::queue;

/// `queue.unbind`: undoes a `queue.bind` with the same arguments.
pub(crate) fn queue_unbind(cx: &mut Cx<'_>, unbind: queue::Unbind<'_>) -> Result<()> {
    let (queue, routing_key) = cx.queue_and_key(unbind.queue, unbind.routing_key)?;
    let done = cx.hall.unbind(Bind {
        source: &clean(unbind.exchange),
        destination: Destination::Queue(&clean(queue)),
        routing_key,
        args: &unbind.arguments.to_table(),
    })?;
    cx.reply_when(done.commit, false, &queue::UnbindOk {});
    Ok(())
}
