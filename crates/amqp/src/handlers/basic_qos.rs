use crate::errors::{AmqpError, Result};
use crate::session::Cx;
use crate::wire::methods::basic;

/// `basic.qos`: limits unacknowledged deliveries, of each consumer still to come or of the whole channel at once.
pub(crate) fn basic_qos(cx: &mut Cx<'_>, qos: basic::Qos) -> Result<()> {
    if qos.prefetch_size != 0 {
        return Err(AmqpError::not_implemented(format!("prefetch_size!=0 ({})", qos.prefetch_size)));
    }
    let holder = cx.holder()?;
    if qos.global {
        cx.hall.set_holder_limit(holder, qos.prefetch_count.into());
    } else {
        // In RabbitMQ a limit per consumer lifts one of the channel.
        cx.hall.set_holder_limit(holder, 0);
        cx.channel.prefetch = qos.prefetch_count;
        cx.describe();
    }
    cx.reply(&basic::QosOk {});
    Ok(())
}
