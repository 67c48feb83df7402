use anymq_broker::Fetch;

use crate::errors::Result;
use crate::session::Cx;
use crate::wire::methods::basic;

/// `basic.get`: one message, now or not at all.
pub(crate) fn basic_get(cx: &mut Cx<'_>, get: basic::Get<'_>) -> Result<()> {
    let token = cx.token();
    let queue = cx.queue_name(get.queue)?;
    let fetch = Fetch { queue, token, holder: cx.holder()?, auto_ack: get.no_ack, wait_ms: 0 };
    let fetched = cx.hall.fetch(fetch)?;
    cx.answer_get(fetched, token);
    Ok(())
}
