use super::basic_recover::recover_all;
use crate::errors::Result;
use crate::session::Cx;
use crate::wire::methods::basic;

/// `basic.recover-async`: as `basic.recover`, without a reply.
pub(crate) fn basic_recover_async(cx: &mut Cx<'_>, recover: basic::RecoverAsync) -> Result<()> {
    recover_all(cx, recover.requeue)
}
