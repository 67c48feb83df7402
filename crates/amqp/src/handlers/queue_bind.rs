use anymq_broker::{Bind, Destination};

use crate::errors::Result;
use crate::names::clean;
use crate::session::Cx;
use crate::wire::methods::queue;

/// `queue.bind`: messages of an exchange go to a queue. With neither queue nor key given, the key is the name of the
/// queue declared last.
pub(crate) fn queue_bind(cx: &mut Cx<'_>, bind: queue::Bind<'_>) -> Result<()> {
    let (queue, routing_key) = cx.queue_and_key(bind.queue, bind.routing_key)?;
    let done = cx.hall.bind(Bind {
        source: &clean(bind.exchange),
        destination: Destination::Queue(&clean(queue)),
        routing_key,
        args: &bind.arguments.to_table(),
    })?;
    cx.reply_when(done.commit, bind.nowait, &queue::BindOk {});
    Ok(())
}
