use anymq_broker::DeclareQueue;

use crate::convert::REPLY_TO;
use crate::errors::{AmqpError, Result};
use crate::names::clean;
use crate::session::Cx;
use crate::wire::ReplyCode;
use crate::wire::methods::queue;

/// `queue.declare`: creates a queue, or checks that it is as declared. An empty name asks for one.
pub(crate) fn queue_declare(cx: &mut Cx<'_>, declare: queue::Declare<'_>) -> Result<()> {
    let name = clean(declare.queue);
    if let Some(suffix) = name.strip_prefix(REPLY_TO) {
        return declare_reply_address(cx, &name, suffix, declare.nowait);
    }
    let done = cx.hall.declare_queue(DeclareQueue {
        name: &name,
        passive: declare.passive,
        durable: declare.durable,
        exclusive: declare.exclusive,
        auto_delete: declare.auto_delete,
        args: &declare.arguments.to_table(),
    })?;
    let declared = done.value;
    let ok = queue::DeclareOk {
        queue: &declared.name,
        message_count: u32::try_from(declared.messages).unwrap_or(u32::MAX),
        consumer_count: declared.consumers,
    };
    cx.reply_when(done.commit, declare.nowait, &ok);
    cx.channel.last_queue = declared.name;
    Ok(())
}

/// Declaring a reply address only asks whether somebody listens there; so do servers that are about to reply.
fn declare_reply_address(cx: &mut Cx<'_>, name: &str, suffix: &str, nowait: bool) -> Result<()> {
    let exists = match suffix.strip_prefix('.') {
        Some(suffix) => cx.hall.reply_address_exists(suffix),
        None => suffix.is_empty(),
    };
    if !exists {
        let text = format!("no queue '{name}' in vhost '{}'", cx.hall.vhost());
        return Err(AmqpError::new(ReplyCode::NOT_FOUND, text));
    }
    cx.reply_when(None, nowait, &queue::DeclareOk { queue: name, message_count: 0, consumer_count: 1 });
    cx.channel.last_queue = name.to_owned();
    Ok(())
}
