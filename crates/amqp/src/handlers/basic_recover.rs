use crate::errors::{AmqpError, Result};
use crate::session::Cx;
use crate::wire::methods::basic;

/// `basic.recover`: all unsettled deliveries of the channel are delivered again, to anybody.
pub(crate) fn basic_recover(cx: &mut Cx<'_>, recover: basic::Recover) -> Result<()> {
    recover_all(cx, recover.requeue)?;
    cx.reply(&basic::RecoverOk {});
    Ok(())
}

/// What both forms do.
pub(super) fn recover_all(cx: &mut Cx<'_>, requeue: bool) -> Result<()> {
    if requeue { cx.requeue_unacked() } else { Err(AmqpError::not_implemented("requeue=false")) }
}
