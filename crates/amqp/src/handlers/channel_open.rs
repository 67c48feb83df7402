use crate::channel::State;
use crate::errors::{AmqpError, Result};
use crate::session::Cx;
use crate::wire::methods::channel;

/// `channel.open`.
pub(crate) fn channel_open(cx: &mut Cx<'_>, _: channel::Open<'_>) -> Result<()> {
    if cx.channel.state != State::Starting {
        return Err(AmqpError::channel_error("second 'channel.open' seen"));
    }
    cx.channel.state = State::Open;
    cx.channel.holder = Some(cx.hall.open_holder(0));
    cx.describe();
    cx.reply(&channel::OpenOk::default());
    Ok(())
}
