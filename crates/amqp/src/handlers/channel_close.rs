use crate::channel::State;
use crate::errors::Result;
use crate::session::Cx;
use crate::wire::methods::channel;

/// `channel.close`: consumers end, what is not settled goes back to its queues.
pub(crate) fn channel_close(cx: &mut Cx<'_>, _: channel::Close<'_>) -> Result<()> {
    cx.leave(State::Closed);
    cx.reply(&channel::CloseOk {});
    Ok(())
}
