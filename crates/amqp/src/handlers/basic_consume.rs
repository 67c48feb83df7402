use std::sync::Arc;

use anymq_broker::Subscribe;

use crate::channel::{Consumer, ReplyConsumer};
use crate::convert::REPLY_TO;
use crate::errors::{AmqpError, Result};
use crate::session::Cx;
use crate::wire::methods::basic;

/// `basic.consume`: starts a consumer. `no_local` has no effect, as in RabbitMQ.
pub(crate) fn basic_consume(cx: &mut Cx<'_>, consume: basic::Consume<'_>) -> Result<()> {
    if cx.channel.tags.contains_key(consume.consumer_tag) {
        let text = format!("attempt to reuse consumer tag '{}'", consume.consumer_tag);
        return Err(AmqpError::not_allowed(text));
    }
    let max = cx.config.consumers_per_channel_max as usize;
    if cx.channel.consumers.len() >= max {
        return Err(AmqpError::not_allowed(format!("reached maximum ({max}) of consumers per channel")));
    }
    let token = cx.token();
    let tag = match consume.consumer_tag {
        "" => cx.make_tag(token),
        tag => Arc::from(tag),
    };
    let id = if consume.queue == REPLY_TO {
        reply_consumer(cx, &consume, token)?;
        None
    } else {
        let queue = cx.queue_name(consume.queue)?;
        let subscribe = Subscribe {
            queue,
            token,
            holder: cx.holder()?,
            tag: &tag,
            auto_ack: consume.no_ack,
            exclusive: consume.exclusive,
            prefetch: cx.channel.prefetch.into(),
            args: &consume.arguments.to_table(),
        };
        Some(cx.hall.subscribe(subscribe)?)
    };
    cx.channel.tags.insert(tag.clone(), token);
    cx.channel.consumers.insert(token, Consumer { tag: tag.clone(), id });
    if !consume.nowait {
        cx.reply(&basic::ConsumeOk { consumer_tag: &tag });
    }
    Ok(())
}

/// Direct reply-to: replies come without a queue, to one consumer a channel.
fn reply_consumer(cx: &mut Cx<'_>, consume: &basic::Consume<'_>, token: u64) -> Result<()> {
    if !consume.no_ack {
        return Err(AmqpError::precondition("reply consumer cannot acknowledge"));
    }
    if cx.channel.reply.is_some() {
        return Err(AmqpError::precondition("reply consumer already set"));
    }
    let suffix = cx.hall.open_reply_address(token)?;
    let address = format!("{REPLY_TO}.{suffix}");
    cx.channel.reply = Some(Box::new(ReplyConsumer { suffix, address }));
    Ok(())
}
