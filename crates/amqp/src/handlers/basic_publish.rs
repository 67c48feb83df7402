use crate::errors::{AmqpError, Result};
use crate::session::Cx;
use crate::wire::methods::basic;

/// `basic.publish`: a message follows. One that is whole in a socket read does not come by here.
pub(crate) fn basic_publish(cx: &mut Cx<'_>, publish: basic::Publish<'_>) -> Result<()> {
    if publish.immediate {
        return Err(AmqpError::not_implemented("immediate=true"));
    }
    cx.begin_content(&publish);
    Ok(())
}
