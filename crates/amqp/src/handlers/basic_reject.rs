use anymq_broker::Outcome;

use crate::errors::Result;
use crate::session::Cx;
use crate::wire::methods::basic;

/// `basic.reject`: not done with a delivery.
pub(crate) fn basic_reject(cx: &mut Cx<'_>, reject: basic::Reject) -> Result<()> {
    let outcome = if reject.requeue { Outcome::Requeue } else { Outcome::Reject };
    cx.settle(reject.delivery_tag, false, outcome)
}
