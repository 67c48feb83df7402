use crate::channel::Consumer;
use crate::errors::Result;
use crate::session::Cx;
use crate::wire::methods::basic;

/// `basic.cancel`: ends a consumer. What it has not settled stays with the channel. Unknown tags are no error.
pub(crate) fn basic_cancel(cx: &mut Cx<'_>, cancel: basic::Cancel<'_>) -> Result<()> {
    end_consumer(cx, cancel.consumer_tag);
    if !cancel.nowait {
        cx.reply(&basic::CancelOk { consumer_tag: cancel.consumer_tag });
    }
    Ok(())
}

/// Ends the consumer with that tag, if there is one.
pub(super) fn end_consumer(cx: &mut Cx<'_>, tag: &str) {
    let Some(&token) = cx.channel.tags.get(tag) else { return };
    match cx.channel.consumers.get(&token) {
        Some(Consumer { id: Some(id), .. }) => {
            cx.hall.unsubscribe(*id);
            // Nothing may come for it after the reply: what the hall has handed over goes out first.
            cx.deliver_rest(token);
        }
        _ => {
            if let Some(reply) = cx.channel.reply.take() {
                cx.hall.close_reply_address(&reply.suffix);
            }
        }
    }
    cx.channel.remove_consumer(tag);
}
