use crate::errors::{AmqpError, Result};
use crate::session::Cx;
use crate::wire::methods::channel;

/// `channel.flow`: on is what it always is; off is not offered, as in RabbitMQ. `basic.qos` is the way.
pub(crate) fn channel_flow(cx: &mut Cx<'_>, flow: channel::Flow) -> Result<()> {
    if !flow.active {
        return Err(AmqpError::not_implemented("active=false"));
    }
    cx.reply(&channel::FlowOk { active: true });
    Ok(())
}
