use super::basic_cancel::end_consumer;
use crate::errors::Result;
use crate::session::Cx;
use crate::wire::methods::basic;

/// `basic.cancel-ok`: a client's answer to a cancellation by the server, to which no answer is due.
pub(crate) fn basic_cancel_ok(cx: &mut Cx<'_>, cancel: basic::CancelOk<'_>) -> Result<()> {
    end_consumer(cx, cancel.consumer_tag);
    Ok(())
}
