use anymq_broker::Outcome;

use crate::errors::Result;
use crate::session::Cx;
use crate::wire::methods::basic;

/// `basic.nack`: not done with a delivery, or with all up to it.
pub(crate) fn basic_nack(cx: &mut Cx<'_>, nack: basic::Nack) -> Result<()> {
    let outcome = if nack.requeue { Outcome::Requeue } else { Outcome::Reject };
    cx.settle(nack.delivery_tag, nack.multiple, outcome)
}
