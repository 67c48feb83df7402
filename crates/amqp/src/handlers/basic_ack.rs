use anymq_broker::Outcome;

use crate::errors::Result;
use crate::session::Cx;
use crate::wire::methods::basic;

/// `basic.ack`: done with a delivery, or with all up to it.
pub(crate) fn basic_ack(cx: &mut Cx<'_>, ack: basic::Ack) -> Result<()> {
    cx.settle(ack.delivery_tag, ack.multiple, Outcome::Ack)
}
